// Agents that name MCP servers, from their first request to what the log keeps: with the scripted model, and with both runners.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findCli } from "#src/agents/claude-code/program.ts";
import { createClaudeCodeRunner } from "#src/agents/claude-code/runner.ts";
import { createModel } from "#src/agents/model.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import { createServers } from "#src/agents/servers/servers.ts";
import { silentLog } from "#src/core/log.ts";
import { Parking } from "#src/core/parking.ts";
import { RunEvent } from "#src/engine/events.ts";
import type { AgentTask } from "#src/engine/ports.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import type { Sandbox } from "#src/hands/sandbox.ts";
import { openScriptedModel, type AgentScript, type ScriptedModel } from "#src/playground/scripted-model.ts";
import type { AgentDefinition } from "#src/workflows/schema.ts";
import type { AllowedServer } from "#src/workflows/servers.ts";
import { AgentStory } from "#test/support/agent-story.ts";
import { openMcpHttp } from "#test/support/mcp-http.ts";
import { needs } from "#test/support/needs.ts";
import { never } from "#test/workspace/world.ts";
import { standIn } from "../claude-code/world.ts";
import { FakePlace } from "../place.ts";
import { newTask } from "../task.ts";
import { agentWith, local, remote, times, whole } from "./world.ts";

const uses = (name: string, input: Record<string, unknown> = {}) => ({
  tools: [{ name: `mcp__fixture__${name}`, input }],
});
const finished = { tools: [{ name: "finish", input: { summary: "Mended.", files: [], followUps: [] } }] };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-mcp-"));
});
afterEach(() => rm(folder, { recursive: true }));

interface Working {
  readonly allowed: readonly AllowedServer[];
  readonly sandbox: Sandbox;
  readonly place: FakePlace;
  readonly agent?: AgentDefinition;
  readonly runner?: "messages" | "claude-code";
}

function runnerOf(
  { allowed, sandbox, place, agent = agentWith(whole), runner = "messages" }: Working,
  server: ScriptedModel,
) {
  const common = {
    model: createModel({ apiKey: "of-nobody", baseURL: server.url, log: silentLog, patience: { firstPauseMs: 1 } }),
    workspaces: place.workspaces,
    agents: { load: () => Promise.resolve(agent) },
    servers: createServers({ allowed, sandbox, log: silentLog, times }),
    log: silentLog,
  };
  return runner === "messages"
    ? createAgentRunner({ ...common, sandbox: place.sandbox })
    : createClaudeCodeRunner({ ...common, sandbox, cli: findCli(standIn) });
}

async function work(working: Working, script: AgentScript, task: AgentTask = newTask()) {
  await using server = await openScriptedModel({ script: { fixer: script } });
  const story = new AgentStory();
  const result = await runnerOf(working, server).run(task, story, never);
  expect(working.place.open).toEqual([]);
  return { result, story, server };
}

