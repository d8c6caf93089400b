// What a run wants done next. Pure: no I/O, no clock of its own, no randomness; the driver performs the answer.
//
// In this order: an ended run rests; a person's stop, a closed issue and lost ground end it; a paused or parked run waits;
// without a route it is triaged;
// then the first stage (in the order of `needs`) that is not done gets what it lacks: an attempt, its agent, its next gate.
// Gates run one after the other and the first that says no ends the attempt. A no is answered by the stage's `otherwise`:
// the stage again, or an earlier stage again, each counted; when the count is used up the run ends as `ending` says.
// When every stage is done the run has succeeded.
import { formatDollars, microDollars } from "../core/ids.ts";
import type { Ending, GateName, Stage } from "../workflows/schema.ts";
import type { Failure, Outcome } from "./events.ts";
import { isDone, isPublished, refusals, stageOrder, used, type Attempt, type StageState, type State } from "./state.ts";

export type Effect =
  | { readonly type: "rest" }
  | { readonly type: "wait" }
  | { readonly type: "triage" }
  | { readonly type: "start"; readonly stage: string; readonly attempt: number; readonly reasons: readonly string[] }
  | { readonly type: "agent"; readonly stage: string; readonly attempt: number }
  | { readonly type: "resume"; readonly stage: string; readonly attempt: number }
  | { readonly type: "gate"; readonly stage: string; readonly attempt: number; readonly gate: GateName }
  | { readonly type: "publish"; readonly stage: string }
  | { readonly type: "finish"; readonly outcome: Outcome; readonly code: string; readonly message: string };

/** The next effect of a run at `now` (milliseconds since 1970). */
export function decide(state: State, now: number): Effect {
  if (state.phase === "finished") return { type: "rest" };
  // Too late to stop what is published: the run has done its work.
  if (state.stop && !isPublished(state))
    return finish("cancelled", "stopped", `Stopped by @${state.stop.by.login} (${state.stop.quote}).`);
  if (state.closedBy && !isPublished(state))
    return finish(
      "cancelled",
      "issue-closed",
      `@${state.closedBy.login} closed the issue while the run was under way.`,
    );
  if (state.lost && !isPublished(state)) return finish("cancelled", state.lost.loss, state.lost.message);
  if ((state.paused || state.waiting) && !isPublished(state)) return { type: "wait" };
  if (!state.routed) return { type: "triage" };
  const { decision } = state.routed;
  if (decision.kind === "stop") return finish("triaged", "triaged", state.routed.why);
  if (decision.kind === "ask") return finish("needs-a-decision", "asked", decision.questions.join("\n"));

  for (const name of stageOrder(decision.workflow)) {
    const stage = state.stages.get(name);
    const plan = decision.workflow.stages[name];
    if (!stage || !plan || isDone(state, stage)) continue;
    const next = advance(state, stage, plan);
    return overBudget(state, next, now) ?? next;
  }
  return finish(
    "succeeded",
    "verified",
    state.pullRequest ? `Draft pull request opened from ${state.pullRequest.branch}.` : "Every stage is done.",
  );
}

function advance(state: State, stage: StageState, plan: Stage): Effect {
  const attempt = stage.current;
  if (!attempt) return { type: "start", stage: stage.name, attempt: stage.attempts.length + 1, reasons: [] };
  if (attempt.failure) return failed(stage.name, attempt.failure);
  if (plan.agent !== undefined && !attempt.artifact) {
    const { number, reasons, session, turns } = attempt;
    if (attempt.interrupted)
      return session && turns > 0
        ? { type: "resume", stage: stage.name, attempt: number }
        : { type: "start", stage: stage.name, attempt: number, reasons };
    return { type: "agent", stage: stage.name, attempt: attempt.number };
  }
  if (attempt.artifact?.name === "Reproduction" && !attempt.artifact.value.reproduced) {
    return finish("could-not-reproduce", "not-reproduced", attempt.artifact.value.notes);
  }
  const reasons = refusals(attempt);
  if (reasons.length > 0) return answerNo(state, stage, plan, attempt, reasons);
  const gate = plan.gates.find((wanted) => !attempt.gates.some((result) => result.gate === wanted));
  if (gate !== undefined) return { type: "gate", stage: stage.name, attempt: attempt.number, gate };
  if (plan.pull_request === undefined)
    throw new Error(`stage "${stage.name}" is not done, but nothing is left to do in it`);
  if (state.created.dryRun) return finish("succeeded", "dry-run", "Verified; a dry run opens no pull request.");
  return { type: "publish", stage: stage.name };
}

function answerNo(state: State, stage: StageState, plan: Stage, attempt: Attempt, reasons: readonly string[]): Effect {
  const code = attempt.gates.find((gate) => !gate.passed)?.code ?? "changes-requested";
  const { otherwise } = plan;
  if (otherwise && "again" in otherwise && stage.rounds <= otherwise.again) {
    return { type: "start", stage: stage.name, attempt: stage.attempts.length + 1, reasons };
  }
  if (
    otherwise &&
    "back_to" in otherwise &&
    stage.rounds <= Math.min(otherwise.max, state.created.config.limits.rounds)
  ) {
    return {
      type: "start",
      stage: otherwise.back_to,
      attempt: (state.stages.get(otherwise.back_to)?.attempts.length ?? 0) + 1,
      reasons,
    };
  }
  const tries = stage.rounds === 1 ? "once" : `${stage.rounds} times`;
  return finish(
    outcomeOf(otherwise?.ending ?? "failed"),
    code,
    `${stage.name} said no ${tries}. Last reason: ${reasons.join("; ")}`,
  );
}

function outcomeOf(ending: Ending): Outcome {
  return ending === "needs-a-person" ? "needs-a-decision" : ending;
}

function failed(stage: string, { code, message }: Failure): Effect {
  const outcome =
    code === "budget"
      ? "out-of-budget"
      : code === "time-limit"
        ? "timed-out"
        : code === "cancelled"
          ? "cancelled"
          : "failed";
  return finish(outcome, code, `${stage}: ${message}`);
}

/** Money and turns stop the next agent, not the checks of work already paid for; time stops everything but the last step. */
function overBudget(state: State, next: Effect, now: number): Effect | undefined {
  const { budget } = state;
  if (!budget || next.type === "finish" || next.type === "publish") return undefined;
  const spent = used(state, now);
  if (spent.milliseconds >= budget.milliseconds) {
    return finish(
      "timed-out",
      "budget-time",
      `The run has used its ${Math.round(budget.milliseconds / 60_000)} minutes.`,
    );
  }
  const callsModel =
    next.type === "agent" ||
    next.type === "resume" ||
    (next.type === "start" && state.workflow?.stages[next.stage]?.agent !== undefined);
  if (!callsModel) return undefined;
  if (spent.microDollars >= budget.microDollars) {
    const of = formatDollars(microDollars(budget.microDollars));
    return finish(
      "out-of-budget",
      "budget-dollars",
      `The run has spent ${formatDollars(microDollars(spent.microDollars))} of ${of}.`,
    );
  }
  if (spent.turns >= budget.turns)
    return finish("out-of-budget", "budget-turns", `The run has used ${spent.turns} of ${budget.turns} model turns.`);
  return undefined;
}

function finish(outcome: Outcome, code: string, message: string): Effect {
  return { type: "finish", outcome, code, message: message.slice(0, 4_000) };
}
