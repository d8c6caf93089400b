// What of a run is shown on GitHub at all, and what of it is news. Pure.
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
