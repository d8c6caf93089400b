// A run without GitHub: the pull request is a branch in the user's repository and a text file; what would be a comment is printed.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Redact } from "../core/redact.ts";
import type { Publisher } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import { proposedBy } from "../workflows/proposals.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import { branchName, proposalBranch } from "./branch.ts";
import { createNeutral } from "./neutral.ts";
import type { Links } from "./progress.ts";
import { pullRequestBody, pullRequestTitle } from "./pull-request.ts";
import { keptSuffix, notKeepable } from "./kept-branches.ts";
import { forbiddenChange, verifiedHead } from "./publishable.ts";
import { renderReply } from "./replies.ts";

export interface LocalPublisherOptions {
  readonly workspaces: Pick<Workspaces, "changes" | "tree" | "deliver">;
  readonly redact: Redact;
  readonly links: Links;
  /** Absolute folder of the repository that gets the branch. */
  readonly target: string;
  /** Absolute path of the pull-request text. */
  readonly textFile: string;
  readonly print: (text: string) => void;
}

const NAMES = ["", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9"];

/** A publisher for a run on a local clone. Never moves a branch that exists. */
export function createLocalPublisher(options: LocalPublisherOptions): Publisher {
  const { workspaces, redact, links, target, textFile, print } = options;
  const neutral = createNeutral(redact);
  const nameOf = ({ workflow, created: { subject, input } }: State) => {
    const proposed = proposedBy(workflow);
    if (proposed) return proposalBranch(proposed, subject.number);
    return branchName(subject.number > 0 ? "issue" : "local", subject.number, neutral.plain(input.title));
  };
  return {
    async openPullRequest(state, signal) {
      const head = verifiedHead(state);
      if (typeof head !== "string") return head;
      const { repo, base } = state.created;
      const changes = await workspaces.changes(repo, base.commit, head, signal);
      const forbidden = forbiddenChange(state, head, changes);
      if (forbidden) return forbidden;
      const tree = await workspaces.tree(repo, head, signal);
      const title = pullRequestTitle(state, [], neutral);
      const branch = await deliver(nameOf(state), (candidate) =>
        workspaces.deliver(repo, head, target, candidate, signal),
      );
      const body = pullRequestBody(state, {
        head,
        tree,
        changes,
        template: undefined,
        now: state.updatedAt,
        neutral,
        links,
      });
      await mkdir(dirname(textFile), { recursive: true });
      await writeFile(textFile, redact(`# ${title}\n\n${body}\n`));
      print(`Branch ${branch} is in ${target}; its pull-request text is in ${textFile}`);
      return { type: "opened", event: { type: "pull_request.opened", number: 0, url: "", branch, head, tree, title } };
    },
    publishReview: () =>
      Promise.resolve({
        type: "refused",
        code: "not-a-pull-request",
        message: "A run on a local clone has no pull request on GitHub to review.",
      }),
    async keep(state, { head, part, gates }, signal) {
      const no = notKeepable(state, { gates });
      if (no) return no;
      const { repo, base } = state.created;
      const forbidden = forbiddenChange(state, head, await workspaces.changes(repo, base.commit, head, signal));
      if (forbidden) return forbidden;
      const name = `${nameOf(state)}${keptSuffix(part)}`;
      const branch = await deliver(name, (candidate) => workspaces.deliver(repo, head, target, candidate, signal));
      return { type: "kept", branch, head };
    },
    removeKept: () => Promise.resolve({ type: "left", why: "it is in your own clone, so it is yours to delete" }),
    reply(_repo, _subject, _key, reply) {
      print(renderReply(reply, { neutral, links, now: Date.now() }));
      return Promise.resolve();
    },
    acknowledge: () => Promise.resolve(),
    conclude: () => Promise.resolve(),
    openFindings: () => Promise.resolve(),
    openScheduleIssue: () => Promise.resolve(0),
    showConfig: () => Promise.resolve(),
    checkConfig: () => Promise.resolve(),
    showChecksAgain: () => Promise.resolve(0),
    removeMerged: () => Promise.resolve(),
    rerunChecks: () => Promise.resolve([]),
    putBack: () => Promise.resolve(),
    leaveAlone: () => Promise.resolve(),
    removeLabel: () => Promise.resolve(),
  };
}

/** The first name that is free; other failures are thrown on. */
async function deliver(name: string, to: (branch: string) => Promise<void>): Promise<string> {
  for (const suffix of NAMES) {
    try {
      await to(`${name}${suffix}`);
      return `${name}${suffix}`;
    } catch (error) {
      if (!(error instanceof BatonError) || !/already exists|refuse/i.test(messageOf(error))) throw error;
    }
  }
  throw new BatonError(
    "git-failed",
    `${name} and ${name}-2 to -9 exist in the repository already; delete one and run again`,
  );
}
