// What people read of a pull request whose branch they pushed to: it is theirs, and how Baton goes on with it.
import { isPublished, type State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";
import { pullRequestLink } from "./stages.ts";

/** Whether the branch is people's, in a pull request that is open. */
export function isTaken({ branch, pullClosed }: Pick<State, "branch" | "pullClosed">): boolean {
  return branch.taken !== undefined && pullClosed === undefined;
}

/** One line: since when, and what Baton leaves alone; "" where the branch is Baton's. Markdown. */
export function takenLine(state: State, neutral: Neutral): string {
  const { taken } = state.branch;
  if (!taken || !isTaken(state)) return "";
  const pushed = `since ${neutral.code(taken.by.login, 60)} pushed \`${taken.head.slice(0, 10)}\` to the branch of ${pullRequestLink(state)}`;
  return `**Frozen** ${pushed}: Baton follows no review there and repairs nothing by itself, so that nobody's work is written over.`;
}

/** What comes next for it, and by which command; undefined where the branch is Baton's, or the run is under way. Markdown. */
export function takenNext(state: State): string | undefined {
  if (!isTaken(state) || !state.finished) return undefined;
  const left = state.revision && !isPublished(state) ? ", with the changes that were being made" : "";
  return `people go on with ${pullRequestLink(state)}. \`/agent resume\` goes on on top of what they pushed${left}; \`/agent revise <what>\` does with words of its own.`;
}
