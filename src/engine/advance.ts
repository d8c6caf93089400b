// What one stage, or one unit of it, lacks. Pure.
//
// What was handed in on another base is brought to the present one first. A stage whose `when` does not hold is passed over. Else it gets, in
// this order: an attempt; its agent, its fan-out or a person's word;
// its gates, one after the other. The first no ends the attempt and is answered by `otherwise`: the stage again, or an earlier stage
// again, each counted; when the count is used up `ending` says how the run ends. An agent that failed is tried again as often as `retry`
// says. What cannot be done ends the run, or is passed over where `on_failure` says so.
import type { Reproduction } from "../workflows/artifacts.ts";
import type { Ending } from "../workflows/schema.ts";
import { isToCarry, reasonsToMend } from "./carried.ts";
import { holds } from "./conditions.ts";
import { CONTRADICTION, contradictions, placeOf } from "./contradictions.ts";
import { finish, type Effect } from "./effect.ts";
import { NOT_A_BUG, NOT_REPRODUCED } from "./event-words.ts";
import type { Failure, Outcome } from "./events.ts";
import { advanceBoard } from "./board.ts";
import { excerptOf } from "./handed.ts";
import { conductEffects } from "./conducted.ts";
import { reasonsToRevise } from "./revise.ts";
import { publishes } from "./stage-order.ts";
import {
  planAt,
  isFailedForGood,
  isHopeless,
  mayGoOn,
  planOf,
  refusals,
  upstream,
  type Attempt,
  type StageState,
  type State,
  type UnitPlan,
} from "./state.ts";

/** What `stage` lacks now; empty while all it lacks is a person's word. */
export function advance(state: State, stage: StageState): Effect[] {
  const plan = planOf(state, stage.name);
  if (!plan) throw new Error(`"${stage.name}" is in no workflow`);
  const attempt = stage.current;
  if (isToCarry(stage)) return [{ type: "carry", stage: stage.name, attempt: stage.attempts.length + 1 }];
  if (!attempt) return [begin(state, stage, plan)];
  if (attempt.failure) return [failed(stage, plan, attempt, attempt.failure)];
  if (plan.wait) return askPeople(state, stage, plan, attempt);
  if (plan.pick !== undefined && !attempt.artifact)
    return [{ type: "pick", stage: stage.name, attempt: attempt.number, excerpt: excerptOf(state, stage.name) }];
  if (plan.for_each && !attempt.board?.closed) return advanceBoard(state, stage, plan, attempt, advance);
  if (plan.for_each === undefined && plan.agent !== undefined && !attempt.artifact) {
    const effect = work(stage, attempt);
    // Whoever must begin again has none to conduct any more.
    return effect.type === "start" ? [effect] : [effect, ...conductEffects(state, stage.name, attempt, work)];
  }
  if (plan.collects && !attempt.hindsight) return [{ type: "collect", stage: stage.name, attempt: attempt.number }];
  if (plan.writes && !attempt.written) return [{ type: "write", stage: stage.name, attempt: attempt.number }];
  return [judge(state, stage, plan, attempt)];
}

function begin(state: State, stage: StageState, plan: UnitPlan): Effect {
  const next = { stage: stage.name, attempt: stage.attempts.length + 1 };
  if (plan.when !== undefined && !holds(state, plan.when))
    return { type: "skip", ...next, because: "condition", degraded: false, why: `${plan.when} does not hold` };
  return { type: "start", ...next, reasons: [...reasonsToMend(state, stage), ...reasonsToRevise(state, stage)] };
}

function work({ name: stage }: StageState, attempt: Attempt): Effect {
  const { number, interrupted, reasons } = attempt;
  if (!interrupted) return { type: "agent", stage, attempt: number };
  return mayGoOn(attempt)
    ? { type: "resume", stage, attempt: number }
    : { type: "start", stage, attempt: number, reasons };
}

function judge(state: State, stage: StageState, plan: UnitPlan, attempt: Attempt): Effect {
  if (attempt.artifact?.name === "Reproduction" && !attempt.artifact.value.reproduced)
    return notReproduced(stage, plan, attempt, attempt.artifact.value);
  const opposed = stage.name === state.revision?.stage ? contradictions(state) : [];
  if (opposed.length > 0) {
    const said = opposed.map(([one, other]) => `${placeOf(other)} asks for the opposite of ${placeOf(one)}`);
    return finish("needs-a-decision", CONTRADICTION, `Of what is wanted, ${said.join("; ")}. Nothing was changed.`);
  }
  const { closed } = attempt.board ?? {};
  if (closed && closed.failed.length + closed.skipped.length > 0 && (plan.on_failure ?? "stop") === "stop")
    return finish("failed", "tasks-failed", boardFailure(state, stage.name, closed));
  const reasons = refusals(state, stage.name, attempt);
  if (reasons.length > 0) return answerNo(state, stage, plan, attempt, reasons);
  const gate = plan.gates.find((wanted) => !attempt.gates.some((result) => result.gate === wanted));
  if (gate !== undefined) return { type: "gate", stage: stage.name, attempt: attempt.number, gate };
  if (!publishes(plan)) throw new Error(`stage "${stage.name}" is not done, but nothing is left to do in it`);
  return { type: "publish", stage: stage.name };
}

/** An honest no is believed. That it is no bug is, where the gate finds what is cited for it. */
function notReproduced(
  stage: StageState,
  { gates }: UnitPlan,
  attempt: Attempt,
  { notes, notABug }: Reproduction,
): Effect {
  const looked = attempt.gates.find(({ gate }) => gate === "red");
  if (notABug && !looked && gates.includes("red"))
    return { type: "gate", stage: stage.name, attempt: attempt.number, gate: "red" };
  if (notABug && looked?.code === NOT_A_BUG) return finish("could-not-reproduce", NOT_A_BUG, notABug.why);
  return finish("could-not-reproduce", NOT_REPRODUCED, notes);
}

