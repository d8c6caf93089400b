// A write to GitHub that happens once, whatever breaks: recorded in the outbox before it is tried; tried before, it is looked
// for on GitHub before it is written again; two processes that write at the same moment end with one.
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Timing } from "./client.ts";
import { GitHubFailure } from "./requests.ts";

export interface Write<T> {
  /** Names the write for ever. */
  readonly key: string;
  readonly run: RunId | undefined;
  readonly kind: string;
  /** What is written, for people who read the outbox; small. */
  readonly payload: unknown;
  readonly result: z.ZodType<T>;
  /** Finds what an earlier try, or another process, has written. All of it, oldest first; the first one counts. */
  look(): Promise<readonly T[]>;
  write(): Promise<T>;
  /** Takes a second copy away again. Without it GitHub itself refuses second copies. */
  remove?(copy: T): Promise<void>;
}

export type Once = <T>(write: Write<T>) => Promise<T>;

export interface OnceOptions {
  readonly outbox: Outbox;
  readonly log: Log;
  readonly timing: Timing;
  /** How long another process that began the same write is waited for, in milliseconds. Default 1.5 s. */
  readonly settleMs?: number;
}

/** Tries after an unclear failure; each is preceded by a look. */
const PAUSES_MS = [500, 2_000, 5_000];

export function createOnce({ outbox, log, timing, settleMs = 1_500 }: OnceOptions): Once {
  /** Writes under way in this process, so that it never races itself. */
  const underWay = new Map<string, Promise<unknown>>();

  async function perform<T>(write: Write<T>): Promise<T> {
    const entry = await outbox.record({ key: write.key, run: write.run, kind: write.kind, payload: write.payload });
    if (entry.doneAt !== undefined) return write.result.parse(entry.result);
    if (entry.tries > 1) {
      const found = (await oldestOf(write)) ?? (await afterOthers(write));
      if (found !== undefined) return await settle(write, found);
    }
    for (const pause of [...PAUSES_MS, undefined]) {
      // A process that was frozen since it recorded must not write what another has written meanwhile.
      const now = await outbox.read(write.key);
      if (now?.doneAt !== undefined) return write.result.parse(now.result);
      try {
        return await settle(write, await alone(write, entry.tries));
      } catch (error) {
        if (pause === undefined || !(error instanceof GitHubFailure) || error.kind !== "unclear") throw error;
        log.warn("unclear whether GitHub has written; looking", { key: write.key, error: error.reason });
        const found = await oldestOf(write);
        if (found !== undefined) return await settle(write, found);
        await timing.pause(pause);
      }
    }
    throw new Error("unreachable");
  }

  /** Whoever began this write may be about to finish it. */
  async function afterOthers<T>(write: Write<T>): Promise<T | undefined> {
    await timing.pause(settleMs);
    const entry = await outbox.read(write.key);
    if (entry?.doneAt !== undefined) return write.result.parse(entry.result);
    return await oldestOf(write);
  }

  /** Writes; when another process was at it too, the oldest copy stays and the others go. Whoever writes last sees them all. */
  async function alone<T>(write: Write<T>, tries: number): Promise<T> {
    const mine = await write.write();
    if (!write.remove) return mine;
    const entry = await outbox.read(write.key);
    const wasAlone = tries === 1 && (entry?.tries ?? 1) === 1;
    if (wasAlone) return mine;
    const theirs = entry?.doneAt === undefined ? undefined : write.result.parse(entry.result);
    return (await oldestOf(write, theirs)) ?? mine;
  }

  /** The copy that counts: the one recorded already, else the oldest. The others are removed. */
  async function oldestOf<T>(write: Write<T>, recorded?: T): Promise<T | undefined> {
    const found = await write.look();
    const keep = found.find((copy) => isDeepStrictEqual(copy, recorded)) ?? found[0];
    for (const copy of found) if (copy !== keep) await write.remove?.(copy);
    return keep;
  }

  /** The first result recorded counts, also for a process that comes second. */
  async function settle<T>(write: Write<T>, result: T): Promise<T> {
    await outbox.done(write.key, result);
    const entry = await outbox.read(write.key);
    return entry?.doneAt === undefined ? result : write.result.parse(entry.result);
  }

  return async (write) => {
    for (;;) {
      const before = underWay.get(write.key);
      if (!before) break;
      await before.catch(() => undefined);
    }
    const mine = perform(write);
    underWay.set(write.key, mine);
    try {
      return await mine;
    } finally {
      underWay.delete(write.key);
    }
  };
}
