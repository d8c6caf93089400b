// A session whose tools run in the real sandbox: what they do, and that stopping and time reach the sandboxed process.
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { createModel } from "#src/agents/model.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import { silentLog } from "#src/core/log.ts";
import type { AgentTask, Turn } from "#src/engine/ports.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { openScriptedModel, type AgentScript } from "#src/playground/scripted-model.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { needs } from "#test/support/needs.ts";
import { FakePlace } from "./place.ts";
import { newTask } from "./task.ts";

const library = await createLibrary();
const finish = { name: "finish", input: { summary: "Mended.", files: [], followUps: [] } };
const bash = (command: string) => ({ tools: [{ name: "bash", input: { command } }] });

interface RunOptions {
  readonly script: AgentScript;
  readonly task?: Partial<AgentTask>;
  /** Stops the session once a tool has made this file. */
  readonly stopAt?: string;
}

async function run({ script, task = {}, stopAt }: RunOptions) {
  const folder = await mkdtemp(join(tmpdir(), "baton-hands-"));
  try {
    await using server = await openScriptedModel({ script: { fixer: script } });
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const place = new FakePlace({ folder });
    const turns: Turn[] = [];
    const runner = createAgentRunner({
      model: createModel({ apiKey: "test-key-of-nobody", baseURL: server.url, log: silentLog }),
      workspaces: place.workspaces,
      sandbox,
      agents: library.agents,
      log: silentLog,
    });
    const startedAt = performance.now();
    const controller = new AbortController();
    const working = runner.run(
      newTask(task),
      { session: async () => {}, turn: async (turn) => void turns.push(turn) },
      controller.signal,
    );
    if (stopAt !== undefined) {
      await vi.waitFor(() => access(join(folder, stopAt)), { timeout: 10_000 });
      controller.abort();
    }
    const result = await working;
    const written = await readFile(join(folder, "src/sum.js"), "utf8").catch(() => undefined);
    return { result, turns, written, server, milliseconds: performance.now() - startedAt };
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe.skipIf(!(await needs("bubblewrap")))("with real hands", () => {
  test("files are written, commands run, failures are told, and the key is nowhere in reach", async () => {
    const write = { name: "write", input: { file_path: "src/sum.js", content: "export const sum = 1;\n" } };
    const { result, turns, written } = await run({
      script: [
        [{ tools: [write] }, bash("cat src/sum.js; env; cat /proc/1/environ"), bash("exit 3"), { tools: [finish] }],
      ],
    });
    expect(result.type).toBe("finished");
    expect(written).toBe("export const sum = 1;\n");
    const tools = turns.flatMap((turn) => turn.tools);
    expect(tools.map(({ name, ok }) => [name, ok])).toEqual([
      ["write", true],
      ["bash", true],
      ["bash", false],
      ["finish", true],
    ]);
    expect(tools[1]?.output).toContain("export const sum = 1;");
    expect(tools[1]?.output).not.toContain("test-key-of-nobody");
  });

  test("stopping reaches the sandboxed process", async () => {
    const { result, milliseconds } = await run({ script: [[bash("touch begun; sleep 1000")]], stopAt: "begun" });
    expect(result).toMatchObject({ type: "failed", failure: { code: "cancelled" } });
    expect(milliseconds).toBeLessThan(6_000);
  });

  test("time reaches the sandboxed process", async () => {
    const limits = { turns: 5, microDollars: 1_000_000, milliseconds: 1_000 };
    const { result, milliseconds } = await run({ script: [[bash("sleep 1000")]], task: { limits } });
    expect(result).toMatchObject({ type: "failed", failure: { code: "time-limit" } });
    expect(milliseconds).toBeLessThan(6_000);
  });
});
