// What people tell a run while its agents are at work: heard before the next request, once in each conversation, at its end, and so again in
// another process.
import { describe, expect, test } from "vitest";
import { createModel } from "#src/agents/model.ts";
import { createAgentRunner } from "#src/agents/runner.ts";
import { steeringText, MOST_STEERING } from "#src/agents/steering.ts";
import { silentLog } from "#src/core/log.ts";
import { Parking } from "#src/core/parking.ts";
import type { Turn } from "#src/engine/ports.ts";
import type { Steering } from "#src/engine/state.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { AgentStory } from "#test/support/agent-story.ts";
import { call, converse, finish } from "./conversation.ts";
import { FakePlace } from "./place.ts";
import { newTask } from "./task.ts";

const bash = call("bash", { command: "ls" });
const ada = { login: "ada", id: 8 };
const library = await createLibrary();

type Calls = ScriptedModel["calls"];
const textOf = (calls: Calls, index: number) => JSON.stringify(calls[index]?.request.messages);
const times = (text: string, words: string) => text.split(words).length - 1;
const plain = (text: string) => text.replaceAll(/,"cache_control":\{[^}]*\}/g, "");

describe("words told while an agent works", () => {
  test("stand at the end of its next request as data, once, and what was before them is as it was", async () => {
    const told: Steering[] = [];
    const { server, turns, sessions } = await converse({
      script: [[bash, bash, bash, { tools: [finish] }]],
      steering: () => told,
      onTurn: ({ turn }) => {
        if (turn === 1) told.push({ by: ada, words: "leave the parser alone" });
        if (turn === 2) told.push({ by: ada, words: "and the printer" });
      },
    });
    const { calls } = server;
    expect(calls.map((_, index) => times(textOf(calls, index), "leave the parser alone"))).toEqual([0, 1, 1, 1]);
    expect(calls.map((_, index) => times(textOf(calls, index), "and the printer"))).toEqual([0, 0, 1, 1]);
    const content = calls[1]?.request.messages.at(-1)?.content;
    if (!Array.isArray(content)) throw new Error("no blocks");
    expect(content).toMatchObject([
      { type: "tool_result" },
      {
        type: "text",
        text: expect.stringMatching(
          /data ([0-9a-f]{24}): words of a maintainer -----\n@ada: leave the parser alone\n----- end of data \1/,
        ),
        cache_control: { type: "ephemeral" },
      },
    ]);
    for (const index of [0, 1, 2]) {
      const before = plain(textOf(calls, index)).slice(0, -1);
      // The last message of a request is a part of the next one, to the last block.
      expect(plain(textOf(calls, index + 1)).startsWith(before)).toBe(true);
    }
    expect(turns.map(({ heard }) => heard)).toEqual([undefined, 1, 2, undefined]);
    expect(sessions.map(({ heard }) => heard)).toEqual([undefined]);
  });

  test("that the task holds already are not said again; those told since are, with the first request", async () => {
    const told = [
      { by: ada, words: "in the brief" },
      { by: ada, words: "just now" },
    ];
    const { server, turns, sessions } = await converse({
      script: [[{ tools: [finish] }]],
      steering: () => told,
      brief: () => "Attempt 1 of 1\nin the brief",
      heard: 1,
    });
    expect(times(textOf(server.calls, 0), "in the brief")).toBe(1);
    expect(times(textOf(server.calls, 0), "just now")).toBe(1);
    expect([sessions[0]?.heard, turns[0]?.heard]).toEqual([1, 2]);
  });

  test("are in the task of whoever begins anew, and not said again there", async () => {
    const told = [{ by: ada, words: "leave the parser alone" }];
    const misfit = { tools: [{ name: "finish", input: { rootCause: 1 } }] };
    const { server, sessions } = await converse({
      script: [[misfit, misfit, misfit, { tools: [finish] }]],
      steering: () => told,
      brief: () => `Attempt 1 of 1\n${steeringText(told, MOST_STEERING)}`,
      heard: 1,
    });
    expect(sessions.map(({ why, heard }) => [why, heard])).toEqual([
      ["first", 1],
      ["invalid-output", 1],
    ]);
    expect(server.calls.every((_, index) => times(textOf(server.calls, index), "leave the parser alone") === 1)).toBe(
      true,
    );
  });

  test("are bounded: the latest count", () => {
    const many = Array.from({ length: 5 }, (_, index) => ({ by: ada, words: `${index}`.repeat(3_900) }));
    const text = steeringText(many, MOST_STEERING);
    expect(text.length).toBeLessThanOrEqual(MOST_STEERING);
    expect(text).toMatch(/^\(What was said before is left out\.\)\n\n@ada: 222[^]*444$/);
  });
});

