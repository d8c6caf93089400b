// Performs one effect through the ports and says which events came of it. Throws when the outside is broken; the driver decides what then.
import { assertNever, messageOf } from "../core/errors.ts";
import { durationMs } from "../workflows/schema.ts";
import { inputOf } from "./clarification.ts";
import { isLastTry } from "./advance.ts";
import { conflictOfBase, reasonsToMend, sidesOf } from "./carried.ts";
import { headOf, leftBehind, startCommit } from "./commits.ts";
import { dryEnd } from "./dry-end.ts";
import { moneyLeft } from "./conducted.ts";
import { conversationAt, conversationOf } from "./conversation.ts";
import type { Work } from "./effect.ts";
import type { Engine } from "./engine.ts";
import { isGone, type Estimate, type EventOf, type RunEvent } from "./events.ts";
import { createFleet, forgetFleet } from "./fleet.ts";
import { gateRequest } from "./gate-request.ts";
import { inputsOf } from "./handed.ts";
import { publishReview } from "./review.ts";
import { keepWork, removeKept } from "./keep.ts";
import type { AgentEvents, AgentTask, GateRequest } from "./ports.ts";
import { askedFor, route, workflowFor } from "./route.ts";
import { collectHindsight, hindsightFor } from "./hindsight.ts";
import { writeProposal } from "./proposal.ts";
import { isContinued, planOf, upstream, used, type State, type UnitPlan } from "./state.ts";
import { createTalk } from "./talk.ts";
import { isRevising } from "./revise.ts";
import { childUnit, readUnit, stageOf, taskUnit } from "./unit.ts";

/** What is to be recorded, given the state as it is then; nothing when it refuses. */
export interface Proposal<T> {
  readonly events: readonly RunEvent[];
  readonly answer: T;
}

/** The run while effects are under way in it: others are at work beside each. */
export interface Course {
  /** The state as it is by then. */
  now(): State;
  /** Appends an event, such as an agent's turn. */
  record(event: RunEvent): Promise<void>;
  /** Appends what `make` says of the state; what others record does not come in between. */
  propose<T>(make: (state: State) => Proposal<T>): Promise<T>;
  /** Resolves when something was recorded behind `version`, or when `signal` fires. */
  changed(version: number, signal: AbortSignal): Promise<void>;
}

/** Performs an effect to its end. */
export async function perform(effect: Work, course: Course, engine: Engine, signal: AbortSignal): Promise<RunEvent[]> {
  const state = course.now();
  switch (effect.type) {
    case "triage":
      return [await triage(state, engine, signal)];
    case "agent":
    case "resume":
      return await work(effect, course, engine, signal);
    case "gate":
      return [await check(effect, state, engine, signal)];
    case "merge":
      return [await mergeWave(effect, state, engine, signal)];
    case "carry":
      return [await carry(effect, state, engine, signal)];
    case "ask":
      return [await ask(effect, state, engine)];
    case "collect":
      return [await collectHindsight(effect, state, engine.subjects, signal)];
    case "write":
      return [await writeProposal(effect, state, engine.files, signal)];
    case "publish":
      return [await publish(effect, state, engine, signal)];
    case "keep":
      return [await keepWork(effect, state, engine, signal)];
    case "remove":
      return [await removeKept(effect, state, engine, signal)];
    default:
      return assertNever(effect);
  }
}

async function triage(
  state: State,
  { triager, workflows }: Engine,
  signal: AbortSignal,
): Promise<EventOf<"run.routed">> {
  const created = { ...state.created, input: inputOf(state) };
  const sorted = created.workflow === undefined ? await triager.triage(created, signal) : askedFor(created);
  const name = workflowFor(created, sorted.triage);
  const workflow =
    name === undefined
      ? undefined
      : await workflows.load(name, { repo: created.repo, base: created.base.commit }, signal);
  return route(created, sorted, { name, workflow, known: workflows.names() });
}

