// Going on in another process: the conversation is Baton's, so a new program takes up the work where the last one was put down.
import { describe, expect, test } from "vitest";
import { findCli } from "#src/agents/claude-code/program.ts";
import { createClaudeCodeRunner } from "#src/agents/claude-code/runner.ts";
import { createModel } from "#src/agents/model.ts";
import { silentLog } from "#src/core/log.ts";
import { Parking } from "#src/core/parking.ts";
import { openScriptedModel } from "#src/playground/scripted-model.ts";
import { AgentStory } from "#test/support/agent-story.ts";
import { needs } from "#test/support/needs.ts";
import { appears, commitFiles, never, World } from "#test/workspace/world.ts";
import { newTask } from "../task.ts";
import { bash, finished, KEY, library, standIn } from "./world.ts";

const bubblewrap = await needs("bubblewrap");

describe.skipIf(!bubblewrap)("a parked agent", () => {
  test("goes on from its last turn in its workspace, and what it changed is collected", async () => {
    await using world = await World.create("required");
    const base = await commitFiles(world.origin, { "a.txt": "a\n" });
    const turns = [
      bash("echo 1 > one.txt"),
      bash("touch begun; sleep 1; echo 2 > two.txt"),
      bash("cat one.txt two.txt"),
      finished,
    ];
    await using server = await openScriptedModel({ script: { fixer: [turns] } });
    const runner = () =>
      createClaudeCodeRunner({
        model: createModel({ apiKey: KEY, baseURL: server.url, log: silentLog }),
        workspaces: world.workspaces,
        sandbox: world.sandbox,
        agents: library.agents,
        log: silentLog,
        cli: findCli(standIn),
      });
    const task = newTask({ repo: { ...newTask().repo, cloneUrl: world.origin }, base, start: base });
    const story = new AgentStory();
    const controller = new AbortController();
    const working = runner().run(task, story, controller.signal);
    await appears(world, "begun");
    controller.abort(new Parking("stopping"));
    expect(await working).toMatchObject({ type: "failed", failure: { code: "cancelled" } });
    const conversation = story.conversation();
    if (!conversation) throw new Error("nothing was recorded");
    expect(conversation.turns).toHaveLength(2);
    const result = await runner().resume(task, conversation, story, never);
    if (result.type !== "finished") throw new Error(JSON.stringify(result));
    expect(result.changes.map(({ path }) => path)).toEqual(["begun", "one.txt", "two.txt"]);
    expect(server.calls).toHaveLength(4);
    expect(server.calls[2]?.turn).toBe(3);
    expect(JSON.stringify(server.calls[2]?.request.messages.at(-1))).toContain("Your shell is new");
    expect(server.calls[3]?.toolResults).toMatchObject([{ name: "Bash", output: "1\n2\n" }]);
    expect(story.sessions).toHaveLength(1);
    expect(server.ledger()).toMatchObject({ repeated: 0 });
  });
});
