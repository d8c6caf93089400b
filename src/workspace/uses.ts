// When a mirror and each commit in it were last asked for: empty files in the mirror whose time says it. Upkeep goes by them.
import { mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isSha, type Sha } from "../core/ids.ts";

/** A use that is no older than this is not written down again. */
export const USE_MS = 6 * 3_600_000;
const FOLDER = "baton-used";

export interface Uses {
  /** Writes down that a commit was asked for now. */
  touch(commit: Sha): Promise<void>;
  /** When each commit was last asked for, in milliseconds since 1970. */
  all(): Promise<Map<Sha, number>>;
  forget(commit: Sha): Promise<void>;
}

/** The uses of the commits of the mirror at `folder`. */
export function usesOf(folder: string): Uses {
  const at = join(folder, FOLDER);
  return {
    async touch(commit) {
      const now = new Date();
      await utimes(join(at, commit), now, now).catch(async () => {
        await mkdir(at, { recursive: true, mode: 0o700 });
        await writeFile(join(at, commit), "");
      });
    },
    async all() {
      const found = new Map<Sha, number>();
      for (const name of await readdir(at).catch(() => [])) {
        const file = await stat(join(at, name)).catch(() => undefined);
        if (isSha(name) && file) found.set(name, file.mtimeMs);
      }
      return found;
    },
    forget: (commit) => rm(join(at, commit), { force: true }),
  };
}

/** When something was last marked as used or looked after; 0 for never. */
export async function markedAt(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
}

export async function mark(file: string): Promise<void> {
  await writeFile(file, "");
}
