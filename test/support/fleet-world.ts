// Agents that conduct others, by script: each turn of one is a function of its fleet, and what it does there is what its tools would do.
// Nothing is remembered between processes: a turn is known by its number, as a model knows it by its conversation.
import type { RunId } from "#src/core/ids.ts";
import { dollars } from "#src/core/ids.ts";
import { drive } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { EventOf, Failure, RecordedEvent, RunEvent } from "#src/engine/events.ts";
import type { Fleet } from "#src/engine/fleet-port.ts";
import { fold } from "#src/engine/fold.ts";
import type { AgentEvents, AgentResult, AgentRunner, AgentTask, Conversation, EventLog } from "#src/engine/ports.ts";
import type { State } from "#src/engine/state.ts";
import type { Talk } from "#src/engine/talk-port.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { Workflow } from "#src/workflows/schema.ts";
import { commitNamed, created, engineWith, memoryLog, turn } from "./engine-world.ts";

export const doWorkflow: Workflow = Workflow.parse({
  name: "do",
  description: "Conduct agents to the end",
  budget: { run: 10, time: "2h", turns: 400 },
  stages: {
    conduct: { agent: "orchestrator", makes: "Conclusion", turns: 40 },
    verify: {
      needs: ["conduct"],
      gates: ["scope", "integrity"],
      otherwise: { back_to: "conduct", max: 2, ending: "needs-a-person" },
    },
    publish: { needs: ["verify"], pull_request: "draft" },
  },
});

/** A turn of an agent that conducts, or talks; without a fleet of its own it does nothing. */
export type FleetTurn = (fleet: Fleet, signal: AbortSignal, talk?: Talk) => Promise<void> | void;

export interface Script {
  /** The turns of a command, or of the stage; the result follows behind the last. */
  readonly turns?: readonly FleetTurn[];
  /** "hang": until it is ended; "late": hangs too, and hands in all the same. */
  readonly end?: Artifact | Failure | "hang" | "late";
  /** Dollars that each of its turns costs. */
  readonly cost?: number;
}

const plain: FleetTurn = () => {};

/** Turns of earlier commands, and of this one. */
interface Said {
  readonly before: number;
  readonly done: number;
}

/** Agents by unit; of one that is commanded more than once a script for each command. */
export class FleetAgents implements AgentRunner {
  readonly tasks: AgentTask[] = [];
  readonly resumed: { readonly task: AgentTask; readonly conversation: Conversation }[] = [];
  /** Why the work of a unit was ended from outside. */
  readonly ended: { readonly unit: string; readonly reason: unknown }[] = [];
  readonly #scripts: Readonly<Record<string, readonly Script[]>>;
  /** Called when an agent hangs. */
  onHang: (unit: string) => void = () => {};
  /** Called when one that hung is told to end; it takes so long to. */
  onEnd: () => Promise<void> = () => Promise.resolve();
  readonly #atWork = new Set<string>();
  now = 0;
  most = 0;

  constructor(scripts: Readonly<Record<string, readonly Script[]>>) {
    this.#scripts = scripts;
  }

  forget(): Promise<void> {
    return Promise.resolve();
  }

  async run(task: AgentTask, events: AgentEvents, signal: AbortSignal): Promise<AgentResult> {
    this.tasks.push(task);
    await events.session({ session: 1, model: "scripted", why: "first", opening: `work on ${task.stage}` });
    return await this.#counted(task, { before: 0, done: 0 }, events, signal);
  }

  async resume(
    task: AgentTask,
    conversation: Conversation,
    events: AgentEvents,
    signal: AbortSignal,
  ): ReturnType<AgentRunner["resume"]> {
    this.resumed.push({ task, conversation });
    const before = conversation.commands?.at(-1)?.after ?? 0;
    return await this.#counted(task, { before, done: conversation.turnsBefore - before }, events, signal);
  }

  async #counted(task: AgentTask, turns: Said, events: AgentEvents, signal: AbortSignal): Promise<AgentResult> {
    if (this.#atWork.has(task.stage)) throw new Error(`${task.stage} is worked twice at once`);
    this.#atWork.add(task.stage);
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    try {
      return await this.#work(task, turns, events, signal);
    } finally {
      this.now -= 1;
      this.#atWork.delete(task.stage);
    }
  }

  async #work(task: AgentTask, { before, done }: Said, events: AgentEvents, signal: AbortSignal): Promise<AgentResult> {
    const { turns = [plain], end, cost = 0.01 } = this.#scripts[task.stage]?.[task.attempt - 1] ?? {};
    for (const [index, act] of turns.entries()) {
      if (index < done) continue;
      if ((task.limits.left?.() ?? 1) <= 0)
        return { type: "failed", failure: { code: "budget", message: "the money is spent" } };
      if (task.fleet) await act(task.fleet, signal, task.talk);
      await events.turn(turn(before + index + 1, dollars(cost)));
    }
    if (end === "hang" || end === "late") {
      await this.#hang(task.stage, signal);
      if (end === "hang") return { type: "failed", failure: { code: "cancelled", message: "cancelled" } };
    } else if (end && "code" in end) return { type: "failed", failure: end };
    const artifact = typeof end === "object" && "name" in end ? end : usual(task);
    const commit = task.makes === "Change" ? commitNamed(`${task.stage} ${task.attempt}`) : task.start;
    return { type: "finished", artifact, commit, changes: [] };
  }

  async #hang(unit: string, signal: AbortSignal): Promise<void> {
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.onHang(unit);
    if (!signal.aborted) await aborted;
    this.ended.push({ unit, reason: signal.reason });
    await this.onEnd();
  }
}

function usual({ stage, attempt, makes }: AgentTask): Artifact {
  if (makes === "Report") return { name: "Report", value: { summary: `${stage} ${attempt}`, sections: [] } };
  if (makes === "Change")
    return { name: "Change", value: { summary: `${stage} ${attempt}`, files: [], followUps: [] } };
  return { name: "Conclusion", value: { summary: "done", sections: [], files: [], followUps: [] } };
}

const never = new AbortController().signal;

/** A run of `doWorkflow` with these agents. */
export async function fleetWorld(
  agents: AgentRunner,
  parts: Partial<Engine> = {},
  event: Partial<EventOf<"run.created">> = {},
) {
  const log = memoryLog();
  const first = created({ workflow: "do", ...event });
  await log.create(first);
  const engine = fleetEngine(log, agents, parts);
  const run: RunId = first.runId;
  return {
    run,
    log,
    engine,
    events: () => log.read(run),
    go: async (): Promise<State> => {
      await drive(run, engine, never);
      return fold(await log.read(run));
    },
  };
}

export function fleetEngine(log: EventLog, agents: AgentRunner, parts: Partial<Engine> = {}): Engine {
  const workflows = { load: () => Promise.resolve(doWorkflow), names: () => ["do"] };
  return engineWith(log, { agents, workflows, ...parts });
}

/** A log with the first events of another. */
export async function prefixOf(events: readonly RecordedEvent[], length: number): Promise<EventLog> {
  const log = memoryLog();
  const [first, ...rest] = events.slice(0, length).map(({ event }): RunEvent => event);
  if (first?.type !== "run.created") throw new Error("no beginning");
  await log.create(first);
  for (const [index, event] of rest.entries()) await log.append(first.runId, index + 1, [event]);
  return log;
}