describe("in another process", () => {
  const task = newTask();
  const read = (path: string) => ({ tools: [{ name: "read", input: { file_path: path } }] });
  const finished = { tools: [{ name: "finish", input: { summary: "Mended.", files: [], followUps: [] } }] };
  const script = { [task.agent]: [[read("one"), read("two"), read("three"), finished]] };

  /** Works until something stops it, goes on in another process, and gives what was asked of the model. */
  async function twice(
    told: Steering[],
    { turn, dies, meanwhile }: { turn: (turn: Turn) => void; dies?: number; meanwhile?: () => void },
    parking = new AbortController(),
  ) {
    await using server = await openScriptedModel({ script });
    const place = new FakePlace();
    const story = new AgentStory();
    const steered = { ...task, steering: () => told };
    const runner = () =>
      createAgentRunner({
        model: createModel({ apiKey: "test-key-of-nobody", baseURL: server.url, log: silentLog }),
        workspaces: place.workspaces,
        sandbox: place.sandbox,
        agents: library.agents,
        log: silentLog,
      });
    story.onTurn = turn;
    const events = {
      session: (start: Parameters<AgentStory["session"]>[0]) => story.session(start),
      turn: (one: Turn) => (one.turn === dies ? Promise.reject(new Error("killed")) : story.turn(one)),
    };
    await runner()
      .run(steered, events, parking.signal)
      .catch(() => undefined);
    const before = server.calls.length;
    meanwhile?.();
    const conversation = story.conversation();
    if (!conversation) throw new Error("nothing was recorded");
    story.onTurn = () => {};
    const result = await runner().resume(steered, conversation, story, new AbortController().signal);
    expect(result).toMatchObject({ type: "finished" });
    return { calls: server.calls, before, story };
  }

  test("what was heard stands where it stood, and what was told since the last turn comes at the end", async () => {
    const told: Steering[] = [];
    const parking = new AbortController();
    const { calls, before, story } = await twice(
      told,
      {
        turn: ({ turn }) => {
          if (turn === 1) told.push({ by: ada, words: "heard before" });
          if (turn === 2) parking.abort(new Parking("stopping"));
        },
        meanwhile: () => void told.push({ by: ada, words: "told meanwhile" }),
      },
      parking,
    );
    expect(before).toBe(2);
    const sent = plain(textOf(calls, 1)).slice(0, -1);
    expect(plain(textOf(calls, 2)).startsWith(sent)).toBe(true);
    expect(times(textOf(calls, 2), "heard before")).toBe(1);
    expect(JSON.stringify(calls[2]?.request.messages.at(-1))).toContain("told meanwhile");
    expect(times(textOf(calls, 3), "told meanwhile")).toBe(1);
    expect(story.turns.map(({ heard }) => heard)).toEqual([undefined, 1, 2, undefined]);
  });

  test("what was sent and not recorded is said again: nobody has answered it", async () => {
    const told: Steering[] = [];
    const { calls, before } = await twice(told, {
      turn: ({ turn }) => void (turn === 1 && told.push({ by: ada, words: "be brief" })),
      dies: 2,
    });
    expect(times(textOf(calls, before - 1), "be brief")).toBe(1);
    expect(times(textOf(calls, before), "be brief")).toBe(1);
  });
});
