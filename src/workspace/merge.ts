// Merging parallel work: git's own three-way merge of two commits, in a scratch repository without a work tree, so that nothing that
// lies in the trees can run and a merge that is cut off leaves nothing behind.
//
// - The commit that comes of it has both sides as parents. Work that starts where the other's did is still merged over that start, and
//   what has been merged, or resolved, once is known to be in: merging it again changes nothing, and what builds on it is compared with it.
// - Attributes in the trees (`merge=union`, `-merge`, a marker's size) have no say: a task could switch its own conflicts off by them.
// - The same two commits and message give the same commit, whenever and wherever they are merged: its time is the later side's.
import { join } from "node:path";
import { BatonError } from "../core/errors.ts";
import { isSha, type Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { fileChanges, type RawChange } from "./diff.ts";
import { type Git, type GitCall, gitFailed } from "./git.ts";
import type { Leases } from "./lease.ts";
import { judge, makeCommit } from "./made-commit.ts";
import type { Mirror } from "./mirror.ts";
import { printable } from "./policy.ts";
import { createScratch } from "./scratch.ts";
import type { Shelf } from "./shelf.ts";
import type { Merged } from "./workspaces.ts";

const MERGE_MS = 2 * 60_000;
/** Of one merge: how many conflicts are described, and in how many characters each. */
const NOTES = { count: 100, length: 500 };
/** Paths in conflict that somebody is asked to bring together. */
const PATHS = 200;
/** The last second of the year 9999. */
const LATEST = 253_402_300_799;
const UNRESOLVED = "\n\nNot resolved: files in this commit hold conflict markers.\n";

/** What the two sides are called in markers, and in the names of files that stand in each other's way (`path~theirs`). */
const SIDES = ["ours", "theirs"] as const;

const settings = {
  "merge.conflictStyle": "diff3",
  "merge.renames": "true",
  // A file that one side adds to a folder that the other side renames: nobody can know where it belongs.
  "merge.directoryRenames": "conflict",
  // With more candidates than this, a file that was renamed and changed counts as deleted and added: 2,000 against 2,000 take git 7 s.
  "merge.renameLimit": "1000",
};

export interface MergeSurroundings {
  readonly git: Git;
  readonly leases: Pick<Leases, "take" | "give">;
  /** Has both commits. */
  readonly mirror: Mirror;
  readonly shelf: Shelf | undefined;
  readonly log: Log;
}

export interface Sides {
  readonly into: Sha;
  readonly theirs: Sha;
  readonly message: string;
}

/** Merges `theirs` into `into`. Throws only for broken infrastructure. */
export async function mergeWork(around: MergeSurroundings, sides: Sides, signal: AbortSignal): Promise<Merged> {
  const { git, leases, mirror } = around;
  const { into, theirs } = sides;
  const base = await mergeBase(git, mirror.folder, into, theirs, signal);
  if (base === undefined) return no(`${into} and ${theirs} have no commit in common`);
  if (base === theirs) return { type: "merged", commit: into, changes: [] };
  if (base === into) {
    const { changes, reasons } = await judge({ git, at: mirror.folder }, into, theirs, signal);
    if (reasons.length > 0) return no(...reasons);
    return { type: "merged", commit: changes.length === 0 ? into : theirs, changes: fileChanges(changes) };
  }
  const folder = await leases.take("quarantine");
  try {
    return await mergeApart(around, { ...sides, base, folder: join(folder, "merge") }, signal);
  } finally {
    await leases.give(folder);
  }
}

const no = (...reasons: string[]): Merged => ({ type: "refused", reasons });

async function mergeApart(
  { git, mirror, shelf, log }: MergeSurroundings,
  { into, theirs, message, base, folder }: Sides & { base: Sha; folder: string },
  signal: AbortSignal,
): Promise<Merged> {
  const at = await createScratch({ git, mirror, folder }, { ours: into, theirs }, signal);
  const args = ["merge-tree", "--write-tree", "-z", ...SIDES] as const;
  const call: GitCall = { args, at, config: settings, timeoutMs: MERGE_MS };
  const result = await git.attempt(call, signal);
  if (result.timedOut) return no(`merging took longer than ${MERGE_MS / 1000} s`);
  // 0 for a clean merge, 1 for one with conflicts, anything else for none.
  const clean = result.exitCode === 0;
  if (!clean && result.exitCode !== 1) throw gitFailed(call, result);
  if (result.truncated) return no("the sides conflict in more places than Baton reads");
  const { tree, entries, paths, notes } = readMerge(result.stdout);

  if (paths.length > PATHS)
    return no(`the sides conflict in ${paths.length} paths, and an agent is given at most ${PATHS} to bring together`);

  const ours = new Set(entries.flatMap(({ stage, mode, object }) => (stage === "2" ? [`${mode} ${object}`] : [])));
  // What stands in the way of theirs may have been moved aside; it is no news.
  const known = ({ mode, object }: RawChange) => ours.has(`${mode} ${object}`);
  const { changes, reasons } = await judge({ git, at, known }, into, tree, signal);
  if (reasons.length > 0) return no(...reasons);
  if (clean && changes.length === 0) return { type: "merged", commit: into, changes: [] };

  const commit = await makeCommit(
    {
      git,
      mirror,
      at,
      tree,
      parents: [into, theirs],
      message: clean ? message : `${message.trimEnd()}${UNRESOLVED}`,
      time: await laterTime(git, at, signal),
      shelf,
      log,
    },
    signal,
  );
  return clean
    ? { type: "merged", commit, changes: fileChanges(changes) }
    : { type: "conflict", marked: commit, paths, base, notes };
}

/** The best commit that both have; undefined when there is none. */
export async function mergeBase(
  git: Git,
  at: string,
  one: Sha,
  other: Sha,
  signal: AbortSignal,
): Promise<Sha | undefined> {
  const call: GitCall = { args: ["merge-base", one, other], at };
  const result = await git.attempt(call, signal);
  const base = result.stdout.trim();
  if (result.exitCode === 0 && isSha(base)) return base;
  if (result.exitCode !== 1 || result.timedOut) throw gitFailed(call, result);
  return undefined;
}

/** When the later of the two sides was committed, in seconds since 1970. */
async function laterTime(git: Git, at: string, signal: AbortSignal): Promise<number> {
  const listed = await git.run({ args: ["log", "--no-walk", "--format=%ct", ...SIDES], at }, signal);
  const times = listed.split("\n").map(Number);
  // A repository may hold any nonsense as a time.
  return Math.min(Math.max(0, ...times.filter(Number.isSafeInteger)), LATEST);
}

interface ReadMerge {
  readonly tree: string;
  /** What the index of a work tree would hold: 1 is the base, 2 ours, 3 theirs. */
  readonly entries: { readonly mode: string; readonly object: string; readonly stage: string }[];
  /** Every path that a conflict is about, sorted. */
  readonly paths: string[];
  /** git's own words about each. */
  readonly notes: string[];
}

/**
 * Reads what `git merge-tree --write-tree -z` prints (its manual, "OUTPUT"): the tree; each unmerged entry; an empty field; then for each message
 * the number of its paths, the paths, its kind and its text. Bytes that are not UTF-8 have become U+FFFD.
 */
export function readMerge(printed: string): ReadMerge {
  const [tree = "", ...fields] = printed.split("\0");
  if (!isSha(tree)) throw new BatonError("git-failed", `git merge-tree named no tree: ${printable(printed, 200)}`);
  const entries: ReadMerge["entries"] = [];
  const paths = new Set<string>();
  let index = 0;
  for (; index < fields.length; index += 1) {
    const [, mode, object, stage, path] = /^(\d{6}) ([0-9a-f]{40}) ([123])\t([^]+)$/.exec(fields[index] ?? "") ?? [];
    if (mode === undefined || object === undefined || stage === undefined || path === undefined) break;
    entries.push({ mode, object, stage });
    paths.add(path);
  }
  const notes: string[] = [];
  for (index += 1; index < fields.length;) {
    const about = index + 1 + Number(fields[index]);
    if (!(about > index) || about + 1 >= fields.length) break;
    const [kind = "", text = ""] = fields.slice(about, about + 2);
    if (kind.startsWith("CONFLICT")) {
      for (const path of fields.slice(index + 1, about)) paths.add(path);
      if (notes.length < NOTES.count) notes.push(printable(text.trim(), NOTES.length));
    }
    index = about + 2;
  }
  return { tree, entries, paths: [...paths].toSorted(), notes };
}
