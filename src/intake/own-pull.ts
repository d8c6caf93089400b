// The pull request that a run has opened, as it is now: whether Baton does anything about it by itself, or leaves it to people.
import type { GitHubReader } from "../engine/github-port.ts";
import { groundOf } from "../engine/pull-state.ts";
import type { PullRequestRef, State } from "../engine/state.ts";
import type { Intent } from "./intent.ts";
import { lookNow } from "./now.ts";

export interface OwnPull {
  /** With the commit that it shows: Baton's, or one of people's that they gave it. */
  readonly pullRequest: PullRequestRef;
  readonly mergeable: boolean | undefined;
}

/** Why it is left alone, in words for the operator; else what it is. `told`: the commit that the news is of. */
export async function ownPull(
  reader: Pick<GitHubReader, "issue" | "pullRequest">,
  intent: Intent,
  state: State,
  told?: string,
): Promise<string | OwnPull> {
  const { finished, pullRequest } = state;
  if (!pullRequest) return "the run opened no pull request";
  const head = groundOf(state) ?? pullRequest.head;
  if (finished?.outcome !== "succeeded")
    return finished ? `the run ended as ${finished.outcome}` : "the run is at work";
  if (state.pullClosed?.merged) return "the pull request is merged";
  if (state.branch.taken) return "somebody pushed to the pull request, so it is left to people";
  if (told !== undefined && told !== head) return "the commit is not the one that was published";
  const now = await lookNow(reader, { ...intent, subject: state.created.subject });
  if (now.type === "refused") return now.why;
  const pull = await reader.pullRequest(intent.repo, pullRequest.number);
  if (pull?.state !== "open") return "the pull request is closed";
  if (pull.head !== head) return "somebody pushed to the pull request, so it is left to people";
  if (pull.into !== state.base.branch) return `the pull request goes into ${pull.into} now`;
  return { pullRequest: { ...pullRequest, head }, mergeable: pull.mergeable };
}
