// What a gate is asked to check, read from the state. Pure.
import type { Sha } from "../core/ids.ts";
import type { GateRequest } from "./ports.ts";
import { lessonsOf } from "./hindsight.ts";
import { setupOf } from "./setup.ts";
import { makesTestsAlone } from "./stage-order.ts";
import { artifactOf, type State } from "./state.ts";

/** The request for one check of `head`; `conflict`: the merge that an agent mended; `last`: nothing is tried behind a no. */
export function gateRequest(
  state: State,
  { gate, head, conflict, last }: Pick<GateRequest, "gate" | "conflict" | "last"> & { readonly head: Sha },
): GateRequest {
  const { created } = state;
  const reproduction = artifactOf(state, "Reproduction");
  const characterization = artifactOf(state, "Characterization");
  return {
    gate,
    runId: state.runId,
    repo: created.repo,
    base: state.base.commit,
    head,
    conflict,
    last,
    setup: setupOf(state),
    lessons: lessonsOf(state),
    reproduction: reproduction && { value: reproduction.artifact.value, commit: reproduction.commit },
    characterization: characterization && { value: characterization.artifact.value, commit: characterization.commit },
    testsAlone: makesTestsAlone(state.workflow),
    config: created.config,
  };
}
