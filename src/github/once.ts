// A write to GitHub that happens once, whatever breaks: recorded in the outbox before it is tried; tried before, it is looked
// for on GitHub before it is written again; two processes that write at the same moment end with one.
//
// Order: writes of a run in one lane happen in the order in which they were recorded. In this process a later one waits for
// the earlier; across processes and retries a later one overtakes what is still open, and what was overtaken is not sent.
// So the comment at the end never stands before the card, and no pull request is opened for a branch that was given up.
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { BatonError } from "../core/errors.ts";
import { faultPoint } from "../core/fault-points.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Timing } from "./client.ts";
import { GitHubFailure, isRefused } from "./failure.ts";
import type { Fence, How } from "./requests.ts";

/** What of one run must happen in order. */
export type Lane = "card" | "pull-request";

export interface Write<T> {
  /** Names the write for ever. */
  readonly key: string;
  readonly run: RunId | undefined;
  readonly kind: string;
  /** Only with a run. */
  readonly lane?: Lane | undefined;
  /** Of a comment: what it is written on, where it counts for an hour. */
  readonly subject?: string | undefined;
  /** What is written, for people who read the outbox; small. */
  readonly payload: unknown;
  readonly result: z.ZodType<T>;
  /** Finds what an earlier try, or another process, has written. All of it, oldest first; the first one counts. */
  look(): Promise<readonly T[]>;
  /** Every request that writes goes `how` it is told: then it is forbidden when another process has the run, or has written. */
  write(how: Pick<How, "run" | "guard">): Promise<T>;
  /** Takes a second copy away again. Without it GitHub itself refuses second copies. */
  remove?(copy: T): Promise<void>;
}

/** Throws `GitHubFailure`, and `fence-lost` when another process has the run or has overtaken the write. */
export type Once = <T>(write: Write<T>) => Promise<T>;

export interface OnceOptions {
  readonly outbox: Outbox;
  readonly log: Log;
  readonly timing: Timing;
  readonly fence?: Fence | undefined;
  /** How long another process that began the same write is waited for, in milliseconds. Default 1.5 s. */
  readonly settleMs?: number;
}

/** Tries after an unclear failure. Each waits first, for what may still be on its way, and then looks. */
const PAUSES_MS = [500, 2_000, 5_000];

/** Stops a write that was done meanwhile. */
class Done extends Error {}

export function createOnce({ outbox, log, timing, fence, settleMs = 1_500 }: OnceOptions): Once {
  /** Writes under way in this process, by key and by lane, so that it never races itself. */
  const underWay = new Map<string, Promise<unknown>>();

  async function perform<T>(write: Write<T>): Promise<T> {
    // Who lost the run must not overtake what its new worker has recorded.
    if (write.run !== undefined) await fence?.(write.run);
    const { key, run, kind, payload, lane, subject } = write;
    const entry = await outbox.record({ key, run, kind, payload, lane, subject });
    if (entry.doneAt !== undefined) return write.result.parse(entry.result);
    await faultPoint("github.intended");
    if (entry.tries > 1) {
      const found = (await oneOf(write)) ?? (await afterOthers(write));
      if (found !== undefined) return await settle(write, found);
    }
    let unclear = 0;
    for (const pause of [...PAUSES_MS, undefined]) {
      try {
        return await settle(write, await alone(write, entry.tries, unclear));
      } catch (error) {
        const done = await doneSince(write, error);
        if (done !== undefined) return done.result;
        if (pause === undefined || !(error instanceof GitHubFailure) || error.kind !== "unclear") throw error;
        log.warn("unclear whether GitHub has written; looking", { key: write.key, error: error.reason });
        unclear += 1;
        await timing.pause(pause);
        const found = unclear > 1 ? await oneOf(write) : await oldestOf(write);
        if (found !== undefined) return await settle(write, found);
      }
    }
    throw new Error("unreachable");
  }

  /** Asked right before a request leaves: a process that was frozen since it recorded must not write what is written, or too late. */
  function guardOf<T>({ key }: Write<T>): () => Promise<void> {
    return async () => {
      const now = await outbox.read(key);
      if (now?.doneAt !== undefined) throw new Done();
      if (now?.overtaken === true)
        throw new BatonError(
          "fence-lost",
          `the write "${key}" was overtaken by a later one, or refused, and is not sent`,
        );
    };
  }

  async function doneSince<T>(write: Write<T>, error: unknown): Promise<{ result: T } | undefined> {
    if (!(error instanceof Done)) return undefined;
    return { result: write.result.parse((await outbox.read(write.key))?.result) };
  }

  /** Whoever began this write may be about to finish it. */
  async function afterOthers<T>(write: Write<T>): Promise<T | undefined> {
    await timing.pause(settleMs);
    const entry = await outbox.read(write.key);
    if (entry?.doneAt !== undefined) return write.result.parse(entry.result);
    return await oldestOf(write);
  }

  /** Writes. What another process has recorded meanwhile counts, and mine goes; else the oldest copy stays: whoever writes last sees them all. */
  async function alone<T>(write: Write<T>, tries: number, unclear: number): Promise<T> {
    const mine = await write.write({ run: write.run, guard: guardOf(write) });
    if (!write.remove) return mine;
    const entry = await outbox.read(write.key);
    if (entry?.doneAt !== undefined) {
      const theirs = write.result.parse(entry.result);
      if (!isDeepStrictEqual(mine, theirs)) await write.remove(mine);
      return theirs;
    }
    const wasAlone = unclear === 0 && tries === 1 && (entry?.tries ?? 1) === 1;
    return wasAlone ? mine : ((await oldestOf(write)) ?? mine);
  }

  /** The oldest copy; the others are removed. */
  async function oldestOf<T>(write: Write<T>): Promise<T | undefined> {
    const [keep, ...others] = await write.look();
    for (const copy of others) await write.remove?.(copy);
    return keep;
  }

  /** The same where more than one try was sent: what the last one wrote may come only now. */
  async function oneOf<T>(write: Write<T>): Promise<T | undefined> {
    const found = await oldestOf(write);
    if (found === undefined || !write.remove) return found;
    await timing.pause(settleMs);
    return await oldestOf(write);
  }

  /** The first result recorded counts, also for a process that comes second. */
  async function settle<T>(write: Write<T>, result: T): Promise<T> {
    await outbox.done(write.key, result);
    await faultPoint("github.recorded");
    const entry = await outbox.read(write.key);
    return entry?.doneAt === undefined ? result : write.result.parse(entry.result);
  }

  return async (write) => {
    const lane = write.run === undefined || write.lane === undefined ? [] : [`${write.lane} of ${write.run}`];
    const places = [write.key, ...lane];
    for (;;) {
      const before = places.map((place) => underWay.get(place)).find((other) => other !== undefined);
      if (!before) break;
      await before.catch(() => undefined);
    }
    const mine = perform(write);
    for (const place of places) underWay.set(place, mine);
    try {
      return await mine;
    } catch (error) {
      if (isRefused(error)) await outbox.refused(write.key);
      throw error;
    } finally {
      for (const place of places) underWay.delete(place);
    }
  };
}
