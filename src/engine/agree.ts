// Does the engine still do what it did? A recorded run is folded event by event; what was recorded next must be something that `decide`
// asks for at that point. Pure. Logs of older versions are read as well: that is how their readability is proved.
//
// People's words and new drivers may come at any time. Whatever they interrupt may still be recorded when it had happened, so an event
// may also answer what was decided before them.
import { isDeepStrictEqual } from "node:util";
import { decide, endWithoutWaiting } from "./decide.ts";
import { isWork, keyOf, startedEvent, stepEvent, type Effect } from "./effect.ts";
import { isGone, waitReasons, type EventOf, type RecordedEvent, type RunEvent } from "./events.ts";
import { refusalOf } from "./fleet-rules.ts";
import { isFleetEvent } from "./fold-fleet.ts";
import { isTalkEvent } from "./fold-talk.ts";
import { apply, fold } from "./fold.ts";
import type { State } from "./state.ts";
import { talkRefusal } from "./talk-rules.ts";

/** Work goes on behind it: nothing new is decided for its unit. */
const underWay = new Set<RunEvent["type"]>(["session.started", "agent.turn"]);

export interface Difference {
  /** The version of the event that the engine would not have recorded; one more than the last when the log ends too early. */
  readonly version: number;
  readonly expected: string;
  readonly recorded: string;
}

/** Not the driver's: recorded whenever people or the world say so. */
const fromOutside = new Set<RunEvent["type"]>([
  "stop.requested",
  "subject.closed",
  "subject.lost",
  "subject.edited",
  "pause.requested",
  "resume.requested",
  "budget.changed",
  "retry.requested",
  "revision.requested",
  "branch.taken",
  "branch.given",
  "pull_request.closed",
  "checks.judged",
  "plan.judged",
  "answer.given",
  "words.told",
  "run.driven",
]);

/** Whether people, the world or a new driver recorded it. `/agent restart` ends the run that it replaces; a server waits where no job comes. */
export function isFromOutside(event: RunEvent): boolean {
  return (
    fromOutside.has(event.type) ||
    (event.type === "run.finished" && event.code === "restarted") ||
    (event.type === "run.parked" && event.reason === "no-job")
  );
}

/** Whether a run that ended by this code ended because nobody waits that long for what it waits for: a one-shot run. */
export function waitsFor(code: string): boolean {
  return code === "paused" || waitReasons.some((reason) => reason === code);
}

/** The first event that the engine would not record, or undefined. Throws when the log does not begin with `run.created`. */
export function firstDifference(events: readonly RecordedEvent[]): Difference | undefined {
  const [first, ...rest] = events;
  if (!first) throw new Error("an empty log cannot be replayed");
  let state = fold([first]);
  /** What may be recorded next: decided now, or before people's words came in between. */
  let possible = decidedBetween(state, first.at, rest[0]?.at);
  for (const [index, recorded] of rest.entries()) {
    const { version, event, at } = recorded;
    if (version !== state.version + 1)
      return { version, expected: `event ${state.version + 1}`, recorded: `event ${version}` };
    const explaining = possible.filter((effect) => explains(effect, event, state));
    const outside = isFromOutside(event);
    if (!outside && explaining.length === 0)
      return { version, expected: possible.slice(-1).map(inWords).join(), recorded: eventInWords(event) };
    state = apply(state, recorded);
    const next = decidedBetween(state, at, rest[index + 1]?.at ?? at);
    // A new driver goes by what it reads itself; the one before cannot append any more.
    if (event.type === "run.driven") possible = next;
    else if (outside) possible = [...possible, ...next];
    else {
      // An agent that conducts others goes on behind what it records of them.
      const gone = underWay.has(event.type) || isFleetEvent(event) || isTalkEvent(event) ? [] : explaining;
      const beside = possible.filter((effect) => isWork(effect) && !gone.includes(effect));
      const known = new Set(next.map(sign));
      possible = [...beside.filter((effect) => !known.has(sign(effect))), ...next];
    }
  }
  return undefined;
}

/** Time decides about budgets only; the driver looked at its clock somewhere between the two events. */
function decidedBetween(state: State, from: number, to: number | undefined): Effect[] {
  const early = decide(state, from);
  if (to === undefined || to === from) return [...early];
  const late = decide(state, to);
  return JSON.stringify(early) === JSON.stringify(late) ? [...early] : [...early, ...late];
}

function sign(effect: Effect): string {
  return `${effect.type} ${keyOf(effect)}`;
}

