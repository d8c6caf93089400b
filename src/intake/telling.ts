// Tells of kept deliveries behind their answers: one after the other, in the order in which they were kept, while nobody waits for
// an answer. So in a flood of deliveries they are kept and answered first, and what follows from them comes in the gaps, a few
// a second at least. What is not told is found by the next sweep of the database.
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";

/** Ids that may wait to be told; more are left to the sweep. */
const MAX_WAITING = 10_000;

/** How long one is held back while deliveries wait for their answers, in milliseconds. */
const HELD_BACK_MS = 250;

export interface Telling extends AsyncDisposable {
  /** Somebody waits for an answer until it is disposed of. */
  answering(): Disposable;
  /** Returns at once. */
  tell(delivery: string): void;
}

/** `told` is called for one delivery at a time; what it throws is logged. Disposing waits for the one under way. */
export function createTelling(told: (delivery: string) => Promise<void>, log: Log): Telling {
  const waiting: string[] = [];
  let busy: Promise<void> | undefined;
  let inside = 0;
  let quiet = Promise.withResolvers<void>();

  async function gap(): Promise<void> {
    const enough = new AbortController();
    await Promise.race([quiet.promise, delay(HELD_BACK_MS, undefined, enough).catch(() => undefined)]);
    enough.abort();
  }

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (inside > 0) await gap();
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
    answering() {
      if (inside === 0) quiet = Promise.withResolvers();
      inside += 1;
      return {
        [Symbol.dispose]: () => {
          inside -= 1;
          if (inside === 0) quiet.resolve();
        },
      };
    },
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
