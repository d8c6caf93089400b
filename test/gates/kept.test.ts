import { describe, expect, test } from "vitest";
import type { Characterization } from "#src/workflows/artifacts.ts";
import { openGateWorld, type Files } from "./gate-world.ts";
import { bodies, characterization, pinFile, pins, refactored } from "./pins.ts";
import { fixed, tab } from "./tab.ts";

async function kept(change: Files, said: Partial<Characterization> = {}, added: Files = pins, start: Files = tab) {
  await using world = await openGateWorld(start);
  const commit = await world.commit(added);
  const head = await world.commit(change, commit);
  const value = { ...characterization, ...said };
  return await world.check({ gate: "kept", head, characterization: { value, commit } });
}

const source = tab["src/split.js"];
const text = `${pins["test/pins.test.js"]}`;
/** What the pins would say had they been written for the fixed source. */
const adapted = { "test/pins.test.js": text.replace("[333, 333, 333]", "[334, 333, 333]") };
const plain = { testFiles: ["test/plain.js"], command: "npm run pins" };
const plainStart = {
  ...tab,
  "package.json": JSON.stringify({ name: "tab", type: "module", scripts: { test: "node --test", pins: "sh run.sh" } }),
  "run.sh": "node test/plain.js\n",
};
const plainPins = {
  "test/plain.js":
    'import { split } from "../src/split.js";\nif (split(1000, 3)[0] !== 333) throw new Error("lost");\n',
};

describe("kept says yes", () => {
  test("to a change behind which the pinned tests pass, twice, and runs the control once", async () => {
    await using world = await openGateWorld(tab);
    const commit = await world.commit(pins);
    const head = await world.commit(refactored, commit);
    const about = { gate: "kept", head, characterization: { value: characterization, commit } } as const;
    const result = await world.check(about);
    expect(result).toMatchObject({ passed: true, code: "kept" });
    expect(result.summary).toBe("2 pinned tests pass without the change and with it, 2 times out of 2, as pinned.");
    expect(result.notes).toContain("passes as before: test/pins.test.js › cents are lost");
    const ran = result.evidence.filter(({ label }) => label.startsWith("pinned tests with"));
    expect(ran.map(({ commit: at, exitCode }) => [at, exitCode])).toEqual([
      [commit, 0],
      [head, 0],
      [head, 0],
    ]);
    const again = await world.check(about);
    expect(again.evidence[0]?.label).toContain("run earlier");
  });

  test("to new tests beside the pinned ones", async () => {
    const more = { "test/more.test.js": pinFile({ more: "assert.ok(split);" }) };
    expect(await kept({ ...refactored, ...more })).toMatchObject({ passed: true });
  });

  test("to a runner without single tests, once it has seen that the pins are run", async () => {
    const result = await kept(refactored, plain, plainPins, plainStart);
    expect(result).toMatchObject({ passed: true, code: "kept" });
    expect(result.evidence.at(-1)).toMatchObject({ label: "with damaged test files, as control", exitCode: 1 });
  });
});

