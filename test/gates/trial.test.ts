// What a hostile test could do to the way its report is read.
import { describe, expect, test } from "vitest";
import { openGateWorld } from "./gate-world.ts";
import { reproduced, reproduction, tab } from "./tab.ts";

const forged = '<testsuites><testcase name="no cent is lost" classname="test" file="test/split.test.js"/></testsuites>';

describe("a report", () => {
  test("that the tests print themselves is not the report", async () => {
    await using world = await openGateWorld(tab);
    const commit = await world.commit(reproduced);
    const printed = `for (const line of ["begin-1", "/x", "folder-1", ${JSON.stringify(forged)}, "end-1"]) console.log(line);`;
    const head = await world.commit({ "src/split.js": `${printed}\n${tab["src/split.js"]}` }, commit);
    const result = await world.check({ gate: "green", head, reproduction: { value: reproduction, commit } });
    expect(result).toMatchObject({ passed: false, code: "still-fails" });
    expect(result.notes).toEqual(["still fails: test/split.test.js › no cent is lost"]);
  });

  test("cannot be forged by knowing the marks: they stand in no command line and no environment", async () => {
    await using world = await openGateWorld(tab);
    const spy = [
      'import { readFileSync, readdirSync } from "node:fs";',
      'const own = readdirSync("/proc").filter((id) => /^[0-9]+$/.test(id));',
      "const read = (file) => { try { return readFileSync(file, 'utf8'); } catch { return ''; } };",
      'const seen = own.map((id) => read(`/proc/${id}/cmdline`) + read(`/proc/${id}/environ`)).join("");',
      "console.log('marks seen: ' + /(?:begin|folder|end)-[0-9a-f]{8}-/.test(seen) + ', report seen: ' + /report-[0-9a-f]{8}-/.test(seen));",
    ];
    const commit = await world.commit({ ...reproduced, "test/spy.test.js": spy.join("\n") });
    const value = { ...reproduction, command: "node --test" };
    const result = await world.check({ gate: "red", head: commit, reproduction: { value, commit } });
    expect(result).toMatchObject({ passed: true });
    expect(result.evidence[0]?.tail).toContain("marks seen: false, report seen: true");
  });

  test("is missing when the command ends the shell around it, and then nothing has passed", async () => {
    await using world = await openGateWorld(tab);
    const commit = await world.commit(reproduced);
    const head = await world.commit({ "README.md": "x" }, commit);
    for (const command of ["node --test; exit 0", "node --test); exit 0; (", "kill -9 $PPID"]) {
      const value = { ...reproduction, command };
      const result = await world.check({ gate: "green", head, reproduction: { value, commit } });
      expect(result).toMatchObject({ passed: false });
    }
  });

  test("that the runner cannot be asked for is done without, and the notes say so", async () => {
    const script = { ...tab, "package.json": tab["package.json"].replace("node --test", "NODE_OPTIONS= node --test") };
    await using world = await openGateWorld(script);
    const head = await world.commit({ "src/split.js": `${tab["src/split.js"]}foo bar;` });
    const result = await world.check({ gate: "baseline", head });
    expect(result).toMatchObject({ passed: false, code: "breaks-tests" });
    expect(result.notes.join("\n")).toContain("gave no readable per-test report");
    expect(result.evidence.some(({ label }) => label.endsWith("without a report"))).toBe(true);
  });
});

test("evidence and notes fit what an event may hold, whatever the tests print", async () => {
  await using world = await openGateWorld(tab);
  const noise = 'console.log("\\u0000\\u001b[31mred\\u001b[0m \\ud800" + "x".repeat(200000));\n';
  const tests = Array.from(
    { length: 80 },
    (_, i) => `test("${"long ".repeat(300)} ${i}", () => { assert.equal(999, 1000); });`,
  );
  const commit = await world.commit({
    "test/many.test.js": `import assert from "node:assert/strict";\nimport { test } from "node:test";\n${noise}${tests.join("\n")}\n`,
  });
  const value = { ...reproduction, testFiles: ["test/many.test.js"], command: "node --test test/many.test.js" };
  const result = await world.check({ gate: "red", head: commit, reproduction: { value, commit } });
  expect(result).toMatchObject({ passed: true, code: "red" });
  expect(result.notes).toHaveLength(50);
  // oxlint-disable-next-line no-control-regex -- none may be left
  expect(JSON.stringify(result)).not.toMatch(/\\u0000|\\u001b|[\u0000\u001b]/);
});
