// Prepared clones as they lie in `BATON_HOME/pool`, one folder for each base that was installed:
//
//   about.json   what it is, written before the folder gets its name
//   stock/       a clone at the base, with what the install left; copied, never leased
//   spare-…/     a copy of the stock that waits to be leased
//   used         its time says when it was last leased
//
// Names appear and go by a rename, so what has a name is whole, but for a power cut: what an earlier start of the machine made is never
// used. Whoever has copied out of a folder looks afterwards whether it still has its name: deleting begins with taking that away.
import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { beside } from "../core/beside.ts";
import { isSha, type Sha } from "../core/ids.ts";
import { InstallResult } from "./ledger.ts";
import { boot } from "./owner.ts";
import { markedAt } from "./uses.ts";

export const poolFolder = (home: string) => join(home, "pool");
export const stockOf = (entry: string) => join(entry, "stock");
export const lastLease = (entry: string) => join(entry, "used");

/** All that a prepared clone depends on, besides the machine and Baton's Node. */
export interface Wanted {
  /** The mirror's folder, which names the repository and its address. */
  readonly mirror: string;
  readonly base: Sha;
  /** The install command. */
  readonly install: string;
}

const text = z.string();
const About = z.object({
  /** Tells it from another one that took its name later. */
  id: text,
  boot: text,
  mirror: text,
  base: text.refine(isSha),
  install: text,
  exclude: text,
  installed: InstallResult,
  /** What one clone of it takes on the disk. */
  bytes: z.number(),
  /** Milliseconds since 1970. */
  madeAt: z.number(),
});
export type About = z.infer<typeof About>;

export interface Entry {
  readonly folder: string;
  /** Undefined when it is of no use: made under another start of the machine, or not as it should be. */
  readonly about: About | undefined;
  readonly spares: number;
  readonly usedAt: number;
}

/** The folder's name: the same for whoever wants the same, on this start of this machine. */
export function keyFor({ mirror, base, install }: Wanted): string {
  const parts = [1, boot(), process.version, process.arch, mirror, base, install];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

export async function readAbout(entry: string): Promise<About | undefined> {
  try {
    const { data } = About.safeParse(JSON.parse(await readFile(join(entry, "about.json"), "utf8")));
    return data?.boot === boot() ? data : undefined;
  } catch {
    return undefined;
  }
}

export async function sparesIn(entry: string): Promise<string[]> {
  const names = await readdir(entry).catch(() => []);
  return names.filter((name) => name.startsWith("spare-")).map((name) => join(entry, name));
}

/** Everything in the pool, the longest unused first. */
export async function entriesIn(home: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const name of await readdir(poolFolder(home)).catch(() => [])) {
    const folder = join(poolFolder(home), name);
    const about = await readAbout(folder);
    const spares = (await sparesIn(folder)).length;
    found.push({ folder, about, spares, usedAt: (await markedAt(lastLease(folder))) || (about?.madeAt ?? 0) });
  }
  return found.toSorted((one, other) => one.usedAt - other.usedAt);
}

/** What an entry takes on the disk, as far as it says so. */
export const bytesOf = ({ about, spares }: Entry) => (about?.bytes ?? 0) * (1 + spares);

/** True when a clone is laid out as Baton does it, borrows from its mirror, and has its base checked out. */
export async function isAtBase(clone: string, { mirror, base }: Pick<Wanted, "mirror" | "base">): Promise<boolean> {
  const git = join(clone, "tree/.git");
  for (const folder of ["tree", beside.home, "tree/.git"])
    if ((await lstat(join(clone, folder)).catch(() => undefined))?.isDirectory() !== true) return false;
  const objects = await readlink(join(clone, beside.objects)).catch(() => undefined);
  return (
    objects === join(mirror, "objects") &&
    (await shortFile(join(git, "HEAD"))) === "ref: refs/heads/work\n" &&
    (await shortFile(join(git, "refs/heads/work"))) === `${base}\n`
  );
}

/** A pipe is not opened, and a large file not read: an install may have left either. */
async function shortFile(path: string): Promise<string | undefined> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true && found.size < 256 ? await readFile(path, "utf8").catch(() => undefined) : undefined;
}
