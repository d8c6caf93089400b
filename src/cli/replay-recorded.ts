// A recorded run as it is to be driven again: what must come, in which order and of whom, and what the drive has to say itself, because
// people said it, or because the reply that had asked for it is in no log.
import { isFromOutside, waitsFor } from "../engine/agree.ts";
import type { EventOf, RecordedEvent, RunEvent } from "../engine/events.ts";
import { isFleetEvent } from "../engine/fold-fleet.ts";
import { isTalkEvent } from "../engine/fold-talk.ts";
import { isBelow } from "../engine/unit.ts";
import { FINISH } from "../agents/finish.ts";
import { wasCutShort } from "../agents/session.ts";

/** An event that must come. */
export interface Entry {
  readonly version: number;
  /** Milliseconds since 1970, without the time in which the run waited or had no driver. */
  readonly at: number;
  readonly event: RunEvent;
  /** What keeps an order of its own: the run, a unit, what a unit says, its locks. Side by side lanes keep none. */
  readonly lane: string;
  /** `drive`: it comes of the work. `word`: the drive says it when its turn has come. `still`: only when the run waits for it. */
  readonly comes: "drive" | "word" | "still";
}

export interface RecordedRun {
  readonly entries: readonly Entry[];
  /** The same with what is not compared: replies that broke off are paid for, too. */
  readonly said: readonly Pick<RecordedEvent, "version" | "event">[];
  readonly created: EventOf<"run.created">;
  /** False when the log ends before the run. */
  readonly ended: boolean;
  /** Lanes of which nothing is compared. */
  readonly ignored: ReadonlySet<string>;
  /** What is not as it was then, in words. */
  readonly notes: readonly string[];
}

const uncompared = new Set<RunEvent["type"]>([
  "run.driven",
  "run.parked",
  "pause.requested",
  "resume.requested",
  "work.kept",
  "kept.removed",
]);

/** Whether an event counts: takeovers, waits and what was put on branches are of the day, and turns without an exchange are what broke off. */
export function isCompared(event: RunEvent): boolean {
  return event.type === "agent.turn" ? event.exchange !== undefined : !uncompared.has(event.type);
}

/** The lane of an event. What others grant an agent, or time takes, comes at any point of its own work. */
export function laneOf(event: RunEvent): string {
  if (!("stage" in event) || event.stage === undefined || isFromOutside(event)) return "";
  if (event.type === "lock.granted" || (event.type === "lock.released" && event.because === "time"))
    return `${event.stage} locks`;
  return isTalkEvent(event) ? `${event.stage} talk` : event.stage;
}

/** Reads a log. Throws when it does not begin with `run.created`. */
export function recordedRun(events: readonly RecordedEvent[]): RecordedRun {
  const [first] = events;
  if (first?.event.type !== "run.created") throw new Error("a run's first event must be run.created");
  const again = beginningsAnew(events);
  const kept = events.filter(({ version, event }) => !isOfEarlierBeginning(version, event, again));
  const times = workedTimes(events);
  const lost = lostReplies(kept);
  const entries = kept.flatMap(({ version, event }): Entry[] =>
    isCompared(event)
      ? [{ version, at: times.get(version) ?? 0, event, lane: laneOf(event), comes: comes(event, lost.has(version)) }]
      : [],
  );
  return {
    entries,
    said: kept,
    created: first.event,
    ended: entries.at(-1)?.event.type === "run.finished",
    ignored: new Set(again.flatMap(({ unit }) => [`${unit} talk`, `${unit} locks`])),
    notes: [...notes(events), ...beganAnew(again), ...saidForLost(kept, lost)],
  };
}

function comes(event: RunEvent, isLost: boolean): Entry["comes"] {
  if (isFromOutside(event) || isLost) return "word";
  return event.type === "run.finished" && waitsFor(event.code) ? "still" : "drive";
}

