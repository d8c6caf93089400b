// From an issue in a list to a request in a batch: its comments are read, what is hidden in its texts goes, and the prompt is written.
import { newBoundary } from "../agents/data-block.ts";
import { modelIds } from "../agents/models.ts";
import { BatonError } from "../core/errors.ts";
import type { ListedIssue } from "../engine/github-port.ts";
import { pinInput, withoutOwn } from "../intake/pin.ts";
import { textOf } from "../triage/backlog-choice.ts";
import { triageRequest, type Asking } from "../triage/backlog-requests.ts";
import type { Prepared } from "../triage/backlog-work.ts";
import { TRIAGER, type Issue } from "../triage/prompt.ts";
import { mentionedIn } from "../triage/trim.ts";
import type { Library } from "../workflows/load.ts";
import type { GitHubGround } from "./github-ground.ts";
import { pastLimits, type Waits } from "./github-limits.ts";

/** The repository, what it makes of what is found, and a signal that fires when a person has had enough. */
export interface Desk extends GitHubGround {
  readonly library: Library;
  readonly signal: AbortSignal;
}

export interface Gathered {
  readonly listed: ListedIssue;
  readonly issue: Issue;
}

type Reading = Pick<Desk, "reader" | "repo" | "self" | "labels" | "config">;

/** Issues whose comments are read at once. */
const AT_ONCE = 4;

/** Whom to ask, by which model, for all issues of one call. Throws `invalid-config`, and `not-found` without a triager. */
export async function askingFor({ library, config }: Desk): Promise<Asking> {
  const agent = await library.agents.load(TRIAGER);
  if (!agent) throw new BatonError("not-found", `there is no agent called "${TRIAGER}"`);
  const [model] = modelIds(agent.model, config.models);
  return { agent, model, boundary: newBoundary() };
}

/** The issues with their comments, in their order; a limit of GitHub's is waited out. Throws `github-failed`, and the signal's reason. */
export async function* gather(
  desk: Reading & Pick<Desk, "signal">,
  chosen: readonly ListedIssue[],
  waits: Omit<Waits, "signal">,
): AsyncGenerator<Gathered> {
  for (let from = 0; from < chosen.length; from += AT_ONCE) {
    const some = chosen.slice(from, from + AT_ONCE);
    const gathered = new Map<number, Gathered>();
    const read = async () => {
      const left = some.filter(({ number }) => !gathered.has(number));
      await Promise.all(left.map(async (listed) => gathered.set(listed.number, await gatherOne(desk, listed))));
    };
    await pastLimits(read, { ...waits, signal: desk.signal });
    yield* some.flatMap(({ number }) => gathered.get(number) ?? []);
  }
}

async function gatherOne({ reader, repo, self, labels, config }: Reading, listed: ListedIssue): Promise<Gathered> {
  const { number, title, body, author, url } = listed;
  const comments = listed.comments === 0 ? [] : await reader.comments(repo, number);
  const input = pinInput({ title, body, comments: withoutOwn(comments, self) });
  return { listed, issue: { repo, subject: { kind: "issue", number, url, author }, input, labels, config } };
}

/** The requests, written one by one as they are asked for. */
export function* preparedOf(asking: Asking, gathered: readonly Gathered[]): Generator<Prepared> {
  for (const { listed, issue } of gathered)
    yield {
      issue: listed.number,
      text: textOf(listed),
      mentioned: mentionedIn(issue.input),
      request: triageRequest(asking, issue),
    };
}
