// Tells of kept deliveries behind their answers: one after the other, in the order in which they were kept. The answer does not wait
// for it, and a flood of deliveries does not become a flood of everything that follows from them. What is not told is found by
// the next sweep of the database.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";

/** Ids that may wait to be told; more are left to the sweep. */
const MAX_WAITING = 10_000;

export interface Telling extends AsyncDisposable {
  /** Returns at once. */
  tell(delivery: string): void;
}

/** `told` is called for one delivery at a time; what it throws is logged. Disposing waits for the one under way. */
export function createTelling(told: (delivery: string) => Promise<void>, log: Log): Telling {
  const waiting: string[] = [];
  let busy: Promise<void> | undefined;

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await told(next);
      } catch (error) {
        log.warn("a delivery is kept, but nobody could be told; it is found at the next sweep", {
          delivery: next,
          error: messageOf(error),
        });
      }
    }
    busy = undefined;
  }

  return {
    tell(delivery) {
      if (waiting.length >= MAX_WAITING) return;
      waiting.push(delivery);
      busy ??= work();
    },
    async [Symbol.asyncDispose]() {
      waiting.length = 0;
      await busy;
    },
  };
}
