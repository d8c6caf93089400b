// git's raw lists of what is in a tree and of what differs between two, read without interpretation of names.
import type { Sha } from "../core/ids.ts";
import type { FileChange } from "./file-change.ts";
import type { Git } from "./git.ts";

export interface RawChange extends FileChange {
  /** Object id of the new side; zeros when deleted. */
  readonly object: string;
}

const COMPARE = [
  "diff-tree",
  "-r",
  "-z",
  "--raw",
  "--numstat",
  "--no-renames",
  "--no-abbrev",
  "--no-ext-diff",
  "--no-textconv",
] as const;

/** What differs, by path. `from` and `to` are full ids of commits or trees. */
export async function rawChanges(
  git: Git,
  at: string,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<RawChange[]> {
  return parseRaw(await git.run({ args: [...COMPARE, from, to], at, maxOutputBytes: 256 * 1024 ** 2 }, signal));
}

/** Parses `diff-tree -z --raw --numstat`: all raw entries (two fields each), then one count line each. */
export function parseRaw(text: string): RawChange[] {
  const fields = text.split("\0");
  const raw: { path: string; mode: string; object: string; letter: string }[] = [];
  const counts = new Map<string, { added: number; removed: number; binary: boolean }>();
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index] ?? "";
    const entry = /^:\d{6} (\d{6}) [0-9a-f]{40} ([0-9a-f]{40}) ([A-Z])\d*$/.exec(field);
    if (entry) {
      const [, mode = "", object = "", letter = ""] = entry;
      index += 1;
      raw.push({ path: fields[index] ?? "", mode, object, letter });
      continue;
    }
    const count = /^(-|\d+)\t(-|\d+)\t([\s\S]+)$/.exec(field);
    if (count) {
      const [, added, removed, path = ""] = count;
      counts.set(path, { added: Number(added) || 0, removed: Number(removed) || 0, binary: added === "-" });
    }
  }
  return raw.map(({ path, mode, object, letter }) => ({
    path,
    kind: letter === "A" ? "added" : letter === "D" ? "deleted" : "modified",
    mode,
    object,
    ...(counts.get(path) ?? { added: 0, removed: 0, binary: false }),
  }));
}

/** The public half: what events and gates are told. */
export function fileChanges(raw: readonly RawChange[]): FileChange[] {
  return raw.map(({ object: _object, ...change }) => change);
}

/** Every file of a commit, without folders, links and repositories of their own. */
export async function filesAt(
  git: Git,
  at: string,
  commit: Sha,
  signal: AbortSignal,
): Promise<{ path: string; object: string }[]> {
  const args = ["ls-tree", "-r", "-z", "--full-tree", commit] as const;
  const listed = await git.run({ args, at, maxOutputBytes: 256 * 1024 ** 2 }, signal);
  return listed.split("\0").flatMap((line) => {
    const [, object, path] = /^100\d{3} blob ([0-9a-f]+)\t([^]+)$/.exec(line) ?? [];
    return object === undefined || path === undefined ? [] : [{ path, object }];
  });
}
