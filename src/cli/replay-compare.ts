// A recorded event and the one that came in its place, side by side: what must be equal, and what differs by nature.
import { eventInWords } from "../engine/agree.ts";
import type { RunEvent } from "../engine/events.ts";
import { wasCutShort } from "../agents/session.ts";

/** What of two events in the same place is not the same, in words. */
export interface Unlike {
  readonly expected: string;
  readonly recorded: string;
}

/** Differences that are told; more are of no use to anybody. */
const MOST = 4;
const WIDTH = 300;

/** Commits are made anew, so their ids differ; the same one must stand for the same one throughout. */
export class Commits {
  readonly #now = new Map<string, string>();

  /** Remembers which commit of the driven run is which of the recorded one, wherever one is made. */
  pair(then: RunEvent, now: RunEvent): void {
    const made = madeIn(now);
    for (const [index, id] of madeIn(then).entries()) {
      const other = made[index];
      if (id === undefined || other === undefined || this.#now.has(id)) continue;
      this.#now.set(id, other);
      this.#now.set(id.slice(0, 12), other.slice(0, 12));
    }
  }

  /** What is said of commits of the recorded run, said of those of the driven one. */
  inNow<T>(value: T): T;
  inNow(value: unknown): unknown {
    if (typeof value === "string")
      return value.replace(/\b(?:[0-9a-f]{40}|[0-9a-f]{12})\b/g, (id) => this.#now.get(id) ?? id);
    if (Array.isArray(value)) return value.map((inner) => this.inNow<unknown>(inner));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.inNow<unknown>(inner)]));
  }
}

/** The commits that were made for an event, each in its place. */
function madeIn(event: RunEvent): (string | undefined)[] {
  switch (event.type) {
    case "agent.finished":
    case "setup.written":
    case "lessons.written":
      return [event.commit];
    case "fleet.merged":
    case "wave.merged":
      return [event.commit, event.conflict?.marked];
    default:
      return [];
  }
}

/** What differs between a recorded event and the driven one that came in its place; undefined when they are the same. */
export function unlike(then: RunEvent, now: RunEvent, commits: Commits): Unlike | undefined {
  if (then.type !== now.type) return { expected: eventInWords(now), recorded: eventInWords(then) };
  commits.pair(then, now);
  const [a, b] = essences(then, now);
  const fields = differing(commits.inNow(a), commits.inNow(b), "").slice(0, MOST);
  if (fields.length === 0) return undefined;
  const told = (event: RunEvent, which: (field: Field) => unknown) =>
    `${eventInWords(event)}: ${fields.map((field) => `${field.path} ${shown(which(field))}`).join(", ")}`;
  return { expected: told(now, (field) => field.driven), recorded: told(then, (field) => field.recorded) };
}

interface Field {
  readonly path: string;
  readonly recorded: unknown;
  readonly driven: unknown;
}

function differing(recorded: unknown, driven: unknown, path: string): Field[] {
  if (typeof recorded !== "object" || typeof driven !== "object" || recorded === null || driven === null)
    return Object.is(recorded, driven) ? [] : [{ path, recorded, driven }];
  const [a, b] = [new Map(Object.entries(recorded)), new Map(Object.entries(driven))];
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((key) =>
    differing(a.get(key), b.get(key), path === "" ? key : `${path}.${key}`),
  );
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= WIDTH ? text : `${text.slice(0, WIDTH)}…`;
}

/** What of both must be the same. Whether a tool did well that was not let end then, nobody knows. */
function essences(then: RunEvent, now: RunEvent): [object, object] {
  if (then.type !== "agent.turn" || now.type !== "agent.turn") return [essence(then), essence(now)];
  const cut = then.tools.map(({ output }) => wasCutShort(output));
  const of = (event: typeof then) => ({
    ...essence(event),
    tools: event.tools.map(({ name, input, ok }, index) => (cut[index] ? { name, input } : { name, input, ok })),
  });
  return [of(then), of(now)];
}

function essence(event: RunEvent): object {
  switch (event.type) {
    case "run.created":
      return { runId: event.runId, input: event.input.hash, base: event.base.commit };
    case "run.routed":
      return {
        source: event.source,
        decision: event.decision.kind === "start" ? event.decision.workflow.name : event.decision.kind,
      };
    case "stage.started":
      return { stage: event.stage, attempt: event.attempt, reasons: event.reasons.map(withoutTime) };
    case "session.started": {
      const { stage, attempt, session, model, why } = event;
      return { stage, attempt, session, model, why };
    }
    case "agent.turn":
      return { stage: event.stage, attempt: event.attempt, model: event.model, text: event.text };
    case "agent.finished": {
      const { stage, attempt, artifact, commit, changes } = event;
      return { stage, attempt, artifact, commit, changes };
    }
    // What is said and locked is counted through the run: in which order others did it is no matter of this one.
    case "note.written":
      return { ...event, version: undefined };
    case "message.sent":
      return { ...event, number: undefined };
    case "lock.asked":
    case "lock.granted":
    case "lock.released":
      return { ...event, lock: undefined, until: undefined };
    case "lock.deferred":
      return { ...event, lock: undefined, behind: undefined };
    case "people.asked":
      // What earlier runs cost is not known here.
      return { ...event, estimate: undefined };
    case "gate.checked": {
      const { gate, passed, code, summary, evidence } = event.result;
      return {
        stage: event.stage,
        attempt: event.attempt,
        gate,
        passed,
        code,
        summary: withoutTime(summary),
        commands: evidence.map(({ label, argv, commit, exitCode }) => ({ label, argv, commit, exitCode })),
      };
    }
    case "fleet.merged":
      // Older logs do not have it.
      return { ...event, work: undefined };
    case "run.finished":
      return { outcome: event.outcome, code: event.code, message: withoutTime(withoutDays(event.message)) };
    default:
      return event;
  }
}

/** What happened "since" a day is looked for from another one in a replay. */
function withoutDays(text: string): string {
  return text.replace(/\b\d{4}-\d\d-\d\d\b/g, "…");
}

/** Programs print how long they took. */
function withoutTime(text: string): string {
  return text
    .replace(/\d+(?:\.\d+)?\s*(?:ms|s|seconds|milliseconds)\b/g, "… s")
    .replace(/duration_ms[: ]+[\d.]+/g, "duration_ms …");
}
