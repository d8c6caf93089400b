import { describe, expect, test } from "vitest";
import { openGateWorld, type Files } from "./gate-world.ts";
import { fixed, reproduced, tab } from "./tab.ts";

async function baseline(change: Files, start: Files = tab, config: unknown = {}, limits = {}) {
  await using world = await openGateWorld(start, { limits });
  const head = await world.commit(change);
  return await world.check({ gate: "baseline", head, config });
}

const source = tab["src/split.js"];
const testFile = (title: string, body: string) =>
  [
    'import assert from "node:assert/strict";',
    'import { existsSync, writeFileSync } from "node:fs";',
    'import { test } from "node:test";',
    'import { split, tip } from "../src/split.js";',
    `test("${title}", () => {`,
    body,
    "});",
    "",
  ].join("\n");
const failing = testFile("known to fail", "assert.equal(tip(5), 7);");

describe("baseline says yes", () => {
  test("to a fix and its new test", async () => {
    const result = await baseline({ ...fixed, ...reproduced });
    expect(result).toMatchObject({ passed: true, code: "no-worse" });
    expect(result.summary).toBe("2 tests before, 3 with the change: none newly fails, is missing or is skipped.");
    expect(result.evidence.map(({ label }) => label)).toEqual([
      "suite without the change",
      "the base's tests put back",
      "suite of the base, with the change",
      "suite with the change",
    ]);
  });

  test("to tests that failed before, and names them", async () => {
    const result = await baseline(fixed, { ...tab, "test/old.test.js": failing });
    expect(result).toMatchObject({ passed: true, code: "no-worse" });
    expect(result.notes).toContain("failed before, too: test/old.test.js › known to fail");
    expect(result.summary).toContain("1 test failed before and still does");
  });

  test("to a test that failed before and passes now", async () => {
    const start = { ...tab, "test/old.test.js": testFile("whole", "assert.equal(split(10, 3)[0], 4);") };
    const result = await baseline(fixed, start);
    expect(result).toMatchObject({ passed: true });
    expect(result.notes).toContain("failed before and passes now: 1 of 3");
  });

  test("to a repository without a test command, and says so", async () => {
    const result = await baseline({ "src/a.js": "" }, { "README.md": "" });
    expect(result).toMatchObject({ passed: true, code: "no-test-command", evidence: [] });
    expect(result.summary).toContain("no test command");
  });

  test("to a test whose name differs in every run", async () => {
    const start = { ...tab, "test/now.test.js": testFile("x", "").replace('"x"', "`at ${process.hrtime.bigint()}`") };
    const result = await baseline(fixed, start);
    expect(result).toMatchObject({ passed: true, code: "no-worse" });
    expect(result.notes.join("\n")).toContain("has another name in every run");
  });

  test("to exit codes alone where the runner reports nothing, and says that nothing finer is known", async () => {
    const config = { commands: { test: "node check.js" } };
    const start = { ...tab, "check.js": "process.exit(0)" };
    const fine = await baseline(fixed, start, config);
    expect(fine).toMatchObject({ passed: true, code: "no-worse" });
    expect(fine.notes.join()).toContain("only the exit codes were compared");
    const broken = await baseline(fixed, { ...tab, "check.js": "process.exit(1)" }, config);
    expect(broken).toMatchObject({ passed: true, code: "no-worse" });
    expect(broken.notes.join()).toContain("nothing finer is known");
  });

  test("and runs the suite of the base once for many rounds", async () => {
    await using world = await openGateWorld(tab);
    await world.check({ gate: "baseline", head: await world.commit(fixed) });
    const before = world.commands.length;
    const again = await world.check({ gate: "baseline", head: await world.commit({ "README.md": "more" }) });
    expect(world.commands.length - before).toBe(1);
    expect(again.evidence[0]?.label).toBe("suite without the change (run earlier)");
  });
});

