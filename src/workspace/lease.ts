// Folders under Baton's home that belong to one running process: clones, quarantines, and what is being made for the warm pool. Each is named after its process, so that
// what a dead one left behind is found. Deleting is done aside and in the background: giving a folder back costs a rename.
//
// A clone with a key may be gone on with by a later process: it is put aside when its process parks it or is found dead, and for
// some minutes whoever asks for the key first gets it. Taking, parking and deleting are renames: of several who try, one wins.
import { createHash, randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm, stat, symlink, unlink, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Execute } from "../core/command.ts";
import { lifeOf, ownName } from "./owner.ts";

/** Leftovers of another machine or container, whose processes cannot be asked after, are kept this long. */
const FOREIGN_MS = 24 * 3_600_000;
const PARKED = "parked-0-0";

export interface KeptFolder {
  readonly folder: string;
  /** Nobody has it: its process is gone or has parked it. */
  readonly abandoned: boolean;
}

export interface Leases {
  /** A new, empty folder of this process; with a key (`run/…`) one that a later process may claim. */
  take(kind: "workspaces" | "quarantine" | "making", key?: string): Promise<string>;
  /** Gives a folder back; it is out of sight when this resolves, and deleted soon. */
  give(folder: string): Promise<void>;
  /** Puts a folder with a key aside, for whoever claims it, until some minutes after `until` (milliseconds since 1970). */
  park(folder: string, until: number): Promise<void>;
  /** Every folder with this key. */
  kept(key: string): Promise<KeptFolder[]>;
  /** Makes an abandoned folder this process's own. Its new place, or undefined when somebody else was faster. */
  claim(folder: string): Promise<string | undefined>;
  /** Deletes the abandoned folders of a key, or of all keys of a run. */
  forget(keyOrRun: string): Promise<void>;
  /** Deletes what dead processes left: at once without a key, after `keepMs` with one. */
  sweep(): Promise<void>;
  /** Resolves when nothing is being deleted any more. */
  settle(): Promise<void>;
}

/** `keepMs`: how long an abandoned folder with a key waits to be claimed. */
export function createLeases(home: string, execute: Execute, keepMs: number): Leases {
  const own = ownName();
  const workspaces = join(home, "workspaces");
  let deleting: Promise<void> = Promise.resolve();

  const discard = (folder: string) => {
    deleting = deleting.then(() => remove(folder, execute));
  };
  const give = async (folder: string) => {
    const trash = join(home, "trash");
    await mkdir(trash, { recursive: true, mode: 0o700 });
    const aside = join(trash, `${own}-${fresh()}`);
    const moved = await moveOnce(folder, aside);
    if (moved === "gone") return;
    discard(moved === "moved" ? aside : folder);
    if (keyOf(folder) !== "") await dropLinks(keyOf(folder));
  };

  /** What led to a folder that is gone. */
  async function dropLinks(key: string): Promise<void> {
    for (const name of await names(workspaces)) {
      if (keyOf(name) !== key || !(await isLink(join(workspaces, name)))) continue;
      const leads = await stat(join(workspaces, name)).catch(() => undefined);
      if (leads === undefined) await unlink(join(workspaces, name)).catch(() => {});
    }
  }

  /** Moves a folder with a key, leaving a link: without a sandbox, an absolute path that an install wrote down stays true. */
  async function move(folder: string, owner: string): Promise<string | undefined> {
    const name = `${owner}-${fresh()}-${keyOf(folder)}`;
    const moved = await moveOnce(folder, join(workspaces, name));
    if (moved === "failed") throw new Error(`cannot rename ${folder}`);
    if (moved === "gone") return undefined;
    await symlink(name, folder).catch(() => {});
    return join(workspaces, name);
  }

  const park = async (folder: string, until: number) => {
    // First the time: somebody who sees the new name must not see it as long expired.
    await utimes(folder, new Date(until), new Date(until)).catch(() => {});
    await move(folder, PARKED);
  };

  async function sweepWorkspace(folder: string, name: string): Promise<void> {
    const found = await lstat(folder).catch(() => undefined);
    if (found === undefined) return;
    const age = Date.now() - found.mtimeMs;
    if (found.isSymbolicLink()) {
      if (age > keepMs) await dropLinks(keyOf(name));
    } else if (name.startsWith(`${PARKED}-`)) {
      if (age > keepMs) await give(folder);
    } else if (lifeOf(name) === "gone") await (keyOf(name) === "" ? give(folder) : park(folder, Date.now()));
    else if (lifeOf(name) === "elsewhere" && age > FOREIGN_MS) await give(folder);
  }

  const abandoned = (name: string) => name.startsWith(`${PARKED}-`) || lifeOf(name) === "gone";

  async function having(mark: (key: string) => boolean): Promise<KeptFolder[]> {
    const found: KeptFolder[] = [];
    for (const name of await names(workspaces)) {
      const folder = join(workspaces, name);
      if (mark(keyOf(name)) && !(await isLink(folder))) found.push({ folder, abandoned: abandoned(name) });
    }
    return found;
  }

  return {
    give,
    park,
    async take(kind, key) {
      const folder = join(home, kind, `${own}-${fresh()}${key === undefined ? "" : `-${marked(key)}`}`);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    kept: (key) => having((mark) => mark === marked(key)),
    claim: (folder) => move(folder, own),
    async forget(keyOrRun) {
      const ofKey = keyOrRun.includes("/") ? marked(keyOrRun) : undefined;
      for (const kept of await having((mark) => (ofKey ? mark === ofKey : mark.startsWith(`${shortHash(keyOrRun)}-`))))
        if (kept.abandoned) await give(kept.folder);
    },
    async sweep() {
      for (const name of await names(workspaces)) await sweepWorkspace(join(workspaces, name), name);
      for (const kind of ["quarantine", "making", "trash"])
        for (const name of await names(join(home, kind)))
          if (await leftover(join(home, kind, name), name)) await give(join(home, kind, name));
    },
    async settle() {
      await deleting;
    },
  };
}

async function leftover(folder: string, name: string): Promise<boolean> {
  const life = lifeOf(name);
  if (life !== "elsewhere") return life === "gone";
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > FOREIGN_MS;
}

const fresh = () => randomBytes(8).toString("hex");
const names = (folder: string) => readdir(folder).catch(() => []);
const shortHash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);

/** A key within a folder's name: its run, and the whole of it. */
function marked(key: string): string {
  const [run = ""] = key.split("/");
  return `${shortHash(run)}-${shortHash(key)}`;
}

/** The key's mark in a folder's name; "" without one. */
function keyOf(folder: string): string {
  return basename(folder).split("-").slice(4).join("-");
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true;
}

/** "gone" also where only a link is left: somebody else moved the folder a moment ago. */
async function moveOnce(from: string, to: string): Promise<"moved" | "gone" | "failed"> {
  try {
    await rename(from, to);
    if (!(await isLink(to))) return "moved";
    await rename(to, from).catch(() => unlink(to));
    return "gone";
  } catch (error) {
    const gone = error instanceof Error && "code" in error && error.code === "ENOENT";
    return gone && (await stat(dirname(to)).catch(() => undefined)) !== undefined ? "gone" : "failed";
  }
}

/** Deletes a tree that was written by a stranger: folders without write permission (Go's module cache) are opened up first. */
async function remove(folder: string, execute: Execute): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    // chmod -R follows no links on its way down.
    const argv = ["chmod", "-R", "u+rwX", "--", folder] as const;
    await execute({ argv, cwd: "/", timeoutMs: 60_000 }, new AbortController().signal);
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}