describe("kept says no", () => {
  test("and names the tests, when the behaviour is another one", async () => {
    const result = await kept(fixed);
    expect(result).toMatchObject({ passed: false, code: "behaviour-changed" });
    expect(result.summary).toBe("With the change, 1 pinned test fails: test/pins.test.js › cents are lost.");
    expect(result.notes).toEqual(["passed without the change, fails with it: test/pins.test.js › cents are lost"]);
  });

  test.each<[string, string, Files]>([
    ["behaviour-changed", "the pins were adapted to the new behaviour", { ...fixed, ...adapted }],
    ["behaviour-changed", "the pins were deleted with the behaviour", { ...fixed, "test/pins.test.js": null }],
    [
      "behaviour-changed",
      "the pins were weakened",
      {
        ...fixed,
        "test/pins.test.js": text.replace("assert.deepEqual(split(1000, 3), [333, 333, 333])", "assert.ok(split)"),
      },
    ],
    [
      "behaviour-changed",
      "the pins were skipped",
      { ...fixed, "test/pins.test.js": text.replaceAll("test(", "test.skip(") },
    ],
    ["behaviour-changed", "the whole file was emptied", { ...fixed, "test/pins.test.js": "" }],
    [
      "pins-changed",
      "only the pins were adapted",
      { ...refactored, "test/pins.test.js": text.replace("1005), 101", "1006), 101") },
    ],
    ["pins-changed", "the pins are gone", { ...refactored, "test/pins.test.js": null }],
    [
      "import-error",
      "a name that the pins use was renamed",
      { "src/split.js": source.replace("function tip", "function gratuity") },
    ],
    ["import-error", "a module that the pins use was moved", { "src/split.js": null, "src/bill.js": source }],
    ["syntax-error", "a source that does not parse", { "src/split.js": `${source}\nfoo bar;\n` }],
    [
      "no-tests",
      "a source that ends the process with 0 before a test runs",
      { "src/split.js": `${source}\nprocess.exit(0);\n` },
    ],
  ])("%s: %s", async (code, _, change) => {
    expect(await kept(change)).toMatchObject({ passed: false, code });
  });

  test("and tells which pinned file was altered, besides what fails", async () => {
    const result = await kept({ ...fixed, ...adapted });
    expect(result.notes).toContain("altered by the change, run as it was pinned: test/pins.test.js");
    expect(result.notes[0]).toContain("cents are lost");
  });

  test("behaviour-changed: what the pins compare with was bent", async () => {
    const start = { ...tab, "test/fixtures/shares.json": "[333, 333, 333]\n" };
    const body = 'assert.deepEqual(split(1000, 3), JSON.parse(readFileSync("test/fixtures/shares.json", "utf8")));';
    const added = { "test/pins.test.js": pinFile({ "cents are lost": body }) };
    const bent = { "test/fixtures/shares.json": "[334, 333, 333]\n" };
    expect(await kept({ ...fixed, ...bent }, {}, added, start)).toMatchObject({
      passed: false,
      code: "behaviour-changed",
    });
  });

  test.each([
    ["runs nothing any more", { "package.json": tab["package.json"].replace("node --test", "true") }, ["no-tests"]],
    [
      "leaves one of them out",
      { "package.json": tab["package.json"].replace("node --test", "node --test --test-name-pattern='a tip'") },
      ["test-skipped", "no-tests"],
    ],
  ])("a package script that %s", async (_, change, codes) => {
    const result = await kept({ ...refactored, ...change }, { command: "npm test -- test/pins.test.js" });
    expect(result.passed).toBe(false);
    expect(codes).toContain(result.code);
    expect(result.summary + result.notes.join()).toMatch(/cents are lost|reported no tests/);
  });

  test("no-tests: a script without single tests that is not run any more", async () => {
    const result = await kept({ ...refactored, "run.sh": "true\n" }, plain, plainPins, plainStart);
    expect(result).toMatchObject({ passed: false, code: "no-tests" });
  });

  test("flaky: passes one time and not the other", async () => {
    const state = [
      'import { existsSync, writeFileSync } from "node:fs";',
      'const seen = existsSync("seen");',
      'writeFileSync("seen", "");',
      source.replace("Math.floor(total / people)", "Math.floor(total / people) + (seen ? 1 : 0)"),
    ];
    expect(await kept({ "src/split.js": state.join("\n") })).toMatchObject({ passed: false, code: "flaky" });
  });

  test("flaky: the pins fail without the change this time", async () => {
    const files = { "test/pins.test.js": pinFile({ ...bodies, never: "assert.ok(false);" }) };
    expect(await kept(refactored, {}, files)).toMatchObject({ passed: false, code: "flaky" });
  });

  test("not-characterised: there are none", async () => {
    await using world = await openGateWorld(tab);
    expect(await world.check({ gate: "kept", head: world.base })).toMatchObject({
      passed: false,
      code: "not-characterised",
    });
  });
});

test("integrity holds for pinned tests, too", async () => {
  await using world = await openGateWorld(tab);
  const commit = await world.commit(pins);
  const check = async (change: Files) => {
    const head = await world.commit(change, commit);
    return await world.check({ gate: "integrity", head, characterization: { value: characterization, commit } });
  };
  expect(await check(refactored)).toMatchObject({ passed: true });
  expect(await check({ ...refactored, "test/pins.test.js": null })).toMatchObject({ code: "test-deleted" });
  expect(await check({ ...refactored, ...adapted })).toMatchObject({ code: "test-changed" });
});
