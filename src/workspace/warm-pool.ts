// The warm pool: clones with their dependencies installed, so that what needs the same base again need not install again.
//
// A clone goes in right after Baton's own install step on the base's files, before anybody else sees it, and as a copy: what an agent, a test or
// a change has touched has no way in. It comes out as a copy too, and nothing writes to what stays behind. Which copy that is:
//
// - a spare, made ahead: leasing it is a rename, and the next one is made in the background;
// - else one of the stock, made while the caller waits;
// - else there is nothing, and the install runs. Of those in this process who want the same at once one installs, and the others wait for that.
//
// The pool is a convenience: whatever goes wrong with it costs time, and is never an error of who asked. It is bounded in bytes, in age and in
// bases of one repository, keeps off a disk with little room, and gives all it has to whoever finds the disk full.
import { randomBytes, randomUUID } from "node:crypto";
import { lstat, mkdir, rename, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CommandResult, type Execute, succeeded } from "../core/command.ts";
import { untilAborted } from "../core/until-aborted.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { copyTree, isUntouched, seal, sizeOf } from "./copy-tree.ts";
import type { Leases } from "./lease.ts";
import { shortened } from "./ledger.ts";
import { lockMirror } from "./mirror-lock.ts";
import { boot } from "./owner.ts";
import * as prepared from "./prepared.ts";
import type { About, Entry, Wanted } from "./prepared.ts";
import { mark } from "./uses.ts";

export interface WarmPoolBounds {
  /** All of it on the disk; 0: there is no pool, and what another process left of one goes. */
  readonly maxBytes: number;
  /** How long after its install a prepared clone is still used, in milliseconds. */
  readonly maxAgeMs: number;
  /** Bases of one repository. */
  readonly perRepository: number;
}

/** What a monitor shows. Hits and misses are this process's own, since its start. */
export interface WarmPoolFigures {
  readonly clones: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
}

/** A clone at its base with what the install left. */
export interface Made {
  readonly installed: CommandResult;
  /** What the install left, as lines of an exclude file. */
  readonly exclude: string;
}

export interface WarmPool extends AsyncDisposable {
  /** Fills the empty folder `lease` with a clone: one of the pool, or what `make` makes there. `earlier`: the install was not run for this one. */
  prepare(
    wanted: Wanted,
    lease: string,
    make: () => Promise<Made>,
    signal: AbortSignal,
  ): Promise<Made & { readonly earlier: boolean }>;
  /** Does `work`; when it finds the disk full, and the pool has something to give, once more behind that. */
  withRoom<T>(work: () => Promise<T>): Promise<T>;
  /** Deletes what is beyond the bounds. */
  tidy(): Promise<void>;
  figures(): Promise<WarmPoolFigures>;
}

export interface WarmPoolOptions {
  readonly home: string;
  readonly execute: Execute;
  readonly leases: Leases;
  readonly bounds: WarmPoolBounds;
  /** Bytes that the pool leaves free on the disk. */
  readonly keepFree: number;
  readonly log: Log;
}

