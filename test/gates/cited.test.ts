// What is cited for "this is no bug" is looked up on the base, by the gate red; nothing is run for it.
import { expect, test } from "vitest";
import type { Reproduction } from "#src/workflows/artifacts.ts";
import { openGateWorld } from "./gate-world.ts";
import { reproduction, tab } from "./tab.ts";

type Place = NonNullable<Reproduction["notABug"]>["where"][number];

const readme = "# Tab\n\nA share is\n  rounded   down.\nRounded down is cheaper.\n\nA share is\nrounded down.\n";
const place = (line: number, quote: string, path = "README.md"): Place => ({ path, line, quote });

async function lookUp(where: Place[], reproduced = false) {
  await using world = await openGateWorld({ ...tab, "README.md": readme });
  const value = { ...reproduction, reproduced, testFiles: [], command: "", notABug: { why: "It is meant so.", where } };
  // What the agent wrote itself is no ground.
  const commit = await world.commit({ "own.md": "it is meant to lose a cent\n" });
  const result = await world.check({ gate: "red", head: commit, reproduction: { value, commit } });
  return { ...result, ran: world.commands };
}

test("places that stand there are passed on, with the line they really stand in", async () => {
  const result = await lookUp([
    place(5, "Rounded down is cheaper."),
    place(40, "rounded down is cheaper", "README.md"),
    place(1, "Math.floor(total / people)", "src/split.js"),
    place(8, "A share is\nrounded down."),
  ]);
  expect(result).toMatchObject({ passed: false, code: "not-a-bug", ran: [] });
  expect(result.cited).toEqual([
    place(5, "Rounded down is cheaper."),
    place(2, "Math.floor(total / people)", "src/split.js"),
    place(7, "A share is\nrounded down."),
  ]);
  expect(result.summary).toContain("3 of 4 places");
  expect(result.notes).toContain("README.md:40 does not say on the base: rounded down is cheaper");
});

test.each([
  ["words that stand nowhere", place(3, "A share is rounded up.")],
  ["a file that is not there", place(1, "A share is", "docs/none.md")],
  ["a file of the agent's own", place(1, "it is meant to lose a cent", "own.md")],
  ["signs that stand anywhere", place(2, "));", "src/split.js")],
])("%s are no ground", async (_, cited) => {
  const result = await lookUp([cited]);
  expect(result).toMatchObject({ passed: false, code: "not-reproduced" });
  expect(result.cited).toBeUndefined();
});

test("who says that it is reproduced is judged by the test, whatever else is claimed", async () => {
  expect(await lookUp([place(5, "Rounded down is cheaper.")], true)).toMatchObject({ code: "command-failed" });
});
