// Drives one run: fold, decide, perform, append, until it rests. Safe to kill anywhere: whatever was appended is kept,
// whatever was not is done again by the next driver.
//
// The fence: a driver announces itself by `run.driven` and appends with the version it knows. When people's words
// (stop, a closed issue, retry) got in between, it takes them in and goes on; when another driver has announced itself,
// it ends with `fence-lost` and writes nothing more. While an effect is under way the log is followed, so that
// a stop or a pause reaches the model call and the sandboxed process at once.
//
// A run that waits (`run.parked`, a pause) is left alone: whoever claims it when its time has come drives it on.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { Parking } from "../core/parking.ts";
import { decide, type Effect } from "./decide.ts";
import type { EventOf, RunEvent } from "./events.ts";
import { faultPoint } from "../core/fault-points.ts";
import { perform, type Performable } from "./perform.ts";
import type {
  AgentRunner,
  EventLog,
  Gates,
  History,
  Publisher,
  Projection,
  Subjects,
  Triager,
  WorkflowSource,
} from "./ports.ts";
import { recover } from "./recovery.ts";
import { stageLimit } from "./stage-limit.ts";
import { apply, fold } from "./fold.ts";
import type { State } from "./state.ts";

export interface Engine {
  readonly log: EventLog;
  readonly triager: Triager;
  readonly agents: AgentRunner;
  readonly gates: Gates;
  readonly publisher: Publisher;
  readonly projection: Projection;
  readonly workflows: WorkflowSource;
  readonly history: History;
  readonly subjects: Subjects;
  readonly clock: Clock;
  readonly journal: Log;
}

/** What a run was doing when its driver stopped: it ended, it waits, the driver was told to leave it, or another driver has it. */
export type Driven = "ended" | "waiting" | "parked" | "lost" | "unknown";

/** How long the news that an issue is still there and open is believed. */
const BELIEVED_MS = 60_000;
const DATABASE_PATIENCE_MS = [50, 200, 1_000, 3_000];

