// The short form of experiments, as tests; `npm run chaos` runs them in their full size.
import { describe, expect, test } from "vitest";
import { needs } from "#test/support/needs.ts";
import type { Experiment } from "./experiment.ts";
import { experiments } from "./experiments.ts";

/** Another one is tried by giving it here: a failing run can be repeated. */
const seed = 20_261_121;

/** Every second experiment that no test file of its own tries, from the `first` (0 or 1): two files of them run side by side. */
export function trySecond(first: 0 | 1): void {
  const here: readonly Experiment[] = experiments.filter(({ tested }) => tested === undefined);
  describe.each(here.filter((_, index) => index % 2 === first))("$id: $breaks", (experiment) => {
    test("passes in its short form", async ({ skip }) => {
      for (const need of experiment.needs ?? []) if (!(await needs(need))) skip(`needs ${need}`);
      const said: string[] = [];
      const { wrong, counted } = await experiment.run({ size: "short", seed, say: (line) => void said.push(line) });
      expect(wrong, `${said.join("\n")}\n${JSON.stringify(counted)}`).toEqual([]);
    });
  });
}
