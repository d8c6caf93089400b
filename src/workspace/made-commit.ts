// The last steps of everything that comes in, an agent's work or a merge: policy judges what differs, Baton makes a commit of it in a
// scratch repository, the mirror takes it by an explicit name, and the shelf has it for other machines.
import { BatonError } from "../core/errors.ts";
import { faultPoint } from "../core/fault-points.ts";
import { type Sha, sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { rawChanges, type RawChange } from "./diff.ts";
import type { Git } from "./git.ts";
import type { Mirror } from "./mirror.ts";
import { refusals } from "./policy.ts";
import { shelve, type Shelf } from "./shelf.ts";

export interface Judged {
  readonly changes: RawChange[];
  /** Why it may not come in; empty when it may. */
  readonly reasons: string[];
}

/** Judges what `tree` would change of `start`, but for entries that `known` says were there before, under whatever name. */
export async function judge(
  { git, at, known = () => false }: { git: Git; at: string; known?: (change: RawChange) => boolean },
  start: Sha,
  tree: string,
  signal: AbortSignal,
): Promise<Judged> {
  const changes = await rawChanges(git, at, start, tree, signal);
  const strange = changes.filter((change) => !known(change));
  return { changes, reasons: refusals(await withSizes(git, at, strange, signal)) };
}

export interface Making {
  readonly git: Git;
  readonly mirror: Mirror;
  /** The scratch repository that has the tree. */
  readonly at: string;
  readonly tree: string;
  /** The first is the one it is on top of. */
  readonly parents: readonly [Sha, ...Sha[]];
  readonly message: string;
  /** Seconds since 1970; now by default. With it, the same content is the same commit whenever it is made. */
  readonly time?: number;
  readonly shelf: Shelf | undefined;
  readonly log: Log;
}

/** Makes the commit and brings it into the mirror and onto the shelf. Throws only for broken infrastructure. */
export async function makeCommit(making: Making, signal: AbortSignal): Promise<Sha> {
  const { git, mirror, at, tree, parents, message, time, shelf, log } = making;
  const date = `@${time ?? 0} +0000`;
  const made = await git.run(
    {
      args: ["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent]), "-F", "-"],
      at,
      stdin: message,
      ...(time === undefined ? {} : { env: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date } }),
    },
    signal,
  );
  const commit = sha(made.trim());
  await git.run({ args: ["update-ref", "refs/heads/made", commit], at }, signal);
  await faultPoint("workspace.before-import");
  await mirror.take(at, "refs/heads/made", commit, signal);
  if (shelf) await shelve({ shelf, git, log }, { from: at, start: parents[0], commit }, signal);
  await faultPoint("workspace.after-import");
  return commit;
}

async function withSizes(git: Git, at: string, changes: readonly RawChange[], signal: AbortSignal) {
  const blobs = changes.filter(({ mode }) => mode.startsWith("100"));
  const stdin = blobs.map(({ object }) => `${object}\n`).join("");
  const listed = blobs.length === 0 ? "" : await git.run({ args: ["cat-file", "--batch-check"], at, stdin }, signal);
  const sizes = new Map<string, number>();
  for (const line of listed.split("\n")) {
    const [object, type, size] = line.split(" ");
    if (object !== undefined && type === "blob") sizes.set(object, Number(size));
  }
  return changes.map(({ path, mode, object }) => {
    const size = mode.startsWith("100") ? sizes.get(object) : 0;
    if (size === undefined) throw new BatonError("git-failed", `the object ${object} of ${path} is missing`);
    return { path, mode, size };
  });
}
