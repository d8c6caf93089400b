import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { Reproduction } from "#src/workflows/artifacts.ts";
import { never, openGateWorld, plainly, type Files } from "./gate-world.ts";
import { reproduced, reproduction, tab } from "./tab.ts";

/** The reproduction commit gets `files`; the artifact says `said`. */
async function red(files: Files, said: Partial<Reproduction> = {}, start: Files = tab, limits = {}) {
  await using world = await openGateWorld(start, { limits });
  const commit = await world.commit(files);
  return await world.check({
    gate: "red",
    head: commit,
    reproduction: { value: { ...reproduction, ...said }, commit },
  });
}

const file = (body: string, source = "../src/split.js") =>
  [
    'import assert from "node:assert/strict";',
    'import { test } from "node:test";',
    'import { existsSync, writeFileSync, rmSync } from "node:fs";',
    `import { split } from "${source}";`,
    "",
    `test("no cent is lost", () => {`,
    body,
    "});",
    "",
  ].join("\n");
const own = { testFiles: ["test/new.test.js"], command: "node --test test/new.test.js" };
const lost = "assert.equal(split(1000, 3).reduce((a, b) => a + b, 0), 1000);";

describe("red says yes", () => {
  test("to a test that fails every time for the reason it names, and keeps the evidence", async () => {
    const result = await red(reproduced);
    expect(result).toMatchObject({ passed: true, code: "red" });
    expect(result.summary).toContain("3 times out of 3");
    expect(result.notes).toContain("fails: test/split.test.js › no cent is lost");
    expect(result.evidence.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1]);
    expect(result.evidence[0]?.tail).toContain("999 !== 1000");
    expect(result.evidence[0]?.tail).not.toContain("<testsuites");
    expect(result.evidence[0]?.argv).toEqual(["bash", "-c", "node --test test/split.test.js"]);
  });

  test("to a new file, run through the package's own script", async () => {
    const result = await red({ "test/new.test.js": file(lost) }, { ...own, command: "npm test -- test/new.test.js" });
    expect(result).toMatchObject({ passed: true, code: "red" });
  });

  test("to errors that the code under test throws while the test runs, whatever their name", async () => {
    const source = { ...tab, "src/parse.js": 'export function split(text) { return JSON.parse(text + "}"); }\n' };
    const result = await red(
      { "test/new.test.js": file('split("{");split("[");', "../src/parse.js") },
      { ...own, expectedFailure: "Expected ',' or ']' after array element" },
      source,
    );
    expect(result).toMatchObject({ code: "wrong-failure" });
    const right = await red(
      { "test/new.test.js": file('split("{"); split("[1");', "../src/parse.js") },
      { ...own, expectedFailure: "SyntaxError: Expected ',' or ']' after array element" },
      source,
    );
    expect(right).toMatchObject({ passed: true, code: "red" });
  });

  test("to a plain script without test cases", async () => {
    const script = [
      'import assert from "node:assert/strict";',
      'import { split } from "../src/split.js";',
      lost,
      "",
    ].join("\n");
    expect(await red({ "test/new.test.js": script }, own)).toMatchObject({ passed: true, code: "red" });
    expect(await red({ "test/new.test.js": script }, { ...own, command: "node test/new.test.js" })).toMatchObject({
      passed: true,
      code: "red",
    });
  });
});

