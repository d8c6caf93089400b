import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Characterization } from "#src/workflows/artifacts.ts";
import { needs } from "../support/needs.ts";
import { openGateWorld, type Files } from "./gate-world.ts";
import { bodies, characterization, pinFile, pins } from "./pins.ts";
import { reproduced, tab } from "./tab.ts";

async function pinned(files: Files, said: Partial<Characterization> = {}, start: Files = tab, limits = {}) {
  await using world = await openGateWorld(start, { limits });
  const commit = await world.commit(files);
  const value = { ...characterization, ...said };
  return await world.check({ gate: "pinned", head: commit, characterization: { value, commit } });
}

const one = (body: string) => ({ "test/pins.test.js": pinFile({ "what is": body }) });
const script = (...lines: string[]) => ['import { split } from "../src/split.js";', ...lines, ""].join("\n");
const plain = { testFiles: ["test/plain.js"], command: "node test/plain.js" };

describe("pinned says yes", () => {
  test("to tests that pass every time, and has seen that they can fail", async () => {
    const result = await pinned(pins);
    expect(result).toMatchObject({ passed: true, code: "pinned" });
    expect(result.summary).toBe("2 tests that pin today's behaviour pass without any change, 3 times out of 3.");
    expect(result.notes).toEqual([
      "pinned: test/pins.test.js › cents are lost",
      "pinned: test/pins.test.js › a tip is rounded",
    ]);
    expect(result.evidence.map(({ label, exitCode }) => [label, exitCode])).toEqual([
      ["pinned tests without a change, first time", 0],
      ["pinned tests without a change, second time", 0],
      ["the test files damaged", 0],
      ["with damaged test files, as control", 1],
      ["pinned tests without a change, in another fresh clone", 0],
    ]);
  });

  test("to tests that were there before, and tells which are skipped", async () => {
    const files = { "test/split.test.js": `${tab["test/split.test.js"]}\ntest.todo("more");\n` };
    const there = { testFiles: ["test/split.test.js"], command: "node --test test/split.test.js" };
    const result = await pinned({}, there, { ...tab, ...files });
    expect(result).toMatchObject({ passed: true, code: "pinned" });
    expect(result.notes).toContain("is skipped and pins nothing: test/split.test.js › more");
  });

  test("to a script without single tests, and says what that means", async () => {
    const files = { "test/plain.js": script("if (split(1000, 3)[0] !== 333) process.exit(1);") };
    const result = await pinned(files, plain);
    expect(result).toMatchObject({ passed: true, code: "pinned" });
    expect(result.notes.join()).toContain("does not report single tests");
  });
});

test.skipIf(!(await needs("pytest")))("pinned says yes to pytest, too", async () => {
  const start = { "shop.py": "def split(total, people):\n    return [total // people] * people\n" };
  const files = { "test_pin.py": "from shop import split\n\ndef test_lost():\n    assert sum(split(10, 3)) == 9\n" };
  const said = { testFiles: ["test_pin.py"], command: "python3 -m pytest -q test_pin.py" };
  expect(await pinned(files, said, start)).toMatchObject({ passed: true, notes: ["pinned: test_pin › test_lost"] });
});

