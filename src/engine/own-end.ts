// Whether the work itself came to this end, so that the same work would most likely come to it again. Pure.
//
//   the end                 is the work's own                                    and is not
//   could not reproduce     always, but for a check that was undecided           –
//   triaged                 as a duplicate, by a model                           only sorted; by rules of thumb
//   needs a decision        a check or a reviewer said no; triage asked          a person rejected the plan; rules of thumb asked
//   failed                  a check, a reviewer, a task or the agent said so     something Baton needs was broken
//   timed out, out of       –                                                    always: with more it may come further
//   budget, cancelled
//
// A check that could not decide, took too long or said now this and now that is no no. Where people had a say, they may say otherwise.
import { DUPLICATE } from "./event-words.ts";
import type { Failure } from "./events.ts";
import type { State } from "./state.ts";

/** Failures of an agent that nothing around it is to blame for. */
const ownFailures = new Set<Failure["code"]>(["invalid-output", "no-finish", "turn-limit", "token-limit"]);
const undecided = new Set(["gate-failed", "timeout", "flaky"]);
/** Codes of ends that come of a no, but of no gate's. */
const verdicts = new Set(["changes-requested", "tasks-failed"]);

/** True for a finished run whose end is its work's own. */
export function isOwnEnd(state: State): boolean {
  const { finished, routed } = state;
  const latest = [...state.stages.values()].flatMap(({ current }) => (current ? [current] : []));
  if (!finished || latest.some(({ said }) => said !== undefined)) return false;
  const { outcome, code } = finished;
  if (undecided.has(code)) return false;
  if (outcome === "could-not-reproduce") return true;
  if (outcome === "triaged") return code === DUPLICATE && routed?.source === "model";
  if (outcome === "needs-a-decision" && code === "asked") return routed?.source === "model";
  if (outcome !== "needs-a-decision" && outcome !== "failed") return false;
  // What failed beside the rest, and was nobody's fault here, may have led to it.
  const failures = latest.flatMap(({ failure }) => (failure ? [failure.code] : []));
  if (failures.some((failure) => !ownFailures.has(failure))) return false;
  const saidNo = latest.some(({ gates }) => gates.some((gate) => !gate.passed && gate.code === code));
  return saidNo || verdicts.has(code) || failures.some((failure) => failure === code);
}
