import { describe, expect, test } from "vitest";
import type { Reproduction } from "#src/workflows/artifacts.ts";
import { openGateWorld, plainly, type Files } from "./gate-world.ts";
import { fixed, reproduced, reproduction, tab } from "./tab.ts";

async function green(fix: Files, said: Partial<Reproduction> = {}, added: Files = reproduced) {
  await using world = await openGateWorld(tab);
  const commit = await world.commit(added);
  const head = await world.commit(fix, commit);
  return await world.check({ gate: "green", head, reproduction: { value: { ...reproduction, ...said }, commit } });
}

const source = tab["src/split.js"];

describe("green says yes", () => {
  test("to a fix that makes the very tests pass that failed, twice", async () => {
    const result = await green(fixed);
    expect(result).toMatchObject({ passed: true, code: "green" });
    expect(result.notes).toEqual(["passes now: test/split.test.js › no cent is lost"]);
    expect(result.evidence.map(({ exitCode }) => exitCode)).toEqual([1, 0, 0]);
  });

  test("and runs the control without the fix only once in a process", async () => {
    await using world = await openGateWorld(tab);
    const commit = await world.commit(reproduced);
    const head = await world.commit(fixed, commit);
    const about = { gate: "green", head, reproduction: { value: reproduction, commit } } as const;
    await world.check(about);
    const before = world.commands.length;
    const again = await world.check(about);
    expect(world.commands.length - before).toBe(2);
    expect(again).toMatchObject({ passed: true });
    expect(again.evidence[0]?.label).toContain("run earlier");
  });

  test("to a command without per-test report, and says what that means", async () => {
    const script = ['import { split } from "../src/split.js";', "const [a, b, c] = split(1000, 3);"];
    script.push('if (a + b + c !== 1000) { console.log("lost: " + (1000 - a - b - c)); process.exit(1); }', "");
    const result = await green(
      fixed,
      { testFiles: ["test/plain.js"], command: "node test/plain.js", expectedFailure: "lost: 1" },
      { "test/plain.js": script.join("\n") },
    );
    expect(result).toMatchObject({ passed: true, code: "green" });
    expect(result.notes.join()).toContain("does not report single tests");
  });
});

describe("green says no", () => {
  test.each<[string, string, Files, Partial<Reproduction>]>([
    ["still-fails", "a fix that does nothing", { "README.md": "fixed\n" }, {}],
    ["still-fails", "a wrong fix", { "src/split.js": source.replace("Math.floor", "Math.ceil") }, {}],
    ["still-fails", "a fix that does not parse", { "src/split.js": `${source}\nfoo bar;\n` }, {}],
    [
      "reproduction-changed",
      "the reproduction's assertion inverted",
      { ...fixed, "test/split.test.js": reproduced["test/split.test.js"]?.replace("0), 1000", "0), 999") ?? "" },
      {},
    ],
    ["reproduction-changed", "the reproduction deleted", { ...fixed, "test/split.test.js": null }, {}],
    [
      "reproduction-changed",
      "the reproduction put back to what was before",
      { "test/split.test.js": tab["test/split.test.js"] },
      {},
    ],
    [
      "no-tests",
      "a source that ends the process with 0 before the test runs",
      { "src/split.js": `${source}\nprocess.exit(0);\n` },
      {},
    ],
    [
      "no-tests",
      "a package script that runs nothing any more",
      { "package.json": tab["package.json"].replace("node --test", "true") },
      { command: "npm test" },
    ],
    [
      "test-skipped",
      "a configuration that skips it",
      { "package.json": tab["package.json"].replace("node --test", "node --test --test-name-pattern='pays the same'") },
      { command: "npm test" },
    ],
    [
      "failure-remains",
      "an expected failure that is printed all the same",
      { "src/split.js": `${fixed["src/split.js"]}\nconsole.log("999 !== 1000");\n` },
      {},
    ],
  ])("%s: %s", async (code, _, fix, said) => {
    const result = await green(fix, said);
    // A name pattern leaves the test out or reports it as skipped, by Node's version: both are a no.
    const codes = code === "test-skipped" ? ["test-skipped", "no-tests"] : [code];
    expect(result.passed).toBe(false);
    expect(codes).toContain(result.code);
  });

  test("flaky: passes one time and not the other", async () => {
    const state = [
      'import { existsSync, writeFileSync } from "node:fs";',
      'const seen = existsSync("seen");',
      'writeFileSync("seen", "");',
    ];
    const body = fixed["src/split.js"]?.replace("(i < total % people", "(!seen && i < total % people") ?? "";
    expect(await green({ "src/split.js": [...state, body].join("\n") })).toMatchObject({
      passed: false,
      code: "flaky",
    });
  });

  test("no-reproduction: there is none", async () => {
    await using world = await openGateWorld(tab);
    const head = await world.commit(fixed);
    expect(await world.check({ gate: "green", head })).toMatchObject({ passed: false, code: "no-reproduction" });
  });

  test("still-fails: a report of nothing but passes is not believed over the exit code", async () => {
    await using world = await openGateWorld(tab, {
      run: async (command, signal) => {
        const result = await plainly(command, signal);
        return command.argv[0] === "bash" ? { ...result, exitCode: 1 } : result;
      },
    });
    const commit = await world.commit(reproduced);
    const head = await world.commit(fixed, commit);
    const result = await world.check({ gate: "green", head, reproduction: { value: reproduction, commit } });
    expect(result).toMatchObject({ passed: false, code: "still-fails" });
  });
});
