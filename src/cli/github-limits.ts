// GitHub's limits are waited out, however long, by who has nothing else to do.
import { setTimeout as delay } from "node:timers/promises";
import { GitHubFailure } from "../github/failure.ts";

/** Who is told of a wait, what ends it, and how it is waited. */
export interface Waits {
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const pauseFor = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  delay(milliseconds, undefined, { signal }).catch(() => undefined);

/** Asks again as soon as a limit has passed. Throws every other failure, and the signal's reason. */
export async function pastLimits<T>(ask: () => Promise<T>, { print, signal, pause = pauseFor }: Waits): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GitHubFailure) || error.retryAt === undefined) throw error;
      print(`${error.message}. Waiting; Ctrl-C is safe.`);
      await pause(Math.max(1_000, error.retryAt - Date.now()), signal);
    }
  }
}
