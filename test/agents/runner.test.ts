// One task from start to end: what the agent is given, what is kept of its work, and that nothing is ever left open.
import { describe, expect, test } from "vitest";
import { createModel } from "#src/agents/model.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import { BatonError } from "#src/core/errors.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import type { AgentTask, Turn } from "#src/engine/ports.ts";
import { openScriptedModel, type AgentScript } from "#src/playground/scripted-model.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { base, change, collected, FakePlace, start, type PlaceOptions } from "./place.ts";
import { newTask } from "./task.ts";

const library = await createLibrary();
const bash = { tools: [{ name: "bash", input: { command: "ls" } }] };
const summary = "Count from zero.\nMore.";
const finished = { tools: [{ name: "finish", input: { summary, files: ["a/claimed.js"], followUps: [] } }] };

interface RunOptions {
  readonly script?: AgentScript;
  readonly place?: PlaceOptions;
  readonly task?: Partial<AgentTask>;
  readonly install?: string;
  readonly signal?: AbortSignal;
  readonly onTurn?: (turn: Turn) => void;
}

async function run({
  script = [[bash, finished]],
  place: placeOptions = {},
  task = {},
  install,
  signal,
  onTurn,
}: RunOptions) {
  const config = { ...newTask().config, commands: install === undefined ? {} : { install } };
  const asked = newTask({ config, ...task });
  await using server = await openScriptedModel({ script: { [asked.agent]: script } });
  const place = new FakePlace(placeOptions);
  const runner = createAgentRunner({
    model: createModel({
      apiKey: "test-key-of-nobody",
      baseURL: server.url,
      log: silentLog,
      patience: { firstPauseMs: 1 },
    }),
    workspaces: place.workspaces,
    sandbox: place.sandbox,
    agents: library.agents,
    log: silentLog,
  });
  const turns: Turn[] = [];
  try {
    const result = await runner.run(
      asked,
      {
        session: async () => {},
        turn: async (turn) => {
          turns.push(turn);
          onTurn?.(turn);
        },
      },
      signal ?? new AbortController().signal,
    );
    return { result, turns, place, server };
  } finally {
    expect(place.open).toEqual([]);
  }
}

describe("a task that ends well", () => {
  test("installs, works in the hands, ends them, then collects; files come from the diff, not from the claim", async () => {
    const { result, place, turns } = await run({ install: "npm ci" });
    expect(place.log).toEqual([
      "open workspace",
      "install npm ci at aaaa, then bbbb",
      "open hands",
      "begin turn 1",
      "bash in /nowhere",
      "turn 1 is recorded",
      "close hands",
      "collect fix: Count from zero.",
      "close workspace",
    ]);
    expect(result).toEqual({
      type: "finished",
      artifact: { name: "Change", value: { summary, files: ["src/sum.js"], followUps: [] } },
      commit: collected,
      changes: [change("src/sum.js")],
    });
    expect(turns).toHaveLength(2);
  });

  test("of the changed files only those are told that an event takes, and no more than it takes", async () => {
    const odd = [" ", "a ", "x".repeat(401), "../up", ""].map(change);
    const many = Array.from({ length: 120 }, (_, index) => change(`src/${index}.js`));
    const { result } = await run({ place: { changes: [...odd, ...many] } });
    if (result.type !== "finished" || result.artifact.name !== "Change") throw new Error("not finished");
    expect(result.artifact.value.files).toEqual(many.slice(0, 100).map(({ path }) => path));
    expect(result.changes).toHaveLength(125);
    const event = { ...result, type: "agent.finished", stage: "fix", attempt: 1 };
    expect(RunEvent.safeParse(event)).toMatchObject({ success: true });
  });

  test("an agent whose artifact carries no commit leaves nothing", async () => {
    const input = { rootCause: "x", locations: [], approach: "y", risk: "z" };
    const script = [[bash, { tools: [{ name: "finish", input }] }]];
    const { result, place } = await run({ script, task: { agent: "debugger", makes: "Diagnosis", stage: "diagnose" } });
    expect(result).toMatchObject({ type: "finished", commit: start, changes: [] });
    expect(place.log.join()).not.toContain("collect");
  });

  test("a reproduction that did not succeed is not collected", async () => {
    const input = { reproduced: false, testFiles: [], command: "", expectedFailure: "", notes: "tried all" };
    const script = [[{ tools: [{ name: "finish", input }] }]];
    const { result, place } = await run({
      script,
      task: { agent: "reproducer", makes: "Reproduction", stage: "reproduce", start: base },
    });
    expect(result).toMatchObject({ type: "finished", commit: base, changes: [] });
    expect(place.log.join()).not.toContain("collect");
  });

  test("only the tools of the agent's file are declared, and finish", async () => {
    const { server } = await run({
      task: { agent: "reviewer", makes: "Review" },
      script: [[{ tools: [{ name: "finish", input: { verdict: "approve", findings: [] } }] }]],
    });
    expect(server.calls[0]?.request.tools?.map(({ name }) => name)).toEqual(["bash", "read", "glob", "grep", "finish"]);
    expect(server.calls[0]?.model).toBe("claude-opus-5-5");
  });

  test("the first request does not wait for the workspace", async () => {
    const ready = Promise.withResolvers<void>();
    let asked = 0;
    const script: AgentScript = (call) => {
      asked += 1;
      ready.resolve();
      return call.turn === 1 ? bash : finished;
    };
    const { result } = await run({ script, place: { gate: ready.promise } });
    expect(result.type).toBe("finished");
    expect(asked).toBe(2);
  });

  test("a repository's own model is used", async () => {
    const config = { ...newTask().config, models: { balanced: ["my-own-model", "claude-sonnet-5-5"] } };
    const { server } = await run({ task: { config } });
    expect(server.calls[0]?.model).toBe("my-own-model");
  });
});

