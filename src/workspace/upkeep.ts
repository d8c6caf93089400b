// Keeps mirrors from growing for ever. Once a day for each, while nobody else changes it:
//
// 1. A commit that was asked for in the last 30 days, or that an unfinished run needs, gets a name of its own, so that it stays when
//    its branch is rewritten or deleted. The names of other commits are taken away.
// 2. git packs what lies about, when it is worth it, and deletes what no name leads to and what is older than two weeks. Clones borrow
//    their objects from here: all they were given is reachable from a commit with a name, and a fetch that is under way is young.
// 3. A mirror nobody used for 30 days is deleted, unless a clone still leads to it or an unfinished run needs one of its commits. One that
//    does not say when it was used (its making was cut off, or another version made it) goes by its own age, and is else left alone.
// 4. Where mirrors together are larger than they may be, the longest unused go, if nobody used them for a day, under the same conditions.
import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { beside } from "../core/beside.ts";
import { messageOf } from "../core/errors.ts";
import { isSha, type Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Execute } from "../core/command.ts";
import { sizeOf } from "./copy-tree.ts";
import type { Git } from "./git.ts";
import type { Leases } from "./lease.ts";
import { lockMirror } from "./mirror-lock.ts";
import { mark, markedAt, usesOf } from "./uses.ts";

const DAY_MS = 86_400_000;
const KEEP_MS = 30 * DAY_MS;
/** Much longer than a use goes without being written down again. */
const IDLE_MS = DAY_MS;
const GC_MS = 15 * 60_000;

/** The file beside a mirror that whoever changes it holds. */
export const lockFile = (mirror: string) => `${mirror}.lock`;
/** The file in a mirror whose time says when it was last used. */
export const lastUse = (mirror: string) => join(mirror, "baton-last-use");
const lastUpkeep = (mirror: string) => join(mirror, "baton-last-upkeep");

export interface UpkeepOptions {
  readonly git: Git;
  readonly home: string;
  readonly leases: Pick<Leases, "give">;
  /** What all mirrors together may take on the disk, and what measures it. */
  readonly bound?: { readonly bytes: number; readonly execute: Execute } | undefined;
  /** Commits that unfinished runs need; asked once, and only when a mirror goes by it. When it throws, nothing is touched. */
  readonly needed: () => Promise<ReadonlySet<Sha>>;
  readonly log: Log;
}

/** Looks after every mirror whose turn it is. One that cannot be looked after is logged and tried again the next day. */
export async function upkeep(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const due: string[] = [];
  for (const folder of await mirrorsIn(join(options.home, "mirrors")))
    if (Date.now() - (await markedAt(lastUpkeep(folder))) > DAY_MS) due.push(folder);
  let asked: Promise<ReadonlySet<Sha>> | undefined;
  const needed = () => (asked ??= options.needed());
  for (const folder of due) {
    if (signal.aborted) return;
    try {
      await lookAfter(folder, { ...options, needed }, signal);
    } catch (error) {
      options.log.warn("a mirror could not be looked after", { folder, error: messageOf(error) });
    }
  }
  // Once a day for each, therefore: what is not used grows no larger.
  if (due.length > 0 && options.bound !== undefined) await keepWithin(options.bound, { ...options, needed }, signal);
}

/** Deletes the longest unused mirrors until the rest is within the bound, or is in use. */
async function keepWithin(
  { bytes: most, execute }: { bytes: number; execute: Execute },
  { git, home, leases, needed, log }: UpkeepOptions,
  signal: AbortSignal,
): Promise<void> {
  const mirrors: { folder: string; bytes: number; usedAt: number }[] = [];
  for (const folder of await mirrorsIn(join(home, "mirrors"))) {
    const bytes = (await sizeOf(execute, folder, signal)) ?? 0;
    mirrors.push({ folder, bytes, usedAt: await markedAt(lastUse(folder)) });
  }
  let bytes = mirrors.reduce((sum, mirror) => sum + mirror.bytes, 0);
  for (const mirror of mirrors.toSorted((one, other) => one.usedAt - other.usedAt)) {
    if (bytes <= most || signal.aborted) return;
    await using alone = await lockMirror(lockFile(mirror.folder), signal, { wait: false });
    const usedAt = await markedAt(lastUse(mirror.folder));
    if (alone === undefined || usedAt === 0 || Date.now() - usedAt < IDLE_MS) continue;
    const here = await presentOf(git, mirror.folder, await needed(), signal);
    if (here.size > 0 || (await isBorrowedFrom(mirror.folder, home))) continue;
    await leases.give(mirror.folder);
    bytes -= mirror.bytes;
    log.info("a mirror was deleted to make room for others", { folder: mirror.folder, bytes: mirror.bytes });
  }
}

