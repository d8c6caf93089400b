// Conflict markers that were left in files. A file may hold such lines in its own right (a test's fixture, a text about git): what either
// side of the merge had is not counted. So the lines are counted in four places, the commit, both sides and their base: as many as a
// clean merge could have left are allowed.
import { isSha, type Sha } from "../core/ids.ts";
import { filesAt } from "./diff.ts";
import { committer, type Git, type GitCall, gitFailed } from "./git.ts";
import { mergeBase } from "./merge.ts";

/**
 * Seven, then white space or the line's end, as git's own check has it (`diff --check`); and more, because git writes longer ones where a
 * file got two names. Of the rest of the line, as much as tells labels apart.
 */
const MARKER = "^(<{7,20}|[|]{7,20}|>{7,20})($|[[:space:]].{0,100})";
/** Files that are asked about at once, and markers of one file that are read: bounds what git prints, whoever wrote the files. */
const AT_ONCE = 200;
const LINES = "1000";
const WALK_MS = 5 * 60_000;

/** By path, how often each marker line is in the file. */
type Markers = ReadonlyMap<string, ReadonlyMap<string, number>>;
const none: Markers = new Map();

/** Those of `paths` in which `commit` holds marker lines that the merge it was made on did not bring from its sides. */
export async function conflictMarkers(
  git: Git,
  at: string,
  { commit, paths }: { commit: Sha; paths: readonly string[] },
  signal: AbortSignal,
): Promise<string[]> {
  const wanted = new Set(paths);
  const markers = async (place: Sha | undefined) =>
    place === undefined ? none : await markersAt(git, at, place, wanted, signal);
  const found = await markers(commit);
  if (found.size === 0) return [];
  const sides = await sidesOf(git, at, commit, signal);
  const [ours, theirs, base] = [await markers(sides.ours), await markers(sides.theirs), await markers(sides.base)];
  return [...wanted].filter((path) =>
    [...(found.get(path) ?? [])].some(([line, count]) => {
      const countIn = (place: Markers) => place.get(path)?.get(line) ?? 0;
      return count > allowed(countIn(ours), countIn(theirs), countIn(base));
    }),
  );
}

/** What a clean merge could have: each side's own additions to the base. */
function allowed(ours: number, theirs: number, base: number): number {
  return Math.max(ours, theirs, ours + theirs - base);
}

/** Both sides of the nearest merge of Baton's that the commit is or was made on, and the commit they come from. Without one, what the commit was made on. */
async function sidesOf(git: Git, at: string, commit: Sha, signal: AbortSignal): Promise<Sides> {
  // A repository's own merges are nothing Baton has marked anything in.
  const merges = ["--first-parent", "--min-parents=2", "--max-count=1", "--fixed-strings"] as const;
  const args = ["rev-list", ...merges, `--committer=${committer}`, commit] as const;
  const merge = (await git.run({ args, at, timeoutMs: WALK_MS }, signal)).trim();
  const parents = merge === "" ? `${commit}^@` : `${merge}^@`;
  const listed = (await git.run({ args: ["rev-parse", parents], at }, signal)).split("\n").filter(isSha);
  const [ours, theirs] = listed;
  const base = ours && theirs && (await mergeBase(git, at, ours, theirs, signal));
  return { ours, theirs, base };
}

interface Sides {
  readonly ours: Sha | undefined;
  readonly theirs: Sha | undefined;
  readonly base: Sha | undefined;
}

/** The marker lines of each of these paths that has any. */
async function markersAt(
  git: Git,
  at: string,
  commit: Sha,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Markers> {
  const files = (await filesAt(git, at, commit, signal)).filter(({ path }) => wanted.has(path));
  // By object, not by path: not every path can be said on a command line, and no attribute belongs to an object.
  const objects = [...new Set(files.map(({ object }) => object))];
  const counts = new Map<string, Map<string, number>>();
  for (let from = 0; from < objects.length; from += AT_ONCE) {
    const how = ["--text", "--no-color", "--only-matching", "--extended-regexp", "--max-count", LINES] as const;
    const call: GitCall = { args: ["grep", ...how, "-e", MARKER, ...objects.slice(from, from + AT_ONCE)], at };
    const result = await git.attempt(call, signal);
    // 1 says that no line matches.
    if (result.timedOut || result.truncated || (result.exitCode !== 0 && result.exitCode !== 1))
      throw gitFailed(call, result);
    for (const line of result.stdout.split("\n")) {
      const [, object, marker] = /^([0-9a-f]{40}):([^]*)$/.exec(line) ?? [];
      if (object === undefined || marker === undefined) continue;
      const its = counts.get(object) ?? new Map<string, number>();
      counts.set(object, its.set(marker, (its.get(marker) ?? 0) + 1));
    }
  }
  return new Map(
    files.flatMap(({ path, object }) => {
      const its = counts.get(object);
      return its ? [[path, its] as const] : [];
    }),
  );
}
