// What one attempt of an agent says to the others of its run, as its tools see it: each call is an event, or a refusal in words.
//
// What a lost reply had said is answered as it was then (`lost-reply.ts`): nothing is said twice.
//
// Nobody is in charge of granting locks: whoever asks, gives back or waits records what is due by then, for everybody in line.
import type { Engine } from "./engine.ts";
import type { EventOf, RunEvent } from "./events.ts";
import type { Answer } from "./fleet-port.ts";
import type { TalkEvent } from "./fold-talk.ts";
import { apply } from "./fold.ts";
import { behind, expired, grantable, locksOf } from "./locks.ts";
import { LostReply, type Of } from "./lost-reply.ts";
import type { Course, Proposal } from "./perform.ts";
import type { State } from "./state.ts";
import type { Locked, Talk } from "./talk-port.ts";
import { atWork, ESCALATES_AT, hopeless, talkRefusal } from "./talk-rules.ts";
import type { Lock } from "./talk-state.ts";

type Parts = Pick<Engine, "clock"> & { readonly log: Pick<Engine["log"], "read"> };
type Saying = EventOf<"note.written"> | EventOf<"message.sent">;

/** What an attempt that is about to be worked can say. */
export function createTalk(course: Course, { log, clock }: Parts, of: Of): Talk {
  const { stage: name } = of;
  const lost = new LostReply(course, log, of, {
    isOne: (event): event is Saying => event.type === "note.written" || event.type === "message.sent",
    about: (event) => (event.type === "note.written" ? `note ${event.key}` : `to ${event.to}`),
    outlives: true,
    any: ({ talk }) => talk.written > 0 || talk.messages.length > 0,
  });

  /** Waits until `ready` gives something, or the time is over: then for what it gives. */
  async function when<T>(
    ready: (state: State) => T | undefined,
    last: (state: State) => T,
    until: AbortSignal,
  ): Promise<T> {
    for (;;) {
      const state = course.now();
      const found = ready(state);
      if (found !== undefined) return found;
      if (until.aborted || state.finished) return last(state);
      await course.changed(state.version, until);
    }
  }

  const own = (state: State, paths: readonly string[]): Lock | undefined =>
    locksOf(state).find((lock) => lock.unit === name && isSame(lock.paths, paths));

  /** Puts the agent in line, where it is not, and grants what is due. */
  function standInLine(state: State, paths: readonly string[], minutes: number): Proposal<string | undefined> {
    const now = clock.now();
    const before = own(state, paths);
    if (before && !expired(state, now).includes(before)) {
      const no = before.until === undefined ? hopeless(state, before) : undefined;
      return no === undefined ? due(state, [], now) : { events: [], answer: no };
    }
    const cleared = after(state, due(state, [], now).events, now);
    const asked = { type: "lock.asked" as const, ...of, lock: cleared.talk.asked + 1, paths: [...paths], minutes };
    const no = talkRefusal(cleared, asked);
    return no === undefined ? due(state, [asked], now) : { events: [], answer: no };
  }

  async function lock(
    paths: readonly string[],
    minutes: number,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<Locked> {
    const asked = [...new Set(paths)];
    const why = await course.propose((state) => standInLine(state, asked, minutes));
    if (why !== undefined) return { type: "refused", why };
    const over = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
    for (;;) {
      await course.propose((state) => due(state, [], clock.now()));
      const state = course.now();
      const mine = own(state, asked);
      if (!mine) return { type: "refused", why: "you are not at work any more" };
      if (mine.until !== undefined) return { type: "granted", until: mine.until };
      if (signal.aborted) return { type: "refused", why: "you were stopped while you waited: ask again" };
      if (over.aborted) return await deferred(asked);
      const next = Math.min(...locksOf(state).flatMap(({ until }) => until ?? []));
      const wake = Number.isFinite(next) ? [AbortSignal.timeout(Math.max(1, next - clock.now()))] : [];
      await course.changed(state.version, AbortSignal.any([over, ...wake]));
    }
  }

  async function deferred(paths: readonly string[]): Promise<Locked> {
    return await course.propose((state): Proposal<Locked> => {
      const mine = own(state, paths);
      if (!mine) return { events: [], answer: { type: "refused", why: "you are not at work any more" } };
      if (mine.until !== undefined) return { events: [], answer: { type: "granted", until: mine.until } };
      const times = mine.deferred + 1;
      const told = { behind: behind(state, mine).slice(0, 50), times, escalated: times >= ESCALATES_AT };
      return {
        events: [{ type: "lock.deferred", ...of, lock: mine.number, ...told }],
        answer: { type: "deferred", ...told },
      };
    });
  }

  return {
    name,
    async write(key, value, expected) {
      const said = await lost.taken(
        "note.written",
        (event) => event.key === key && event.value === value && event.expected === expected,
      );
      if (said) return { type: "done", version: said.version };
      return await lost.propose((state) => {
        const version = state.talk.written + 1;
        const event = { type: "note.written" as const, ...of, key, value, version };
        return saying(state, expected === undefined ? event : { ...event, expected }, { version });
      });
    },
    notes: (prefix) =>
      [...course.now().talk.notes.values()]
        .filter(({ key }) => key.startsWith(prefix))
        .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    watch(keys, since, milliseconds, signal) {
      const seen = ({ talk }: State) => ({
        notes: keys.flatMap((key) => talk.notes.get(key) ?? []).filter(({ version }) => version > since),
        version: talk.written,
      });
      const news = (state: State) => (seen(state).notes.length > 0 ? seen(state) : undefined);
      return when(news, seen, AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]));
    },
    async send(to, text) {
      const said = await lost.taken("message.sent", (event) => event.to === to && event.text === text);
      if (said) return { type: "done", number: said.number };
      return await lost.propose((state) => {
        const number = state.talk.messages.length + 1;
        return saying(state, { type: "message.sent", ...of, number, to, text }, { number });
      });
    },
    messages(to, since, milliseconds, signal) {
      const seen = ({ talk }: State) =>
        talk.messages.filter((message) => message.number > since && to.includes(message.to));
      // Nobody waits for what they said themselves.
      const news = (state: State) => (seen(state).some(({ from }) => from !== name) ? seen(state) : undefined);
      return when(news, seen, AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]));
    },
    others: () => atWork(course.now()).filter((unit) => unit !== name),
    lock,
    unlock: (paths) =>
      course.propose((state) => {
        const mine = locksOf(state).filter(
          (one) => one.unit === name && (paths === undefined || isSame(one.paths, paths)),
        );
        const events = mine.map(({ number }) => ({
          type: "lock.released" as const,
          ...of,
          lock: number,
          because: "given-back" as const,
        }));
        const answer = { type: "done" as const, paths: mine.flatMap((one) => one.paths) };
        return { events: due(state, events, clock.now()).events, answer };
      }),
  };
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.every((path) => b.includes(path)) && b.every((path) => a.includes(path));
}

function saying<T extends object>(state: State, event: TalkEvent, answer: T): Proposal<Answer<T>> {
  const why = talkRefusal(state, event);
  return why === undefined
    ? { events: [event], answer: { type: "done", ...answer } }
    : { events: [], answer: { type: "refused", why } };
}

/** These events, behind the end of locks whose time is over, and before the granting of those whose turn it is then. */
function due(state: State, events: readonly TalkEvent[], now: number): Proposal<undefined> {
  const over = expired(state, now).map(({ unit: stage, attempt, number: lock }): TalkEvent => ({
    type: "lock.released",
    stage,
    attempt,
    lock,
    because: "time",
  }));
  const first = [...over, ...events];
  const granted = grantable(after(state, first, now)).map(
    ({ unit: stage, attempt, number: lock, minutes }): TalkEvent => ({
      type: "lock.granted",
      stage,
      attempt,
      lock,
      until: now + minutes * 60_000,
    }),
  );
  return { events: [...first, ...granted], answer: undefined };
}

function after(state: State, events: readonly RunEvent[], at: number): State {
  return events.reduce((before, event) => apply(before, { version: before.version + 1, at, event }), state);
}
