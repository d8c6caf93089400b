// The one issue on which Baton says that a repository's config cannot be read, and takes it back when it can.
//
// A hidden line says what is shown, so that the same is not said twice, and an issue that a person closed stays closed until something
// else is wrong. People are told when it is opened, opened again and closed; in between the text is changed in silence.
import { createHash } from "node:crypto";
import { assertNever } from "../core/errors.ts";
import type { RepoRef } from "../engine/events.ts";
import type { ConfigFound, Publisher } from "../engine/ports.ts";
import type { Outbox } from "../store/outbox.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import { placeOf } from "../workflows/source-file.ts";
import type { Comments } from "./comments.ts";
import { bullets, marker, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { changeOwnIssue, OpenedIssue, readOwnIssue, type OpenOwnIssue } from "./own-issue.ts";
import type { Links } from "./progress.ts";
import type { Requests } from "./requests.ts";

export interface ConfigIssueOptions {
  readonly open: OpenOwnIssue;
  readonly requests: Requests;
  readonly outbox: Pick<Outbox, "read">;
  readonly comments: Pick<Comments, "post">;
  readonly neutral: Neutral;
  readonly links: Links;
}

type Broken = Extract<ConfigFound, { type: "broken" }>;

interface Found {
  readonly number: number;
  readonly isOpen: boolean;
  /** What its text shows: what is wrong, or `IN_ORDER`; undefined when somebody took the hidden line out. */
  readonly shows: string | undefined;
}

/** Issues that were deleted, before nothing more is said in a repository. */
const MAX_OPENED = 5;
const TITLE = `Configuration problem: ${CONFIG_FILE} cannot be read`;
const IN_ORDER = "in-order";

const meanwhile = stack(
  "**While it cannot be read:**",
  bullets([
    "No run begins. New issues are not looked at; labels and commands that would start work are answered with the problem; `schedules` rest.",
    "Runs that have begun go on with the config they began with, and people who may still steer them: stop, pause, resume, retry, approve, tell and the like work, but for a new budget.",
    "Apps and bots of `triggers.bots` are not listened to. Who else may do what, and the paths that are always protected, do not depend on the file.",
  ]),
);

/** `Publisher.showConfig` over its parts. */
export function createConfigIssue(options: ConfigIssueOptions): Publisher["showConfig"] {
  const { open, requests, outbox, comments, neutral, links } = options;

  return async (repo, config) => {
    switch (config.type) {
      case "broken":
        return showBroken(repo, config);
      case "in-order":
        return takeBack(repo);
      default:
        return assertNever(config);
    }
  };

  async function showBroken(repo: RepoRef, config: Broken): Promise<void> {
    const shows = createHash("sha256").update(config.problems.join("\n")).digest("hex").slice(0, 16);
    for (let deleted = 0; deleted < MAX_OPENED; deleted += 1) {
      const body = textOf(repo, deleted, config, shows);
      const number = await open(repo, {
        key: keyOf(repo, deleted),
        kind: "config",
        payload: { repo: `${repo.owner}/${repo.name}`, commit: config.commit },
        what: "a config that cannot be read",
        mark: markOf(deleted),
        title: TITLE,
        body,
      });
      const found = await read(repo, number);
      if (!found) continue;
      if (found.shows?.split(":")[0] !== shows) await changeOwnIssue(requests, repo, number, { body, state: "open" });
      return;
    }
  }

  async function takeBack(repo: RepoRef): Promise<void> {
    for (let deleted = 0; deleted < MAX_OPENED; deleted += 1) {
      const opened = OpenedIssue.safeParse((await outbox.read(keyOf(repo, deleted)))?.result);
      if (!opened.success) return;
      const { number } = opened.data;
      const found = await read(repo, number);
      if (!found) continue;
      if (found.shows === IN_ORDER) return;
      if (found.isOpen) {
        const occasion = `${repo.id}:${found.shows ?? number}`;
        await comments.post({
          repo,
          number,
          key: `config-in-order:${occasion}`,
          kind: "config",
          run: undefined,
          marker: marker("config-in-order", occasion),
          body: `\`${CONFIG_FILE}\` on the default branch can be read again, and holds. What was asked for meanwhile was not kept: ask again.`,
        });
      }
      const body = stack(
        markOf(deleted),
        shownMark(IN_ORDER),
        `\`${CONFIG_FILE}\` on the default branch can be read. When it cannot, I say here what is wrong.`,
      );
      await changeOwnIssue(requests, repo, number, { body, state: "closed" });
      return;
    }
  }

  async function read(repo: RepoRef, number: number): Promise<Found | undefined> {
    const found = await readOwnIssue(requests, repo, number);
    const [, shows] = /^<!-- baton:config-shown:([\w:-]+) -->$/m.exec(found?.body ?? "") ?? [];
    return found && { number, isOpen: found.isOpen, shows };
  }

  function textOf(repo: RepoRef, deleted: number, { commit, problems }: Broken, shows: string): string {
    return stack(
      markOf(deleted),
      shownMark(`${shows}:${commit}`),
      `\`${CONFIG_FILE}\` on the branch ${neutral.code(repo.defaultBranch, 100)} cannot be read:`,
      bullets(problems.map((problem) => lineOf(repo, commit, problem))),
      meanwhile,
      "**Next:** mend the file on the default branch; `baton validate` checks it beforehand. I close this issue when it can be read.",
    );
  }

  function lineOf(repo: RepoRef, commit: string, problem: string): string {
    const at = placeOf(problem);
    if (!at) return neutral.line(problem);
    const { owner, name } = requests.nameOf(repo);
    const tree = at.repo === undefined ? `${owner}/${name}/blob/${commit}` : `${at.repo}/blob/HEAD`;
    const page = `${links.serverUrl}/${tree}/${at.file}#L${at.line}`;
    return `[\`${at.repo === undefined ? "" : `${at.repo}:`}${at.file}:${at.line}:${at.column}\`](${page}): ${neutral.line(at.message)}`;
  }
}

function keyOf(repo: RepoRef, deleted: number): string {
  return `config-problem:${repo.id}:${deleted}`;
}

function markOf(deleted: number): string {
  return marker("config-problem", String(deleted));
}

function shownMark(shows: string): string {
  return marker("config-shown", shows);
}
