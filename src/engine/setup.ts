// A repository's setup in a run: what was proposed, and what came of trying it. `proposal.ts` makes the files.
import type { Sha } from "../core/ids.ts";
import type { Setup, Tried } from "../workflows/setup.ts";
import { stageOrder, type State } from "./state.ts";

/** A setup as far as a run has come with it. */
export interface SetupSoFar {
  readonly value: Setup;
  /** Undefined until the gate `tried` has looked at it. */
  readonly tried: Tried | undefined;
  /** The commit of its files; undefined until Baton has made it. */
  readonly commit: Sha | undefined;
}

/** The setup that is current in the run; undefined in one without. */
export function setupOf(state: State): SetupSoFar | undefined {
  const attempts = stageOrder(state.workflow).flatMap((name) => state.stages.get(name)?.current ?? []);
  const value = attempts.flatMap(({ artifact }) => (artifact?.name === "Setup" ? [artifact.value] : [])).at(-1);
  if (!value) return undefined;
  const tried = attempts.flatMap(({ gates }) => gates.flatMap((gate) => gate.tried ?? [])).at(-1);
  return { value, tried, commit: attempts.find(({ written }) => written?.type === "setup.written")?.commit };
}