describe.skipIf(!(await needs("bubblewrap")))("an agent that names a server", () => {
  let sandbox: Sandbox & AsyncDisposable;
  let running = 0;
  beforeAll(async () => {
    const opened = await openSandbox({ mode: "required", log: silentLog });
    sandbox = {
      ...opened,
      startProgram(program) {
        running += 1;
        const started = opened.startProgram(program);
        void started.ended.then(() => (running -= 1));
        return started;
      },
    };
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  test.each(["messages", "claude-code"] as const)(
    "has its tools among its own, with the runner %s, and what they said is in the log",
    async (runner) => {
      const place = new FakePlace({ folder });
      const script = [[uses("write", { path: "made.txt", words: "by a server" }), uses("fail"), finished]];
      const watched: Sandbox = {
        ...sandbox,
        startProgram(program) {
          const started = sandbox.startProgram(program);
          if (program.argv[0] === "node") void started.ended.then(() => place.log.push("the server has ended"));
          return started;
        },
      };
      const { result, story, server } = await work({ allowed: [local()], sandbox: watched, place, runner }, script);
      expect(result.type).toBe("finished");
      expect(await readFile(join(folder, "made.txt"), "utf8")).toBe("by a server");
      expect(story.turns.map(({ tools }) => tools.map(({ name, ok, output }) => [name, ok, output]))).toEqual([
        [["mcp__fixture__write", true, "wrote made.txt"]],
        [["mcp__fixture__fail", false, "the index is broken"]],
        [["finish", true, "accepted"]],
      ]);
      const declared = server.calls[0]?.request.tools?.map(({ name }) => name) ?? [];
      expect(declared.at(-1)).toBe("finish");
      expect(declared.filter((name) => name.startsWith("mcp__"))).toEqual(
        story.sessions[0]?.start.tools?.map(({ name }) => name),
      );
      expect(declared).toContain("mcp__fixture__add");
      const event = { type: "session.started", stage: "fix", attempt: 1, ...story.sessions[0]?.start };
      expect(RunEvent.safeParse(event)).toMatchObject({ success: true });
      // It ended before the work was collected.
      expect(place.log.slice(-3)).toEqual([
        ...(runner === "messages" ? ["close hands"] : ["the server has ended"]),
        "collect fix: Mended.",
        "close workspace",
      ]);
      expect(place.log).toContain("the server has ended");
      expect(running).toBe(0);
      expect(server.unscripted).toEqual([]);
    },
  );

  test("sends the same tools with every request, so that the prompt is found in the cache", async () => {
    const place = new FakePlace({ folder });
    const script = [[uses("add", { a: 1, b: 2 }), uses("add", { a: 3, b: 4 }), finished]];
    const { server } = await work({ allowed: [local()], sandbox, place }, script);
    const sent = server.calls.map(({ request }) => JSON.stringify(request.tools));
    expect(new Set(sent).size).toBe(1);
    expect(server.ledger().billed.cacheReadTokens).toBeGreaterThan(0);
  });

  test("goes on when it dies, and is told", async () => {
    const place = new FakePlace({ folder });
    const { result, story } = await work({ allowed: [local()], sandbox, place }, [[uses("die"), finished]]);
    expect(result.type).toBe("finished");
    expect(story.turns[0]?.tools[0]).toMatchObject({ ok: false, output: expect.stringContaining("exit code 3") });
  });

  test("works without one that cannot be started, and is told so; its words do not reach it", async () => {
    const place = new FakePlace({ folder });
    const { result, server, story } = await work({ allowed: [local("ends")], sandbox, place }, [[finished]]);
    expect(result.type).toBe("finished");
    const [asked] = server.calls;
    expect(asked?.brief).toContain("Tools of these MCP servers are missing.");
    expect(asked?.brief).toContain("- fixture: it could not be started, or did not answer");
    expect(JSON.stringify(asked?.request)).not.toContain("there is no licence");
    expect(story.sessions[0]?.start.tools).toBeUndefined();
  });

  test("that was made with fewer tools than its file says has none of servers", async () => {
    const place = new FakePlace({ folder });
    const task = newTask({ tools: ["bash"] });
    const { server } = await work({ allowed: [local()], sandbox, place }, [[finished]], task);
    expect(server.calls[0]?.request.tools?.map(({ name }) => name)).toEqual(["bash", "finish"]);
  });

  test("which is not for this repository asks no model", async () => {
    const place = new FakePlace({ folder });
    await using server = await openScriptedModel({ script: { fixer: [[finished]] } });
    const runner = runnerOf({ allowed: [local("good", { repositories: ["other/*"] })], sandbox, place }, server);
    await expect(runner.run(newTask(), new AgentStory(), never)).rejects.toThrow(
      'a/fixer.md: mcpServers names "fixture", which is not allowed for acme/sums',
    );
    expect(server.calls).toEqual([]);
    expect(place.log).toEqual([]);
    expect(running).toBe(0);
  });

  test("does not load what a checkout defines", async () => {
    const place = new FakePlace({ folder, files: { ".mcp.json": '{"mcpServers":{"own":{"command":"touch"}}}' } });
    await using server = await openScriptedModel({ script: { fixer: [[finished]] } });
    const agent = agentWith({ ...whole, server: "own" });
    const runner = runnerOf({ allowed: [local()], sandbox, place, agent }, server);
    await expect(runner.run(newTask(), new AgentStory(), never)).rejects.toThrow(
      'mcpServers names "own", which is not on the allow-list (on it are fixture)',
    );
  });
});

test("calls of remote servers do not touch the files: a parked agent goes on though its workspace is gone", async () => {
  await using http = await openMcpHttp();
  const place = new FakePlace({ folder });
  const working = { allowed: [remote(http.url)], sandbox: place.sandbox, place };
  const script = [[uses("add", { a: 1, b: 2 }), uses("add", { a: 3, b: 4 }), finished]];
  await using server = await openScriptedModel({ script: { fixer: script } });
  const stop = new AbortController();
  const story = new AgentStory();
  story.onTurn = ({ turn }) => {
    if (turn === 1) stop.abort(new Parking("stopping"));
  };
  await runnerOf(working, server).run(newTask(), story, stop.signal);
  const conversation = story.conversation();
  if (!conversation) throw new Error("nothing was recorded");
  story.onTurn = () => {};
  const result = await runnerOf(working, server).resume(newTask(), conversation, story, never);
  expect(result.type).toBe("finished");
  expect(http.calls).toEqual(["add", "add"]);
  expect(place.log).toContain("adopt fix/3 as of turn 0");
  expect(place.log.filter((line) => line.startsWith("begin turn"))).toEqual([]);
});
