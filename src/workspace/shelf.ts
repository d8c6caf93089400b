// Work that must be found from other machines: each commit that comes in is also put on a shelf, as a bundle on top of the commit it
// was made on, and a mirror that lacks a commit looks there before it asks the repository, which never had it.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Git } from "./git.ts";

/** What a bundle calls its commit. */
export const MADE = "refs/heads/made";
/** Before the next tries, in milliseconds. */
const PATIENCE_MS = [100, 500, 2_000];

export interface ShelvedWork {
  readonly commit: Sha;
  readonly start: Sha;
  /** A git bundle of `start..commit`. */
  readonly bundle: Uint8Array;
}

/** Work of one repository, shared by all workers of a database. */
export interface Shelf {
  /** Does nothing for a commit that is there. Throws `database-failed` and `disk-full`. */
  put(work: ShelvedWork): Promise<void>;
  get(commit: Sha): Promise<ShelvedWork | undefined>;
}

/** The shelf of each repository: no other's work is on it. */
export type Shelves = (repo: { readonly id?: number | undefined }) => Shelf;

/**
 * Puts the commit that `from` (a bare repository of Baton's) calls `refs/heads/made` on the shelf. When that fails the work is only
 * told of in the journal: this machine's mirror has it.
 */
export async function shelve(
  { shelf, git, log }: { shelf: Shelf; git: Git; log: Log },
  { from, start, commit }: { from: string; start: Sha; commit: Sha },
  signal: AbortSignal,
): Promise<void> {
  const file = join(from, "shelved.bundle");
  await git.run({ args: ["bundle", "create", "--quiet", file, MADE, `^${start}`], at: from }, signal);
  const bundle = await readFile(file);
  for (const pause of [...PATIENCE_MS, undefined]) {
    try {
      return await shelf.put({ commit, start, bundle });
    } catch (error) {
      if (pause === undefined || signal.aborted)
        return log.warn("finished work is on this machine only", { commit, error: messageOf(error) });
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Lays a shelved bundle into `folder` for as long as `take` needs it, and tells its file and what it calls the commit. */
export async function unshelve(
  { commit, bundle }: ShelvedWork,
  folder: string,
  take: (file: string, ref: string) => Promise<void>,
): Promise<void> {
  const file = join(folder, `unshelved-${commit}-${process.pid}.bundle`);
  await writeFile(file, bundle, { mode: 0o600 });
  try {
    await take(file, MADE);
  } finally {
    await rm(file, { force: true });
  }
}
