// Performs one effect through the ports and says which events came of it. Throws when the outside is broken; the driver decides what then.
import { assertNever } from "../core/errors.ts";
import { microDollars } from "../core/ids.ts";
import type { Artifact } from "../workflows/artifacts.ts";
import { durationMs, type Stage } from "../workflows/schema.ts";
import type { Effect } from "./decide.ts";
import type { Engine } from "./drive.ts";
import { losses, type EventOf, type RunEvent } from "./events.ts";
import type { AgentEvents, AgentTask, Conversation, EventLog, SessionStart, Turn } from "./ports.ts";
import { askedFor, route, workflowFor } from "./route.ts";
import { artifactOf, headOf, stageOrder, startCommit, used, type State } from "./state.ts";

/** What takes time and the outside world. */
export type Performable = Exclude<Effect, { type: "rest" | "wait" | "finish" | "start" }>;
type Record = (event: RunEvent) => Promise<void>;

/** `record` appends an event while the effect is under way (an agent's turns). */
export async function perform(
  effect: Performable,
  state: State,
  engine: Engine,
  record: Record,
  signal: AbortSignal,
): Promise<RunEvent[]> {
  switch (effect.type) {
    case "triage":
      return [await triage(state, engine, signal)];
    case "agent":
    case "resume":
      return await work(effect, state, engine, record, signal);
    case "gate":
      return [await check(effect, state, engine, signal)];
    case "publish":
      return [await publish(state, engine, signal)];
    default:
      return assertNever(effect);
  }
}

async function triage(
  { created }: State,
  { triager, workflows }: Engine,
  signal: AbortSignal,
): Promise<EventOf<"run.routed">> {
  const sorted = created.workflow === undefined ? await triager.triage(created, signal) : askedFor(created);
  const name = workflowFor(created, sorted.triage);
  const workflow =
    name === undefined
      ? undefined
      : await workflows.load(name, { repo: created.repo, base: created.base.commit }, signal);
  return route(created, sorted, { name, workflow, known: workflows.names() });
}

async function work(
  { type, stage, attempt }: Extract<Performable, { type: "agent" | "resume" }>,
  state: State,
  { agents, clock, log }: Engine,
  record: Record,
  signal: AbortSignal,
): Promise<RunEvent[]> {
  const task = taskOf(state, stage, attempt, clock.now());
  const events: AgentEvents = {
    session: (start) => record({ type: "session.started", stage, attempt, ...start }),
    turn: (turn) => record({ type: "agent.turn", stage, attempt, ...turn }),
  };
  const result =
    type === "agent"
      ? await agents.run(task, events, signal)
      : await agents.resume(task, await conversationOf(state, stage, log), events, signal);
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
          commit: result.commit,
          changes: [...result.changes],
        },
      ];
    default:
      return assertNever(result);
  }
}

/** The conversation a stage's agent is in, and those of the same attempt before it, read back from the log. */
async function conversationOf(state: State, stage: string, log: EventLog): Promise<Conversation> {
  const current = state.stages.get(stage)?.current;
  if (!current) throw new Error(`stage "${stage}" has no attempt to go on with`);
  const spoken: { start: SessionStart; turns: Turn[] }[] = [];
  for (const { event } of await log.read(state.runId)) {
    if (!("stage" in event) || event.stage !== stage || !("attempt" in event) || event.attempt !== current.number)
      continue;
    // An attempt that began again speaks anew.
    if (event.type === "stage.started") spoken.length = 0;
    if (event.type === "session.started") {
      const { type: _, stage: _stage, attempt: _attempt, ...start } = event;
      if (start.why === "first") spoken.length = 0;
      spoken.push({ start, turns: [] });
    }
    if (event.type === "agent.turn") {
      const { type: _, stage: _stage, attempt: _attempt, ...turn } = event;
      spoken.at(-1)?.turns.push(turn);
    }
  }
  const last = spoken.pop();
  if (!last) throw new Error(`stage "${stage}" has no conversation to go on with`);
  return { ...last.start, turns: last.turns, earlier: spoken, turnsBefore: current.turns };
}