describe("pinned says no", () => {
  test.each<[string, string, Files, Partial<Characterization>]>([
    ["fails-on-base", "a test of what should be", one("assert.equal(split(1000, 3)[0], 334);"), {}],
    [
      "fails-on-base",
      "a failure whose exit code is thrown away",
      one("assert.equal(split(1000, 3)[0], 334);"),
      { command: "node --test test/pins.test.js || true" },
    ],
    [
      "syntax-error",
      "a file that does not parse",
      { "test/pins.test.js": `${pins["test/pins.test.js"]}foo bar;\n` },
      {},
    ],
    [
      "import-error",
      "an import of something that is not there",
      { "test/pins.test.js": pinFile(bodies, "../src/nothing.js") },
      {},
    ],
    ["no-tests", "a test file that is not there", pins, { testFiles: ["test/elsewhere.test.js"] }],
    ["no-tests", "a command that finds no test", pins, { command: "node --test test/elsewhere.test.js" }],
    ["no-tests", "a command that runs nothing", pins, { command: "true" }],
    ["no-tests", "a command that runs other tests", pins, { command: "node --test test/tip.test.js" }],
    ["no-tests", "an empty file beside a suite", { "test/pins.test.js": "// nothing\n" }, { command: "npm test" }],
    ["no-tests", "a test that asserts nothing", one("split(1000, 3);"), {}],
    ["no-tests", "an assertion in a comment", one("// assert.equal(1, 1)"), {}],
    [
      "no-tests",
      "tests that are all skipped",
      { "test/pins.test.js": `${pins["test/pins.test.js"]}`.replaceAll("test(", "test.skip(") },
      {},
    ],
    [
      "no-tests",
      "a script that nobody runs",
      { "test/plain.js": script("process.exit(1);") },
      { ...plain, command: "echo ok" },
    ],
    ["command-failed", "a command that does not exist", pins, { command: "nodee --test" }],
    [
      "command-failed",
      "a command that fails besides the tests",
      pins,
      { command: "node --test test/pins.test.js && exit 3" },
    ],
    ["touches-source", "a change of the source", { ...pins, "src/split.js": `${tab["src/split.js"]}// changed\n` }, {}],
    ["touches-source", "a change of the configuration", { ...pins, "package.json": "{}" }, {}],
    ["touches-source", "a new source file", { ...pins, "src/more.js": "export const more = 1;\n" }, {}],
    [
      "touches-source",
      "a test file that is none",
      { "src/check.js": pinFile(bodies, "./split.js") },
      { testFiles: ["src/check.js"], command: "node --test src/check.js" },
    ],
    [
      "test-changed",
      "an altered test",
      { ...pins, "test/split.test.js": tab["test/split.test.js"].replace("[500]", "[499]") },
      {},
    ],
    ["test-deleted", "a deleted test", { ...pins, "test/tip.test.js": null }, {}],
  ])("%s: %s", async (code, _, files, said) => {
    expect(await pinned(files, said)).toMatchObject({ passed: false, code });
  });

  test("and names what fails", async () => {
    const result = await pinned({
      "test/pins.test.js": pinFile({ ...bodies, "no cent is lost": "assert.ok(false);" }),
    });
    expect(result.summary).toContain("no cent is lost");
    expect(result.notes).toEqual(["fails without any change: test/pins.test.js › no cent is lost"]);
  });

  test("fails-on-base: a reproduction handed in as a pin", async () => {
    const said = { testFiles: ["test/split.test.js"], command: "node --test test/split.test.js" };
    expect(await pinned(reproduced, said)).toMatchObject({ passed: false, code: "fails-on-base" });
  });

  test.each([
    ["a file that the first run leaves behind", 'assert.ok(!existsSync("seen")); writeFileSync("seen", "");'],
    ["a file that the first run needs", 'const was = existsSync("seen"); writeFileSync("seen", ""); assert.ok(was);'],
  ])("flaky: by %s", async (_, body) => {
    expect(await pinned(one(body))).toMatchObject({ passed: false, code: "flaky" });
  });

  test("flaky: a name that is another one each time", async () => {
    const files = {
      "test/pins.test.js": pinFile(bodies).replace('"cents are lost"', "`at ${process.hrtime.bigint()}`"),
    };
    const result = await pinned(files);
    expect(result).toMatchObject({ passed: false, code: "flaky" });
    expect(result.summary).toContain("another name each time");
  });

  test("flaky: fails in another fresh clone only", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pinned-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const body = [
      `const file = "${folder}/place";`,
      'const first = existsSync(file) ? readFileSync(file, "utf8") : process.cwd();',
      "writeFileSync(file, first);",
      "assert.equal(process.cwd(), first);",
    ].join("\n");
    const result = await pinned(one(body));
    expect(result).toMatchObject({ passed: false, code: "flaky" });
    expect(result.notes[2]).toBe("run 3: fails-on-base, ended with exit code 1");
  });

  test("timeout: a test that never ends", async () => {
    const result = await pinned(one("assert.ok(1); for (;;);"), {}, tab, { reproductionMs: 700 });
    expect(result).toMatchObject({ passed: false, code: "timeout" });
  });

  test("not-characterised: there is none", async () => {
    await using world = await openGateWorld(tab);
    expect(await world.check({ gate: "pinned", head: world.base })).toMatchObject({
      passed: false,
      code: "not-characterised",
    });
  });
});
