// What is shown of a run on GitHub, and by which keys it is known again: whether at all, what is news, and which end people have seen.
import type { RunId } from "../core/ids.ts";
import { openAsks } from "../engine/asks.ts";
import type { State } from "../engine/state.ts";
import { stateWord } from "./progress.ts";

/** What makes an edit worth hurrying: the state, a stage that begins, a check that says no. */
export function newsOf(state: State): string {
  const stages = [...state.stages.values()].map(({ name, attempts, current }) =>
    [name, attempts.length, current?.failure !== undefined, current?.gates.some((gate) => !gate.passed)].join(),
  );
  return [stateWord(state).word, state.routed !== undefined, openAsks(state).length, ...stages].join("\n");
}

/** Local runs show nothing on GitHub, and neither do dry runs of the command line: that shows them itself. */
export function isShown({ created: { dryRun, request, subject } }: State): boolean {
  return !(dryRun && request.door === "cli") && subject.kind !== "local";
}

/** Names the card of a run, for ever. */
export function cardKey(run: RunId): string {
  return `card:${run}`;
}

/** Names what people have seen of an end: another one when checks, people or a close have changed what it comes to. */
export function shownKey({ runId, finished, pullClosed, branch, checks: { judged } }: State): string {
  const closed = pullClosed ? (pullClosed.merged ? ":merged" : ":closed") : "";
  const taken = branch.said > 0 ? `:branch-${branch.said}` : "";
  return `shown:${runId}:${finished?.at ?? 0}${judged ? `:checks-${judged.version}` : ""}${closed}${taken}`;
}