/** What an agent is given: only what its stage needs, and what is left of the budget. */
export function taskOf(state: State, stage: string, attempt: number, now: number): AgentTask {
  const plan = state.workflow?.stages[stage];
  if (!plan?.agent || !plan.makes || !state.budget) throw new Error(`stage "${stage}" has no agent`);
  const spent = used(state, now);
  const { created } = state;
  const current = state.stages.get(stage)?.current;
  const worked = current ? Math.max(0, current.touchedAt - current.startedAt - current.idleMs) : 0;
  return {
    runId: state.runId,
    repo: created.repo,
    stage,
    attempt,
    begun: current?.version ?? 0,
    attempts: attemptsOf(state, stage, plan),
    agent: plan.agent,
    makes: plan.makes,
    base: created.base.commit,
    start: startCommit(state, stage),
    input: created.input,
    subject: created.subject,
    inputs: inputsOf(state, stage),
    reasons: current?.reasons ?? [],
    config: created.config,
    limits: {
      turns: Math.min(plan.turns - (current?.turns ?? 0), state.budget.turns - spent.turns),
      microDollars: microDollars(state.budget.microDollars - spent.microDollars),
      milliseconds: Math.min(
        (current?.milliseconds ?? durationMs(plan.time)) - worked,
        state.budget.milliseconds - spent.milliseconds,
      ),
    },
    waits: state.parks,
  };
}

function attemptsOf(state: State, name: string, plan: Stage): number {
  if (plan.otherwise && "again" in plan.otherwise) return 1 + plan.otherwise.again;
  const backs = Object.values(state.workflow?.stages ?? {}).map(({ otherwise }) =>
    otherwise && "back_to" in otherwise && otherwise.back_to === name
      ? Math.min(otherwise.max, state.created.config.limits.rounds)
      : 0,
  );
  return 1 + backs.reduce((sum, max) => sum + max, 0);
}

function inputsOf(state: State, stage: string): { stage: string; artifact: Artifact }[] {
  const order = stageOrder(state.workflow);
  return order.slice(0, order.indexOf(stage)).flatMap((name) => {
    const artifact = state.stages.get(name)?.current?.artifact;
    return artifact ? [{ stage: name, artifact }] : [];
  });
}

async function check(
  { stage, attempt, gate }: Extract<Performable, { type: "gate" }>,
  state: State,
  { gates, clock }: Engine,
  signal: AbortSignal,
): Promise<RunEvent> {
  const { created, budget } = state;
  const left = Math.max(1, (budget?.milliseconds ?? 0) - used(state, clock.now()).milliseconds);
  const reproduction = artifactOf(state, "Reproduction");
  const characterization = artifactOf(state, "Characterization");
  const timed = AbortSignal.any([signal, AbortSignal.timeout(left)]);
  try {
    const result = await gates.check(
      {
        gate,
        runId: state.runId,
        repo: created.repo,
        base: created.base.commit,
        head: headOf(state, stage),
        reproduction: reproduction && { value: reproduction.artifact.value, commit: reproduction.commit },
        characterization: characterization && {
          value: characterization.artifact.value,
          commit: characterization.commit,
        },
        config: created.config,
      },
      timed,
    );
    return { type: "gate.checked", stage, attempt, result };
  } catch (error) {
    if (!timed.aborted || signal.aborted) throw error;
    const message = `The run's time was used up while the gate "${gate}" was running.`;
    return { type: "run.finished", outcome: "timed-out", code: "budget-time", message };
  }
}

async function publish(state: State, { publisher }: Engine, signal: AbortSignal): Promise<RunEvent> {
  const answer = await publisher.openPullRequest(state, signal);
  if (answer.type === "opened") return answer.event;
  const closed = answer.code === "issue-closed" || losses.some((loss) => loss === answer.code);
  return { type: "run.finished", outcome: closed ? "cancelled" : "failed", code: answer.code, message: answer.message };
}