describe("what goes wrong", () => {
  test("a failed install is told with the first tool result, once", async () => {
    const { result, server } = await run({
      install: "npm ci",
      place: { installExit: 1 },
      script: [[bash, bash, finished]],
    });
    expect(result.type).toBe("finished");
    const outputs = server.calls.map(({ toolResults }) => toolResults[0]?.output ?? "");
    expect(outputs[1]).toContain("`npm ci` failed (exit code 1)");
    expect(outputs[1]).toContain("left-pad");
    expect(outputs[2]).toBe("done");
  });

  test("work that breaks the policy is refused with its reasons", async () => {
    const { result } = await run({ place: { refuse: ["evil is a symbolic link", "too big"] } });
    expect(result).toMatchObject({
      type: "failed",
      failure: { code: "import-refused", message: expect.stringContaining("evil is a symbolic link") },
    });
  });

  test("a sandbox that does not start is tools-broken", async () => {
    const { result } = await run({ place: { handsFail: new BatonError("sandbox-missing", "bwrap is not installed") } });
    expect(result).toMatchObject({
      type: "failed",
      failure: { code: "tools-broken", message: expect.stringContaining("bwrap is not installed") },
    });
  });

  test("a sandbox that does not start is noticed even when no tool was used", async () => {
    const { result } = await run({
      script: [[finished]],
      place: { handsFail: new BatonError("sandbox-failed", "gone") },
    });
    expect(result).toMatchObject({ type: "failed", failure: { code: "tools-broken" } });
  });

  test.each([[[bash, finished]], [[finished]]])("broken git is thrown for the driver to see", async (...attempt) => {
    const openFails = new BatonError("git-failed", "no such mirror", { retryable: true });
    await expect(run({ script: attempt, place: { openFails } })).rejects.toThrow("no such mirror");
  });

  test("an unknown agent is named", async () => {
    await expect(run({ task: { agent: "wizard" } })).rejects.toThrow('no agent called "wizard"');
  });

  test("a wait before anything was done leaves nothing behind", async () => {
    const { result, place } = await run({ script: [[{ fail: { status: 401 } }]] });
    expect(result).toMatchObject({ type: "wait", reason: "model-account" });
    expect(place.log).not.toContain("park workspace");
  });

  test("a wait in the middle keeps the workspace", async () => {
    const { result, place } = await run({ script: [[bash, { fail: { status: 401 } }]] });
    expect(result).toMatchObject({ type: "wait", reason: "model-account" });
    expect(place.log.slice(-2)).toEqual(["close hands", "park workspace"]);
  });

  test("reading only is not written down as a change of the files", async () => {
    const read = { tools: [{ name: "read", input: { file_path: "a" } }] };
    const { place } = await run({ script: [[read, bash, finished]] });
    expect(place.log.filter((line) => line.includes("turn"))).toEqual(["begin turn 2", "turn 2 is recorded"]);
  });

  test("cancelling in the middle of a tool", async () => {
    const controller = new AbortController();
    const answer: PlaceOptions["answer"] = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new BatonError("sandbox-failed", "ended")), { once: true });
        controller.abort();
      });
    const { result } = await run({ place: { answer }, signal: controller.signal });
    expect(result).toMatchObject({ type: "failed", failure: { code: "cancelled" } });
  });

  test("cancelling while the workspace is still being made", async () => {
    const controller = new AbortController();
    const ready = Promise.withResolvers<void>();
    const script: AgentScript = () => {
      setImmediate(() => {
        controller.abort();
        setImmediate(() => ready.resolve());
      });
      return bash;
    };
    const { result, place } = await run({ script, place: { gate: ready.promise }, signal: controller.signal });
    expect(result).toMatchObject({ type: "failed", failure: { code: "cancelled" } });
    expect(place.log).toEqual([]);
  });

  test("time spent before the session counts", async () => {
    const { result } = await run({ task: { limits: { turns: 5, microDollars: 1_000_000, milliseconds: 0 } } });
    expect(result).toMatchObject({ type: "failed", failure: { code: "time-limit" } });
  });
});

test("asks a model of the tier that the run was asked for with at least", async () => {
  for (const [task, model] of [
    [{ atLeast: "deep" }, "claude-opus-5-5"],
    [{ atLeast: "fast" }, "claude-sonnet-5-5"],
    [{ atLeast: "balanced", tier: "deep" }, "claude-opus-5-5"],
  ] as const)
    expect((await run({ task })).server.calls.map((call) => call.model)).toContain(model);
});
