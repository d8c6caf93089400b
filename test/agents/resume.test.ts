// Going on in another process: nothing that was answered is asked again, nothing that ran is run again, and the model is told.
import { describe, expect, test } from "vitest";
import { createModel } from "#src/agents/model.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import { silentLog } from "#src/core/log.ts";
import { BatonError } from "#src/core/errors.ts";
import { Parking } from "#src/core/parking.ts";
import { RunEvent } from "#src/engine/events.ts";
import type { AgentTask, Turn } from "#src/engine/ports.ts";
import { openScriptedModel, type AgentScript, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { AgentStory } from "#test/support/agent-story.ts";
import { collected, FakePlace } from "./place.ts";
import { newTask } from "./task.ts";

const library = await createLibrary();
const bash = (command: string) => ({ tools: [{ name: "bash", input: { command } }] });
const finished = { tools: [{ name: "finish", input: { summary: "Mended.", files: [], followUps: [] } }] };

function process(server: ScriptedModel, place: FakePlace) {
  return createAgentRunner({
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
}

/** Works a task, is parked or killed at a turn, and goes on in another process. */
async function twice(
  script: AgentScript,
  stop: { readonly parkAfter?: number; readonly dieBefore?: number; readonly dieAfter?: number },
  task: AgentTask = newTask(),
) {
  await using server = await openScriptedModel({ script: { [task.agent]: script } });
  const place = new FakePlace();
  const story = new AgentStory();
  const controller = new AbortController();
  const record = (turn: Turn) => {
    if (turn.turn === stop.parkAfter) controller.abort(new Parking("stopping"));
    if (turn.turn === stop.dieAfter) throw new Error("killed");
  };
  story.onTurn = record;
  const events = {
    session: (start: Parameters<AgentStory["session"]>[0]) => story.session(start),
    turn: (turn: Turn) => (turn.turn === stop.dieBefore ? Promise.reject(new Error("killed")) : story.turn(turn)),
  };
  const first = await process(server, place)
    .run(task, events, controller.signal)
    .catch((error: unknown) => error);
  const asked = server.calls.length;
  const conversation = story.conversation();
  story.onTurn = () => {};
  const second =
    conversation && (await process(server, place).resume(task, conversation, story, new AbortController().signal));
  expect(place.open).toEqual([]);
  return { first, second, story, place, server, asked, later: server.calls.slice(asked) };
}

describe("a parked agent", () => {
  const script = [[bash("one"), bash("two"), bash("three"), finished]];

  test("goes on from its last turn in its workspace, told that its shell is new", async () => {
    const { first, second, story, place, later, server } = await twice(script, { parkAfter: 2 });
    expect(first).toMatchObject({ type: "failed", failure: { code: "cancelled" } });
    expect(second).toMatchObject({ type: "finished", commit: collected });
    expect(place.log.filter((line) => /workspace|adopt/.test(line))).toEqual([
      "open workspace",
      "park workspace",
      "adopt fix/3 as of turn 2",
      "open workspace",
      "close workspace",
    ]);
    expect(later).toHaveLength(2);
    const said = JSON.stringify(later[0]?.request.messages.at(-1));
    expect(said).toContain("Your shell is new");
    expect(said).toContain('"tool_result"');
    expect(server.ledger()).toMatchObject({ repeated: 0 });
    expect(story.turns.map(({ turn }) => turn)).toEqual([1, 2, 3, 4]);
    expect(story.sessions).toHaveLength(1);
  });

  test("sends again exactly what the first process had sent", async () => {
    const { asked, server } = await twice(script, { parkAfter: 2 });
    const whole = await twice(script, {});
    const plain = (calls: ScriptedModel["calls"], index: number) =>
      JSON.stringify(calls[index]?.request.messages.slice(1, 4)).replaceAll(/,"cache_control":\{[^}]*\}/g, "");
    expect(asked).toBe(2);
    expect(plain(server.calls, 3)).toBe(plain(whole.server.calls, 3));
  });

  test("what is recorded fits the log", async () => {
    const nul = [[bash("printf 'a\0b'"), finished]];
    const { story } = await twice(nul, { parkAfter: 1 });
    for (const turn of story.turns) {
      const event = RunEvent.parse({ type: "agent.turn", stage: "fix", attempt: 1, ...turn });
      expect(event).toMatchObject({ type: "agent.turn" });
      expect(JSON.stringify(turn.exchange)).not.toContain("u0000");
    }
    expect(story.turns[0]?.exchange?.reply).toMatchObject([{ type: "tool_use", name: "bash" }]);
    expect(story.turns.at(-1)?.exchange).not.toHaveProperty("answer");
  });
});

describe("a killed agent", () => {
  test("whose workspace has moved on is gone", async () => {
    const { second, later } = await twice([[bash("one"), bash("two"), finished]], { dieBefore: 2 });
    expect(second).toMatchObject({ type: "gone" });
    expect(later).toEqual([]);
  });

  test("that had changed nothing goes on in a fresh workspace", async () => {
    const read = { tools: [{ name: "read", input: { file_path: "a" } }] };
    const { second, place, later } = await twice([[read, read, bash("one"), finished]], { dieAfter: 2 });
    expect(second).toMatchObject({ type: "finished" });
    expect(later).toHaveLength(2);
    expect(place.log).toContain("adopt fix/3 as of turn 0");
  });

  test("that had handed in its result is collected without asking again", async () => {
    const { second, later } = await twice([[bash("one"), finished]], { dieAfter: 2 });
    expect(second).toMatchObject({ type: "finished", commit: collected });
    expect(later).toEqual([]);
  });

  test("with no tools goes on always", async () => {
    const input = { verdict: "approve", findings: [] };
    const plain = { ...newTask({ agent: "reviewer", makes: "Review", stage: "review" }) };
    const { second, later } = await twice([[{}, { tools: [{ name: "finish", input }] }]], { dieAfter: 1 }, plain);
    expect(second).toMatchObject({ type: "finished" });
    expect(later).toHaveLength(1);
  });
});

describe("counters go on", () => {
  const invalid = { tools: [{ name: "finish", input: { summary: 1 } }] };

  test("of repairs: the third invalid result in all begins anew", async () => {
    const { story } = await twice([[invalid, invalid, invalid]], { parkAfter: 2 });
    expect(story.sessions.map(({ start, turns }) => [start.why, turns.length])).toEqual([
      ["first", 3],
      ["invalid-output", 3],
    ]);
  });

  test("of beginning anew: a second process does not get another one", async () => {
    const { second, story } = await twice(() => invalid, { parkAfter: 4 });
    expect(second).toMatchObject({ type: "failed", failure: { code: "invalid-output" } });
    expect(story.sessions).toHaveLength(2);
  });

  test("of reminders", async () => {
    const { story } = await twice(() => ({ text: "Done." }), { parkAfter: 2 });
    expect(story.sessions.map(({ turns }) => turns.length)).toEqual([3, 3]);
  });
});

test("a conversation that cannot be read is gone, and its workspace is left alone", async () => {
  await using server = await openScriptedModel({ script: {} });
  const place = new FakePlace();
  const story = new AgentStory();
  await story.session({ session: 1, model: "claude-opus-5-5", why: "first", opening: "Attempt 1 of 1" });
  const spend = { turns: 1, inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
  const exchange = { reply: [{ type: "server_tool_use", id: "x" }], stopReason: "end_turn", answer: [] };
  const event = { type: "agent.turn", stage: "fix", attempt: 1, turn: 1, model: "m", seconds: 0, text: "", tools: [] };
  const parsed = RunEvent.parse({ ...event, spend: { ...spend, microDollars: 1 }, exchange });
  if (parsed.type !== "agent.turn") throw new Error("not a turn");
  await story.turn(parsed);
  const conversation = story.conversation();
  if (!conversation) throw new Error("no conversation");
  const result = await process(server, place).resume(newTask(), conversation, story, new AbortController().signal);
  expect(result).toMatchObject({ type: "gone", why: expect.stringContaining("cannot be read") });
  expect(place.log).toEqual([]);
});

test("a run that has ended is forgotten, and trouble with it is only logged", async () => {
  await using server = await openScriptedModel({ script: {} });
  const place = new FakePlace();
  const task = newTask();
  await process(server, place).forget(task.runId);
  expect(place.log).toEqual([`forget ${task.runId}`]);
});

test("an agent whose run another worker has leaves nothing behind; one that infrastructure failed keeps its workspace", async () => {
  const touching = [[bash("touch x"), finished]];
  const left = async (error: Error) => {
    await using server = await openScriptedModel({ script: { fixer: touching } });
    const place = new FakePlace();
    const events = { session: () => Promise.resolve(), turn: () => Promise.reject(error) };
    const never = new AbortController().signal;
    await expect(process(server, place).run(newTask(), events, never)).rejects.toBe(error);
    return place.log.at(-1);
  };
  expect(await left(new BatonError("fence-lost", "another driver has it"))).toBe("close workspace");
  expect(await left(new BatonError("database-failed", "away", { retryable: true }))).toBe("park workspace");
});