async function work(
  effect: Extract<Work, { type: "agent" | "resume" }>,
  course: Course,
  engine: Engine,
  signal: AbortSignal,
): Promise<RunEvent[]> {
  const { stage, attempt } = effect;
  const state = course.now();
  const fleet = createFleet(course, engine, { stage, attempt });
  const talk = createTalk(course, engine, { stage, attempt });
  const task = { ...taskOf(state, stage, attempt, engine.clock.now(), () => course.now()), fleet, talk };
  const result = await askAgent(effect, task, course, engine, signal);
  // Its fleet ends with it.
  if (result.type === "finished" || result.type === "gone" || (result.type === "failed" && !signal.aborted))
    for (const id of course.now().stages.get(stage)?.current?.fleet?.agents ?? [])
      await forgetFleet(engine.agents, course.now(), childUnit(stage, id));
  switch (result.type) {
    case "failed":
      return [{ type: "agent.failed", stage, attempt, failure: result.failure }];
    case "wait": {
      const { reason, message, until } = result;
      return [{ type: "run.parked", reason, message, ...(until === undefined ? {} : { until }) }];
    }
    case "gone": {
      const reasons = [...(state.stages.get(stage)?.current?.reasons ?? [])];
      return [{ type: "stage.started", stage, attempt, reasons }];
    }
    case "finished":
      return [
        {
          type: "agent.finished",
          stage,
          attempt,
          artifact: result.artifact,
          // Whoever conducts others leaves what was merged of their work.
          commit: course.now().stages.get(stage)?.current?.commit ?? result.commit,
          changes: [...result.changes],
        },
      ];
    default:
      return assertNever(result);
  }
}

/** Begins an agent's work, or goes on with it: with what an earlier process left, or with what it did before it was commanded again. */
async function askAgent(
  { type, stage, attempt }: Extract<Work, { type: "agent" | "resume" }>,
  task: AgentTask,
  course: Course,
  { agents, log }: Engine,
  signal: AbortSignal,
): ReturnType<Engine["agents"]["resume"]> {
  const state = course.now();
  const events: AgentEvents = {
    session: (start) => course.record({ type: "session.started", stage, attempt, ...start }),
    turn: (turn) => course.record({ type: "agent.turn", stage, attempt, ...turn }),
  };
  const current = state.stages.get(stage)?.current;
  const continued = current !== undefined && isContinued(current);
  if (type === "agent" && !continued) return await agents.run(task, events, signal);
  const conversation = conversationOf(state, stage, await log.at(state.runId, conversationAt(state, stage)));
  const result = await agents.resume(task, conversation, events, signal);
  return result.type === "gone" && continued ? await agents.run(task, events, signal) : result;
}

/** What an agent is given: only what its stage needs, and what is left of the budget. `by`: the state at the moment of asking. */
function taskOf(state: State, unit: string, attempt: number, now: number, by: () => State): AgentTask {
  const plan = planOf(state, unit);
  if (!plan?.agent || !plan.makes || !state.budget) throw new Error(`stage "${unit}" has no agent`);
  const spent = used(state, now);
  const { created } = state;
  const { current, child } = state.stages.get(unit) ?? {};
  const worked = current ? Math.max(0, current.touchedAt - current.startedAt - current.idleMs) : 0;
  return {
    runId: state.runId,
    repo: created.repo,
    stage: unit,
    attempt,
    begun: current?.root ?? 0,
    attempts: attemptsOf(state, unit, plan),
    agent: plan.agent,
    tier: plan.model,
    atLeast: created.tier,
    makes: plan.makes,
    base: state.base.commit,
    start: startCommit(state, unit),
    since: created.pull?.since,
    leftBehind: leftBehind(state, unit),
    input: inputOf(state),
    subject: created.subject,
    part: partOf(state, unit),
    words: wordsFor(state, unit),
    steering: () => by().steering,
    inputs: inputsOf(state, unit),
    hindsight: hindsightFor(state, stageOf(unit)),
    reasons: current?.reasons ?? [],
    revises: whatFor(state, unit),
    config: created.config,
    limits: {
      turns: Math.min(plan.turns - (current?.turns ?? 0), state.budget.turns - spent.turns),
      microDollars: moneyLeft(state, unit),
      left: () => moneyLeft(by(), unit),
      turnsLeft: () => (by().budget?.turns ?? 0) - used(by(), 0).turns,
      milliseconds: Math.min(
        (current?.milliseconds ?? durationMs(plan.time)) - worked,
        state.budget.milliseconds - spent.milliseconds,
      ),
    },
    waits: state.parks,
    tools: child?.tools,
    kept: child !== undefined,
  };
}

