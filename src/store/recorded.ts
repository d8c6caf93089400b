// The rules that every event log shares, whatever it writes to: what an event must be before and after it was written,
// when two runs are about the same subject, and when a run counts as finished.
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { RecordedEvent, RepoRef, RunEvent, Subject } from "../engine/events.ts";

/** The schema of events, given by the wiring; throws for what is not one. */
export type ParseEvent = (json: unknown) => RunEvent;

/** An event on its way in. What could not be read again is refused now, not when the run is needed. */
export function checked(parse: ParseEvent, run: RunId, version: number, event: RunEvent): RunEvent {
  try {
    return parse(event);
  } catch (error) {
    throw new BatonError(
      "invalid-event",
      `event ${version} of ${run} (${event.type}) does not match its schema and was not written: ${short(error)}`,
      { cause: error },
    );
  }
}

/** An event on its way out. Throws `invalid-event` when it does not parse or when one is missing before it. */
export function toRecorded(
  parse: ParseEvent,
  run: RunId,
  expected: number,
  row: { version: number; at: number; event: unknown },
): RecordedEvent {
  if (row.version !== expected)
    throw new BatonError("invalid-event", `event ${expected} of ${run} is missing: the next one is ${row.version}`);
  try {
    return { version: row.version, at: row.at, event: parse(row.event) };
  } catch (error) {
    throw new BatonError(
      "invalid-event",
      `event ${row.version} of ${run} does not match its schema: ${short(error)}. ` +
        "It was written by another version of Baton, or changed by hand",
      { cause: error },
    );
  }
}

function short(error: unknown): string {
  return messageOf(error).replaceAll(/\s+/g, " ").slice(0, 500);
}

/** Equal for runs about the same thing. On GitHub the repository's number counts, so a rename changes nothing. */
export function subjectKey(repo: Pick<RepoRef, "id" | "owner" | "name">, subject: Pick<Subject, "number">): string {
  return repo.id > 0 ? `${repo.id}#${subject.number}` : `${repo.owner}/${repo.name}#${subject.number}`;
}

const reopening = new Set<RunEvent["type"]>(["retry.requested", "revision.requested"]);

/** What events make of a run: `run.finished` ends it, `retry.requested` and `revision.requested` take it up again, anything else changes nothing. */
export function phaseAfter(events: readonly RunEvent[]): {
  phase: "finished" | "active" | "same";
  outcome: string | null;
} {
  const last = events.findLast(({ type }) => type === "run.finished" || reopening.has(type));
  if (last?.type === "run.finished") return { phase: "finished", outcome: last.outcome };
  return { phase: last === undefined ? "same" : "active", outcome: null };
}

/** When somebody should drive a run after these events: a time in milliseconds since 1970, or as before. */
export function dueAfter(events: readonly RunEvent[]): "same" | "now" | "never" | number {
  return events.reduce<ReturnType<typeof dueAfter>>((due, event) => {
    switch (event.type) {
      case "run.finished":
      case "pause.requested":
        return "never";
      case "run.parked":
        return event.until ?? "never";
      // Whoever has ended a run that waits wants to see it end.
      case "retry.requested":
      case "revision.requested":
      case "resume.requested":
      case "plan.judged":
      case "answer.given":
      case "stop.requested":
      case "subject.closed":
      case "subject.lost":
        return "now";
      default:
        return due;
    }
  }, "same");
}

/** What lists keep of these events besides: what was spent on models, the stage started last, and the workflow; undefined where they say nothing. */
export function factsOf(events: readonly RunEvent[]): {
  microDollars: number;
  stage: string | undefined;
  workflow: string | undefined;
} {
  const facts: ReturnType<typeof factsOf> = { microDollars: 0, stage: undefined, workflow: undefined };
  for (const event of events) {
    if (event.type === "stage.started") facts.stage = event.stage;
    if (event.type === "agent.turn" || event.type === "run.routed") facts.microDollars += event.spend.microDollars;
    if (event.type === "run.routed" && event.decision.kind === "start") facts.workflow = event.decision.workflow.name;
  }
  return facts;
}

/** Nothing was written: a run can only be taken up again while no other works on its subject. */
export function runTaken(run: RunId, cause?: unknown): BatonError {
  return new BatonError(
    "run-taken",
    `${run} cannot be retried: another run is at work on the same subject. Stop that one first, or retry it instead`,
    { cause },
  );
}
