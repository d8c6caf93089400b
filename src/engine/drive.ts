// Drives one run: fold, decide, perform, append, until it rests. Safe to kill anywhere: whatever was appended is kept,
// whatever was not is done again by the next driver.
//
// The fence: a driver announces itself by `run.driven` and appends with the version it knows. When people's words
// (stop, a closed issue, retry) got in between, it takes them in and goes on; when another driver has announced itself,
// it ends with `fence-lost` and writes nothing more. While an effect is under way the log is followed, so that
// a stop reaches the model call and the sandboxed process at once.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { decide, type Effect } from "./decide.ts";
import type { EventOf, RunEvent } from "./events.ts";
import { perform } from "./perform.ts";
import type { AgentRunner, EventLog, Gates, Publisher, Projection, Triager, WorkflowSource } from "./ports.ts";
import { apply, fold, type State } from "./state.ts";

export interface Engine {
  readonly log: EventLog;
  readonly triager: Triager;
  readonly agents: AgentRunner;
  readonly gates: Gates;
  readonly publisher: Publisher;
  readonly projection: Projection;
  readonly workflows: WorkflowSource;
  readonly clock: Clock;
  readonly journal: Log;
}

/** What a run was doing when its driver stopped: it ended, the driver was told to park it, or another driver has it. */
export type Driven = "ended" | "parked" | "lost" | "unknown";

const PATIENCE_MS = [500, 2_000];
const DATABASE_PATIENCE_MS = [50, 200, 1_000, 3_000];

/** Drives `run` until it ends or `signal` fires (then it is parked and can be driven again). Throws only for a broken database. */
export async function drive(run: RunId, engine: Engine, signal: AbortSignal): Promise<Driven> {
  const events = await engine.log.read(run);
  if (events.length === 0) return "unknown";
  const driver = new Driver(run, fold(events), engine, signal);
  try {
    return await driver.run();
  } catch (error) {
    if (error instanceof BatonError && error.code === "fence-lost") return "lost";
    throw error;
  }
}

class Driver {
  readonly #run: RunId;
  readonly #engine: Engine;
  readonly #signal: AbortSignal;
  readonly #name = `driver-${randomUUID().slice(0, 8)}`;
  #state: State;
  /** Serialises appends and reads of the tail, so that the version only moves forward. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(run: RunId, state: State, engine: Engine, signal: AbortSignal) {
    this.#run = run;
    this.#state = state;
    this.#engine = engine;
    this.#signal = signal;
  }

  async run(): Promise<Driven> {
    if (this.#state.phase !== "finished") await this.#append([{ type: "run.driven", driver: this.#name }]);
    while (!this.#signal.aborted) {
      const effect = decide(this.#state, this.#engine.clock.now());
      if (effect.type === "rest") {
        await this.#engine.projection.settle(this.#run);
        return "ended";
      }
      await this.#perform(effect);
    }
    return "parked";
  }

  async #perform(effect: Exclude<Effect, { type: "rest" }>): Promise<void> {
    if (effect.type === "finish") {
      const { type: _, ...end } = effect;
      await this.#append([{ type: "run.finished", ...end }]);
      return;
    }
    if (effect.type === "start") {
      await this.#append([
        {
          type: "stage.started",
          stage: effect.stage,
          attempt: effect.attempt,
          reasons: effect.reasons.slice(0, 50).map((reason) => reason.slice(0, 4_000)),
        },
      ]);
      return;
    }
    const interrupt = new AbortController();
    const following = this.#engine.log.follow((run) => {
      if (run === this.#run) this.#catchUp().catch((error: unknown) => interrupt.abort(error));
    });
    const watch = () => {
      if (this.#state.stop || this.#state.closedBy) interrupt.abort(new Error("a person ended the run"));
    };
    this.#watch = watch;
    try {
      watch();
      const signal = AbortSignal.any([this.#signal, interrupt.signal]);
      const events = await this.#patiently(effect, signal);
      // What was done stays done, whoever interrupts: a pull request that was opened, an agent that had just finished.
      await this.#append(signal.aborted ? events.filter(isDone) : events);
    } finally {
      this.#watch = () => {};
      following[Symbol.dispose]();
    }
    if (interrupt.signal.aborted && interrupt.signal.reason instanceof BatonError) throw interrupt.signal.reason;
  }

  #watch: () => void = () => {};

  /** Tries an effect again when the outside failed in a way that may pass; at last the run fails, with what was wrong. */
  async #patiently(
    effect: Exclude<Effect, { type: "rest" | "finish" | "start" }>,
    signal: AbortSignal,
  ): Promise<RunEvent[]> {
    for (const [tries, pause] of [...PATIENCE_MS, undefined].entries()) {
      try {
        return await perform(effect, this.#state, this.#engine, (event) => this.#append([event]), signal);
      } catch (error) {
        if (signal.aborted) return [];
        if (error instanceof BatonError && (error.code === "fence-lost" || error.code === "database-failed"))
          throw error;
        this.#engine.journal.warn("effect failed", {
          run: this.#run,
          effect: effect.type,
          tries: tries + 1,
          error: messageOf(error),
        });
        if (pause === undefined || !(error instanceof BatonError && error.retryable)) return [broken(effect, error)];
        await delay(pause, undefined, { signal }).catch(() => undefined);
      }
    }
    return [];
  }

  async #append(events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#inTurn(async () => {
      for (;;) {
        const answer = await this.#write(events);
        if (answer.type === "appended") break;
        await this.#readTail();
      }
      await this.#readTail();
    });
    this.#engine.projection.touch(this.#run);
  }

  async #catchUp(): Promise<void> {
    await this.#inTurn(() => this.#readTail());
    this.#watch();
  }

  async #readTail(): Promise<void> {
    const tail = await this.#asking(() => this.#engine.log.read(this.#run, this.#state.version));
    for (const recorded of tail) {
      if (recorded.event.type === "run.driven" && recorded.event.driver !== this.#name) {
        throw new BatonError("fence-lost", `${this.#run} is driven by ${recorded.event.driver} now`);
      }
      this.#state = apply(this.#state, recorded);
    }
  }

  /** Appends at the version that is known. What does not fit the log's schema ends the run, in words: driven again it would be made again. */
  async #write(events: readonly RunEvent[]): ReturnType<EventLog["append"]> {
    const append = (what: readonly RunEvent[]) =>
      this.#asking(() => this.#engine.log.append(this.#run, this.#state.version, what));
    try {
      return await append(events);
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "invalid-event") throw error;
      this.#engine.journal.error("an event does not fit its schema", { run: this.#run, error: messageOf(error) });
      return await append([broken({ type: events[0]?.type ?? "event" }, error)]);
    }
  }

  /** Asks the database again when it may only have been away for a moment: appending at a version does nothing twice. */
  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    for (const pause of DATABASE_PATIENCE_MS) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof BatonError) || error.code !== "database-failed" || !error.retryable) throw error;
        await delay(pause, undefined, { signal: this.#signal }).catch(() => undefined);
      }
    }
    return await ask();
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return await mine;
  }
}

function isDone(event: RunEvent): boolean {
  return event.type !== "agent.failed" && event.type !== "run.finished";
}

function broken(effect: { type: string }, error: unknown): EventOf<"run.finished"> {
  const code = error instanceof BatonError ? error.code : "internal-error";
  return {
    type: "run.finished",
    outcome: "failed",
    code,
    message: `Something Baton needs is broken (${effect.type}): ${messageOf(error)}`.slice(0, 4_000),
  };
}
