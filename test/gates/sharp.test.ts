// Tests that must be felt: each new one fails under at least one break of the code that its writer has named.
import { describe, expect, test } from "vitest";
import type { Characterization } from "#src/workflows/artifacts.ts";
import { openGateWorld, type Files } from "./gate-world.ts";
import { bodies, characterization, pinFile, pins } from "./pins.ts";
import { tab } from "./tab.ts";

type Breaks = NonNullable<Characterization["breaks"]>;
const floor = { path: "src/split.js", before: "Math.floor", after: "Math.ceil" };
const round = { path: "src/split.js", before: "total / 10", after: "total / 11" };

async function sharp(
  breaks: Breaks | undefined,
  files: Files = pins,
  said: Partial<Characterization> = {},
  start: Files = tab,
) {
  await using world = await openGateWorld(start);
  const commit = await world.commit(files);
  const value = { ...characterization, ...said, ...(breaks ? { breaks } : {}) };
  const result = await world.check({ gate: "sharp", head: commit, characterization: { value, commit } });
  return { ...result, all: result.notes.join("\n") };
}
const one = (body: string) => ({ "test/pins.test.js": pinFile({ "what is": body }) });

describe("sharp says yes", () => {
  test("when each new test fails under a break, and tells which", async () => {
    const result = await sharp([floor, round]);
    expect(result).toMatchObject({ passed: true, code: "sharp" });
    expect(result.summary).toBe(
      "Each of 2 new tests fails under at least one of 2 breaks of the code, and passes without.",
    );
    expect(result.notes).toEqual([
      "fails with src/split.js (break 1): test/pins.test.js › cents are lost",
      "fails with src/split.js (break 2): test/pins.test.js › a tip is rounded",
    ]);
  });

  test("of tests in a file that was there, to the new ones", async () => {
    const old = tab["test/tip.test.js"];
    const files = {
      "test/tip.test.js": `${old}\ntest("a tenth of little", () => {\n  assert.equal(tip(4), 0);\n});\n`,
    };
    const said = { testFiles: ["test/tip.test.js"], command: "node --test test/tip.test.js" };
    const result = await sharp([{ ...round, after: "total" }], files, said);
    expect(result).toMatchObject({ passed: true });
    expect(result.notes).toEqual(["fails with src/split.js (break 1): test/tip.test.js › a tenth of little"]);
  });

  test("to a script without single tests, and says what was not seen", async () => {
    const files = {
      "test/plain.js": 'import { tip } from "../src/split.js";\nif (tip(1000) !== 100) process.exit(1);\n',
    };
    const result = await sharp([round], files, { testFiles: ["test/plain.js"], command: "node test/plain.js" });
    expect(result).toMatchObject({
      passed: true,
      summary: "The tests fail under the named break of the code, and pass without.",
    });
    expect(result.all).toContain("that each of them can fail was not seen");
  });
});

describe("sharp says no", () => {
  test.each<[string, string, Breaks | undefined, Files, Partial<Characterization>]>([
    ["no-breaks", "to tests without a break", undefined, pins, {}],
    ["no-breaks", "to an empty list", [], pins, {}],
    ["blunt-tests", "to a test that no break is felt by", [floor], pins, {}],
    [
      "blunt-tests",
      "to a test that asserts what is always so",
      [floor, round],
      { "test/pins.test.js": pinFile({ ...bodies, always: "assert.ok(split);" }) },
      {},
    ],
    ["unfelt-break", "to a break that no test looks at", [round], one("assert.equal(split(1200, 4)[0], 300);"), {}],
    [
      "unfelt-break",
      "to a failure whose exit code is thrown away",
      [floor],
      pins,
      { command: "node --test test/pins.test.js || true" },
    ],
    [
      "syntax-error",
      "to a break that only keeps the code from being loaded",
      [{ ...floor, before: "export function split", after: "export function split(" }],
      pins,
      {},
    ],
    [
      "import-error",
      "to a break that takes away what is imported",
      [{ ...floor, before: "export function tip", after: "function tip" }],
      pins,
      {},
    ],
    ["unfit-break", "to a break of a test", [{ path: "test/tip.test.js", before: "100", after: "99" }], pins, {}],
    ["unfit-break", "to a break of a file that is not there", [{ ...floor, path: "src/none.js" }], pins, {}],
    ["unfit-break", "to words that stand nowhere", [{ ...floor, before: "Math.trunc" }], pins, {}],
    ["unfit-break", "to words that stand twice", [{ ...floor, before: "function" }], pins, {}],
    ["unfit-break", "to a break that changes nothing", [{ ...floor, after: "Math.floor" }], pins, {}],
    ["flaky", "to tests that fail with nothing broken", [floor], one("assert.equal(split(1000, 3)[0], 1);"), {}],
  ])("%s: %s", async (code, _, breaks, files, said) => {
    expect(await sharp(breaks, files, said)).toMatchObject({ passed: false, code });
  });

  test("by its name to each test that passes whatever is broken", async () => {
    const { summary, all } = await sharp([floor]);
    expect(summary).toContain("1 new test passes whatever is broken: test/pins.test.js › a tip is rounded");
    expect(all).toContain("passes under every break: test/pins.test.js › a tip is rounded");
  });
});

test("each break is taken out again before the next", async () => {
  const start = { ...tab, "src/one.js": "export const one = 1;\n" };
  const files = {
    "test/pins.test.js": `${pinFile(bodies)}import { one } from "../src/one.js";\ntest("one", () => assert.equal(one, 1));\n`,
  };
  const none = { path: "src/one.js", before: "= 1", after: "= 2" };
  // Were the first still broken, the test of it would be felt by a break that it does not look at.
  const blunt = { path: "src/split.js", before: "total / people", after: "total / people + 0" };
  const { code, summary } = await sharp([none, blunt], files, {}, start);
  expect([code, summary]).toEqual(["unfelt-break", expect.stringContaining("With src/split.js (break 2)")]);
});

test("a break's words are taken as they are, whatever they hold", async () => {
  const { passed } = await sharp([{ ...floor, after: "$& $1 Math.ceil".replace("$& $1 ", "/* $& $1 */ ") }, round]);
  expect(passed).toBe(true);
});
