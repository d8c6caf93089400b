// A database that may only be away for a moment is asked again, a few times. Only for what may be asked twice.
import { setTimeout as delay } from "node:timers/promises";
import { BatonError } from "../core/errors.ts";

const PAUSES_MS = [50, 200, 1_000, 3_000];

/** The answer, or what the last try threw. `signal` ends the pauses. */
export async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "database-failed" || !error.retryable) throw error;
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }
  return await ask();
}
