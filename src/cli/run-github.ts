// One run on an issue of GitHub with a token: reads the issue, and shows the run there as a server would.
import { systemClock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import type { EventOf } from "../engine/events.ts";
import { createProjection } from "../github/projection.ts";
import { createPublisher } from "../github/publisher.ts";
import { createSubjects } from "../github/subjects.ts";
import { closingFirst } from "../intake/now.ts";
import { createRunEvent, pinInput, withoutOwn } from "../intake/pin.ts";
import { sanitizeMarkdown } from "../intake/sanitize.ts";
import { begunBefore, createMemoryOutbox, type Outbox } from "../store/outbox.ts";
import { openGround, openIssueOf, type GitHubGround } from "./github-ground.ts";
import type { Case, CaseOptions, Edges } from "./run.ts";

/** Whether a word on the command line names an issue on GitHub: `owner/repo#12`. */
export function isIssueOnGitHub(target: string): boolean {
  return /^[\w.-]+\/[\w.-]+#\d+$/.test(target);
}

/** Reads `owner/repo#12`. Throws `not-found`, `invalid-config`, or `invalid-usage` when the issue cannot be worked (closed, locked, a pull request). */
export async function openGitHubCase(options: CaseOptions): Promise<Case> {
  const { id, target, flags, env, journal, parts, signal } = options;
  const [, owner = "", name = "", digits = ""] = /^(.+)\/(.+)#(\d+)$/.exec(target) ?? [];
  const number = Number(digits);
  const ground = await openGround(owner, name, env, journal);
  const { self, reader, repo, config, labels } = ground;
  const issue = await openIssueOf(ground, number, target);
  const branch = flags.base ?? repo.defaultBranch;
  const [comments, commit] = await Promise.all([reader.comments(repo, number), reader.head(repo, branch)]);
  const { workflows } = parts;
  const wish = { repo, base: commit, workflow: flags.workflow };
  const closing = await closingFirst(workflows, await reader.pullRequestsAbout(repo, number), wish, signal);
  if (closing !== undefined)
    throw new BatonError("invalid-usage", `pull request #${closing} is open and would close ${target}; close it first`);
  return {
    ...edgesOn(ground, createMemoryOutbox(systemClock), options),
    created: createRunEvent({
      runId: id,
      repo,
      subject: { kind: "issue", number, url: issue.url, author: issue.author },
      request: { door: "cli", by: { login: self.login, id: self.id ?? 0 }, quote: `baton run ${target}` },
      input: pinInput({ ...issue, comments: withoutOwn(comments, self) }),
      base: { branch, commit },
      wanted: "work",
      config,
      labels,
      flags,
    }),
  };
}

/** The same for a run that an earlier process began: what that wrote is looked for before anything is written. */
export async function githubEdges(
  { repo }: Pick<EventOf<"run.created">, "repo">,
  options: Pick<CaseOptions, "env" | "parts" | "log" | "journal">,
): Promise<Edges> {
  const ground = await openGround(repo.owner, repo.name, options.env, options.journal);
  return edgesOn(ground, begunBefore(createMemoryOutbox(systemClock)), options);
}

function edgesOn(
  { octokitFor, self, throttle }: GitHubGround,
  outbox: Outbox,
  { env, parts, log, journal }: Pick<CaseOptions, "env" | "parts" | "log" | "journal">,
): Edges {
  const { redact, workspaces } = parts;
  const links = { serverUrl: env.serverUrl };
  return {
    publisher: createPublisher({ octokitFor, outbox, throttle, workspaces, redact, self, links, log: journal }),
    projection: createProjection({ log, octokitFor, outbox, throttle, redact, self, links, journal }),
    subjects: createSubjects({
      octokitFor,
      throttle,
      workspaces,
      runs: log,
      self,
      visible: (text) => sanitizeMarkdown(text, {}),
      log: journal,
    }),
  };
}
