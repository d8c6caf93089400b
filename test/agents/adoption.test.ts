// Parked and taken up again with real git, a real sandbox and real workspaces: files stay, the shell is new, nothing runs twice.
import { describe, expect, test } from "vitest";
import { createModel } from "#src/agents/model.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import { silentLog } from "#src/core/log.ts";
import { Parking } from "#src/core/parking.ts";
import { openScriptedModel } from "#src/playground/scripted-model.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { AgentStory } from "#test/support/agent-story.ts";
import { needs } from "#test/support/needs.ts";
import { appears, commitFiles, never, World } from "#test/workspace/world.ts";
import { newTask } from "./task.ts";

const library = await createLibrary();
const bash = (command: string) => ({ tools: [{ name: "bash", input: { command } }] });
const finish = { tools: [{ name: "finish", input: { summary: "Mended.", files: [], followUps: [] } }] };

async function parkedDuring(long: string, graceMs: number) {
  await using world = await World.create("required");
  const base = await commitFiles(world.origin, { "a.txt": "a\n" });
  await using server = await openScriptedModel({
    script: {
      fixer: [
        [
          bash("echo 1 > one.txt; export MARK=set"),
          bash(long),
          bash("echo 3 > three.txt; echo mark=$MARK; cat one.txt two.txt"),
          finish,
        ],
      ],
    },
  });
  const runner = () =>
    createAgentRunner({
      model: createModel({ apiKey: "test-key-of-nobody", baseURL: server.url, log: silentLog }),
      workspaces: world.workspaces,
      sandbox: world.sandbox,
      agents: library.agents,
      log: silentLog,
      graceMs,
    });
  const task = newTask({ repo: { ...newTask().repo, cloneUrl: world.origin }, base, start: base });
  const story = new AgentStory();
  const controller = new AbortController();
  const working = runner().run(task, story, controller.signal);
  await appears(world, "begun");
  controller.abort(new Parking("stopping"));
  expect(await working).toMatchObject({ type: "failed", failure: { code: "cancelled" } });
  const asked = server.calls.length;
  const conversation = story.conversation();
  if (!conversation) throw new Error("nothing was recorded");
  const result = await runner().resume(task, conversation, story, never);
  const changes = result.type === "finished" ? result.changes.map(({ path }) => path) : [];
  return { result, changes, asked, calls: server.calls, story, repeated: server.ledger().repeated };
}

describe.skipIf(!(await needs("bubblewrap")))("an agent that is parked in the middle of a command", () => {
  test("whose command ends within the grace: it is recorded, and its files are there", async () => {
    const { changes, asked, calls, repeated } = await parkedDuring("touch begun; sleep 0.5; echo 2 > two.txt", 10_000);
    expect(asked).toBe(2);
    expect(repeated).toBe(0);
    const [, , third, last] = calls;
    expect(JSON.stringify(third?.request.messages.at(-1))).toContain("Your shell is new");
    expect(last?.toolResults[0]?.output).toBe("mark=\n1\n2");
    expect(changes).toEqual(["begun", "one.txt", "three.txt", "two.txt"]);
  });

  test("whose command does not: it is ended, the model is told, and what it had changed is there", async () => {
    const { changes, calls } = await parkedDuring("echo 2 > two.txt; touch begun; sleep 1000", 100);
    expect(calls[2]?.toolResults[0]).toMatchObject({ ok: false });
    expect(calls[2]?.toolResults[0]?.output).toContain("ended it");
    expect(changes).toEqual(["begun", "one.txt", "three.txt", "two.txt"]);
  });
});
