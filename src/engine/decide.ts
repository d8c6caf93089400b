// What a run wants done next. Pure: no I/O, no clock of its own, no randomness; the driver performs the answer.
//
// In this order: an ended run rests; a person's stop, a closed issue and lost ground end it; a paused or parked run waits;
// without a route it is triaged, and what triage asks is waited for;
// then every stage that is not done, and whose needs are, gets what it lacks (`advance.ts`): so what does not need each other is
// worked side by side, as many agents at once as the repository allows. What ends the run goes before everything else.
// When nothing is left to do but a person's word, the run waits for it; when every stage is done it has succeeded.
import { formatDollars, microDollars } from "../core/ids.ts";
import { advance } from "./advance.ts";
import { clarify } from "./clarify.ts";
import { isWaitingForOthers } from "./conducted.ts";
import { finish, type Effect } from "./effect.ts";
import { DUPLICATE } from "./event-words.ts";
import { beforeEnd } from "./kept-work.ts";
import { BRANCH_TAKEN } from "./pull-state.ts";
import { reviewWords } from "./review.ts";
import { isDone, isPublished, planOf, stageOrder, upstream, used, type State } from "./state.ts";

/** The next effects of a run at `now` (milliseconds since 1970), in order; `rest`, `wait`, `park`, `triage` and `finish` come alone. */
export function decide(state: State, now: number): readonly Effect[] {
  if (state.phase === "finished") return [{ type: "rest" }];
  // Too late to stop what is published: the run has done its work.
  if (state.stop && !isPublished(state))
    return ending(state, finish("cancelled", "stopped", `Stopped by @${state.stop.by.login} (${state.stop.quote}).`));
  if (state.closedBy && !isPublished(state)) {
    const what = state.created.pull ? "pull request" : "issue";
    const message = `@${state.closedBy.login} closed the ${what} while the run was under way.`;
    return ending(state, finish("cancelled", "issue-closed", message));
  }
  if (state.pullClosed && !isPublished(state)) {
    const { by, merged } = state.pullClosed;
    const message = `@${by.login} ${merged ? "merged" : "closed"} the pull request while it was revised.`;
    return ending(state, finish("cancelled", "pull-request-closed", message));
  }
  const { taken } = state.branch;
  if (taken && state.revision && !isPublished(state)) {
    const message = `@${taken.by.login} pushed to the pull request's branch while it was revised.`;
    return ending(state, finish("cancelled", BRANCH_TAKEN, message));
  }
  if (state.lost && !isPublished(state)) return [finish("cancelled", state.lost.loss, state.lost.message)];
  if ((state.paused || state.waiting) && !isPublished(state)) return [{ type: "wait" }];
  if (!state.routed) return [{ type: "triage" }];
  const { decision } = state.routed;
  if (decision.kind === "stop") {
    const { duplicateOf } = decision;
    if (duplicateOf === undefined) return [finish("triaged", "triaged", state.routed.why)];
    const why = state.routed.triage?.summary ?? state.routed.why;
    return [finish("triaged", DUPLICATE, `Duplicate of #${duplicateOf}: ${why}`)];
  }
  if (decision.kind === "ask") return [clarify(state, decision.questions, decision.waits ?? false)];

  const open = stageOrder(decision.workflow).flatMap((name) => {
    const stage = state.stages.get(name);
    return stage && !isDone(state, stage) ? [stage] : [];
  });
  if (open.length === 0) {
    const opened = state.revision ? "Pull request revised, on" : "Draft pull request opened from";
    const message = state.pullRequest
      ? `${opened} ${state.pullRequest.branch}.`
      : (reviewWords(state) ?? "Every stage is done.");
    return ending(state, finish("succeeded", "verified", message));
  }
  const ready = open.filter(({ name }) => needsMet(state, name));
  const wanted = ready
    .flatMap((stage) => advance(state, stage))
    .map((effect) => overBudget(state, effect, now) ?? effect);
  const end = wanted.find((effect) => effect.type === "finish");
  if (end) return ending(state, end);
  const effects = withinParallel(wanted, state);
  if (effects.length > 0) return effects;
  return [waitForPeople(state)];
}

/**
 * How a run that waits would end if it did not: it is over, and only what is to be kept before its end waits. Undefined where there is
 * more to do. For whoever cannot wait.
 */
export function endWithoutWaiting(state: State): Extract<Effect, { type: "keep" | "finish" }> | undefined {
  const [effect] = decide({ ...state, waiting: undefined }, state.updatedAt);
  return effect?.type === "keep" || effect?.type === "finish" ? effect : undefined;
}

/** What is finished is put on a branch before the run ends without a pull request. Where that must wait, so does the end. */
function ending(state: State, end: Extract<Effect, { type: "finish" }>): Effect[] {
  const before = beforeEnd(state, end);
  if (before?.type === "keep" && state.waiting) return [{ type: "wait" }];
  return [before ?? end];
}

function needsMet(state: State, name: string): boolean {
  // A stage may be done before what it needs: what was said on an earlier base stands, and is judged anew.
  return upstream(state.workflow, name).every((need) => {
    const stage = state.stages.get(need);
    return stage !== undefined && isDone(state, stage);
  });
}

/** At most so many agents at once; those under way go before those to begin, and one that waits for others it conducts does not count. */
function withinParallel(effects: readonly Effect[], state: State): Effect[] {
  const { parallel } = state.created.config.limits;
  const underWay = effects.filter(
    (effect) => (effect.type === "agent" || effect.type === "resume") && !isWaitingForOthers(state, effect.stage),
  );
  let free = parallel - underWay.length;
  return effects.filter((effect) => {
    if (!beginsAgent(state, effect)) return true;
    free -= 1;
    return free >= 0;
  });
}

function waitForPeople(state: State): Effect {
  const asked = [...state.stages.values()].flatMap(({ current }) =>
    current?.asked && !current.said ? [current.asked] : [],
  );
  const [first] = asked;
  if (!first) throw new Error("the run is not done, but nothing is left to do in it");
  const message =
    first.for === "approval"
      ? `The plan of ${first.about} waits for approval.`
      : `The questions of ${first.about} wait for answers.`;
  return { type: "park", reason: first.for, message };
}

function beginsAgent(state: State, effect: Effect): boolean {
  if (effect.type !== "start") return false;
  const plan = planOf(state, effect.stage);
  return plan?.agent !== undefined && plan.for_each === undefined;
}

/** Money and turns stop the next agent, not the checks of work already paid for; time stops everything but the last step. */
function overBudget(state: State, next: Effect, now: number): Effect | undefined {
  const { budget } = state;
  if (!budget || next.type === "finish" || next.type === "publish") return undefined;
  const spent = used(state, now);
  if (spent.milliseconds >= budget.milliseconds) {
    const message = `The run has used its ${Math.round(budget.milliseconds / 60_000)} minutes.`;
    return finish("timed-out", "budget-time", message);
  }
  if (next.type !== "agent" && next.type !== "resume" && !beginsAgent(state, next)) return undefined;
  if (spent.microDollars >= budget.microDollars) {
    const of = formatDollars(microDollars(budget.microDollars));
    const message = `The run has spent ${formatDollars(microDollars(spent.microDollars))} of ${of}.`;
    return finish("out-of-budget", "budget-dollars", message);
  }
  if (spent.turns >= budget.turns)
    return finish("out-of-budget", "budget-turns", `The run has used ${spent.turns} of ${budget.turns} model turns.`);
  return undefined;
}