/** For who has no pool: everything is made, and what others pooled is left alone. */
export const noPool: WarmPool = {
  prepare: async (_wanted, _lease, make) => ({ ...(await make()), earlier: false }),
  withRoom: (work) => work(),
  tidy: () => Promise.resolve(),
  figures: () => Promise.resolve({ clones: 0, bytes: 0, hits: 0, misses: 0 }),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** The pool of one home, which several processes may share. Disposing ends what is made in the background. */
export function createWarmPool(options: WarmPoolOptions): WarmPool {
  const { home, execute, leases, bounds, keepFree, log } = options;
  const over = new AbortController();
  /** Installs that are under way in this process. */
  const making = new Map<string, Promise<void>>();
  let refilling: Promise<void> = Promise.resolve();
  let hits = 0;
  let misses = 0;

  const folderOf = (wanted: Wanted) => join(prepared.poolFolder(home), prepared.keyFor(wanted));
  const isOld = ({ madeAt }: About) => Date.now() - madeAt > bounds.maxAgeMs;
  /** What the pool cannot do is told to whoever reads the log, and to nobody else. */
  const quietly = async <T>(what: string, folder: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      log.warn(`the warm pool: ${what} failed`, { folder, error: messageOf(error) });
      return undefined;
    }
  };

  const takenBy = (entries: readonly Entry[]) => entries.reduce((sum, entry) => sum + prepared.bytesOf(entry), 0);
  const diskHas = async (bytes: number) => (await freeBytes(home)) - bytes >= keepFree;

  /** Makes a copy in a folder that is swept if this process dies, and puts it in its place by a rename. False when it did not come to that. */
  async function copyTo(
    place: string,
    from: string,
    { still, dress }: { still: () => Promise<boolean>; dress?: (folder: string) => Promise<void> },
    signal: AbortSignal,
  ): Promise<boolean> {
    const room = await leases.take("making");
    try {
      const copy = join(room, "copy");
      if (dress) await mkdir(copy, { mode: 0o700 });
      const clone = dress ? prepared.stockOf(copy) : copy;
      const failed = await copyTree(execute, from, clone, signal);
      if (failed !== undefined) {
        if (!signal.aborted) log.warn("the warm pool: a clone could not be copied", { folder: from, error: failed });
        return false;
      }
      await seal(clone);
      await dress?.(copy);
      return (await still()) && (await renamed(copy, place));
    } finally {
      await leases.give(room);
    }
  }

  const copyOfStock = (place: string, entry: string, { id }: About, signal: AbortSignal) =>
    copyTo(place, prepared.stockOf(entry), { still: async () => (await prepared.readAbout(entry))?.id === id }, signal);

  /** Puts a clone of the pool in the place of the empty folder `lease`. */
  async function lend(wanted: Wanted, lease: string, signal: AbortSignal): Promise<About | undefined> {
    const entry = folderOf(wanted);
    const about = await prepared.readAbout(entry);
    if (about === undefined) {
      // What cannot be read, if that is why, would stand in the way of the next.
      await leases.give(entry);
      return undefined;
    }
    const isGood = async (clone: string) =>
      (await prepared.isAtBase(clone, wanted)) && (await isUntouched(execute, clone, signal));
    let lent = false;
    let bad = isOld(about) || !isFor(about, wanted);
    for (const spare of bad ? [] : await prepared.sparesIn(entry)) {
      if (lent || bad) break;
      if (await isGood(spare)) lent = await renamed(spare, lease);
      // Somebody else may have been faster.
      else bad = (await lstat(spare).catch(() => undefined)) !== undefined;
    }
    if (!lent && !bad) {
      bad = !(await isGood(prepared.stockOf(entry)));
      lent = !bad && (await copyOfStock(lease, entry, about, signal));
    }
    if (bad) await leases.give(entry);
    if (!lent) return undefined;
    await mark(prepared.lastLease(entry)).catch(() => {});
    refill(entry);
    return about;
  }

  /** Takes a copy of a clone that was just installed, if there is room. */
  async function offer(wanted: Wanted, lease: string, made: Made, signal: AbortSignal): Promise<void> {
    const bytes = await sizeOf(execute, lease, signal);
    if (bytes === undefined || bytes > bounds.maxBytes || !(await diskHas(bytes))) return;
    if (!(await prepared.isAtBase(lease, wanted))) return;
    const entry = folderOf(wanted);
    await mkdir(dirname(entry), { recursive: true, mode: 0o700 });
    const about: About = {
      ...wanted,
      id: randomUUID(),
      boot: boot(),
      exclude: made.exclude,
      installed: shortened(made.installed),
      bytes,
      madeAt: Date.now(),
    };
    const dress = (folder: string) => writeFile(join(folder, "about.json"), JSON.stringify(about), { mode: 0o600 });
    const still = () => Promise.resolve(true);
    if (!(await copyTo(entry, lease, { still, dress }, signal))) return;
    await tidy();
    refill(entry);
  }

  /** Makes the next spare, one after another, where no other process does. */
  function refill(entry: string): void {
    const one = async () => {
      if (over.signal.aborted) return;
      // The lock goes with the entry. It is for order only, as a mirror's is.
      const lock = await lockMirror(join(entry, "lock"), over.signal, { wait: false }).catch(() => undefined);
      if (lock === undefined) return;
      await using _alone = lock;
      const about = await prepared.readAbout(entry);
      if (about === undefined || (await prepared.sparesIn(entry)).length > 0) return;
      const taken = takenBy(await prepared.entriesIn(home));
      if (taken + about.bytes > bounds.maxBytes || !(await diskHas(about.bytes))) return;
      await copyOfStock(join(entry, `spare-${randomBytes(8).toString("hex")}`), entry, about, over.signal);
    };
    refilling = refilling.then(() => quietly("making a spare", entry, one));
  }

  async function give(enough: () => Promise<boolean>): Promise<boolean> {
    let gave = false;
    for (const { folder } of await prepared.entriesIn(home)) {
      if (await enough()) break;
      await leases.give(folder);
      await leases.settle();
      gave = true;
    }
    return gave;
  }

  async function tidy(): Promise<void> {
    const kept = new Map<string, number>();
    let bytes = 0;
    // The latest used come first here, and stay.
    for (const entry of (await prepared.entriesIn(home)).toReversed()) {
      const { folder, about } = entry;
      const before = kept.get(about?.mirror ?? "") ?? 0;
      const size = prepared.bytesOf(entry);
      if (about === undefined || isOld(about) || before >= bounds.perRepository || bytes + size > bounds.maxBytes)
        await leases.give(folder);
      else {
        kept.set(about.mirror, before + 1);
        bytes += size;
      }
    }
    await give(async () => (await freeBytes(home)) >= keepFree);
  }

  return {
    async prepare(wanted, lease, make, signal) {
      if (bounds.maxBytes === 0) return { ...(await make()), earlier: false };
      const key = prepared.keyFor(wanted);
      const taken = async () => {
        const about = await quietly("leasing", lease, () => lend(wanted, lease, signal));
        if (about) hits += 1;
        return about && { installed: about.installed, exclude: about.exclude, earlier: true };
      };
      // Once at most: where an install fails, it fails for those who waited side by side.
      let waited = false;
      for (;;) {
        const found = await taken();
        if (found) return found;
        const under = making.get(key);
        if (under === undefined || waited) break;
        await untilAborted(under, signal).catch((error: unknown) => {
          throw new BatonError("sandbox-failed", "waiting for an install was aborted", { cause: error });
        });
        waited = true;
      }
      misses += 1;
      const done = Promise.withResolvers<void>();
      const first = !making.has(key);
      if (first) making.set(key, done.promise);
      try {
        const made = await make();
        if (succeeded(made.installed)) await quietly("taking in", lease, () => offer(wanted, lease, made, signal));
        return { ...made, earlier: false };
      } finally {
        if (first) making.delete(key);
        done.resolve();
      }
    },
    async withRoom(work) {
      try {
        return await work();
      } catch (error) {
        const full = error instanceof BatonError && error.code === "disk-full";
        if (!full || !(await give(() => Promise.resolve(false)))) throw error;
        log.warn("the warm pool gave way to a full disk", { error: messageOf(error) });
        return await work();
      }
    },
    tidy,
    async figures() {
      const entries = await prepared.entriesIn(home);
      const clones = entries.reduce((sum, { spares }) => sum + 1 + spares, 0);
      return { clones, bytes: takenBy(entries), hits, misses };
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await refilling;
    },
  };
}

const isFor = (about: Wanted, wanted: Wanted) =>
  about.mirror === wanted.mirror && about.base === wanted.base && about.install === wanted.install;

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** False when what was to be moved is gone, or somebody has put something in its place. */
async function renamed(from: string, to: string): Promise<boolean> {
  return await rename(from, to).then(
    () => true,
    (error: unknown) => {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOENT" || code === "ENOTEMPTY" || code === "EEXIST") return false;
      throw error;
    },
  );
}
