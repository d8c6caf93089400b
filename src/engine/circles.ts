// Whether runs about one subject go in circles: A, then B, then A again. Pure, over what was recorded of the latest of them.
//
//   ends    the last four ended alternately in the same two ways (A, B, A, B)
//   trees   the last pull request shows the very files of an earlier one, with other files between (A, B, A)
//
// What people stopped, and what was only sorted, is no end in this sense; and where one of them ended well, they go on. The same end or the same files again and again are no circle.
import { z } from "zod";
import { isRunId } from "../core/ids.ts";
import type { PastRun } from "./events.ts";

/** How runs went round, oldest first: how each ended, or the beginning of the tree it showed. */
export const Circle = z.strictObject({
  of: z.enum(["ends", "trees"]),
  steps: z.array(z.strictObject({ run: z.string().refine(isRunId), what: z.string().max(100) })).max(10),
});
export type Circle = z.infer<typeof Circle>;

export const circleTypes = ["run.finished", "pull_request.opened"] as const;

type Step = Circle["steps"][number];
type End = Step & { readonly isGood: boolean };

/** The circle that these runs (newest first) have come to; undefined when they go on. */
export function circleIn(past: readonly PastRun[]): Circle | undefined {
  const steps = past.toReversed().flatMap(({ run, events }) => events.map(({ event }) => ({ run, event })));
  const ends = steps.flatMap(({ run, event }): End[] =>
    event.type !== "run.finished" || event.outcome === "cancelled" || event.outcome === "triaged"
      ? []
      : [{ run, what: `${event.outcome.replaceAll("-", " ")} (${event.code})`, isGood: event.outcome === "succeeded" }],
  );
  const trees = steps.flatMap(({ run, event }): Step[] =>
    event.type === "pull_request.opened" && event.tree !== undefined ? [{ run, what: event.tree.slice(0, 10) }] : [],
  );
  const ofTrees = returning(trees);
  if (ofTrees) return { of: "trees", steps: ofTrees };
  const ofEnds = alternating(ends);
  return ofEnds && { of: "ends", steps: ofEnds };
}

function alternating(ends: readonly End[]): Step[] | undefined {
  const last = ends.slice(-4);
  const [first, second, third, fourth] = last.map(({ what }) => what);
  const isCircle = fourth !== undefined && first === third && second === fourth && first !== second;
  return isCircle && !last.some(({ isGood }) => isGood) ? last.map(({ run, what }) => ({ run, what })) : undefined;
}

function returning(trees: readonly Step[]): Step[] | undefined {
  const last = trees.at(-1);
  const between = trees.findLastIndex(({ what }) => what !== last?.what);
  const first = trees.slice(0, Math.max(0, between)).findLast(({ what }) => what === last?.what);
  const other = trees[between];
  return last && other && first ? [first, other, last] : undefined;
}

/** In words, for a sentence: what came of the runs, in turn. */
export function circleWords({ of, steps }: Circle): string {
  const list = steps.map(({ run, what }) => `${what} in \`${run}\``).join(", then ");
  return of === "ends" ? `ended in turn as ${list}` : `came back to files that were there before: ${list}`;
}
