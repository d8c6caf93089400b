// What a lost reply had asked for. A process that dies between a call and the record of the turn it belongs to leaves events that the
// conversation of whoever goes on does not know of: the model is asked again, and says it again, or something else.
//
// So what was recorded behind the agent's last turn is answered as it was then, once, when it is asked for again in the next turn. What
// the model says otherwise this time is done, and then goes before what was recorded earlier about the same. Where an attempt began again
// from nothing, what outlived its earlier beginnings is answered so in any turn.
import type { RunEvent } from "./events.ts";
import type { EventLog } from "./ports.ts";
import type { Course, Proposal } from "./perform.ts";
import type { State } from "./state.ts";

/** The attempt that asks. */
export type Of = { readonly stage: string; readonly attempt: number };

type Typed<E, T> = Extract<E, { readonly type: T }>;

interface Kind<E extends RunEvent> {
  readonly isOne: (event: RunEvent) => event is E;
  /** What an event is about: of two about the same the later one counts. Undefined: it stands beside every other. */
  readonly about: (event: E) => string | undefined;
  /** What is recorded of an attempt holds also when it begins again from nothing. */
  readonly outlives: boolean;
  /** False when there can be none in this state, and the log need not be read. */
  readonly any: (state: State) => boolean;
}

interface Unheard<E> {
  readonly event: E;
  /** It is of an earlier beginning of the attempt. */
  readonly earlier: boolean;
}

/** Events of one kind that an attempt, about to be worked, had recorded before and may ask for again. The log is read when it first asks. */
export class LostReply<E extends RunEvent & Of> {
  readonly #course: Course;
  readonly #log: Pick<EventLog, "read">;
  readonly #of: Of;
  readonly #kind: Kind<E>;
  /** As it was when the work began: what is recorded later the conversation knows of. */
  readonly #before: State;
  #unheard: Unheard<E>[] = [];
  #reading: Promise<void> | undefined;

  constructor(course: Course, log: Pick<EventLog, "read">, of: Of, kind: Kind<E>) {
    this.#course = course;
    this.#log = log;
    this.#of = of;
    this.#kind = kind;
    this.#before = course.now();
  }

  /** The event that was recorded, when a lost reply had asked for it. What preceded it about the same is past then. */
  async taken<T extends E["type"]>(type: T, is: (event: Typed<E, T>) => boolean): Promise<Typed<E, T> | undefined> {
    await (this.#reading ??= this.#read());
    if (this.#hasMovedOn()) this.#unheard = this.#unheard.filter(({ earlier }) => earlier);
    const isThis = (event: E): event is Typed<E, T> => event.type === type;
    for (const [index, { event }] of this.#unheard.entries()) {
      if (!isThis(event) || !is(event)) continue;
      this.#unheard = this.#unheard.filter((one, at) => at > index || (at < index && !this.#isSame(one, event)));
      return event;
    }
    return undefined;
  }

  /** Records what is newly asked for. What a lost reply had asked for about the same is past then. */
  async propose<A>(make: (state: State) => Proposal<A>): Promise<A> {
    let made: readonly RunEvent[] = [];
    const answer = await this.#course.propose((state) => {
      const proposed = make(state);
      made = proposed.events;
      return proposed;
    });
    for (const event of made)
      if (this.#kind.isOne(event)) this.#unheard = this.#unheard.filter((one) => !this.#isSame(one, event));
    return answer;
  }

  /** True behind the first turn that is recorded now: whatever it asked for again, it has asked for. */
  #hasMovedOn(): boolean {
    return this.#turnsIn(this.#course.now()) > this.#turnsIn(this.#before);
  }

  #turnsIn({ stages }: State): number {
    return stages.get(this.#of.stage)?.current?.turns ?? 0;
  }

  async #read(): Promise<void> {
    const { stage, attempt } = this.#of;
    const { stages, runId, version: until } = this.#before;
    const current = stages.get(stage)?.current;
    const beganAgain = current !== undefined && current.since < current.version && this.#kind.outlives;
    if (!current || !this.#kind.any(this.#before) || (!beganAgain && this.#hasMovedOn())) return;
    const events = await this.#log.read(runId, beganAgain ? current.since : current.version);
    const lastTurn = events.findLast(({ event }) => event.type === "agent.turn" && event.stage === stage)?.version ?? 0;
    for (const { version, event } of events) {
      if (version > until || !this.#kind.isOne(event) || event.stage !== stage || event.attempt !== attempt) continue;
      const earlier = version < current.version;
      if (!earlier) this.#unheard = this.#unheard.filter((one) => !one.earlier || !this.#isSame(one, event));
      if (earlier || version > lastTurn) this.#unheard.push({ event, earlier });
    }
  }

  #isSame({ event }: Unheard<E>, other: E): boolean {
    const about = this.#kind.about(other);
    return about !== undefined && this.#kind.about(event) === about;
  }
}
