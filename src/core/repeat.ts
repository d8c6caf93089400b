// Work that is done again and again while a process lives.
import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";

/**
 * Does `work` every so many milliseconds, never twice at once; what it throws is logged as `what`. Disposing aborts its signal and waits
 * for its end. Keeps no process alive.
 */
export function repeat(
  everyMs: number,
  what: string,
  log: Log,
  work: (signal: AbortSignal) => Promise<void>,
): AsyncDisposable {
  const over = new AbortController();
  let busy: Promise<void> | undefined;
  const timer = setInterval(() => {
    busy ??= work(over.signal)
      .catch((error: unknown) => {
        if (!over.signal.aborted) log.warn(`${what} failed`, { error: messageOf(error) });
      })
      .finally(() => {
        busy = undefined;
      });
  }, everyMs);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      over.abort();
      await busy;
    },
  };
}
