// What an agent may say to others, and why not: the rules that hold when it asks, and again when a log is replayed. Pure. The words are
// for the model that asked.
import { assertNever } from "../core/errors.ts";
import type { EventOf } from "./events.ts";
import { isLiving } from "./fold-fleet.ts";
import type { TalkEvent } from "./fold-talk.ts";
import { behind, circle, claimedBeside, locksOf } from "./locks.ts";
import { isUnderWay, planOf, type State } from "./state.ts";

/** Keys of the blackboard, and what may be written and said in one run. */
export const MOST_KEYS = 100;
export const MOST_WRITTEN = 1_000;
export const MOST_MESSAGES = 500;
export const MOST_LOCKS = 1_000;
/** Locks that one agent may hold or wait for. */
export const MOST_OWN_LOCKS = 8;
/** After so many waits it is told to others that one waits. */
export const ESCALATES_AT = 3;

/** Why the event may not be recorded now; undefined when it may. */
export function talkRefusal(state: State, event: TalkEvent): string | undefined {
  const attempt = state.stages.get(event.stage)?.current;
  if (state.finished || attempt?.number !== event.attempt || !isUnderWay(attempt) || !isLiving(state, event.stage))
    return "you are not at work any more";
  switch (event.type) {
    case "note.written":
      return writing(state, event);
    case "message.sent":
      return sending(state, event);
    case "lock.asked":
      return asking(state, event);
    case "lock.granted": {
      const lock = own(state, event);
      return lock && lock.until === undefined && behind(state, lock).length === 0 ? undefined : "it is not your turn";
    }
    case "lock.deferred": {
      const lock = own(state, event);
      return lock?.until === undefined && lock?.deferred === event.times - 1 ? undefined : "you do not wait for it";
    }
    case "lock.released":
      return own(state, event) ? undefined : "you have no such lock";
    default:
      return assertNever(event);
  }
}

function writing({ talk }: State, { key, version, expected }: EventOf<"note.written">): string | undefined {
  const before = talk.notes.get(key);
  if (expected !== undefined && expected !== (before?.version ?? 0))
    return before
      ? `"${key}" is at version ${before.version} now, by ${before.by}, and yours was ${expected}. Its value:\n${before.value}\nWrite again with if_version ${before.version} if yours still holds.`
      : `there is no "${key}" yet, and you expected version ${expected}: write it with if_version 0`;
  if (version !== talk.written + 1) return "something was written meanwhile";
  if (!before && talk.notes.size >= MOST_KEYS)
    return `a run has at most ${MOST_KEYS} notes: write over one of them (note_read with a prefix shows them)`;
  if (talk.written >= MOST_WRITTEN)
    return `notes were written ${MOST_WRITTEN} times in this run, and no more are taken: say the rest in your result`;
  return undefined;
}

function sending(state: State, { number, to }: EventOf<"message.sent">): string | undefined {
  const { talk, stages } = state;
  if (to !== "all" && !to.startsWith("#") && !stages.has(to)) {
    const known = atWork(state);
    return `there is nobody called "${to}"; at work are ${known.join(", ")}. A topic begins with #`;
  }
  if (talk.messages.length >= MOST_MESSAGES)
    return `there were ${MOST_MESSAGES} messages in this run, and no more are taken: say the rest in your result`;
  return number === talk.messages.length + 1 ? undefined : "something was said meanwhile";
}

/** The units whose agents are at work. */
export function atWork(state: State): string[] {
  return [...state.stages.values()].flatMap(({ name, current }) => {
    const { agent, for_each: tasks } = planOf(state, name) ?? {};
    // The agents of a fan-out are those of its tasks.
    const worked = agent !== undefined && tasks === undefined && current && !current.skipped && isUnderWay(current);
    return worked && isLiving(state, name) ? [name] : [];
  });
}

function asking(state: State, event: EventOf<"lock.asked">): string | undefined {
  const { stage: unit, paths, lock: number } = event;
  const { talk } = state;
  if (number !== talk.asked + 1) return "somebody asked meanwhile";
  if (talk.asked >= MOST_LOCKS)
    return `locks were asked for ${MOST_LOCKS} times in this run, and no more are given: work without`;
  const held = locksOf(state).filter((lock) => lock.unit === unit);
  if (held.length >= MOST_OWN_LOCKS)
    return `you have ${held.length} locks, and may have ${MOST_OWN_LOCKS}: give back what you no longer need with unlock_paths`;
  return hopeless(state, { unit, paths, number });
}

/** Why waiting for these paths would never end. */
export function hopeless(state: State, lock: Parameters<typeof circle>[1]): string | undefined {
  const beside = claimedBeside(state, lock);
  if (beside !== undefined)
    return `${beside} claims these paths, and its work is merged with yours when both are done: waiting would never end. Leave them alone, and say in your result what is to be done there`;
  const found = circle(state, lock);
  if (!found) return undefined;
  const held = locksOf(state)
    .filter(({ unit }) => unit === lock.unit)
    .flatMap(({ paths }) => paths);
  return `that would be a deadlock: ${found.join(" waits for ")}. Give back what you have (${held.join(", ") || "your claims"}) with unlock_paths first, or do without`;
}

function own(state: State, { stage, lock }: { stage: string; lock: number }) {
  return locksOf(state).find(({ unit, number }) => unit === stage && number === lock);
}
