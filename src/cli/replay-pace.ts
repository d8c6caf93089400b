// The pace of a recorded run: whoever works beside others in the drive waits until all that was recorded before its own next event is
// there. So agents meet each other, and people's words, as they met them then, however long each takes today.
//
// What comes is compared at once, each lane in its own order; behind the first difference nothing is waited for any more.
import type { Clock } from "../core/clock.ts";
import { eventInWords, type Difference } from "../engine/agree.ts";
import type { RunEvent } from "../engine/events.ts";
import { Commits, unlike } from "./replay-compare.ts";
import { isCompared, laneOf, type Entry, type RecordedRun } from "./replay-recorded.ts";

/** Why the drive could not go on, and before which recorded event. */
export interface Stopped {
  readonly version: number;
  readonly why: string;
}

interface Lane {
  readonly entries: Entry[];
  at: number;
}

const STILL_MS = 10_000;

export class Pace {
  readonly commits = new Commits();
  /** The time that the engine goes by: the recorded one. */
  readonly clock: Clock = { now: () => this.#time() };
  /** The time at which the next event is recorded. */
  readonly logClock: Clock = { now: () => this.next?.at ?? this.#last };
  readonly #recorded: RecordedRun;
  readonly #lanes = new Map<string, Lane>();
  readonly #there = new Set<number>();
  readonly #over = new AbortController();
  /** Attempts at work, and how many of their calls wait for their turn. */
  readonly #working = new Map<string, number>();
  readonly #moving = new Set<string>();
  readonly #stillMs: number;
  #busy = 0;
  #gates = 0;
  /** Those who are heard when nothing else happens. */
  #unheard = 0;
  #isStill = false;
  #first = 0;
  #last: number;
  #movedAt = performance.now();
  #change = Promise.withResolvers<void>();
  #difference: Difference | undefined;
  #stopped: Stopped | undefined;

  /** `stillMs`: how long nothing may happen while everybody waits; default 10 s. */
  constructor(recorded: RecordedRun, stillMs = STILL_MS) {
    this.#recorded = recorded;
    this.#stillMs = stillMs;
    this.#last = recorded.entries[0]?.at ?? 0;
    for (const entry of recorded.entries) {
      const lane = this.#lanes.get(entry.lane) ?? { entries: [], at: 0 };
      this.#lanes.set(entry.lane, lane);
      lane.entries.push(entry);
    }
  }

  /** The earliest recorded event that is not there yet. */
  get next(): Entry | undefined {
    return this.#recorded.entries[this.#first];
  }

  /** Fires when there is nothing more to find out. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get difference(): Difference | undefined {
    return this.#difference;
  }

  get stopped(): Stopped | undefined {
    return this.#stopped;
  }

  /** Takes in what the drive recorded, in order. */
  take(events: readonly RunEvent[]): void {
    for (const event of events) if (!this.over.aborted && isCompared(event)) this.#match(event);
    this.#movedAt = performance.now();
    this.#isStill = false;
    this.#announce();
    // What comes behind the last line of a log that breaks off nobody knows.
    if (!this.next && !this.#recorded.ended) this.#over.abort();
  }

  /** What is still to come in a lane. */
  comingOf(name: string): readonly Entry[] {
    const lane = this.#lanes.get(name);
    return lane?.entries.slice(lane.at) ?? [];
  }

  /** The next recorded event of a unit's own work. */
  nextOf(unit: string): Entry | undefined {
    const [next] = this.comingOf(unit);
    const [said] = this.comingOf(`${unit} talk`);
    return next && said ? (next.version < said.version ? next : said) : (next ?? said);
  }

  /**
   * Resolves when all that was recorded before the unit's next event is there, or when `signal` fires. Whose work nothing more is recorded
   * of was ended before it came to anything: it waits for that, and is heard when nothing else happens.
   */
  async turnOf(unit: string, attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const entry = this.nextOf(unit);
    const isDue = () =>
      (this.next?.version ?? Infinity) >= (entry?.version ?? Infinity) || (entry === undefined && this.#isStill);
    if (!entry) this.#unheard += 1;
    await this.#until(isDue, `${unit}/${attempt}`, signal);
    if (!entry) this.#unheard -= 1;
  }

  /** Resolves when what people had said before this event is said. */
  async saidBefore(version: number, who: string, signal: AbortSignal | undefined): Promise<void> {
    const isOpen = (entry: Entry) =>
      entry.comes === "word" && entry.version < version && !this.#there.has(entry.version);
    await this.#until(() => !this.#recorded.entries.slice(this.#first).some(isOpen), who, signal);
  }

  /** Resolves when `signal` fires: something ends this attempt that asks for what was never said. */
  async forever(who: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#until(() => false, who, signal);
  }

  /** Counts an attempt as at work until it is disposed of. */
  working(who: string): Disposable {
    this.#working.set(who, 0);
    return {
      [Symbol.dispose]: () => {
        this.#working.delete(who);
        this.arrived(who);
      },
    };
  }

  /** What an attempt does next it does before others are heard: its limits are those of this moment. Until it has `arrived` there. */
  moves(who: string): void {
    this.#moving.add(who);
  }

  /** It asks the model, or waits for its turn. */
  arrived(who: string): void {
    if (this.#moving.delete(who)) this.#announce();
  }

  /** Does what takes time and waits for nobody. */
  async busy<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      this.#movedAt = performance.now();
    }
  }

  /** The result of a gate waits for its turn, where it is clear whose it is, or until nothing else happens. */
  async gateTurn(gate: string, signal: AbortSignal): Promise<void> {
    const heads = [...this.#lanes.values()].flatMap(({ entries, at }) => entries[at] ?? []);
    const own = heads.filter(({ event }) => event.type === "gate.checked" && event.result.gate === gate);
    const [only] = own;
    if (!only || own.length > 1) return;
    const who = `gate ${(this.#gates += 1)}`;
    using _ = this.working(who);
    this.#unheard += 1;
    await this.#until(() => (this.next?.version ?? Infinity) >= only.version || this.#isStill, who, signal);
    this.#unheard -= 1;
  }

  differs(version: number, { expected, recorded }: Omit<Difference, "version">): void {
    if (this.over.aborted) return;
    this.#difference = { version, expected, recorded };
    this.#over.abort();
  }

  stop(version: number, why: string): void {
    if (this.over.aborted) return;
    this.#stopped = { version, why };
    this.#over.abort();
  }

  /** When everybody waits for something that nobody does, whoever is not expected is heard; without them the drive ends. */
  look(): void {
    const { next } = this;
    const all = [...this.#working.values()];
    const waits = this.#busy === 0 && all.length > 0 && all.every((calls) => calls > 0);
    if (!next || !waits || performance.now() - this.#movedAt < this.#stillMs) return;
    if (this.#unheard > 0) {
      this.#isStill = true;
      this.#announce();
      return;
    }
    this.stop(
      next.version,
      `everybody waits for ${eventInWords(next.event)}, which does not come: something ended or began it then that is not in the log`,
    );
  }

  #match(event: RunEvent): void {
    const name = laneOf(event);
    if (this.#recorded.ignored.has(name)) return;
    const lane = this.#lanes.get(name);
    const entry = lane?.entries[lane.at];
    // An attempt that begins again goes on in its lane.
    if (event.type === "stage.started" && this.#hasBegun(lane, event)) return;
    if (!lane || !entry) {
      const whose = name === "" ? "of the run" : `of ${name}`;
      const version = (this.#recorded.entries.at(-1)?.version ?? 0) + 1;
      if (this.#recorded.ended)
        this.differs(version, { expected: eventInWords(event), recorded: `nothing more ${whose}` });
      return;
    }
    const difference = unlike(entry.event, event, this.commits);
    if (difference) {
      this.differs(entry.version, difference);
      return;
    }
    lane.at += 1;
    this.#there.add(entry.version);
    this.#last = Math.max(this.#last, entry.at);
    while (this.next && this.#there.has(this.next.version)) this.#first += 1;
  }

  #hasBegun(lane: Lane | undefined, { attempt }: Extract<RunEvent, { type: "stage.started" }>): boolean {
    return (lane?.entries.slice(0, lane.at) ?? []).some(
      ({ event }) => event.type === "stage.started" && event.attempt === attempt,
    );
  }

  /** What ended by the clock ends at its time; all else is decided at the time of what came before. */
  #time(): number {
    const { next } = this;
    const isByTime = next?.event.type === "run.finished" && next.event.code === "budget-time";
    return Math.max(this.#last, isByTime ? next.at : 0);
  }

  #announce(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  async #until(is: () => boolean, who: string, signal: AbortSignal | undefined): Promise<void> {
    const ended = AbortSignal.any([this.over, ...(signal ? [signal] : [])]);
    const aborted = Promise.withResolvers<void>();
    const stop = () => aborted.resolve();
    ended.addEventListener("abort", stop, { once: true });
    const count = (by: number) => {
      const calls = this.#working.get(who);
      if (calls !== undefined) this.#working.set(who, calls + by);
    };
    this.arrived(who);
    count(1);
    try {
      while (!ended.aborted && (this.#moving.size > 0 || !is()))
        await Promise.race([this.#change.promise, aborted.promise]);
    } finally {
      count(-1);
      ended.removeEventListener("abort", stop);
    }
  }
}
