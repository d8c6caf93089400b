// All gates, one after the other: in the real sandbox, and on a Python repository.
import { describe, expect, test } from "vitest";
import type { Execute } from "#src/core/command.ts";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import type { Reproduction } from "#src/workflows/artifacts.ts";
import { needs } from "../support/needs.ts";
import { openGateWorld, plainly, type Files } from "./gate-world.ts";
import { characterization, pins, refactored } from "./pins.ts";
import { fixed, reproduced, reproduction, tab } from "./tab.ts";

interface Bug {
  readonly start: Files;
  readonly test: Files;
  readonly fix: Files;
  readonly value: Reproduction;
}

const shop: Bug = {
  start: {
    "shop.py": "def split(total, people):\n    return [total // people] * people\n",
    "test_shop.py": "from shop import split\n\ndef test_even():\n    assert split(4, 2) == [2, 2]\n",
  },
  test: { "test_lost.py": "from shop import split\n\ndef test_lost():\n    assert sum(split(10, 3)) == 10\n" },
  fix: {
    "shop.py":
      "def split(total, people):\n    each, rest = divmod(total, people)\n    return [each + (i < rest) for i in range(people)]\n",
  },
  value: {
    reproduced: true,
    testFiles: ["test_lost.py"],
    command: "python3 -m pytest -q test_lost.py",
    expectedFailure: "assert 9 == 10",
    notes: "9",
  },
};

async function work({ start, test: added, fix, value }: Bug, run: Execute) {
  await using world = await openGateWorld(start, { run, inSandbox: run });
  const commit = await world.commit(added);
  const head = await world.commit(fix, commit);
  const results = [];
  for (const gate of ["red", "scope", "integrity", "green", "baseline"] as const)
    results.push(await world.check({ gate, head: gate === "red" ? commit : head, reproduction: { value, commit } }));
  return results;
}

describe.skipIf(!(await needs("bubblewrap")))("in the sandbox", () => {
  test("a fix goes from red to green, and the report is read from where only the sandbox sees it", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const results = await work({ start: tab, test: reproduced, fix: fixed, value: reproduction }, sandbox.run);
    expect(results.map(({ code, summary }) => [code, summary.includes("could not")])).toEqual(
      ["red", "in-scope", "intact", "green", "no-worse"].map((code) => [code, false]),
    );
    expect(results[0]?.notes).toEqual(["fails: test/split.test.js › no cent is lost"]);
    expect(results[4]?.summary).toContain("2 tests before, 3 with the change");
  });

  test("a refactoring is pinned and kept, and one that changes behaviour and pins is not", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const entry = { "package.json": tab["package.json"].replace("{", '{ "main": "src/split.js",') };
    await using world = await openGateWorld({ ...tab, ...entry }, { run: sandbox.run, inSandbox: sandbox.run });
    const commit = await world.commit(pins);
    const about = { characterization: { value: characterization, commit } };
    expect(await world.check({ gate: "pinned", head: commit, ...about })).toMatchObject({ code: "pinned" });
    const head = await world.commit(refactored, commit);
    const good = [];
    for (const gate of ["scope", "integrity", "kept", "surface"] as const)
      good.push((await world.check({ gate, head, ...about })).code);
    expect(good).toEqual(["in-scope", "intact", "kept", "unchanged"]);

    const bent = await world.commit({ ...fixed, "test/pins.test.js": null }, commit);
    expect(await world.check({ gate: "kept", head: bent, ...about })).toMatchObject({
      code: "behaviour-changed",
      notes: [
        "passed without the change, fails with it: test/pins.test.js › cents are lost",
        "altered by the change, run as it was pinned: test/pins.test.js",
      ],
    });
    const renamed = await world.commit({ "src/split.js": tab["src/split.js"].replace("tip", "gratuity") }, commit);
    expect(await world.check({ gate: "surface", head: renamed, ...about })).toMatchObject({
      code: "export-removed",
      notes: ['tab ".": tip is gone', 'added: tab ".": gratuity is new'],
    });
  });
});

test.skipIf(!(await needs("pytest")))("with pytest, outside the sandbox", async () => {
  const results = await work(shop, plainly);
  expect(results.map(({ code }) => code)).toEqual(["red", "in-scope", "intact", "green", "no-worse"]);
  expect(results[0]?.notes).toEqual(["fails: test_lost › test_lost"]);
  expect(results[4]?.summary).toContain("1 test before, 2 with the change");
});
