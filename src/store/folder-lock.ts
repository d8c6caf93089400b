// Keeps a second process out of a folder that only one may use: PGlite does not do it, and two in one folder destroy it; and two
// that work one backlog would pay for it twice.
// The lock is a file with the process's id and start time, so that the lock of a killed process, or of one whose id
// was given to another program since, is seen through and taken over.
import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { BatonError } from "../core/errors.ts";

/** Folders that this very process holds: its own lock file would look like a leftover of an earlier process with its id. */
const held = new Set<string>();

/** Takes the folder, or throws `database-failed` naming the process that has it; `inUse` says what that means and what to do. */
export async function lockFolder(
  folder: string,
  inUse: (process: number) => string = (process) => databaseInUse(folder, process),
): Promise<AsyncDisposable> {
  const taken = (process: number) => new BatonError("database-failed", inUse(process));
  const path = join(folder, "lock");
  const mine = await nameOf(process.pid);
  for (;;) {
    if (held.has(path)) throw taken(process.pid);
    held.add(path);
    let mineNow = false;
    try {
      mineNow = await create(path, mine);
    } finally {
      if (!mineNow) held.delete(path);
    }
    if (mineNow) break;
    const owner = await readFile(path, "utf8").catch(() => "");
    const pid = owner === mine ? undefined : await livingOf(owner);
    if (pid !== undefined) throw taken(pid);
    await clear(path, owner);
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true });
      held.delete(path);
    },
  };
}

/** The process that has the folder now; undefined when none does. */
export async function holderOf(folder: string): Promise<number | undefined> {
  return await livingOf(await readFile(join(folder, "lock"), "utf8").catch(() => ""));
}

async function livingOf(owner: string): Promise<number | undefined> {
  const pid = Number(owner.split(" ")[0]);
  return pid > 0 && owner === (await nameOf(pid)) ? pid : undefined;
}

function databaseInUse(folder: string, process: number): string {
  return (
    `the database in ${folder} is in use by process ${process}: stop that one, set BATON_HOME to another folder, ` +
    "or set DATABASE_URL to share one database"
  );
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    await using file = await open(path, "wx");
    await file.writeFile(text);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a dead owner's lock. Renamed first, so that of two who see it dead none removes the other's fresh lock. */
async function clear(path: string, owner: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(() => undefined);
  const found = await readFile(aside, "utf8").catch(() => owner);
  if (found === owner) await rm(aside, { force: true });
  else await rename(aside, path);
}

/** "id start-time" of a living process, where /proc tells; without /proc only its id; "" for one that is gone. */
async function nameOf(pid: number): Promise<string> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return "";
  }
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // Field 22, counted behind the program's name, which may itself hold spaces and brackets.
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return `${pid} ${started}`;
}
