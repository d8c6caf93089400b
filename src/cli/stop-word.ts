// How a stop reaches a run of `baton run` from another process: as a file beside its events. Whoever works the run looks for it, before
// it begins and all the while; so it holds whether that process is there, comes later, or has died. Nobody but the one that holds the
// run's lock ever writes its events.
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunId } from "../core/ids.ts";

const LOOK_MS = 250;

function wordFor(run: RunId, home: string): string {
  return join(home, "runs", `${run}.stop`);
}

/** Leaves the word; once more does nothing. */
export async function leaveStop(run: RunId, home: string): Promise<void> {
  const file = wordFor(run, home);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, "baton stop\n");
}

/** Takes the word away, once the run has ended. */
export async function clearStop(run: RunId, home: string): Promise<void> {
  await rm(wordFor(run, home), { force: true });
}

export async function isStopLeft(run: RunId, home: string): Promise<boolean> {
  return await stat(wordFor(run, home)).then(
    () => true,
    () => false,
  );
}

/** Resolves when the word is there; never, once `signal` fires. Does not keep the process alive. */
export async function stopLeft(run: RunId, home: string, signal: AbortSignal): Promise<void> {
  while (!(await isStopLeft(run, home))) {
    await delay(LOOK_MS, undefined, { ref: false, signal }).catch(() => undefined);
    if (signal.aborted) await new Promise<never>(() => {});
  }
}
