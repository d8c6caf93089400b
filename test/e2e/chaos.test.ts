// The short form of every experiment; `npm run chaos` runs them in their full size.
import { describe, expect, test } from "vitest";
import { experiments } from "#test/chaos/experiments.ts";
import { needs } from "#test/support/needs.ts";

/** Another one is tried by giving it here: a failing run can be repeated. */
const seed = 20_261_121;

describe.each(experiments.filter(({ tested }) => tested === undefined))("$id: $breaks", (experiment) => {
  test("passes in its short form", async ({ skip }) => {
    for (const need of experiment.needs ?? []) if (!(await needs(need))) skip(`needs ${need}`);
    const said: string[] = [];
    const { wrong, counted } = await experiment.run({ size: "short", seed, say: (line) => void said.push(line) });
    expect(wrong, `${said.join("\n")}\n${JSON.stringify(counted)}`).toEqual([]);
  });
});