/** A turn that ended neither by an answer nor by handing in: its tools were ended in the middle. */
export function wasCut({ exchange, tools }: EventOf<"agent.turn">): boolean {
  const last = tools.at(-1);
  return exchange !== undefined && exchange.answer === undefined && last !== undefined && last.name !== FINISH;
}

interface Anew {
  readonly unit: string;
  readonly attempt: number;
  readonly first: number;
  readonly last: number;
}

/** Attempts that began more than once: only the last beginning came to anything. */
function beginningsAnew(events: readonly RecordedEvent[]): Anew[] {
  const begun = new Map<string, Anew>();
  for (const { version, event } of events) {
    if (event.type !== "stage.started") continue;
    const { stage: unit, attempt } = event;
    const first = begun.get(`${unit}/${attempt}`)?.first ?? version;
    begun.set(`${unit}/${attempt}`, { unit, attempt, first, last: version });
  }
  return [...begun.values()].filter(({ first, last }) => first < last);
}

/** Agents that an earlier beginning created are gone with it. */
function isOfEarlierBeginning(version: number, event: RunEvent, again: readonly Anew[]): boolean {
  if (!("stage" in event) || !("attempt" in event)) return false;
  return again.some(
    ({ unit, attempt, first, last }) =>
      version < last &&
      ((event.stage === unit && event.attempt === attempt) || (version > first && isBelow(event.stage, unit))),
  );
}

/** When each event came, by a clock that stands still while the run waits, has ended, or nobody drives it. */
function workedTimes(events: readonly RecordedEvent[]): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  let idle = 0;
  let stands = false;
  let before = events[0]?.at ?? 0;
  for (const { version, at, event } of events) {
    if (stands || event.type === "run.driven") idle += Math.max(0, at - before);
    if (["run.parked", "pause.requested", "run.finished"].includes(event.type)) stands = true;
    if (["run.driven", "resume.requested", "retry.requested", "revision.requested"].includes(event.type))
      stands = false;
    before = at;
    times.set(version, at - idle);
  }
  return times;
}

/** What agents had done in a turn that was never recorded, or not whole. */
function lostReplies(events: readonly RecordedEvent[]): ReadonlySet<number> {
  const lost = new Set<number>();
  const heard = new Set<string>();
  for (const { version, event } of events.toReversed()) {
    if (!("attempt" in event)) continue;
    const of = `${event.stage}/${event.attempt}`;
    if (event.type === "agent.turn" && event.exchange && !wasCut(event)) heard.add(of);
    else if (event.type === "agent.turn" && event.exchange) heard.delete(of);
    const isOwn = isFleetEvent(event) || (isTalkEvent(event) && laneOf(event) === `${event.stage} talk`);
    if (isOwn && !heard.has(of)) lost.add(version);
  }
  return lost;
}

function notes(events: readonly RecordedEvent[]): string[] {
  const pauses = events.filter(({ event }) => event.type === "pause.requested").length;
  const cut = events.flatMap(({ version, event }) =>
    event.type === "agent.turn" && event.tools.some(({ output }) => wasCutShort(output))
      ? [
          `event ${version}: a tool of ${event.stage} was ended, or not begun, because Baton stopped; here it runs whole.`,
        ]
      : [],
  );
  return [...(pauses === 0 ? [] : ["The run was paused; a drive pauses nowhere."]), ...cut];
}

function beganAnew(again: readonly Anew[]): string[] {
  return again.map(
    ({ unit, attempt, last }) =>
      `${unit} (attempt ${attempt}) began anew at event ${last}: what it did before is not driven again, and what it says to others is not compared.`,
  );
}

function saidForLost(events: readonly RecordedEvent[], lost: ReadonlySet<number>): string[] {
  return events.flatMap(({ version, event }) =>
    lost.has(version) && "stage" in event
      ? [
          `event ${version}: ${event.type} of ${event.stage} came of a turn that is in no log, or not whole; the drive records it itself.`,
        ]
      : [],
  );
}