/** For whose sake the present attempt of a unit is made. */
function whatFor(state: State, unit: string): AgentTask["revises"] {
  const stage = state.stages.get(unit);
  const { reasons = [] } = stage?.current ?? {};
  const [mends] = stage ? reasonsToMend(state, stage) : [];
  if (mends !== undefined && reasons.includes(mends)) return "base";
  return isRevising(state, unit) ? (state.revision?.checks ? "checks" : "people") : undefined;
}

function attemptsOf(state: State, unit: string, plan: UnitPlan): number {
  if (plan.otherwise && "again" in plan.otherwise) return 1 + plan.otherwise.again;
  const backs = Object.values(state.workflow?.stages ?? {}).map(({ otherwise }) =>
    otherwise && "back_to" in otherwise && otherwise.back_to === unit
      ? Math.min(otherwise.max, state.created.config.limits.rounds)
      : 0,
  );
  return 1 + (plan.retry ?? 0) + backs.reduce((sum, max) => sum + max, 0);
}

/** What of a whole a unit is: a task of a fan-out, or the mending of a merge. */
function partOf(state: State, unit: string): AgentTask["part"] {
  const { child, current } = state.stages.get(unit) ?? {};
  if (child) {
    const { id, instructions, conflict } = child;
    return { type: "child", id, instructions, command: current?.command ?? "", conflict };
  }
  const { stage, task: id, mends } = readUnit(unit);
  const board = state.stages.get(stage)?.current?.board;
  const task = board?.tasks.find((one) => one.id === id);
  if (!board || !task) return undefined;
  if (mends) return { type: "merge", task, paths: board.conflict?.paths ?? [], merged: board.merged };
  return { type: "task", task, of: board.tasks.length };
}

/** What people said that a unit must go by. */
function wordsFor(state: State, unit: string): AgentTask["words"] {
  return upstream(state.workflow, stageOf(unit)).flatMap((name) => {
    const said = state.stages.get(name)?.current?.said;
    return said && said.words !== "" ? [{ by: said.by, about: name, words: said.words }] : [];
  });
}

/** Brings the commits of a wave's tasks together, until git cannot. */
async function mergeWave(
  { stage, attempt, wave, tasks }: Extract<Work, { type: "merge" }>,
  state: State,
  { merges }: Engine,
  signal: AbortSignal,
): Promise<RunEvent> {
  const board = state.stages.get(stage)?.current?.board;
  if (!board) throw new Error(`stage "${stage}" has nothing to merge`);
  const merged: string[] = [];
  let commit = board.head;
  for (const task of tasks) {
    const theirs = state.stages.get(taskUnit(stage, task))?.current?.commit;
    if (theirs === undefined) throw new Error(`task "${task}" left no commit`);
    const answer = await merges.merge(state.created.repo, commit, theirs, `${stage}: merge ${task}`, signal);
    const at = { type: "wave.merged" as const, stage, attempt, wave };
    if (answer.type === "conflict") {
      const conflict = { task, marked: answer.marked, paths: [...answer.paths] };
      return { ...at, tasks: merged, commit, conflict };
    }
    if (answer.type === "refused") return refusedMerge(`The work of ${task} cannot be merged`, answer.reasons);
    commit = answer.commit;
    merged.push(task);
  }
  return { type: "wave.merged", stage, attempt, wave, tasks: merged, commit };
}

