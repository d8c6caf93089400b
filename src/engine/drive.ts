// Drives one run: fold, decide, perform, append, until it rests. Safe to kill anywhere: whatever was appended is kept,
// whatever was not is done again by the next driver. Steps are recorded one by one; work that takes time is done side by side, and
// after each end of some, and each word of a person's, it is decided anew what else there is to do.
//
// The fence: a driver announces itself by `run.driven` and appends with the version it knows. When people's words
// (stop, a closed issue, retry) got in between, it takes them in and goes on; when another driver has announced itself,
// it ends with `fence-lost` and writes nothing more. While an effect is under way the log is followed, so that
// a stop or a pause reaches the model call and the sandboxed process at once.
//
// A run that waits (`run.parked`, a pause) is left alone: whoever claims it when its time has come drives it on.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import { Parking } from "../core/parking.ts";
import { createOneByOne } from "../core/one-by-one.ts";
import { patiently } from "./patience.ts";
import { decide } from "./decide.ts";
import type { Engine } from "./engine.ts";
import { comesAlone, endsRun, isStep, isWork, stepEvent, type Effect, type Step, type Work } from "./effect.ts";
import type { RunEvent } from "./events.ts";
import { faultPoint } from "../core/fault-points.ts";
import { appendOnce } from "./append-once.ts";
import { perform, type Course, type Proposal } from "./perform.ts";
import type { EventLog } from "./ports.ts";
import { notDone } from "./keep.ts";
import { beforeEnd } from "./kept-work.ts";
import { recover } from "./recovery.ts";
import { broken, isRecordedWhenInterrupted, isRecordedWhenUnwanted, isRemembered } from "./remembered.ts";
import { stageStart } from "./stage-start.ts";
import type { Subjects } from "./subjects-port.ts";
import { apply, fold } from "./fold.ts";
import { isBeingEnded, mayGoOn, type State } from "./state.ts";
import { UnderWay } from "./under-way.ts";

/** What a run was doing when its driver stopped: it ended, it waits, the driver was told to leave it, or another driver has it. */
export type Driven = "ended" | "waiting" | "parked" | "lost" | "unknown";

/** How long the news that an issue is still there and open is believed. */
const BELIEVED_MS = 60_000;

/**
 * Drives `run` until it ends, waits, or `signal` fires (then it is parked and can be driven again). `rests` is told the version at which
 * there was nothing to do and no time to wait for. Throws only for a broken database.
 */
