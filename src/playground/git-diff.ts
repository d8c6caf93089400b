// What changed between two commits, file by file, as GitHub lists it.
import type { Commit, GitRepository } from "./git-repository.ts";
import { createMemory } from "./memory.ts";

/** git's name of the tree without entries: what the first commit is compared with. */
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

export interface ChangedFile {
  readonly path: string;
  readonly previous: string | undefined;
  readonly status: "added" | "removed" | "modified" | "renamed" | "changed";
  /** The blob on the new side; on the old side when removed. */
  readonly blob: string;
  readonly additions: number;
  readonly deletions: number;
  /** From the first `@@` on; undefined for binary files and pure renames. */
  readonly patch: string | undefined;
}

/** What was found between two objects of one repository. */
function createFindings() {
  return {
    files: createMemory<ChangedFile[]>(500),
    bases: createMemory<string | undefined>(5_000),
    commits: createMemory<Commit[]>(2_000),
    counts: createMemory<number>(5_000),
    merges: createMemory<boolean>(5_000),
  };
}
const findings = new WeakMap<GitRepository, ReturnType<typeof createFindings>>();

/** Asks one of a repository's memories; what is named by anything but two full ids may change, and is asked for each time. */
async function between<T>(
  git: GitRepository,
  which: (of: ReturnType<typeof createFindings>) => ReturnType<typeof createMemory<T>>,
  ends: readonly [string, string],
  ask: () => Promise<T>,
): Promise<T> {
  if (!ends.every((end) => /^[0-9a-f]{40}$/.test(end))) return await ask();
  const known = findings.get(git) ?? createFindings();
  findings.set(git, known);
  return await which(known)(ends.join(" "), ask);
}

const statuses: Readonly<Record<string, ChangedFile["status"]>> = {
  A: "added",
  D: "removed",
  M: "modified",
  R: "renamed",
  T: "changed",
};

/** The unified diff from one commit or tree to another, renames followed. */
export async function diffText(git: GitRepository, from: string | undefined, to: string): Promise<string> {
  return await git.text(["diff", "-M", "--full-index", "--no-color", "--no-ext-diff", from ?? EMPTY_TREE, to]);
}

export async function changedFiles(git: GitRepository, from: string | undefined, to: string): Promise<ChangedFile[]> {
  return await between(
    git,
    (of) => of.files,
    [from ?? EMPTY_TREE, to],
    () => findChanges(git, from, to),
  );
}

async function findChanges(git: GitRepository, from: string | undefined, to: string): Promise<ChangedFile[]> {
  const range = [from ?? EMPTY_TREE, to];
  const [raw, counts, patches] = await Promise.all([
    git.text(["diff", "-M", "--raw", "-z", "--abbrev=40", "--no-ext-diff", ...range]),
    git.text(["diff", "-M", "--numstat", "-z", "--no-ext-diff", ...range]),
    diffText(git, from, to),
  ]);
  const sections = patches.split(/^(?=diff --git )/m).filter((section) => section.startsWith("diff --git "));
  const numbers = countsOf(counts);
  return parseRaw(raw).map((file, position) => {
    const section = sections[position] ?? "";
    const start = section.search(/^@@ /m);
    const [additions, deletions] = numbers[position] ?? [0, 0];
    return { ...file, additions, deletions, patch: start < 0 ? undefined : section.slice(start).replace(/\n$/, "") };
  });
}

function parseRaw(raw: string): Omit<ChangedFile, "additions" | "deletions" | "patch">[] {
  const parts = raw.split("\0");
  const found = [];
  for (let at = 0; at < parts.length;) {
    const [, , oldBlob = "", newBlob = "", letter = ""] = (parts[at] ?? "").split(" ");
    if (letter === "") break;
    const moved = letter.startsWith("R") || letter.startsWith("C");
    const previous = moved ? parts[at + 1] : undefined;
    const path = parts[at + (moved ? 2 : 1)] ?? "";
    const status = statuses[letter[0] ?? ""] ?? "changed";
    found.push({ path, previous, status, blob: status === "removed" ? oldBlob : newBlob });
    at += moved ? 3 : 2;
  }
  return found;
}

function countsOf(numstat: string): [number, number][] {
  const parts = numstat.split("\0");
  const found: [number, number][] = [];
  for (let at = 0; at < parts.length;) {
    const [added, deleted, path] = (parts[at] ?? "").split("\t");
    if (added === undefined || deleted === undefined) break;
    found.push([Number(added) || 0, Number(deleted) || 0]);
    // A rename has an empty path here and its two paths after it.
    at += path === "" ? 3 : 1;
  }
  return found;
}

/** The commit both sides come from; undefined when they have none. */
export async function mergeBase(git: GitRepository, a: string, b: string): Promise<string | undefined> {
  return await between(
    git,
    (of) => of.bases,
    [a, b],
    async () => {
      const found = await git.git(["merge-base", a, b], { accept: [1] });
      return found.exitCode === 0 ? found.stdout.trim() : undefined;
    },
  );
}

/** Commits of `to` that `from` does not have, oldest first. */
export async function commitsBetween(git: GitRepository, from: string, to: string): Promise<Commit[]> {
  return await between(
    git,
    (of) => of.commits,
    [from, to],
    async () => {
      const listed = await git.text(["rev-list", "--reverse", "--topo-order", `${from}..${to}`]);
      const commits = await Promise.all(
        listed
          .split("\n")
          .filter(Boolean)
          .map((id) => git.readCommit(id)),
      );
      return commits.filter((commit) => commit !== undefined);
    },
  );
}

export async function countBetween(git: GitRepository, from: string, to: string): Promise<number> {
  const ask = async () => Number((await git.text(["rev-list", "--count", `${from}..${to}`])).trim());
  return await between(git, (of) => of.counts, [from, to], ask);
}

/** True when the two can be merged without a conflict. */
export async function mergesCleanly(git: GitRepository, base: string, head: string): Promise<boolean> {
  const ask = async () =>
    (await git.git(["merge-tree", "--write-tree", base, head], { accept: [1, 128] })).exitCode === 0;
  return await between(git, (of) => of.merges, [base, head], ask);
}
