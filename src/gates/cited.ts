// Whether what is cited for "this is no bug" stands in the repository as it is. Whether it says so is for people to judge.
import type { Reproduction } from "../workflows/artifacts.ts";
import { textAt } from "../workspace/text-at.ts";
import { clip, count, refused, squeezed, type GateContext, type Verdict } from "./verdict.ts";

type Place = NonNullable<Reproduction["notABug"]>["where"][number];

/** Letters and digits of a quote: fewer stand anywhere. */
const LEAST_QUOTED = 6;

/** What becomes of the claim: `not-a-bug` with the places that stand on the base, or `not-reproduced` where none does. */
export async function lookUpCited(
  { request: { repo, base }, workspaces, signal }: GateContext,
  { where }: NonNullable<Reproduction["notABug"]>,
): Promise<Verdict> {
  const read = textAt(workspaces, repo, base, signal);
  const looked = await Promise.all(
    where.map(async (place) => ({ place, line: lineOf(await read(place.path), place) })),
  );
  const cited = looked.flatMap(({ place, line }) => (line === undefined ? [] : [{ ...place, line }]));
  const notes = looked.map(({ place: { path, line: said, quote }, line }) =>
    line === undefined
      ? `${path}:${said} does not say on the base: ${clip(quote)}`
      : `${path}:${line} says: ${clip(quote)}`,
  );
  if (cited.length === 0)
    return refused("not-reproduced", "Nothing that is cited for this being no bug stands on the base.", notes);
  const summary = `It is said to be no bug; ${cited.length} of ${count(where.length, "place")} cited for that stand on the base.`;
  return { ...refused("not-a-bug", summary, notes), cited };
}

/** Where the quote stands, nearest to where it is said to; undefined where it does not. White space counts as one space. */
function lineOf(text: string | undefined, { line, quote }: Place): number | undefined {
  if (text === undefined || (quote.match(/[\p{L}\p{N}]/gu) ?? []).length < LEAST_QUOTED) return undefined;
  const wanted = squeezed(quote);
  const rows = quote.trim().split("\n").length;
  const lines = text.split("\n");
  const found = lines.flatMap((_, index) =>
    squeezed(lines.slice(index, index + rows).join("\n")).includes(wanted) ? [index + 1] : [],
  );
  return found.toSorted((a, b) => Math.abs(a - line) - Math.abs(b - line))[0];
}
