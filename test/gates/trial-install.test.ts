// The install of a gate's fresh clone: the base's, whatever the change made of it.
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { needs } from "#test/support/needs.ts";
import { ask, openRegistry } from "#test/workspace/registry.ts";
import { openGateWorld } from "./gate-world.ts";
import { fixed, reproduced, reproduction, tab } from "./tab.ts";

describe.skipIf(!(await needs("bubblewrap")))("a gate", () => {
  test.each(["green", "baseline"] as const)("%s installs with the base's files and tests the head's", async (gate) => {
    await using registry = await openRegistry();
    await using sandbox = await openSandbox({ mode: "required", log: silentLog, registries: [registry.place] });
    const script = { ".gitignore": "node_modules\n", "prepare.sh": `mkdir -p node_modules; ${ask(registry, "/a")}\n` };
    await using world = await openGateWorld({ ...tab, ...script }, { run: sandbox.run, inSandbox: sandbox.run });
    const canary = { "prepare.sh": `${ask(registry, "/canary")}\n` };
    const commit = await world.commit({ ...reproduced, ...canary });
    const head = await world.commit(fixed, commit);
    const config = { commands: { install: "sh prepare.sh" } };
    const result = await world.check({ gate, head, config, reproduction: { value: reproduction, commit } });
    expect(result).toMatchObject({ passed: true });
    expect(new Set(registry.asked)).toEqual(new Set(["/a"]));
    const installs = result.evidence.filter(({ label }) => label === "install");
    expect(installs.length).toBeGreaterThan(1);
    expect(installs.map(({ commit: at, tail }) => [at, tail])).toEqual(installs.map(() => [world.base, "a package\n"]));
  });

  test("that finds what the base's install left in the warm pool says that it was run earlier", async () => {
    await using registry = await openRegistry();
    await using sandbox = await openSandbox({ mode: "required", log: silentLog, registries: [registry.place] });
    const script = { ".gitignore": "node_modules\n", "prepare.sh": `mkdir -p node_modules; ${ask(registry, "/a")}\n` };
    const warmPool = { maxBytes: 1e8, maxAgeMs: 3_600_000, perRepository: 1 };
    const hands = { run: sandbox.run, inSandbox: sandbox.run };
    await using world = await openGateWorld({ ...tab, ...script }, { ...hands, warmPool });
    const commit = await world.commit(reproduced);
    const head = await world.commit(fixed, commit);
    const config = { commands: { install: "sh prepare.sh" } };
    const results = [];
    for (const gate of ["green", "baseline"] as const)
      results.push(await world.check({ gate, head, config, reproduction: { value: reproduction, commit } }));
    expect(results.map(({ passed }) => passed)).toEqual([true, true]);
    expect(registry.asked).toEqual(["/a"]);
    const installs = results.flatMap(({ evidence }) => evidence).filter(({ label }) => label.startsWith("install"));
    expect(installs.length).toBeGreaterThan(2);
    expect(installs.map(({ label }) => label)).toEqual([
      "install",
      ...installs.slice(1).map(() => "install (run earlier)"),
    ]);
    for (const { commit: at, exitCode, tail } of installs)
      expect([at, exitCode, tail]).toEqual([world.base, 0, "a package\n"]);
  });
});
