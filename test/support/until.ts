// Waits for a condition, in tests and in scripts that run without a test runner.
import { setTimeout as delay } from "node:timers/promises";

/** For `expect.poll` and `vi.waitFor`: the limit is for a busy machine; what is measured says so itself. */
export const soon = { timeout: 10_000, interval: 10 };

/** What `look` finds, as soon as it finds something (not undefined, not false). Throws `what` after `milliseconds` (default a minute). */
export async function until<T>(
  look: () => T | undefined | Promise<T | undefined>,
  {
    milliseconds = 60_000,
    every = 10,
    what = "waited in vain",
  }: { milliseconds?: number; every?: number; what?: string | (() => string) } = {},
): Promise<Exclude<T, false>> {
  for (const end = performance.now() + milliseconds; ; await delay(every)) {
    const found = await look();
    if (isFound(found)) return found;
    if (performance.now() > end) throw new Error(typeof what === "string" ? what : what());
  }
}

function isFound<T>(found: T | undefined): found is Exclude<T, false> {
  return found !== undefined && found !== false;
}
