// Agents at work while the model fails in every way by a seeded plan, and while its key or account is not good: each is worked on
// until it has ended, however often it must wait, and everything is counted, on both sides.
import { createCircuits } from "#src/agents/circuits.ts";
import { createModel } from "#src/agents/model.ts";
import { price } from "#src/agents/prices.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import { messageOf } from "#src/core/errors.ts";
import { silentLog } from "#src/core/log.ts";
import type { AgentResult, AgentRunner, AgentTask } from "#src/engine/ports.ts";
import { modelFaultKinds, type ModelConditions, type ModelFaultPlan } from "#src/playground/model-faults.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { FakePlace } from "#test/agents/place.ts";
import { newTask } from "#test/agents/task.ts";
import { AgentStory } from "./agent-story.ts";
import { until } from "./until.ts";

const MODELS = ["claude-sonnet-5-5", "claude-haiku-5-5"] as const;
const STEPS = 5;
const AT_ONCE = 8;
const key = "test-key-of-nobody";

/** A whole command of the script; whatever else reaches a shell was part of a broken reply. */
const command = (step: number) => `echo step ${step} of the work, written out so that a part of it can be told`;
const whole = new Set(Array.from({ length: STEPS }, (_, step) => command(step + 1)));
/** What the plan makes a model call that the script does not. */
const planned = "echo this command arrived whole and may be run";

const steps = [...whole].map((text) => ({ text: "Next.", tools: [{ name: "bash", input: { command: text } }] }));
const finished = { tools: [{ name: "finish", input: { summary: "Mended.", files: [], followUps: [] } }] };

export interface FaultCounts {
  readonly sessions: number;
  readonly faults: number;
  readonly byFault: Readonly<Record<string, number>>;
  /** How the agents' tasks ended: "finished", or a failure's code. */
  readonly ends: Readonly<Record<string, number>>;
  /** Conversations, by why they began. */
  readonly conversations: Readonly<Record<string, number>>;
  readonly waits: Readonly<Record<string, number>>;
  /** What was thrown: expected to be empty. */
  readonly crashes: readonly string[];
  readonly executed: number;
  /** Commands that ran and were no whole ones: expected to be empty. */
  readonly partial: readonly string[];
  /** Micro-dollars. */
  readonly billed: number;
  readonly recorded: number;
  /** |recorded − billed| / billed. */
  readonly offBy: number;
  readonly unscripted: readonly string[];
  readonly seconds: number;
}

