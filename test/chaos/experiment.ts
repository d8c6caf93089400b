// What an experiment is: something that breaks Baton on purpose, in numbers, and says what it counted.
//
// Each has two sizes: `full` is what `npm run chaos` runs, `short` is part of `npm test`. Whatever is random comes from the seed.
// An experiment ends by itself: every loop in it is bounded, and `minutes` is the limit of the whole.

import type { Need } from "#test/support/needs.ts";

export type Size = "full" | "short";

export interface Options {
  readonly size: Size;
  readonly seed: number;
  /** A line for whoever waits. */
  readonly say: (line: string) => void;
}

/** What was counted. Empty `wrong`: it passed. */
export interface Outcome {
  readonly counted: Readonly<Record<string, number | string>>;
  /** Everything that is not as it should be, in words with the numbers. */
  readonly wrong: readonly string[];
}

export interface Experiment {
  /** Short and stable: it is typed on the command line. */
  readonly id: string;
  /** What is done to Baton. */
  readonly breaks: string;
  /** When it passes. */
  readonly passes: string;
  /** The limit of the full size. */
  readonly minutes: number;
  /** What must be on the machine, as `needs.ts` names it. */
  readonly needs?: readonly Need[];
  /** The test that runs its short form already; where there is none, `test/chaos/tried-short.ts` has it tried. */
  readonly tested?: string;
  run(options: Options): Promise<Outcome>;
}

/** A whole number from `from` to `to`, both possible. */
export function between(random: () => number, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** Adds `problem` to `wrong` unless `holds`. */
export function check(wrong: string[], holds: boolean, problem: string): void {
  if (!holds) wrong.push(problem);
}
