// Two logs of the same run, side by side: what must be equal, and what differs by nature.
import type { Difference } from "../engine/agree.ts";
import type { RecordedEvent, RunEvent } from "../engine/events.ts";

/** Whether an event counts: takeovers, waits and what was put on branches are of the day, and turns without an exchange are what broke off. */
export function compared(event: RunEvent): boolean {
  if (event.type === "agent.turn") return event.exchange !== undefined;
  return !["run.driven", "run.parked", "pause.requested", "resume.requested", "work.kept", "kept.removed"].includes(
    event.type,
  );
}

/** The first event of `recorded` that `driven` has not, or has otherwise. Its version is the recorded one. */
export function comparison(
  recorded: readonly RecordedEvent[],
  driven: readonly RecordedEvent[],
): Difference | undefined {
  const then = recorded.filter(({ event }) => compared(event));
  const now = driven.filter(({ event }) => compared(event));
  /** Commits are made anew, so their ids differ; the same one must stand for the same one throughout. */
  const commits = new Map<string, string>();
  for (const [index, { version, event }] of then.entries()) {
    const again = now[index];
    if (!again) return { version, expected: "nothing more", recorded: inWords(event, commits) };
    const [a, b] = [inWords(event, commits), inWords(again.event, commits)];
    pair(event, again.event, commits);
    if (inWords(event, commits) !== b) return { version, expected: b, recorded: a };
  }
  const more = now[then.length];
  return (
    more && {
      version: (then.at(-1)?.version ?? 0) + 1,
      expected: inWords(more.event, commits),
      recorded: "nothing more",
    }
  );
}

/** Remembers which commit of the one run is which of the other. */
function pair(then: RunEvent, now: RunEvent, commits: Map<string, string>): void {
  if (then.type === "agent.finished" && now.type === "agent.finished" && !commits.has(then.commit))
    commits.set(then.commit, now.commit);
  for (const type of ["setup.written", "lessons.written"] as const)
    if (then.type === type && now.type === type && !commits.has(then.commit)) commits.set(then.commit, now.commit);
  if (then.type === "fleet.merged" && now.type === "fleet.merged") {
    if (!commits.has(then.commit)) commits.set(then.commit, now.commit);
    if (then.conflict && now.conflict) commits.set(then.conflict.marked, now.conflict.marked);
  }
}

/** What of an event must be the same, as text. */
function inWords(event: RunEvent, commits: ReadonlyMap<string, string>): string {
  const text = JSON.stringify(essence(event));
  return text.replace(/\b[0-9a-f]{40}\b/g, (id) => commits.get(id) ?? id);
}

function essence(event: RunEvent): object {
  switch (event.type) {
    case "run.created":
      return { type: event.type, runId: event.runId, input: event.input.hash, base: event.base.commit };
    case "run.routed":
      return {
        type: event.type,
        source: event.source,
        decision: event.decision.kind === "start" ? event.decision.workflow.name : event.decision.kind,
      };
    case "stage.started":
      return { type: event.type, stage: event.stage, attempt: event.attempt, reasons: event.reasons.map(withoutTime) };
    case "session.started":
      return {
        type: event.type,
        stage: event.stage,
        attempt: event.attempt,
        session: event.session,
        model: event.model,
        why: event.why,
      };
    case "agent.turn":
      return {
        type: event.type,
        stage: event.stage,
        attempt: event.attempt,
        model: event.model,
        text: event.text,
        tools: event.tools.map(({ name, input, ok }) => ({ name, input, ok })),
      };
    case "agent.finished":
      return {
        type: event.type,
        stage: event.stage,
        attempt: event.attempt,
        artifact: event.artifact,
        commit: event.commit,
        changes: event.changes,
      };
    case "lock.granted":
      return { type: event.type, stage: event.stage, attempt: event.attempt, lock: event.lock };
    case "gate.checked": {
      const { gate, passed, code, summary, evidence } = event.result;
      return {
        type: event.type,
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
      return {
        type: event.type,
        outcome: event.outcome,
        code: event.code,
        message: withoutTime(withoutDays(event.message)),
      };
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