/** Works agents' tasks one after the other (some at once) until at least so many faults have struck. */
export async function underModelFaults({ faults, seed }: { faults: number; seed: number }): Promise<FaultCounts> {
  const startedAt = performance.now();
  const plan: ModelFaultPlan = {
    seed,
    rules: [{ kinds: [...modelFaultKinds], probability: 0.45, retryAfterSeconds: 0.01, delayMs: 20 }],
  };
  await using server = await openScriptedModel({ script: { fixer: [[...steps, finished]] }, faults: plan });
  const world = new World(server);
  const struck = () => Object.values(server.ledger().byFault).reduce((sum, count) => sum + count, 0);
  let sessions = 0;
  const one = async () => {
    while (struck() < faults) {
      sessions += 1;
      await world.work();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  await until(() => server.calls.every(({ outcome }) => outcome !== "pending"));
  const { byFault } = server.ledger();
  // Call by call: what a token costs depends on how many the request has.
  const billed = server.calls.reduce((sum, call) => sum + price(call.model, call.billed), 0);
  return {
    sessions,
    faults: struck(),
    byFault,
    ...world.counts(),
    billed,
    offBy: Math.abs(world.recorded - billed) / billed,
    unscripted: server.unscripted,
    seconds: (performance.now() - startedAt) / 1_000,
  };
}

export interface MendCounts {
  readonly tasks: number;
  readonly ends: Readonly<Record<string, number>>;
  /** Requests that were refused for the key or the account, and waits that came of them: the same number. */
  readonly refused: number;
  readonly waits: Readonly<Record<string, number>>;
  /** What the waits said. */
  readonly messages: readonly string[];
  /** Whole replies that were paid for twice. */
  readonly repeated: number;
  readonly crashes: readonly string[];
}

/** Tasks whose key or account turns bad at a turn that the seed says, stays so for some waits, and is mended. */
export async function untilMended({ tasks, seed }: { tasks: number; seed: number }): Promise<MendCounts> {
  const bad: ModelConditions[] = [{ keys: [] }, { spendCap: "tier" }, { spendCap: "own" }, { spendCap: "credit" }];
  await using server = await openScriptedModel({ script: { fixer: [[...steps, finished]] } });
  const world = new World(server);
  for (let task = 0; task < tasks; task += 1) {
    const turn = (seed + task * 7) % (STEPS + 1);
    const waits = 1 + ((seed + task) % 3);
    let answered = 0;
    let waited = 0;
    const spoil = () => server.set(bad[(seed + task) % bad.length] ?? {});
    if (turn === 0) spoil();
    await world.work({
      onTurn: () => {
        answered += 1;
        if (answered === turn) spoil();
      },
      onWait: () => {
        waited += 1;
        if (waited === waits) server.set({});
      },
    });
    server.set({});
  }
  const { ends, waits, crashes } = world.counts();
  const { byFault, repeated } = server.ledger();
  const refused = (byFault["key"] ?? 0) + (byFault["spend cap"] ?? 0);
  return { tasks, ends, refused, waits, messages: [...world.messages], repeated, crashes };
}

/** One process of agents: a runner, and everything that its tasks did. */
class World {
  readonly #circuits = createCircuits({ halfOpenMs: 10 });
  readonly #server: ScriptedModel;
  readonly #ends = new Map<string, number>();
  readonly #waits = new Map<string, number>();
  readonly #conversations = new Map<string, number>();
  readonly #crashes: string[] = [];
  readonly #ran: string[] = [];
  readonly messages = new Set<string>();
  recorded = 0;

  constructor(server: ScriptedModel) {
    this.#server = server;
  }

  counts() {
    return {
      ends: Object.fromEntries(this.#ends),
      waits: Object.fromEntries(this.#waits),
      conversations: Object.fromEntries(this.#conversations),
      crashes: this.#crashes,
      executed: this.#ran.length,
      partial: this.#ran.filter((ran) => !whole.has(ran) && ran !== planned),
      recorded: this.recorded,
    };
  }

  /** Works one task to its end; every time it must wait, another runner goes on with it. */
  async work({ onTurn, onWait }: { onTurn?: () => void; onWait?: () => void } = {}): Promise<void> {
    const models = { balanced: [...MODELS] };
    const asked = newTask({
      config: { ...defaultRepoConfig, models },
      limits: { turns: 60, microDollars: 50_000_000, milliseconds: 120_000 },
    });
    const place = new FakePlace({ answer: (call) => Promise.resolve(this.#run(call.input)) });
    const story = new AgentStory();
    story.onTurn = ({ spend, exchange }) => {
      this.recorded += spend.microDollars;
      if (exchange) onTurn?.();
    };
    try {
      let waits = 0;
      for (let turns = 0; ;) {
        const result = await this.#goOn(await this.#runner(place), { ...asked, waits }, story);
        if (result.type === "wait") {
          count(this.#waits, result.reason);
          this.messages.add(result.message);
          onWait?.();
          waits = story.turns.length > turns ? 1 : waits + 1;
          turns = story.turns.length;
          await until(() => MODELS.some((model) => !this.#circuits.open("fixer", model)));
          continue;
        }
        count(this.#ends, result.type === "failed" ? result.failure.code : result.type);
        break;
      }
    } catch (error) {
      this.#crashes.push(messageOf(error));
    }
    for (const { start } of story.sessions) count(this.#conversations, start.why);
    if (place.open.length > 0) this.#crashes.push(`left open: ${place.open.join(", ")}`);
  }

  async #goOn(runner: AgentRunner, task: AgentTask, story: AgentStory): Promise<AgentResult> {
    const { signal } = new AbortController();
    const conversation = story.conversation();
    if (!conversation) return await runner.run(task, story, signal);
    const result = await runner.resume(task, conversation, story, signal);
    return result.type === "gone" ? await runner.run(task, story, signal) : result;
  }

  async #runner(place: FakePlace): Promise<AgentRunner> {
    return createAgentRunner({
      model: createModel({
        apiKey: key,
        baseURL: this.#server.url,
        log: silentLog,
        patience: { firstPauseMs: 1, replyMs: 1_000 },
      }),
      workspaces: place.workspaces,
      sandbox: place.sandbox,
      agents: (await library).agents,
      log: silentLog,
      circuits: this.#circuits,
    });
  }

  #run(input: unknown): { ok: boolean; output: string } {
    const asked = typeof input === "object" && input !== null && "command" in input ? input.command : undefined;
    if (typeof asked !== "string") return { ok: false, output: "bash: command must be a text" };
    this.#ran.push(asked);
    return { ok: true, output: asked.slice(5) };
  }
}

const library = createLibrary();

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