describe("baseline says no", () => {
  test.each<[string, string, Files]>([
    ["breaks-tests", "a change that breaks a test", { "src/split.js": source.replace("total / 10", "total / 8") }],
    ["breaks-tests", "a change that does not load", { "src/split.js": `${source}foo bar;` }],
    ["breaks-tests", "a new test that fails", { ...fixed, "test/new.test.js": failing }],
    ["tests-vanished", "a deleted test", { ...fixed, "test/tip.test.js": null }],
    [
      "tests-vanished",
      "a source that ends the runner early with 0",
      { "src/split.js": `${source}\nprocess.exit(0);\n` },
    ],
    [
      "tests-vanished",
      "a test script that does nothing",
      { ...fixed, "package.json": tab["package.json"].replace("node --test", "true") },
    ],
    [
      "tests-vanished",
      "a test script that leaves a file out",
      { ...fixed, "package.json": tab["package.json"].replace("node --test", "node --test test/split.test.js") },
    ],
    [
      "tests-skipped",
      "a skipped test",
      { ...fixed, "test/tip.test.js": tab["test/tip.test.js"].replace("test(", "test.skip(") },
    ],
    [
      "breaks-tests",
      "an expected value edited to fit a broken source",
      {
        "src/split.js": source.replace("total / 10", "total / 8"),
        "test/tip.test.js": tab["test/tip.test.js"].replace("100", "125"),
      },
    ],
    [
      "breaks-tests",
      "a return put before the assertion of a test that would fail",
      {
        "src/split.js": source.replace("total / 10", "total / 8"),
        "test/tip.test.js": tab["test/tip.test.js"].replace("  assert.equal", "  return;\n  assert.equal"),
      },
    ],
  ])("%s: %s", async (code, _, change) => {
    const result = await baseline(change);
    expect(result).toMatchObject({ passed: false, code });
    expect(result.notes.join("\n") + result.summary).not.toBe("");
  });

  test("breaks-tests: names what passed before, and not what failed before", async () => {
    const start = { ...tab, "test/old.test.js": failing };
    const result = await baseline({ "src/split.js": source.replace("total / 10", "total / 8") }, start);
    expect(result.notes).toContain("passed before, fails now: test/tip.test.js › a tenth");
    expect(result.notes).toContain("failed before, too: test/old.test.js › known to fail");
    expect(result.notes.join()).not.toContain("fails now: test/old.test.js");
  });

  test("breaks-tests: by the exit code, where the runner reports nothing", async () => {
    const start = {
      ...tab,
      "check.js": 'import { tip } from "./src/split.js"; process.exit(tip(1000) === 100 ? 0 : 1)',
    };
    const change = { "src/split.js": source.replace("total / 10", "total / 8") };
    const result = await baseline(change, start, { commands: { test: "node check.js" } });
    expect(result).toMatchObject({ passed: false, code: "breaks-tests" });
  });

  test("breaks-tests: a failing exit code although every test is reported as passed", async () => {
    const config = { commands: { test: "node --test && node lint.js" } };
    const start = { ...tab, "lint.js": "" };
    const result = await baseline({ "src/lint.js": "", "lint.js": "process.exit(1)" }, start, config);
    expect(result).toMatchObject({ passed: false, code: "breaks-tests" });
    expect(result.summary).toContain("no test was reported as newly failing");
  });

  test("timeout: a suite that never ends", async () => {
    const result = await baseline({ "src/split.js": `${source}for (;;);` }, tab, {}, { suiteMs: 1_500 });
    expect(result).toMatchObject({ passed: false, code: "timeout" });
  });

  test("gate-failed: an install command that fails", async () => {
    const result = await baseline(fixed, tab, { commands: { install: "echo no such registry; exit 7" } });
    expect(result).toMatchObject({ passed: false, code: "gate-failed" });
    expect(result.summary).toContain("exit code 7: no such registry");
  });
});

describe("a flaky suite", () => {
  test("is noted, not blamed on the change", async () => {
    const outside = `/tmp/flaky-${process.pid}-${Date.now()}`;
    const change = {
      ...fixed,
      "src/split.js": `import { existsSync, writeFileSync } from "node:fs";\n${fixed["src/split.js"]}`.replace(
        "return Math.round(total / 10);",
        `if (existsSync("${outside}")) return Math.round(total / 10);\n  writeFileSync("${outside}", "");\n  return 0;`,
      ),
    };
    const result = await baseline(change);
    expect(result).toMatchObject({ passed: true, code: "no-worse" });
    expect(result.notes).toContain("flaky: failed once and passed once with the change: test/tip.test.js › a tenth");
  });
});