/** Drives `run` until it ends, waits, or `signal` fires (then it is parked and can be driven again). Throws only for a broken database. */
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
  #lookedAt: number;
  /** Serialises appends and reads of the tail, so that the version only moves forward. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(run: RunId, state: State, engine: Engine, signal: AbortSignal) {
    this.#run = run;
    this.#state = state;
    // Whoever asked for the run has just looked; whoever takes it over has not.
    this.#lookedAt = state.driver === undefined ? state.createdAt : 0;
    this.#engine = engine;
    this.#signal = signal;
  }

  async run(): Promise<Driven> {
    if (this.#state.phase !== "finished") await this.#append([{ type: "run.driven", driver: this.#name }]);
    while (!this.#signal.aborted) {
      const effect = decide(this.#state, this.#engine.clock.now());
      if (effect.type === "rest") {
        await this.#engine.agents.forget(this.#run);
        await this.#engine.projection.settle(this.#run);
        return "ended";
      }
      if (effect.type === "wait") {
        await this.#engine.projection.settle(this.#run);
        return "waiting";
      }
      await faultPoint("engine.before-effect");
      await this.#perform(effect);
    }
    return "parked";
  }

  async #perform(effect: Exclude<Effect, { type: "rest" | "wait" }>): Promise<void> {
    if (effect.type === "finish") {
      const { type: _, ...end } = effect;
      await this.#append([{ type: "run.finished", ...end }]);
      return;
    }
    if (effect.type === "start") {
      await this.#append([(await this.#lost(BELIEVED_MS)) ?? (await this.#opened(effect))]);
      return;
    }
    const lost = effect.type === "publish" ? await this.#lost(0) : undefined;
    if (lost) return await this.#append([lost]);
    const interrupt = new AbortController();
    const following = this.#engine.log.follow((run) => {
      if (run === this.#run) this.#catchUp().catch((error: unknown) => interrupt.abort(error));
    });
    const watch = () => {
      const { stop, closedBy, lost, paused, finished } = this.#state;
      if (stop || closedBy || lost || finished) interrupt.abort(new Error("a person ended the run"));
      else if (paused) interrupt.abort(new Parking("paused"));
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

  /** What became of the run's ground, unless it was looked at in the last `believedMs`. Not knowing is no reason to stop. */
  async #lost(believedMs: number): Promise<Awaited<ReturnType<Subjects["look"]>>> {
    const { clock, subjects, journal } = this.#engine;
    if (clock.now() - this.#lookedAt < believedMs) return undefined;
    this.#lookedAt = clock.now();
    try {
      return await subjects.look(this.#state.created, this.#signal);
    } catch (error) {
      journal.warn("could not look whether the issue is still there", { run: this.#run, error: messageOf(error) });
      return undefined;
    }
  }

  async #opened({ stage, attempt, reasons }: Extract<Effect, { type: "start" }>): Promise<EventOf<"stage.started">> {
    const { created, workflow } = this.#state;
    const milliseconds =
      workflow?.stages[stage]?.agent === undefined
        ? undefined
        : stageLimit(await this.#times(workflow.name, stage), created.config.limits.stageTime);
    return {
      type: "stage.started",
      stage,
      attempt,
      reasons: reasons.slice(0, 50).map((reason) => reason.slice(0, 4_000)),
      ...(milliseconds === undefined ? {} : { milliseconds }),
    };
  }

  async #times(workflow: string, stage: string): Promise<readonly number[]> {
    try {
      return await this.#engine.history.stageTimes(this.#state.created.repo, workflow, stage);
    } catch (error) {
      this.#engine.journal.warn("the history of a stage could not be read", { stage, error: messageOf(error) });
      return [];
    }
  }

  /** Tries an effect again, parks the run or ends it, as `recovery.ts` says, when the outside failed. */
  async #patiently(effect: Performable, signal: AbortSignal): Promise<RunEvent[]> {
    const { clock, journal } = this.#engine;
    for (let tries = 1; ; tries += 1) {
      try {
        const events = await this.#attempt(effect, signal);
        await faultPoint("engine.before-append");
        return events;
      } catch (error) {
        if (signal.aborted) return [];
        if (error instanceof BatonError && (error.code === "fence-lost" || error.code === "database-failed"))
          throw error;
        const answer = recover(error, { tries, parks: this.#state.parks, now: clock.now() });
        const fields = { run: this.#run, effect: effect.type, tries, answer: answer.type, error: messageOf(error) };
        journal.warn("effect failed", fields);
        if (answer.type === "fail") return [broken(effect, answer)];
        if (answer.type === "park") {
          const { reason, message, until } = answer;
          return [{ type: "run.parked", reason, message, until: Math.ceil(until) }];
        }
        await delay(answer.pauseMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return [];
      }
    }
  }

  /** An agent that has begun a conversation goes on with it when it is tried again, or begins again under the same count of tries. */
  async #attempt(effect: Performable, signal: AbortSignal): Promise<RunEvent[]> {
    const run = (one: Performable) => perform(one, this.#state, this.#engine, (event) => this.#append([event]), signal);
    if (effect.type !== "agent") return await run(effect);
    const current = this.#state.stages.get(effect.stage)?.current;
    if (!current?.session || current.turns === 0) return await run(effect);
    const events = await run({ ...effect, type: "resume" });
    if (events[0]?.type !== "stage.started") return events;
    await this.#append(events);
    return await run(effect);
  }

  async #append(events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#inTurn(async () => {
      for (;;) {
        const answer = await this.#write(events);
        if (answer.type === "appended") break;
        await this.#readTail();
        // A person's pause came first: the run waits for them, not for a time.
        if (this.#state.paused && events.some(({ type }) => type === "run.parked")) return;
        // Somebody ended it meanwhile: only what happened all the same is worth a line.
        if (this.#state.finished && !events.every(({ type }) => remembered.has(type))) return;
      }
      await this.#readTail();
    });
    await faultPoint("engine.after-append");
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
    const { log } = this.#engine;
    const expected = this.#state.version;
    const append = async (what: readonly RunEvent[]): ReturnType<EventLog["append"]> => {
      let tries = 0;
      const answer = await this.#asking(() => {
        tries += 1;
        return log.append(this.#run, expected, what);
      });
      if (answer.type === "appended" || tries === 1) return answer;
      // An earlier try may have been written although its answer was lost: then it is in the log as it was sent.
      const written = await this.#asking(() => log.read(this.#run, expected));
      const mine = what.every((event, index) => isDeepStrictEqual(plain(event), plain(written[index]?.event)));
      return mine ? { type: "appended", version: expected + what.length } : answer;
    };
    try {
      return await append(events);
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "invalid-event") throw error;
      this.#engine.journal.error("an event does not fit its schema", { run: this.#run, error: messageOf(error) });
      return await append([
        broken({ type: events[0]?.type ?? "event" }, { code: error.code, message: messageOf(error) }),
      ]);
    }
  }

  /** Asks the database again when it may only have been away for a moment. */
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

/** What is still recorded behind an end that somebody else wrote: what was spent, and what is on GitHub. */
const remembered = new Set<RunEvent["type"]>([
  "run.driven",
  "run.routed",
  "agent.turn",
  "agent.finished",
  "pull_request.opened",
]);

/** As JSON says it: what is left out and what is undefined are the same. */
function plain(event: RunEvent | undefined): unknown {
  return event && JSON.parse(JSON.stringify(event));
}

/** What may be recorded although the effect was interrupted: it happened. */
function isDone(event: RunEvent): boolean {
  return event.type !== "agent.failed" && event.type !== "run.finished" && event.type !== "run.parked";
}

function broken(
  effect: { type: string },
  { code, message }: { code: string; message: string },
): EventOf<"run.finished"> {
  const text = `Something Baton needs is broken (${effect.type}): ${message}`;
  return { type: "run.finished", outcome: "failed", code: code.slice(0, 60), message: text.slice(0, 4_000) };
}