/** Brings what a stage has handed in to the present base, by git. */
async function carry(
  { stage, attempt }: Extract<Work, { type: "carry" }>,
  state: State,
  { merges }: Engine,
  signal: AbortSignal,
): Promise<RunEvent> {
  const sides = sidesOf(state, stage);
  const at = { type: "base.merged" as const, stage, attempt };
  if ("stands" in sides) return { ...at, commit: sides.stands, paths: [] };
  const { repo } = state.created;
  const answer = await merges.merge(repo, sides.into, sides.theirs, `${stage}: onto ${state.base.branch}`, signal);
  if (answer.type === "merged") return { ...at, commit: answer.commit, paths: [] };
  if (answer.type === "conflict") return { ...at, commit: answer.marked, paths: [...answer.paths] };
  return refusedMerge(`What ${stage} made cannot be merged with ${state.base.branch}`, answer.reasons);
}

function refusedMerge(what: string, reasons: readonly string[]): RunEvent {
  const message = `${what}: ${reasons.join("; ")}`.slice(0, 4_000);
  return { type: "run.finished", outcome: "needs-a-decision", code: "merge-refused", message };
}

async function ask(
  { stage, attempt, for: what, about, questions }: Extract<Work, { type: "ask" }>,
  { created, workflow }: State,
  { history, journal }: Engine,
): Promise<RunEvent> {
  let estimate: Estimate | undefined;
  try {
    estimate = workflow && (await history.estimate(created.repo, workflow.name));
  } catch (error) {
    journal.warn("what earlier runs cost could not be read", { error: messageOf(error) });
  }
  const asked = { type: "people.asked" as const, stage, attempt, for: what, about, questions: [...questions] };
  return estimate ? { ...asked, estimate } : asked;
}

async function check(
  { stage, attempt, gate }: Extract<Work, { type: "gate" }>,
  state: State,
  { gates, clock }: Engine,
  signal: AbortSignal,
): Promise<RunEvent> {
  const { budget } = state;
  const left = Math.max(1, (budget?.milliseconds ?? 0) - used(state, clock.now()).milliseconds);
  const timed = AbortSignal.any([signal, AbortSignal.timeout(left)]);
  try {
    const request = gateRequest(state, {
      gate,
      head: headOf(state, stage),
      conflict: conflictOf(state, stage),
      last: isLastTry(state, stage),
    });
    const result = await gates.check(request, timed);
    return { type: "gate.checked", stage, attempt, result };
  } catch (error) {
    if (!timed.aborted || signal.aborted) throw error;
    const message = `The run's time was used up while the gate "${gate}" was running.`;
    return { type: "run.finished", outcome: "timed-out", code: "budget-time", message };
  }
}

/** The merge that the unit was to mend. */
function conflictOf(state: State, unit: string): GateRequest["conflict"] {
  const { stage, mends } = readUnit(unit);
  return mends ? state.stages.get(stage)?.current?.board?.conflict : conflictOfBase(state, unit);
}

async function publish(
  { stage }: Extract<Work, { type: "publish" }>,
  state: State,
  { publisher, files }: Engine,
  signal: AbortSignal,
): Promise<RunEvent> {
  if (planOf(state, stage)?.review !== undefined) return await publishReview(stage, state, publisher, signal);
  if (state.created.dryRun) return await dryEnd(headOf(state, stage), state, files, signal);
  const answer = await publisher.openPullRequest(state, signal);
  if (answer.type === "opened") return answer.event;
  const outcome = isGone(answer.code) ? "cancelled" : "failed";
  return { type: "run.finished", outcome, code: answer.code, message: answer.message };
}