describe("red says no", () => {
  test.each<[string, string, Files, Partial<Reproduction>]>([
    ["passes-on-base", "a test that passes", { "test/new.test.js": file("assert.ok(split(9, 3));") }, own],
    [
      "passes-on-base",
      "an inverted assertion: the wrong result is called right",
      { "test/new.test.js": file("assert.equal(split(1000, 3)[0], 333);") },
      own,
    ],
    [
      "passes-on-base",
      "a command whose exit code is thrown away",
      reproduced,
      { command: "node --test test/split.test.js || true" },
    ],
    ["syntax-error", "a file that does not parse", { "test/new.test.js": `${file(lost)}foo bar;\n` }, own],
    [
      "import-error",
      "an import of something that is not there",
      { "test/new.test.js": file(lost, "../src/nothing.js") },
      own,
    ],
    [
      "import-error",
      "an import of a name that is not exported",
      { "test/new.test.js": `import { nope } from "../src/split.js";\n${file(lost)}` },
      own,
    ],
    ["no-tests", "a test file that is not there", reproduced, { testFiles: ["test/elsewhere.test.js"] }],
    ["no-tests", "a command that finds no test", reproduced, { command: "node --test test/elsewhere.test.js" }],
    ["no-tests", "no test file named", reproduced, { testFiles: [] }],
    ["command-failed", "a command that does not exist", reproduced, { command: "nodee --test" }],
    [
      "command-failed",
      "a command that fails besides the tests",
      {},
      { command: "node --test test/split.test.js && exit 3" },
    ],
    ["command-failed", "no command", reproduced, { command: "" }],
    [
      "command-failed",
      "a shell's syntax error, which may not reach the gate's own script",
      reproduced,
      { command: "node --test); exit 1; (" },
    ],
    ["wrong-failure", "a failure for another reason", reproduced, { expectedFailure: "998 !== 1000" }],
    ["wrong-failure", "an expected failure that any failure prints", reproduced, { expectedFailure: "Error" }],
    ["wrong-failure", "the words of the runner", reproduced, { expectedFailure: "✖ failing tests:" }],
    [
      "wrong-failure",
      "the words of the assertion library",
      reproduced,
      { expectedFailure: "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal" },
    ],
    ["wrong-failure", "the test's own name", reproduced, { expectedFailure: "no cent is lost" }],
    ["wrong-failure", "a part of the command", reproduced, { expectedFailure: "test/split.test.js" }],
    ["touches-source", "a change of the source", { ...reproduced, "src/split.js": "export const split = 1;\n" }, {}],
    [
      "touches-source",
      "a test file that is none",
      { "src/check.js": file(lost, "./split.js") },
      { testFiles: ["src/check.js"], command: "node --test src/check.js" },
    ],
    [
      "config-changed",
      "a changed test command",
      { ...reproduced, "package.json": tab["package.json"].replace("node --test", "true") },
      {},
    ],
    [
      "test-changed",
      "an altered test",
      { "test/split.test.js": tab["test/split.test.js"].replace("[500]", "[499]") },
      {},
    ],
    ["test-deleted", "a deleted test", { ...reproduced, "test/tip.test.js": null }, {}],
    ["not-reproduced", "an agent that could not", reproduced, { reproduced: false }],
  ])("%s: %s", async (code, _, files, said) => {
    // package.json is no test file, so the source rule speaks first.
    const expected = code === "config-changed" ? "touches-source" : code;
    expect(await red(files, said)).toMatchObject({ passed: false, code: expected });
  });

  test.each([
    [
      "a file that the first run leaves behind",
      'if (!existsSync("test/seen")) { writeFileSync("test/seen", ""); assert.equal(999, 1000); }',
    ],
    [
      "a file that each run turns over",
      'if (existsSync("test/seen")) { rmSync("test/seen"); assert.equal(999, 1000); } else writeFileSync("test/seen", "");',
    ],
  ])("flaky: by %s", async (_, body) => {
    expect(await red({ "test/new.test.js": file(body) }, own)).toMatchObject({ passed: false, code: "flaky" });
  });

  test("flaky: another test fails each time", async () => {
    const body = [
      'const second = existsSync("test/seen");',
      'writeFileSync("test/seen", "");',
      "assert.ok(second, '999 !== 1000');",
      "});",
      'test("the other", () => {',
      'const third = existsSync("test/seen2");',
      'if (existsSync("test/seen")) { writeFileSync("test/seen2", ""); }',
      "assert.ok(!third, '999 !== 1000');",
    ].join("\n");
    expect(await red({ "test/new.test.js": file(body) }, own)).toMatchObject({ passed: false, code: "flaky" });
  });

  test("timeout: a test that never ends", async () => {
    const result = await red({ "test/new.test.js": file("for (;;);") }, own, tab, { reproductionMs: 700 });
    expect(result).toMatchObject({ passed: false, code: "timeout" });
  });

  test.each(["passes-on-base", "flaky"])("%s: also where runs take too long for a third", async (code) => {
    const seen = 'if (!existsSync("test/seen")) { writeFileSync("test/seen", ""); assert.equal(999, 1000); }';
    const body = code === "flaky" ? seen : "assert.ok(split(9, 3));";
    const result = await red({ "test/new.test.js": file(body) }, own, tab, { thirdRunMs: 0 });
    expect(result).toMatchObject({ passed: false, code });
    expect(result.evidence).toHaveLength(2);
  });

  test("gate-failed: a commit that does not exist", async () => {
    await using world = await openGateWorld(tab);
    const commit = world.base.replace(/./g, "9");
    const request = world.request({
      gate: "red",
      head: world.base,
      reproduction: { value: reproduction, commit: world.base },
    });
    const result = await world.gates.check(
      { ...request, reproduction: { value: reproduction, commit: sha(commit) } },
      never,
    );
    expect(result).toMatchObject({ passed: false, code: "gate-failed" });
  });

  test("gate-failed: a shell that cannot be started", async () => {
    await using world = await openGateWorld(tab, {
      run: (command, signal) => plainly({ ...command, argv: ["/nowhere/bash"] }, signal),
    });
    const commit = await world.commit(reproduced);
    const result = await world.check({ gate: "red", head: commit, reproduction: { value: reproduction, commit } });
    expect(result).toMatchObject({ passed: false, code: "gate-failed" });
    expect(result.summary).toContain("ENOENT");
  });

  test("an abort is thrown, not turned into a verdict", async () => {
    await using world = await openGateWorld(tab);
    const commit = await world.commit({ "test/new.test.js": file("for (;;);") });
    const stop = new AbortController();
    const value = { ...reproduction, ...own };
    const checking = world.check({ gate: "red", head: commit, reproduction: { value, commit } }, stop.signal);
    await expect.poll(() => world.commands.length, { timeout: 10_000 }).toBeGreaterThan(0);
    stop.abort(new Error("stopped by a person"));
    await expect(checking).rejects.toThrow("stopped by a person");
  });
});
