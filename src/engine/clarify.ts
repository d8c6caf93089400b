// Questions that triage has before anything begins: the run asks them in a comment and waits; the answers belong to what it works from
// there on, and it is sorted again with them. Pure; its part of the fold, and of what is decided.
import { finish, type Effect } from "./effect.ts";
import type { EventOf } from "./events.ts";
import type { State } from "./state.ts";

/** What asks: no stage, for there is no workflow yet. */
export const TRIAGE = "triage";

/** The next effect of a run whose triage has questions. Whoever does not answer them after `limits.rounds` rounds is left to begin anew. */
export function clarify(state: State, questions: string[], waits: boolean): Effect {
  if (state.unclear) return { type: "park", reason: "answer", message: "The questions of triage wait for answers." };
  const { rounds } = state.created.config.limits;
  if (!waits || questions.length === 0 || state.clarified.length >= rounds)
    return finish("needs-a-decision", "asked", questions.join("\n"));
  const attempt = state.triageAsks + 1;
  return { type: "ask", stage: TRIAGE, attempt, about: TRIAGE, for: "answer", questions };
}

/** True for what triage asks, or is answered. */
export function isAboutTriage(state: State, stage: string): boolean {
  return state.workflow === undefined && stage === TRIAGE;
}

/** The state when the questions of triage are answered: it is sorted again. */
export function clarified(state: State, { by, words }: EventOf<"answer.given">): State {
  if (!state.unclear) return state;
  const { questions } = state.unclear;
  const before = state.clarified;
  return {
    ...state,
    routed: undefined,
    unclear: undefined,
    clarified: [...before, { questions, answer: { by, words } }],
  };
}
