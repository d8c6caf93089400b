// Where the remarks of a review may stand: on a line that the diff shows, on a file as a whole, or nowhere. Pure.
import type { Remarks } from "../workflows/remarks.ts";
import type { Piece } from "../workspace/patch-lines.ts";

export type Remark = Remarks["remarks"][number];

/** Every remark once, in the order in which they were handed in. */
export interface Placed {
  readonly onLines: readonly (Remark & { readonly line: number })[];
  /** About a file that is changed, and about no line of it that the diff shows. */
  readonly onFiles: readonly Remark[];
  /** About a file that is not changed. */
  readonly leftOut: readonly Remark[];
}

/** Places remarks in a diff: what a model says of a place counts only where there is one. `lines`: the pieces that the diff shows, by path. */
export function placed(
  remarks: readonly Remark[],
  changed: ReadonlySet<string>,
  lines: ReadonlyMap<string, readonly Piece[]>,
): Placed {
  const of = remarks.map((remark) => ({ ...remark, path: remark.path.replace(/^\.\//, "") }));
  const there = of.filter(({ path }) => changed.has(path));
  const isShown = (remark: Remark): remark is Placed["onLines"][number] => {
    const { path, line } = remark;
    return line !== undefined && (lines.get(path) ?? []).some(({ from, to }) => from <= line && line <= to);
  };
  return {
    onLines: there.filter(isShown),
    onFiles: there.filter((remark) => !isShown(remark)),
    leftOut: of.filter(({ path }) => !changed.has(path)),
  };
}