export async function drive(
  run: RunId,
  engine: Engine,
  signal: AbortSignal,
  rests: (version: number) => void = () => {},
): Promise<Driven> {
  const events = await engine.log.read(run);
  if (events.length === 0) return "unknown";
  const driver = new Driver(run, fold(events), engine, signal);
  try {
    const driven = await driver.run();
    if ((driven === "ended" || driven === "waiting") && driver.restsForGood) rests(driver.version);
    return driven;
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
  readonly #inTurn = createOneByOne();

  constructor(run: RunId, state: State, engine: Engine, signal: AbortSignal) {
    this.#run = run;
    this.#state = state;
    // Whoever asked for the run has just looked; whoever takes it over has not.
    this.#lookedAt = state.driver === undefined ? state.createdAt : 0;
    this.#engine = engine;
    this.#signal = signal;
  }

  get version(): number {
    return this.#state.version;
  }

  /** No time wakes it. */
  get restsForGood(): boolean {
    const { paused, waiting, finished } = this.#state;
    return finished !== undefined || paused !== undefined || waiting?.until === undefined;
  }

  async run(): Promise<Driven> {
    const { jobPage: job } = this.#engine;
    const taken = { type: "run.driven", driver: this.#name, ...(job === undefined ? {} : { job }) } as const;
    if (this.#state.phase !== "finished") await this.#append([taken]);
    using _following = this.#engine.log.follow((run) => {
      if (run === this.#run && this.#underWay.size > 0) this.#catchUp().catch((error: unknown) => this.#broke(error));
    });
    try {
      while (!this.#signal.aborted && !this.#broken) {
        const [first, ...rest] = decide(this.#state, this.#engine.clock.now());
        if (first === undefined) throw new Error("the engine wants nothing, not even rest");
        const end = await this.#take(first, rest);
        if (end) return end;
      }
    } catch (error) {
      this.#broke(error);
      throw error;
    } finally {
      // Whoever goes on must find nobody at work here.
      await this.#underWay.all();
    }
    if (this.#broken) throw this.#broken.error;
    return "parked";
  }

  /** Does the next thing there is to do, or waits until something has changed. Says how the driving ends, if it does. */
  async #take(first: Effect, rest: readonly Effect[]): Promise<Driven | undefined> {
    if (comesAlone(first))
      this.#interrupt.abort(endsRun(first.type) ? new Error("the run ends") : new Parking("waiting"));
    // What was interrupted comes to its end before anything else begins, and may change what that is.
    if (this.#underWay.size > 0 && this.#interrupt.signal.aborted) {
      await this.#underWay.all();
      return undefined;
    }
    if (first.type === "rest" || first.type === "wait") {
      if (first.type === "rest") await this.#engine.agents.forget(this.#run);
      await this.#engine.projection.settle(this.#run);
      return first.type === "rest" ? "ended" : "waiting";
    }
    const effects = [first, ...rest];
    this.#underWay.endUnwanted(effects, this.#state);
    const step = effects.find((effect): effect is Step => isStep(effect) && this.#underWay.mayRecord(effect));
    if (step) {
      await faultPoint("engine.before-effect");
      const event = await this.#eventOf(step);
      // Meanwhile an agent may have said something of those it conducts.
      await this.#propose((state) => ({ events: this.#isWanted(step, state) ? [event] : [], answer: undefined }));
      return undefined;
    }
    const news = this.#news.promise;
    for (const effect of effects.filter(isWork)) {
      if (!this.#underWay.mayBegin(effect)) continue;
      await faultPoint("engine.before-effect");
      this.#begin(effect);
    }
    await Promise.race([...this.#underWay.endings(), news]);
    return undefined;
  }

  /** What breaks in it breaks the driving. */
  readonly #underWay = new UnderWay();
  #broken: { readonly error: unknown } | undefined;
  #interrupt = new AbortController();
  /** Resolved when something was recorded that may call for other work: by somebody else, or by an agent about those it conducts. */
  #news = Promise.withResolvers<void>();
  /** Resolved when anything was recorded. */
  #change = Promise.withResolvers<void>();

  #broke(error: unknown): void {
    this.#broken ??= { error };
    this.#interrupt.abort(error);
  }

  #begin(effect: Work): void {
    if (this.#underWay.size === 0) this.#interrupt = new AbortController();
    const interrupt = this.#interrupt;
    this.#underWay.begin(effect, (ended) =>
      this.#work(effect, interrupt.signal, ended).catch((error: unknown) => this.#broke(error)),
    );
    this.#watch();
  }

  async #work(effect: Work, interrupt: AbortSignal, ended: AbortSignal): Promise<void> {
    const lost = effect.type === "publish" ? await this.#lost(0) : undefined;
    if (lost) return await this.#append([lost]);
    // What belongs to the end of a run is not interrupted by that end.
    const signal = AbortSignal.any([this.#signal, ended, ...(endsRun(effect.type) ? [] : [interrupt])]);
    const events = await this.#patiently(effect, signal);
    const done = ended.aborted
      ? events.filter(isRecordedWhenUnwanted)
      : signal.aborted
        ? events.filter(isRecordedWhenInterrupted)
        : events;
    const kept = await this.#keeping(done, AbortSignal.any([this.#signal, ended]));
    const parked = kept.find(({ type }) => type === "run.parked");
    if (parked?.type === "run.parked") this.#interrupt.abort(new Parking("waiting", parked.until));
    await this.#append(kept);
  }

  /** Work that ends the run by itself: what is finished is kept before, or all of it is done again when that must wait. */
  async #keeping(events: RunEvent[], signal: AbortSignal): Promise<RunEvent[]> {
    const end = events.find(({ type }) => type === "run.finished");
    const before = end?.type === "run.finished" ? beforeEnd(this.#state, end) : undefined;
    if (!before) return events;
    const first = await this.#patiently(before, signal);
    return first.length === 0 || first.some(({ type }) => type === "run.parked") ? first : [...first, ...events];
  }

  /** People's words, and an end that somebody else wrote, reach what is under way at once. */
  #watch(): void {
    const { paused, finished } = this.#state;
    if (finished || isBeingEnded(this.#state)) this.#interrupt.abort(new Error("a person ended the run"));
    else if (paused) this.#interrupt.abort(new Parking("paused"));
  }

  /** What became of the run's ground, unless it was looked at in the last `believedMs`. Not knowing is no reason to stop. */
  async #lost(believedMs: number): Promise<Awaited<ReturnType<Subjects["look"]>>> {
    const { clock, subjects, journal } = this.#engine;
    if (clock.now() - this.#lookedAt < believedMs) return undefined;
    this.#lookedAt = clock.now();
    try {
      const { created, base } = this.#state;
      return await subjects.look({ ...created, base }, this.#signal);
    } catch (error) {
      journal.warn("could not look whether the issue is still there", { run: this.#run, error: messageOf(error) });
      return undefined;
    }
  }

  #isWanted(step: Step, state: State): boolean {
    return decide(state, this.#engine.clock.now()).some((effect) => isDeepStrictEqual(effect, step));
  }

  async #eventOf(step: Step): Promise<RunEvent> {
    if (step.type === "start")
      return (await this.#lost(BELIEVED_MS)) ?? (await stageStart(step, this.#state, this.#engine));
    return stepEvent(step);
  }

  /** Tries an effect again, parks the run or ends it, as `recovery.ts` says, when the outside failed. */
  async #patiently(effect: Work, signal: AbortSignal): Promise<RunEvent[]> {
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
        if (answer.type === "fail")
          return effect.type === "keep" || effect.type === "remove"
            ? [notDone(effect, this.#state, answer.message)]
            : [broken(effect, answer)];
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
  async #attempt(effect: Work, signal: AbortSignal): Promise<RunEvent[]> {
    const course: Course = {
      now: () => this.#state,
      record: (event) => this.#append([event]),
      propose: (make) => this.#propose(make),
      changed: (version, until) => this.#changed(version, until),
    };
    const run = (one: Work) => perform(one, course, this.#engine, signal);
    if (effect.type !== "agent") return await run(effect);
    const current = this.#state.stages.get(effect.stage)?.current;
    if (!current || !mayGoOn(current)) return await run(effect);
    const events = await run({ ...effect, type: "resume" });
    if (events[0]?.type !== "stage.started") return events;
    await this.#append(events);
    return await run(effect);
  }

  async #append(events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return;
    // What others said in between is read here, and nobody else will find it new.
    let others = 0;
    await this.#inTurn(async () => {
      // Somebody ended it meanwhile: only what happened all the same is worth a line.
      if (this.#state.finished && !events.every(isRemembered)) return;
      for (;;) {
        const answer = await this.#write(events);
        if (answer.type === "appended") break;
        others += await this.#readTail();
        // A person's pause came first: the run waits for them, not for a time.
        if (this.#state.paused && events.some(({ type }) => type === "run.parked")) return;
        // Somebody ended it meanwhile: only what happened all the same is worth a line.
        if (this.#state.finished && !events.every(isRemembered)) return;
      }
      others += (await this.#readTail()) - events.length;
    });
    if (others > 0) this.#announce();
    await faultPoint("engine.after-append");
    this.#engine.projection.touch(this.#run);
  }

  /** Appends what `make` says of the state as it is then, and nothing of others comes in between. */
  async #propose<T>(make: (state: State) => Proposal<T>): Promise<T> {
    const { events, answer } = await this.#inTurn(async () => {
      for (;;) {
        const proposal = make(this.#state);
        if (proposal.events.length === 0) return proposal;
        const written = await this.#write(proposal.events);
        await this.#readTail();
        if (written.type === "appended") return proposal;
      }
    });
    if (events.length === 0) return answer;
    await faultPoint("engine.after-append");
    this.#engine.projection.touch(this.#run);
    this.#announce();
    return answer;
  }

  /** Resolves when something was recorded behind `version`, or when `signal` fires. */
  async #changed(version: number, signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const stop = () => aborted.resolve();
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (this.#state.version <= version && !signal.aborted)
        await Promise.race([this.#change.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #announce(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async #catchUp(): Promise<void> {
    // What this driver wrote itself was read in the turn in which it was written, and is no news.
    const isNews = await this.#inTurn(async () => {
      const before = this.#state.version;
      await this.#readTail();
      return this.#state.version !== before;
    });
    this.#watch();
    if (isNews) this.#announce();
  }

  /** Says how many events there were. */
  async #readTail(): Promise<number> {
    const tail = await this.#patient(() => this.#engine.log.read(this.#run, this.#state.version));
    for (const recorded of tail) {
      if (recorded.event.type === "run.driven" && recorded.event.driver !== this.#name) {
        throw new BatonError("fence-lost", `${this.#run} is driven by ${recorded.event.driver} now`);
      }
      this.#state = apply(this.#state, recorded);
    }
    if (tail.length === 0) return 0;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
    return tail.length;
  }

  /** Appends at the version that is known. What does not fit the log's schema ends the run, in words: driven again it would be made again. */
  async #write(events: readonly RunEvent[]): ReturnType<EventLog["append"]> {
    const { log } = this.#engine;
    const expected = this.#state.version;
    const append = (what: readonly RunEvent[]) =>
      appendOnce(log, this.#run, expected, what, (ask) => this.#patient(ask));
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

  #patient<T>(ask: () => Promise<T>): Promise<T> {
    return patiently(ask, this.#signal);
  }
}