async function mirrorsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const owner of await readdir(folder).catch(() => []))
    for (const name of await readdir(join(folder, owner)).catch(() => []))
      if (name.endsWith(".git")) found.push(join(folder, owner, name));
  return found;
}

async function lookAfter(
  folder: string,
  { git, home, leases, needed }: UpkeepOptions,
  signal: AbortSignal,
): Promise<void> {
  const lock = await lockMirror(lockFile(folder), signal, { wait: false });
  if (lock === undefined) return;
  await using _alone = lock;
  const said = await markedAt(lastUse(folder));
  const isOld = Date.now() - (said === 0 ? await markedAt(folder) : said) > KEEP_MS;
  if (said === 0 && !isOld) return await mark(lastUpkeep(folder));
  const commits = await needed();
  await mark(lastUpkeep(folder));
  const here = await presentOf(git, folder, commits, signal);
  if (isOld && here.size === 0 && !(await isBorrowedFrom(folder, home))) {
    await leases.give(folder);
    return;
  }
  await nameCommits(git, folder, here, signal);
  // git decides whether it is worth it: more than 6,700 loose objects or 50 packs.
  const config = {
    "gc.auto": "6700",
    "gc.autoPackLimit": "50",
    "gc.autoDetach": "false",
    "gc.pruneExpire": "2.weeks.ago",
  };
  await git.run({ args: ["gc", "--auto", "--quiet"], at: folder, config, timeoutMs: GC_MS }, signal);
}

/** Which of these commits are in the mirror. */
async function presentOf(git: Git, at: string, commits: Iterable<Sha>, signal: AbortSignal): Promise<Set<Sha>> {
  const stdin = [...commits].map((commit) => `${commit}\n`).join("");
  if (stdin === "") return new Set();
  const listed = await git.run({ args: ["cat-file", "--batch-check"], at, stdin }, signal);
  return new Set(
    listed
      .split("\n")
      .flatMap((line) => /^([0-9a-f]{40}) commit /.exec(line)?.[1] ?? [])
      .filter(isSha),
  );
}

async function isBorrowedFrom(folder: string, home: string): Promise<boolean> {
  for (const name of await readdir(join(home, "workspaces")).catch(() => [])) {
    const objects = await readlink(join(home, "workspaces", name, beside.objects)).catch(() => undefined);
    if (objects === join(folder, "objects")) return true;
  }
  return false;
}

async function nameCommits(git: Git, at: string, needed: ReadonlySet<Sha>, signal: AbortSignal): Promise<void> {
  const uses = usesOf(at);
  const usedAt = await uses.all();
  const listed = await git.run({ args: ["for-each-ref", "--format=%(refname)", "refs/baton"], at }, signal);
  const named = new Map<string, Sha>();
  for (const ref of listed.split("\n")) {
    const commit = /^refs\/baton\/(?:seen|kept|delivered)\/([0-9a-f]+)$/.exec(ref)?.[1] ?? "";
    if (!isSha(commit)) continue;
    named.set(ref, commit);
    // From a Baton that did not write uses down: its time begins now.
    if (!usedAt.has(commit)) await uses.touch(commit);
    if (!usedAt.has(commit)) usedAt.set(commit, Date.now());
  }
  const stays = (commit: Sha) => needed.has(commit) || Date.now() - (usedAt.get(commit) ?? 0) < KEEP_MS;
  const wanted = [...new Set([...usedAt.keys(), ...needed])].filter(stays);
  const lines = [...named].flatMap(([ref, commit]) => (stays(commit) ? [] : [`delete ${ref}`]));
  const alreadyNamed = new Set(named.values());
  for (const commit of await presentOf(git, at, wanted, signal))
    if (!alreadyNamed.has(commit)) lines.push(`update refs/baton/seen/${commit} ${commit}`);
  const stdin = lines.map((line) => `${line}\n`).join("");
  if (stdin !== "") await git.run({ args: ["update-ref", "--stdin"], at, stdin }, signal);
  for (const commit of usedAt.keys()) if (!stays(commit)) await uses.forget(commit);
}
