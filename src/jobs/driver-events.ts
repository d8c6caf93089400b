// What a job may append to its run: what a driver records, never a person's word; and what was done on GitHub only as the server did it.
import { createHash } from "node:crypto";
import type { RunEvent } from "../engine/events.ts";
import { Published } from "../engine/review-events.ts";

/**
 * Whose each event is. `driver`: it is the job's to say. `people`: said on GitHub, and never by a job. `granted`: true only where the
 * server has looked or written, so a job may say what the server answered it and nothing else.
 */
const whose: Readonly<Record<RunEvent["type"], "driver" | "people" | "granted">> = {
  "run.created": "people",
  "run.driven": "driver",
  "run.routed": "driver",
  "stage.started": "driver",
  "session.started": "driver",
  "agent.turn": "driver",
  "agent.finished": "driver",
  "artifact.picked": "driver",
  "agent.failed": "driver",
  "stage.skipped": "driver",
  "tasks.opened": "driver",
  "wave.started": "driver",
  "wave.merged": "driver",
  "base.merged": "driver",
  "tasks.closed": "driver",
  "people.asked": "driver",
  "agent.created": "driver",
  "agent.commanded": "driver",
  "agent.interrupted": "driver",
  "agent.deleted": "driver",
  "fleet.merged": "driver",
  "tasks.added": "driver",
  "task.changed": "driver",
  "setup.written": "driver",
  "lessons.written": "driver",
  "hindsight.collected": "driver",
  "note.written": "driver",
  "message.sent": "driver",
  "lock.asked": "driver",
  "lock.granted": "driver",
  "lock.deferred": "driver",
  "lock.released": "driver",
  "gate.checked": "driver",
  "pull_request.opened": "granted",
  "review.published": "granted",
  "work.kept": "granted",
  "kept.removed": "granted",
  "stop.requested": "people",
  "subject.closed": "granted",
  "subject.edited": "people",
  "pause.requested": "people",
  "resume.requested": "people",
  "plan.judged": "people",
  "answer.given": "people",
  "words.told": "people",
  "budget.changed": "people",
  "subject.lost": "granted",
  "run.parked": "driver",
  "retry.requested": "people",
  "revision.requested": "people",
  "pull_request.closed": "people",
  "branch.taken": "people",
  "branch.given": "people",
  "checks.judged": "people",
  "run.finished": "driver",
};

/** What the server writes down when it has answered, so that the job may say it. */
export const grants = {
  event: (event: RunEvent): string => `event ${hashOf(event)}`,
  review: (review: Published): string => `review ${hashOf(Published.parse(review))}`,
  kept: (branch: string, head: string): string => `kept ${branch} ${head}`,
  removed: (branch: string): string => `removed ${branch}`,
} as const;

function hashOf(facts: object): string {
  const text = JSON.stringify(Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return createHash("sha256").update(text).digest("hex");
}

/** Why the job, whose page is `page`, may not append this; undefined when it may. */
export function refusalOf(event: RunEvent, granted: ReadonlySet<string>, page: string): string | undefined {
  const never = `"${event.type}" is not a job's to say`;
  const unseen = `"${event.type}" does not say what the server did or saw`;
  if (whose[event.type] === "people") return never;
  switch (event.type) {
    case "run.driven":
      return event.job === page ? undefined : `"run.driven" must name the job's own page, ${page}`;
    case "work.kept":
      return event.branches.every(({ branch, head }) => granted.has(grants.kept(branch, head))) ? undefined : unseen;
    case "kept.removed":
      return event.removed.every((branch) => granted.has(grants.removed(branch))) ? undefined : unseen;
    case "review.published": {
      // In which stage the job published it, it says itself.
      const { type: _, stage: _stage, attempt: _attempt, ...review } = event;
      return granted.has(grants.review(review)) ? undefined : unseen;
    }
    default:
      return whose[event.type] === "driver" || granted.has(grants.event(event)) ? undefined : unseen;
  }
}
