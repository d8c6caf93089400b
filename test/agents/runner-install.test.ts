// Two attempts of one agent over a real repository: what the first one wrote never runs while the second one's install can reach out.
import { describe, expect, test } from "vitest";
import { createModel } from "#src/agents/model.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import type { Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { openScriptedModel } from "#src/playground/scripted-model.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { needs } from "#test/support/needs.ts";
import { ask, openRegistry } from "#test/workspace/registry.ts";
import { commitFiles, never, World } from "#test/workspace/world.ts";
import { newTask } from "./task.ts";

const library = await createLibrary();

describe.skipIf(!(await needs("bubblewrap")))("a second attempt", () => {
  test("installs what the base says, and works on what the first one left", async () => {
    await using registry = await openRegistry();
    await using world = await World.create("required", { registries: [registry.place] });
    const base = await commitFiles(world.origin, {
      "prepare.sh": `mkdir -p node_modules; ${ask(registry, "/a")} > node_modules/a\n`,
    });
    const bash = (command: string) => ({ tools: [{ name: "bash", input: { command } }] });
    const finish = { tools: [{ name: "finish", input: { summary: "Mended.", files: [], followUps: [] } }] };
    const canary = ask(registry, "/canary");
    await using server = await openScriptedModel({
      script: {
        fixer: [
          [bash(`echo "${canary}; echo theirs" > prepare.sh; echo 2 > src/tab.js`), finish],
          [bash("cat node_modules/a src/tab.js; sh prepare.sh"), finish],
        ],
      },
    });
    const runner = createAgentRunner({
      model: createModel({ apiKey: "test-key-of-nobody", baseURL: server.url, log: silentLog }),
      workspaces: world.workspaces,
      sandbox: world.sandbox,
      agents: library.agents,
      log: silentLog,
    });
    const attempt = async (number: number, start: Sha) => {
      const repo = { ...newTask().repo, cloneUrl: world.origin };
      const config = { ...newTask().config, commands: { install: "sh prepare.sh" } };
      const result = await runner.run(
        newTask({ repo, config, base, start, attempt: number }),
        { session: async () => {}, turn: async () => {} },
        never,
      );
      if (result.type !== "finished") throw new Error(JSON.stringify(result));
      return result;
    };

    const first = await attempt(1, base);
    expect(first.changes.map(({ path }) => path)).toEqual(["prepare.sh", "src/tab.js"]);
    const second = await attempt(2, first.commit);
    expect(second.commit).toBe(first.commit);
    expect(server.calls.at(-1)?.toolResults[0]?.output).toContain("a package\n2\ntheirs");
    expect(registry.asked).toEqual(["/a", "/a"]);
  });
});
