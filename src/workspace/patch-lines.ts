// Which lines a patch shows of each file as it is behind the change: where GitHub takes a remark. Pure.
// A patch holds lines of strangers' making, so what is a header is told by counting, never by how a line looks.

/** First and last line of a piece, both shown. */
export interface Piece {
  readonly from: number;
  readonly to: number;
}

/**
 * The pieces of each file that the patch shows, by path; none for a file without text or without lines left. A name that git has to quote
 * is left out, and so is what stands behind a line that is no patch: a patch may be cut.
 */
export function linesOf(patch: string): ReadonlyMap<string, readonly Piece[]> {
  const found = new Map<string, Piece[]>();
  let pieces: Piece[] | undefined;
  const left = { old: 0, new: 0 };
  for (const line of patch.split("\n")) {
    if (left.old > 0 || left.new > 0) {
      const [sign] = line;
      if (sign !== "+" && sign !== "\\") left.old -= 1;
      if (sign !== "-" && sign !== "\\") left.new -= 1;
      continue;
    }
    if (line.startsWith("diff --git ")) pieces = undefined;
    // Git puts a tab behind a name with spaces in it.
    const [, path] = /^\+\+\+ b\/([^\t]+)\t?$/.exec(line) ?? [];
    if (path !== undefined) {
      pieces = found.get(path) ?? [];
      found.set(path, pieces);
    }
    const hunk = /^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (!hunk) continue;
    const [, before = "1", first = "0", behind = "1"] = hunk;
    left.old = Number(before);
    left.new = Number(behind);
    if (left.new > 0) pieces?.push({ from: Number(first), to: Number(first) + left.new - 1 });
  }
  return found;
}
