// Which events are still recorded when the work they come of was put down, and the event of what broke. Pure.
import { isDeepStrictEqual } from "node:util";
import type { EventOf, RunEvent } from "./events.ts";

/** What is still recorded behind an end that somebody else wrote: what was spent, and what is on GitHub. */
const remembered = new Set<RunEvent["type"]>([
  "run.driven",
  "run.routed",
  "agent.turn",
  "agent.finished",
  "pull_request.opened",
  "review.published",
  "work.kept",
  "kept.removed",
]);

export function isRemembered({ type }: RunEvent): boolean {
  return remembered.has(type);
}

/** What may be recorded although the run was interrupted: it happened. A pull request that was opened, an agent that had just finished. */
export function isRecordedWhenInterrupted({ type }: RunEvent): boolean {
  return type !== "agent.failed" && type !== "run.finished" && type !== "run.parked";
}

/** What may be recorded of work that is not wanted any more: what others can see. The result of an agent that was deleted is not. */
export function isRecordedWhenUnwanted({ type }: RunEvent): boolean {
  return (
    type === "pull_request.opened" || type === "review.published" || type === "work.kept" || type === "kept.removed"
  );
}

/** The end of a run that stands on something broken. */
export function broken(
  effect: { type: string },
  { code, message }: { code: string; message: string },
): EventOf<"run.finished"> {
  const text = `Something Baton needs is broken (${effect.type}): ${message}`;
  return { type: "run.finished", outcome: "failed", code: code.slice(0, 60), message: text.slice(0, 4_000) };
}

/** True when one is what the other was written as: what is left out and what is undefined are the same in JSON. */
export function isSameEvent(a: RunEvent, b: RunEvent | undefined): boolean {
  return b !== undefined && isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
}