/** Whether `event` can come of `effect`. */
function explains(effect: Effect, event: RunEvent, state: State): boolean {
  // Whatever ends the run may have kept before what was finished.
  if ((event.type === "run.parked" || event.type === "work.kept") && isWork(effect)) return true;
  switch (effect.type) {
    case "triage":
      return event.type === "run.routed" || isBreakdown(event);
    case "start":
      return (event.type === "stage.started" && sameStart(event, startedEvent(effect))) || isBreakdown(event);
    case "skip":
    case "open":
    case "pick":
    case "wave":
    case "close":
    case "park":
      return isDeepStrictEqual(event, stepEvent(effect));
    case "agent":
    case "resume": {
      const same =
        "stage" in event && "attempt" in event && event.stage === effect.stage && event.attempt === effect.attempt;
      // Tried again when the outside failed, an agent goes on with its conversation like one that was interrupted.
      const current = state.stages.get(effect.stage)?.current;
      const goesOn = effect.type === "resume" || (current?.session !== undefined && current.turns > 0);
      const restarted = goesOn && event.type === "stage.started";
      const worked = ["session.started", "agent.turn", "agent.finished", "agent.failed"].includes(event.type);
      const conducted = isFleetEvent(event) && refusalOf(state, event) === undefined;
      const spoken = isTalkEvent(event) && talkRefusal(state, event) === undefined;
      return (same && (worked || restarted || conducted || spoken)) || isBreakdown(event);
    }
    case "gate":
      return (
        (event.type === "gate.checked" &&
          event.stage === effect.stage &&
          event.attempt === effect.attempt &&
          event.result.gate === effect.gate) ||
        (event.type === "run.finished" && event.code === "budget-time") ||
        isBreakdown(event)
      );
    case "merge":
      return (
        (event.type === "wave.merged" &&
          event.stage === effect.stage &&
          event.attempt === effect.attempt &&
          event.wave === effect.wave) ||
        isMergeRefused(event) ||
        isBreakdown(event)
      );
    case "carry":
      return (
        (event.type === "base.merged" && event.stage === effect.stage && event.attempt === effect.attempt) ||
        isMergeRefused(event) ||
        isBreakdown(event)
      );
    case "ask":
      return (
        (event.type === "people.asked" && event.stage === effect.stage && event.for === effect.for) ||
        isBreakdown(event)
      );
    case "collect":
      return (
        (event.type === "hindsight.collected" && event.stage === effect.stage && event.attempt === effect.attempt) ||
        isNothingToPropose(event) ||
        isBreakdown(event)
      );
    case "write":
      return (
        ((event.type === "setup.written" || event.type === "lessons.written") &&
          event.stage === effect.stage &&
          event.attempt === effect.attempt) ||
        isNothingToPropose(event) ||
        isBreakdown(event)
      );
    case "publish":
      return (
        event.type === "pull_request.opened" ||
        (event.type === "review.published" && event.stage === effect.stage) ||
        (state.created.dryRun && event.type === "run.finished" && event.code === "dry-run") ||
        isRefusedLate(event) ||
        isBreakdown(event)
      );
    case "keep":
      // Older runs kept nothing.
      return explains(effect.end, event, state);
    case "remove":
      return event.type === "kept.removed" || (event.type === "run.finished" && event.outcome === "succeeded");
    case "finish":
      return isEndOf(event, effect);
    case "wait":
      // A one-shot run does not wait long: what is finished is kept, then it ends, and says for what.
      return (
        event.type === "work.kept" ||
        (event.type === "run.finished" &&
          (event.code === (state.waiting?.reason ?? "paused") || isEndOf(event, endWithoutWaiting(state))))
      );
    case "rest":
      return false;
  }
}

/** How long an attempt may take depends on the history of others. */
function sameStart(event: EventOf<"stage.started">, expected: EventOf<"stage.started">): boolean {
  const { milliseconds: _, ...facts } = event;
  return isDeepStrictEqual(facts, expected);
}

function isMergeRefused(event: RunEvent): boolean {
  return event.type === "run.finished" && event.outcome === "needs-a-decision" && event.code === "merge-refused";
}

/** A run that is to propose something may find that there is nothing. */
function isNothingToPropose(event: RunEvent): boolean {
  return event.type === "run.finished" && event.outcome === "succeeded" && event.code === "nothing-to-propose";
}

function isEndOf(event: RunEvent, effect: Effect | undefined): boolean {
  return effect?.type === "finish" && isDeepStrictEqual(event, stepEvent(effect));
}

/** The subject went away while the pull request was to be opened. */
function isRefusedLate(event: RunEvent): boolean {
  return event.type === "run.finished" && event.outcome === "cancelled" && isGone(event.code);
}

/** Something broke that the engine stands on: that can happen in any effect. */
function isBreakdown(event: RunEvent): boolean {
  return event.type === "run.finished" && event.outcome === "failed";
}

function inWords(effect: Effect): string {
  const { type, ...rest } = effect;
  return [
    type,
    ...Object.values(rest).map((value) => (typeof value === "object" ? JSON.stringify(value) : String(value))),
  ].join(" ");
}

/** An event in a few words: its type, whose it is, and what tells it from others of its kind. */
export function eventInWords(event: RunEvent): string {
  switch (event.type) {
    case "stage.started":
      return `${event.type} ${event.stage} ${event.attempt} ${JSON.stringify(event.reasons)}`;
    case "session.started":
    case "agent.turn":
    case "agent.finished":
    case "agent.failed":
      return `${event.type} ${event.stage} ${event.attempt}`;
    case "agent.created":
    case "agent.commanded":
    case "agent.interrupted":
    case "agent.deleted":
    case "fleet.merged":
    case "task.changed":
      return `${event.type} ${event.stage} ${event.attempt} ${event.id}`;
    case "gate.checked":
      return `${event.type} ${event.stage} ${event.attempt} ${event.result.gate}`;
    case "run.finished":
      return `${event.type} ${event.outcome} ${event.code} ${event.message}`;
    default:
      return "attempt" in event ? `${event.type} ${event.stage} ${event.attempt}` : event.type;
  }
}
