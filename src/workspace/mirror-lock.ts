// One change of a mirror at a time, also among several processes that share a home: they would get in each other's way with git's
// own lock files, and fail. It is for order, not for safety: where two do meet (a holder that was frozen and is taken for dead),
// git's own locks and the weeks that upkeep leaves unreachable objects alone keep the mirror whole.
import { randomUUID } from "node:crypto";
import { link, readdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { BatonError } from "../core/errors.ts";
import { lifeOf, ownName } from "./owner.ts";

/** How often a holder shows that it lives, and how long it may be silent. The second is for holders on other machines or in other containers. */
const BEAT_MS = 5_000;
const SILENT_MS = 30_000;
const POLL_MS = { first: 10, most: 250 };
/** A lock file of git's own is left behind when no process works in the mirror and it is this old; without /proc, when it is very old. */
const GIT_LOCK_MS = 5_000;
const GIT_LOCK_UNKNOWN_MS = 20 * 60_000;

/** Waits for the lock file at `path` and takes it. Throws `git-failed` when aborted; undefined, with `wait: false`, when it is taken. */
export async function lockMirror(path: string, signal: AbortSignal): Promise<AsyncDisposable>;
export async function lockMirror(
  path: string,
  signal: AbortSignal,
  options: { wait: false },
): Promise<AsyncDisposable | undefined>;
export async function lockMirror(
  path: string,
  signal: AbortSignal,
  { wait = true }: { wait?: boolean } = {},
): Promise<AsyncDisposable | undefined> {
  const mine = `${ownName()} ${randomUUID()}`;
  for (let pause = POLL_MS.first; ; pause = Math.min(pause * 2, POLL_MS.most)) {
    if (await create(path, mine)) break;
    if (await isLeft(path)) {
      await clear(path);
      continue;
    }
    if (!wait) return undefined;
    await delay(pause, undefined, { signal }).catch((cause: unknown) => {
      throw new BatonError("git-failed", `waiting for another fetch into ${path} was aborted`, { cause });
    });
  }
  const beat = setInterval(() => {
    utimes(path, new Date(), new Date()).catch(() => {});
  }, BEAT_MS);
  beat.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      if ((await readFile(path, "utf8").catch(() => "")) === mine) await rm(path, { force: true });
    },
  };
}

/** Written elsewhere and linked, so that the file is never there without its owner's name. */
async function create(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { mode: 0o600 });
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function isLeft(path: string): Promise<boolean> {
  const [owner = ""] = (await readFile(path, "utf8").catch(() => "")).split(" ");
  if (owner === "") return false;
  if (lifeOf(owner) === "gone") return true;
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > SILENT_MS;
}

/** Moved first, so that of two who see it left none removes the other's fresh lock. */
async function clear(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  if (!(await isLeft(aside))) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

/** The lock file of git's own that made a command fail. */
export function gitLock(stderr: string): string | undefined {
  return /Unable to create '([^'\n]+\.lock)': File exists/.exec(stderr)?.[1];
}

/** Removes a lock file that a killed git left in the mirror at `folder`. True when it is gone; only for whoever holds the mirror's lock. */
export async function clearGitLock(folder: string, lock: string): Promise<boolean> {
  if (!lock.startsWith(`${folder}/`)) return false;
  const found = await stat(lock).catch(() => undefined);
  if (found === undefined) return true;
  const busy = await worksIn(folder);
  if (busy === true || Date.now() - found.mtimeMs < (busy === false ? GIT_LOCK_MS : GIT_LOCK_UNKNOWN_MS)) return false;
  await rm(lock, { force: true });
  return true;
}

/** Whether a process of this machine has the folder as its current one (the git of a Baton that was killed); undefined where nobody can tell. */
async function worksIn(folder: string): Promise<boolean | undefined> {
  const ids = await readdir("/proc").catch(() => undefined);
  if (ids === undefined) return undefined;
  for (const id of ids) {
    if (!/^\d+$/.test(id)) continue;
    if ((await readlink(`/proc/${id}/cwd`).catch(() => "")) === folder) return true;
  }
  return false;
}
