// A commit of files that Baton itself wrote, on top of another: made in a scratch repository, without a work tree. It passes the same
// policy as an agent's work. The same files on the same commit give the same commit, whenever and wherever they are written.
import { join } from "node:path";
import type { Sha } from "../core/ids.ts";
import { fileChanges } from "./diff.ts";
import { judge, makeCommit } from "./made-commit.ts";
import type { MergeSurroundings } from "./merge.ts";
import { createScratch } from "./scratch.ts";
import type { WrittenFile, Written } from "./workspaces.ts";

export interface Writing {
  readonly onto: Sha;
  readonly files: readonly WrittenFile[];
  readonly message: string;
}

/** Writes the files. Throws only for broken infrastructure. */
export async function writeFiles(
  { git, leases, mirror, shelf, log }: MergeSurroundings,
  { onto, files, message }: Writing,
  signal: AbortSignal,
): Promise<Written> {
  const folder = await leases.take("quarantine");
  try {
    const at = await createScratch({ git, mirror, folder: join(folder, "write") }, { start: onto }, signal);
    await git.run({ args: ["read-tree", "start"], at }, signal);
    for (const { path, text } of files) {
      const object = (await git.run({ args: ["hash-object", "-w", "--stdin"], at, stdin: text }, signal)).trim();
      await git.run({ args: ["update-index", "--add", "--cacheinfo", `100644,${object},${path}`], at }, signal);
    }
    const tree = (await git.run({ args: ["write-tree"], at }, signal)).trim();
    const { changes, reasons } = await judge({ git, at }, onto, tree, signal);
    if (reasons.length > 0) return { type: "refused", reasons };
    if (changes.length === 0) return { type: "written", commit: onto, changes: [] };
    const time = Number((await git.run({ args: ["log", "--no-walk", "--format=%ct", "start"], at }, signal)).trim());
    const commit = await makeCommit(
      { git, mirror, at, tree, parents: [onto], message, time: Number.isSafeInteger(time) ? time : 0, shelf, log },
      signal,
    );
    return { type: "written", commit, changes: fileChanges(changes) };
  } finally {
    await leases.give(folder);
  }
}
