// A map of a repository: its folders with how many files are below each, and the files at the top. Small enough to be in every brief,
// so that no agent begins by listing folders. Pure.

/** Characters of a map. */
const ROOM = 3_000;
/** Folders below this depth are counted in their parents. */
const DEPTH = 3;

/** The map of these paths: the widest level of folders that fits. */
export function mapOf(paths: readonly string[]): string {
  const top = paths.filter((path) => !path.includes("/")).toSorted();
  for (let depth = DEPTH; depth > 0; depth -= 1) {
    const map = draw(paths, top, depth);
    if (map.length <= ROOM) return map;
  }
  return `${draw(paths, top, 1).slice(0, ROOM)}\n…`;
}

function draw(paths: readonly string[], top: readonly string[], depth: number): string {
  const below = new Map<string, number>();
  for (const path of paths) {
    const folders = path.split("/").slice(0, -1).slice(0, depth);
    folders.forEach((_, index) => {
      const folder = `${folders.slice(0, index + 1).join("/")}/`;
      below.set(folder, (below.get(folder) ?? 0) + 1);
    });
  }
  const lines = [...below.keys()].toSorted().map((folder) => {
    const level = folder.split("/").length - 2;
    const count = below.get(folder) ?? 0;
    return `${"  ".repeat(level)}${folder.split("/").at(-2) ?? ""}/ ${count}`;
  });
  return [...lines, ...top].join("\n");
}
