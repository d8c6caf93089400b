// The only way work comes in: bundle → a repository nobody trusts → a second one, checked object by object on the way
// (a bundle itself is not checked by git 2.39) → the raw list of what differs, judged by policy → one commit of Baton's own making
// → the mirror, by an explicit name. Author, dates, message and history of what the agent committed do not come with it.
import { constants } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { fileChanges } from "./diff.ts";
import type { FileChange } from "./file-change.ts";
import type { Git } from "./git.ts";
import { judge, makeCommit } from "./made-commit.ts";
import type { Mirror } from "./mirror.ts";
import { importLimits } from "./policy.ts";
import { createScratch } from "./scratch.ts";
import { MADE, type ShelvedWork, type Shelf } from "./shelf.ts";

export type Imported =
  | { readonly type: "collected"; readonly commit: Sha; readonly changes: FileChange[] }
  | { readonly type: "refused"; readonly reasons: string[] };

export interface Import {
  readonly git: Git;
  readonly mirror: Mirror;
  /** An empty folder for the two repositories. */
  readonly folder: string;
  /** The bundle, as the agent's side left it. */
  readonly bundle: string;
  readonly start: Sha;
  readonly message: string;
  readonly shelf?: Shelf | undefined;
  readonly log: Log;
}

const no = (reason: string): Imported => ({ type: "refused", reasons: [reason] });

/** Takes a bundle in, or says why not. Throws only for broken infrastructure. */
export async function importWork(work: Import, signal: AbortSignal): Promise<Imported> {
  const { git, mirror, start } = work;
  const bundle = join(work.folder, "work.bundle");
  const taken = await takeFile(work.bundle, bundle);
  if (taken !== undefined) return no(taken);

  const unpacked = await unpack({ git, mirror, folder: work.folder, bundle, ref: "refs/heads/work", start }, signal);
  if ("refused" in unpacked) return no(unpacked.refused);
  const { checked } = unpacked;
  const named = await git.attempt({ args: ["rev-parse", "--verify", "refs/heads/work^{tree}"], at: checked }, signal);
  const tree = named.stdout.trim();
  if (named.exitCode !== 0 || !/^[0-9a-f]{40}$/.test(tree)) return no("the work holds no tree");
  const { changes, reasons } = await judge({ git, at: checked }, start, tree, signal);
  if (changes.length === 0) return { type: "collected", commit: start, changes: [] };
  if (reasons.length > 0) return { type: "refused", reasons };
  const { message, shelf, log } = work;
  const commit = await makeCommit({ git, mirror, at: checked, tree, parents: [start], message, shelf, log }, signal);
  return { type: "collected", commit, changes: fileChanges(changes) };
}

interface Unpacking extends Pick<Import, "git" | "mirror" | "folder" | "bundle" | "start"> {
  /** What the bundle calls its commit, and the two repositories too. */
  readonly ref: string;
}

/** Brings a bundle through both repositories, and says which one is checked, or why it does not come in. */
async function unpack(
  { git, mirror, folder, bundle, ref, start }: Unpacking,
  signal: AbortSignal,
): Promise<{ checked: string } | { refused: string }> {
  // Both know the start, which the bundle builds on.
  const unpacked = await createScratch({ git, mirror, folder: join(folder, "unpacked") }, { start }, signal);
  const checked = await createScratch({ git, mirror, folder: join(folder, "checked") }, { start }, signal);
  for (const [from, to] of [
    [bundle, unpacked],
    [unpacked, checked],
  ] as const) {
    const fetched = await git.attempt(
      {
        args: ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", from, `${ref}:${ref}`],
        at: to,
        protocol: "file",
        config: { "fetch.unpackLimit": "1" },
      },
      signal,
    );
    if (fetched.timedOut) return { refused: "the work took too long to check" };
    if (fetched.exitCode !== 0) return { refused: `git refuses the work's objects: ${complaint(fetched.stderr)}` };
  }
  return { checked };
}

/**
 * Takes in a commit that a Baton elsewhere made, by its own id: the same way and by the same policy, but as it is. Throws only for broken
 * infrastructure.
 */
export async function importMade(
  { git, mirror, folder, work }: Pick<Import, "git" | "mirror" | "folder"> & { work: ShelvedWork },
  signal: AbortSignal,
): Promise<{ readonly type: "taken" } | { readonly type: "refused"; readonly reasons: string[] }> {
  const refused = (reason: string) => ({ type: "refused" as const, reasons: [reason] });
  const { commit, start } = work;
  const bundle = join(folder, "made.bundle");
  await writeFile(bundle, work.bundle, { mode: 0o600 });
  const unpacked = await unpack({ git, mirror, folder, bundle, ref: MADE, start }, signal);
  if ("refused" in unpacked) return refused(unpacked.refused);
  const { checked: at } = unpacked;
  const args = ["rev-parse", MADE, `${MADE}^1`, `${MADE}^{tree}`] as const;
  const named = await git.attempt({ args, at }, signal);
  const [made, parent, tree = ""] = named.stdout.trim().split("\n");
  if (named.exitCode !== 0 || made !== commit) return refused(`the bundle holds another commit than ${commit}`);
  if (parent !== start) return refused(`${commit} was not made on ${start}`);
  const { reasons } = await judge({ git, at }, start, tree, signal);
  if (reasons.length > 0) return { type: "refused", reasons };
  await mirror.take(at, MADE, commit, signal);
  return { type: "taken" };
}

/** Copies a plain file of bounded size; links, pipes and devices are not opened. The reason when it is not one. */
async function takeFile(from: string, to: string): Promise<string | undefined> {
  let source;
  try {
    source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    if (["ENOENT", "ELOOP", "ENXIO", "EACCES", "EISDIR"].includes(code))
      return `the packed work is not a plain file (${code})`;
    throw error;
  }
  await using file = source;
  const { size } = await file.stat();
  if (!(await file.stat()).isFile()) return "the packed work is not a plain file";
  if (size > importLimits.bundle) return `the packed work is ${size} bytes, at most ${importLimits.bundle} are taken`;
  // Read by the size just seen: a file that still grows is cut, and then refused by git.
  const bytes = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  await writeFile(to, bytes.subarray(0, at), { mode: 0o600 });
  return undefined;
}

function complaint(text: string): string {
  return text.trim().split("\n").slice(0, 5).join("; ").slice(0, 500);
}