function boardFailure(
  state: State,
  stage: string,
  { failed: ids, skipped }: { failed: readonly string[]; skipped: readonly string[] },
): string {
  const each = ids.map((id) => `${id}: ${state.stages.get(`${stage}:${id}`)?.current?.failure?.message ?? "failed"}`);
  const rest = skipped.length === 0 ? "" : ` Not begun, because of what they need: ${skipped.join(", ")}.`;
  return `${stage}: ${ids.length} of its tasks failed. ${each.join("; ")}.${rest}`;
}

function askPeople(state: State, stage: StageState, plan: UnitPlan, attempt: Attempt): Effect[] {
  const of = { stage: stage.name, attempt: attempt.number };
  const about = plannerOf(state, stage.name);
  const written = about === undefined ? undefined : planAt(state, about);
  if (about === undefined || !written)
    return [{ type: "skip", ...of, because: "condition", degraded: false, why: "there is no plan to ask about" }];
  const { said, asked } = attempt;
  if (said?.type === "plan.judged") {
    const again = {
      type: "start" as const,
      stage: about,
      attempt: (state.stages.get(about)?.attempts.length ?? 0) + 1,
    };
    const who = `@${said.by.login}`;
    if (said.verdict === "rejected" && said.words === "")
      return [finish("needs-a-decision", "plan-rejected", `${who} rejected the plan (${said.quote}).`)];
    if (said.verdict === "rejected" && stage.rounds > state.created.config.limits.rounds)
      return [
        finish(
          "needs-a-decision",
          "plan-rejected",
          `The plan was rejected ${stage.rounds} times. Last reason, by ${who}: ${said.words}`,
        ),
      ];
    return [
      {
        ...again,
        reasons: [
          `${who} ${said.verdict === "rejected" ? "rejected the plan" : "approved the plan with changes"}: ${said.words}`,
        ],
      },
    ];
  }
  if (plan.wait === "answer" && written.questions.length === 0)
    return [{ type: "skip", ...of, because: "condition", degraded: false, why: "there are no questions" }];
  if (asked || plan.wait === undefined) return [];
  return [{ type: "ask", ...of, about, for: plan.wait, questions: written.questions }];
}

/** The nearest stage upstream that makes a plan. */
function plannerOf(state: State, name: string): string | undefined {
  return upstream(state.workflow, name).findLast((stage) => state.workflow?.stages[stage]?.makes === "Plan");
}

function answerNo(
  state: State,
  stage: StageState,
  plan: UnitPlan,
  attempt: Attempt,
  reasons: readonly string[],
): Effect {
  const back = goesBackTo(state, stage, plan);
  if (back !== undefined) {
    const number = (state.stages.get(back)?.attempts.length ?? 0) + 1;
    return { type: "start", stage: back, attempt: number, reasons };
  }
  const code = attempt.gates.find((gate) => !gate.passed)?.code ?? "changes-requested";
  const tries = stage.rounds === 1 ? "once" : `${stage.rounds} times`;
  const message = `${stage.name} said no ${tries}. Last reason: ${reasons.join("; ")}`;
  return (
    passedOver(stage, plan, attempt, message) ?? finish(outcomeOf(plan.otherwise?.ending ?? "failed"), code, message)
  );
}

/** The unit that is worked again after a no to this one; undefined when the count is used up. */
function goesBackTo(state: State, { name, rounds }: StageState, { otherwise }: UnitPlan): string | undefined {
  if (!otherwise) return undefined;
  if ("again" in otherwise) return rounds <= otherwise.again ? name : undefined;
  return rounds <= Math.min(otherwise.max, state.created.config.limits.rounds) ? otherwise.back_to : undefined;
}

/** True when a no to this unit would not be answered by another attempt. */
export function isLastTry(state: State, unit: string): boolean {
  const stage = state.stages.get(unit);
  const plan = planOf(state, unit);
  return !stage || !plan || goesBackTo(state, stage, plan) === undefined;
}

function outcomeOf(ending: Ending): Outcome {
  return ending === "needs-a-person" ? "needs-a-decision" : ending;
}

const outcomeOfFailure: Partial<Record<Failure["code"], Outcome>> = {
  budget: "out-of-budget",
  "time-limit": "timed-out",
  cancelled: "cancelled",
};
function failed(stage: StageState, plan: UnitPlan, attempt: Attempt, { code, message }: Failure): Effect {
  if (!isFailedForGood(stage, plan))
    // What it was sent back for, perhaps in a person's words, still holds.
    return {
      type: "start",
      stage: stage.name,
      attempt: stage.attempts.length + 1,
      reasons: [...attempt.reasons, `${code}: ${message}`],
    };
  const over = isHopeless(code) ? undefined : passedOver(stage, plan, attempt, `${code}: ${message}`);
  return over ?? finish(outcomeOfFailure[code] ?? "failed", code, `${stage.name}: ${message}`);
}

/** Where the run may go on without the stage. */
function passedOver(stage: StageState, { on_failure }: UnitPlan, { number }: Attempt, why: string): Effect | undefined {
  if (on_failure === undefined || on_failure === "stop") return undefined;
  const degraded = on_failure === "degrade";
  return { type: "skip", stage: stage.name, attempt: number, because: "failure", degraded, why: why.slice(0, 4_000) };
}
