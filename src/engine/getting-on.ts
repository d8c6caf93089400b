// Which events show that a run gets on. Pure; a part of the fold.
import type { RecordedEvent } from "./events.ts";

/** What shows that a run gets on: a wait after one of these is the first again. */
const progress = new Set<RecordedEvent["event"]["type"]>([
  "run.routed",
  "agent.turn",
  "agent.finished",
  "agent.failed",
  "gate.checked",
  "setup.written",
  "lessons.written",
  "hindsight.collected",
  "wave.merged",
  "base.merged",
  "plan.judged",
  "answer.given",
  "pull_request.opened",
  "review.published",
]);

/** True for what gets a run on. A reply that broke off is recorded for what it cost; it got nobody on. */
export function getsOn(event: RecordedEvent["event"]): boolean {
  return progress.has(event.type) && (event.type !== "agent.turn" || event.exchange !== undefined);
}
