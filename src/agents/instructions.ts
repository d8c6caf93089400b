// The instructions of a repository that an agent is given: the files of the root, and those of the folders its work is in, from the
// pinned base. In a monorepo there are many: those of other folders are named, so that it can read them when it comes there.
import type { AgentTask } from "../engine/ports.ts";
import { GUIDE_BYTES, guideFiles } from "../workflows/guides.ts";
import { overlaps } from "../workflows/path-claims.ts";
import type { Workspaces } from "../workspace/workspaces.ts";

export interface Instructions {
  /** Files by which the repository tells agents how it works: the root's first, the nearest to the work last. */
  readonly guides: readonly { readonly path: string; readonly text: string }[];
  /** Paths of those that were not given. */
  readonly further: readonly string[];
}

/** Files of folders that are given whole; paths that are named besides. */
const MOST_GIVEN = 8;
const MOST_NAMED = 40;

/** What the task's agent is given. Throws what the workspaces throw (`git-failed`). */
export async function instructionsFor(
  task: AgentTask,
  workspaces: Pick<Workspaces, "changes" | "file" | "paths">,
  signal: AbortSignal,
): Promise<Instructions> {
  const { repo, base, start } = task;
  const nested = nestedGuides(await workspaces.paths(repo, base, signal));
  const changes = nested.length === 0 || start === base ? [] : await workspaces.changes(repo, base, start, signal);
  const changed = changes.map(({ path }) => path);
  const { given, further } = chooseGuides(nested, claimsOf(task), changed);
  const read = (paths: readonly string[]) =>
    Promise.all(paths.map(async (path) => ({ path, bytes: await workspaces.file(repo, base, path, signal) })));
  const [roots, near] = await Promise.all([read(guideFiles), read(given.toReversed())]);
  // What is too much is cut off the farthest; a long file of the root takes no room of theirs.
  const guides = [...withinBytes(roots, GUIDE_BYTES), ...withinBytes(near, GUIDE_BYTES).toReversed()];
  return { guides, further };
}

/** The paths that whoever works the task says it will change; undefined where nobody says so. */
function claimsOf({ part }: AgentTask): readonly string[] | undefined {
  if (part?.type === "merge") return part.paths;
  return part?.type === "task" && part.task.claims.length > 0 ? part.task.claims : undefined;
}

/** Such files below the root, sorted: those of a folder before those of the folders in it. */
function nestedGuides(paths: readonly string[]): string[] {
  return paths
    .filter((path) => {
      const parts = path.split("/");
      const name = parts.pop() ?? "";
      return parts.length > 0 && guideFiles.includes(name) && parts.every(isOwnFolder);
    })
    .toSorted();
}

function isOwnFolder(name: string): boolean {
  return name !== "node_modules" && name !== "vendor" && /^[\p{L}\p{N}@_.()[\] -]+$/u.test(name);
}

/** Which of them are given: those of folders with claimed paths, and of folders in which something was changed before. Pure. */
export function chooseGuides(
  nested: readonly string[],
  claims: readonly string[] | undefined,
  changed: readonly string[],
): { readonly given: readonly string[]; readonly further: readonly string[] } {
  const isNear = (guide: string) => {
    const folder = guide.slice(0, guide.lastIndexOf("/") + 1);
    return (claims !== undefined && overlaps([folder], claims)) || changed.some((path) => path.startsWith(folder));
  };
  const near = nested.filter(isNear);
  // The nearest are the longest: they are not what is left out.
  const given = new Set(near.toSorted((a, b) => depth(b) - depth(a)).slice(0, MOST_GIVEN));
  return {
    given: near.filter((path) => given.has(path)).toSorted((a, b) => depth(a) - depth(b)),
    further: nested.filter((path) => !given.has(path)).slice(0, MOST_NAMED),
  };
}

function depth(path: string): number {
  return path.split("/").length;
}

function withinBytes(
  files: readonly { path: string; bytes: Uint8Array | undefined }[],
  limit: number,
): { path: string; text: string }[] {
  let left = limit;
  return files.flatMap(({ path, bytes }) => {
    if (!bytes || bytes.byteLength === 0 || left <= 0) return [];
    const text = new TextDecoder().decode(bytes.subarray(0, left));
    const cut = bytes.byteLength > left ? `\n[… cut at ${left} bytes of ${bytes.byteLength} …]` : "";
    left -= bytes.byteLength;
    return [{ path, text: `${text}${cut}` }];
  });
}
