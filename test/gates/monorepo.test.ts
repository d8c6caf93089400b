// A repository of two packages with commands of their own: each change is held against the suites it touches, in their folders.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Reproduction } from "#src/workflows/artifacts.ts";
import { openGateWorld, type GateWorld } from "./gate-world.ts";

const sum = (body: string) => `export const sum = (a, b) => ${body};\n`;
const testing = (title: string, body: string) =>
  `import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.js";\ntest("${title}", () => ${body});\n`;
const manifest = JSON.stringify({ type: "module", scripts: { test: "node --test" } });

const files = {
  "README.md": "Two packages.\n",
  "services/api/package.json": manifest,
  "services/api/src/sum.js": sum("a - b"),
  "services/api/test/sum.test.js": testing("nothing", "assert.equal(sum(0, 0), 0)"),
  // No runner that is known: the exit code decides.
  "tools/check.sh": "test -f ok\n",
  "tools/ok": "",
};
const config = {
  packages: [
    { path: "services/api", commands: { install: "touch installed" } },
    { path: "tools", commands: { test: "sh check.sh" } },
  ],
};
const reproduction: Reproduction = {
  reproduced: true,
  testFiles: ["services/api/test/two.test.js"],
  command: "cd services/api && npm test",
  expectedFailure: "-1 !== 3",
  notes: "",
};

let world: GateWorld;
let shown: { value: Reproduction; commit: GateWorld["base"] };

beforeAll(async () => {
  world = await openGateWorld(files, { limits: { thirdRunMs: 0 } });
  const commit = await world.commit({
    "services/api/test/two.test.js": testing("adds", "assert.equal(sum(1, 2), 3)"),
  });
  shown = { value: reproduction, commit };
});
afterAll(async () => world[Symbol.asyncDispose]());

const ran = (result: Awaited<ReturnType<GateWorld["check"]>>) =>
  result.evidence.flatMap(({ label, argv }) => (label.includes("install") ? [] : [argv.at(-1)]));

describe("red and green", () => {
  test("run the reproduction in its package, test by test, and install what the packages need", async () => {
    const red = await world.check({ gate: "red", head: shown.commit, reproduction: shown, config });
    expect(red).toMatchObject({ passed: true, code: "red" });
    // The names are those of the package, read by its own scripts.
    expect(red.notes).toEqual(["fails: test/two.test.js › adds"]);
    expect(red.evidence.map(({ argv }) => argv.at(-1))).toContain("(cd services/api && touch installed)");
    expect(new Set(ran(red).map((line) => line))).toEqual(new Set(["cd services/api && npm test"]));

    const head = await world.commit({ "services/api/src/sum.js": sum("a + b") }, shown.commit);
    const green = await world.check({ gate: "green", head, reproduction: shown, config });
    expect(green).toMatchObject({ passed: true, code: "green" });
    const wrong = await world.commit({ "services/api/src/sum.js": sum("a * b") }, shown.commit);
    expect(await world.check({ gate: "green", head: wrong, reproduction: shown, config })).toMatchObject({
      passed: false,
      code: "still-fails",
    });
  });

  test("a test file that cannot be loaded is found by its name there", async () => {
    const file = "services/api/test/none.test.js";
    const commit = await world.commit({ [file]: 'import "../src/nowhere.js";\n' }, shown.commit);
    const value = { ...reproduction, testFiles: [...reproduction.testFiles, file] };
    const result = await world.check({ gate: "red", head: commit, reproduction: { value, commit }, config });
    expect(result).toMatchObject({ passed: false, code: "import-error" });
  });
});

describe("baseline", () => {
  const baseline = async (change: Parameters<GateWorld["commit"]>[0], about: unknown = config) =>
    await world.check({ gate: "baseline", head: await world.commit(change), config: about });

  test("runs the suite of the package that is changed, in its folder, and no other", async () => {
    const result = await baseline({ "services/api/src/sum.js": sum("a + b") });
    expect(result).toMatchObject({
      passed: true,
      code: "no-worse",
      summary: "services/api: 1 test before, 1 with the change: none newly fails, is missing or is skipped.",
    });
    expect(ran(result).every((line) => line?.startsWith("cd services/api && npm test"))).toBe(true);
  });

  test("says no for the package that is worse, and what the other showed", async () => {
    const result = await baseline({ "services/api/src/sum.js": sum("a + b"), "tools/ok": null });
    expect(result).toMatchObject({ passed: false, code: "breaks-tests" });
    expect(result.summary).toMatch(/^tools: With the change, the suite ended with exit code 1/);
    expect(result.notes.at(-1)).toMatch(/^services\/api: 1 test before/);
  });

  test("where the root has no tests, what is the root's is held against every package", async () => {
    const result = await baseline({ "README.md": "More.\n" });
    expect(result.summary).toMatch(/^services\/api: .* tools: The suite ended with exit code 0/);
  });

  test("finds the packages where nobody names them", async () => {
    const result = await baseline({ "services/api/src/sum.js": sum("a + b + 1") }, {});
    expect(result).toMatchObject({ passed: false, code: "breaks-tests" });
    expect(result.summary).toMatch(/^services\/api: With the change, 1 test newly fails/);
  });

  test("says that it ran nothing where no package that is touched has tests", async () => {
    const about = { packages: [{ path: "tools", commands: {} }] };
    expect(await baseline({ "README.md": "More still.\n" }, about)).toMatchObject({
      passed: true,
      code: "no-test-command",
    });
  });
});
