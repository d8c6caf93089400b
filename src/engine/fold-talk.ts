// What agents said to each other, folded from its events.
import { assertNever } from "../core/errors.ts";
import type { EventOf, RunEvent } from "./events.ts";
import { isHeld } from "./locks.ts";
import type { State } from "./state.ts";
import type { Lock, TalkState } from "./talk-state.ts";

const types = [
  "note.written",
  "message.sent",
  "lock.asked",
  "lock.granted",
  "lock.deferred",
  "lock.released",
] as const satisfies readonly RunEvent["type"][];

export type TalkEvent = EventOf<(typeof types)[number]>;

export function isTalkEvent(event: RunEvent): event is TalkEvent {
  return types.some((type) => type === event.type);
}

/** What has been said after this event. */
export function talkAfter(state: State, event: TalkEvent): TalkState {
  const { talk } = state;
  switch (event.type) {
    case "note.written": {
      const { key, value, version, stage: by } = event;
      return { ...talk, written: version, notes: new Map(talk.notes).set(key, { key, value, version, by }) };
    }
    case "message.sent": {
      const { number, stage: from, to, text } = event;
      return { ...talk, messages: [...talk.messages, { number, from, to, text }] };
    }
    case "lock.asked":
      // What belongs to attempts that are over is gone for good.
      return {
        ...talk,
        asked: event.lock,
        locks: [...talk.locks.filter((lock) => isHeld(state, lock)), asked(state, event)],
      };
    case "lock.granted":
      return withLock(talk, event.lock, { until: event.until });
    case "lock.deferred":
      return withLock(talk, event.lock, { deferred: event.times, escalated: event.escalated });
    case "lock.released":
      return { ...talk, locks: talk.locks.filter(({ number }) => number !== event.lock) };
    default:
      return assertNever(event);
  }
}

function asked(state: State, { stage, attempt, lock, paths, minutes }: EventOf<"lock.asked">): Lock {
  const within = state.stages.get(stage)?.current?.version ?? 0;
  return {
    number: lock,
    unit: stage,
    within,
    attempt,
    paths,
    minutes,
    until: undefined,
    deferred: 0,
    escalated: false,
  };
}

function withLock(talk: TalkState, number: number, change: Partial<Lock>): TalkState {
  return { ...talk, locks: talk.locks.map((lock) => (lock.number === number ? { ...lock, ...change } : lock)) };
}

/** Time in which nobody worked is not counted against who holds a lock. */
export function restedLocks(talk: TalkState, idle: number): TalkState {
  if (talk.locks.length === 0) return talk;
  const later = (until: number | undefined) => until && until + idle;
  return { ...talk, locks: talk.locks.map((lock) => ({ ...lock, until: later(lock.until) })) };
}
