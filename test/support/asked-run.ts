// A feature run as the engine records it, driven as far as it goes by itself: up to the moment in which people are asked, and on from there.
import type { RunId } from "#src/core/ids.ts";
import { drive } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { EventOf, RecordedEvent, RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import type { EventLog } from "#src/engine/ports.ts";
import type { State } from "#src/engine/state.ts";
import type { Plan } from "#src/workflows/artifacts.ts";
import { Workflow } from "#src/workflows/schema.ts";
import {
  created,
  engineWith,
  featureWorkflow,
  HandClock,
  memoryLog,
  samplePlan,
  ScriptedAgents,
  ScriptedMerges,
} from "./engine-world.ts";

export interface AskedRun {
  readonly run: RunId;
  readonly log: EventLog;
  readonly clock: HandClock;
  readonly agents: ScriptedAgents;
  /** Drives until nothing is left to do without a person. */
  go(): Promise<State>;
  /** What somebody says; then it is not driven yet. */
  say(...events: RunEvent[]): Promise<State>;
  events(): Promise<RecordedEvent[]>;
}

const by = { login: "ada", id: 8 };

/** Ada's verdict on the plan of the stage `approve`. */
export function verdict(change: Partial<EventOf<"plan.judged">> = {}): EventOf<"plan.judged"> {
  return {
    type: "plan.judged",
    by,
    quote: "/agent approve",
    stage: "approve",
    verdict: "approved",
    words: "",
    ...change,
  };
}

/** The feature workflow with other stages in place of some of its own. */
export function featureWith(stages: Record<string, unknown>): Workflow {
  return Workflow.parse({ ...featureWorkflow, stages: { ...featureWorkflow.stages, ...stages } });
}

/** A run that waits for approval of `plan`, or of what `agents` make. */
export async function askedRun(
  options: {
    readonly plan?: Plan;
    readonly workflow?: Workflow;
    readonly agents?: ScriptedAgents;
    readonly merges?: ScriptedMerges;
    readonly engine?: Partial<Engine>;
    readonly first?: Partial<EventOf<"run.created">>;
    readonly log?: EventLog;
  } = {},
): Promise<AskedRun & { readonly state: State }> {
  const clock = new HandClock(Date.UTC(2026, 10, 20, 12));
  const log = options.log ?? memoryLog(clock);
  const first = created({
    workflow: "feature",
    request: { door: "comment", by, quote: "/agent implement" },
    ...options.first,
  });
  await log.create(first);
  const run = first.runId;
  const { workflow = featureWorkflow, plan = samplePlan, merges = new ScriptedMerges() } = options;
  const agents = options.agents ?? new ScriptedAgents({ plan: [{ name: "Plan", value: plan }] });
  const workflows = { load: () => Promise.resolve(workflow), names: () => ["feature"] };
  const engine = engineWith(log, { workflows, agents, merges, clock, ...options.engine });
  const one: AskedRun = {
    run,
    log,
    clock,
    agents,
    events: () => log.read(run),
    async go() {
      await drive(run, engine, new AbortController().signal);
      return fold(await log.read(run));
    },
    async say(...events) {
      const { length } = await log.read(run);
      const answer = await log.append(run, length, events);
      if (answer.type !== "appended") throw new Error("the log is somewhere else");
      return fold(await log.read(run));
    },
  };
  return { ...one, state: await one.go() };
}
