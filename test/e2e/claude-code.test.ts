// A bug worked by agents that are the program `claude`: a stand-in that follows its documentation, everything else as in earnest.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorld, type Played, type World } from "#test/support/baton-world.ts";
import { needs } from "#test/support/needs.ts";

const claudeCodePath = join(import.meta.dirname, "../support/claude-cli-child.ts");

describe.skipIf(!(await needs("bubblewrap")))("a server with BATON_RUNNER=claude-code", () => {
  let world: World;
  let played: Played;
  beforeAll(async () => {
    world = await openWorld({ runner: "claude-code", claudeCodePath });
    played = await world.play({ name: "by-claude-code" });
  }, 120_000);
  afterAll(() => world[Symbol.asyncDispose]());

  test("mends the bug and opens a verified draft pull request", async () => {
    expect(played.state.finished).toMatchObject({ outcome: "succeeded", code: "verified" });
    const [pull] = world.playground.pulls("octo/by-claude-code");
    expect(pull?.pull?.draft).toBe(true);
    const head = pull?.pull?.headSha ?? "";
    expect(await world.playground.file("octo/by-claude-code", head, "src/split.js")).toContain(
      "share + (i < rest ? 1 : 0)",
    );
    expect(world.model.unscripted).toEqual([]);
  });

  test("records the same events, with the program's tools and the model's own figures", async () => {
    const events = (await world.baton.store.log.read(played.state.runId)).map(({ event }) => event);
    const turns = events.flatMap((event) => (event.type === "agent.turn" ? [event] : []));
    const tools = new Set(turns.flatMap((turn) => turn.tools.map(({ name }) => name)));
    expect([...tools].sort()).toEqual(["Bash", "Edit", "Grep", "Read", "finish"]);
    expect(turns.every(({ exchange }) => exchange !== undefined)).toBe(true);
    expect(events.filter(({ type }) => type === "session.started").length).toBeGreaterThanOrEqual(4);
    const asked = world.model.calls.filter(({ agent }) => agent !== "triager");
    expect(turns).toHaveLength(asked.length);
    expect(turns.reduce((sum, { spend }) => sum + spend.outputTokens, 0)).toBe(
      asked.reduce((sum, { billed }) => sum + billed.outputTokens, 0),
    );
  });
});

test("a server without the program does not start, and says what to do", async () => {
  await expect(
    openWorld({ runner: "claude-code", claudeCodePath: "/nowhere/claude", sandbox: "none" }),
  ).rejects.toThrow(
    /CLAUDE_CODE_PATH names no file: "\/nowhere\/claude".*Install Claude Code and name it there, or leave BATON_RUNNER out/,
  );
});

test("a server without a sandbox does not start with it", async () => {
  await expect(openWorld({ runner: "claude-code", claudeCodePath, sandbox: "none" })).rejects.toThrow(
    /in the sandbox only/,
  );
});
