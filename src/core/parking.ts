// Why work is put down that will be taken up again: the reason of an abort, so that whoever is aborted can tell it from an end.
// What is parked is kept; and what is nearly done may be done first, within a grace.
import { setTimeout as delay } from "node:timers/promises";

const reasons = {
  stopping: "the worker is stopping",
  paused: "a person holds the run",
  waiting: "the run waits",
  interrupted: "who conducts the agent has interrupted it",
} as const;

/** The reason given to a signal when a worker stops, a person holds a run, the run waits, or an agent is interrupted. Any other reason is an end. */
export class Parking extends Error {
  override readonly name = "Parking";
  readonly why: keyof typeof reasons;
  /** When the work is likely to go on, in milliseconds since 1970, where that is known. */
  readonly until: number | undefined;

  constructor(why: keyof typeof reasons, until?: number) {
    super(reasons[why]);
    this.why = why;
    this.until = until;
  }
}

/** Why the work is parked; undefined while nothing was aborted, and when it was ended for good. */
export function parkingOf(signal: AbortSignal): Parking | undefined {
  return signal.aborted && signal.reason instanceof Parking ? signal.reason : undefined;
}

/**
 * A signal that follows `signal` at once, but `graceMs` later when the work is only parked; not so when it is interrupted, because it may be
 * stuck. Dispose of it when the work is over.
 */
export function withGrace(signal: AbortSignal, graceMs: number): Disposable & { readonly signal: AbortSignal } {
  const late = new AbortController();
  const over = new AbortController();
  const follow = async () => {
    const parking = parkingOf(signal);
    if (parking !== undefined && parking.why !== "interrupted")
      await delay(graceMs, undefined, { signal: over.signal }).catch(() => undefined);
    if (!over.signal.aborted) late.abort(signal.reason);
  };
  const onAbort = () => void follow();
  if (signal.aborted) late.abort(signal.reason);
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    signal: late.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", onAbort);
      over.abort();
    },
  };
}
