// The conversation loop against a scripted model: how it ends well, and every limit and guard saying no.
import { describe, expect, test, vi } from "vitest";
import { soon } from "#test/support/until.ts";
import { call, converse, diagnosis, endOf, finish } from "./conversation.ts";

const bash = call("bash", { command: "ls" });
const lastText = (content: unknown) => JSON.stringify(content);

describe("a session that ends well", () => {
  test("runs tools, then hands in the artifact, and sends no request after finish", async () => {
    const run = await converse({ script: [[{ text: "Looking.", ...bash }, { tools: [finish] }]] });
    expect(run.result).toMatchObject({ type: "finished", value: diagnosis });
    expect(run.server.calls).toHaveLength(2);
    expect(run.server.unscripted).toEqual([]);
    expect(run.ran).toEqual(['{"command":"ls"}']);
    expect(run.turns.map(({ turn, text, tools }) => [turn, text, tools.map(({ name, ok }) => [name, ok])])).toEqual([
      [1, "Looking.", [["bash", true]]],
      [2, "", [["finish", true]]],
    ]);
  });

  test("the tools of a reply that also finishes are run before it, those after it are not", async () => {
    const tools = [
      { name: "bash", input: { command: "before" } },
      finish,
      { name: "bash", input: { command: "after" } },
    ];
    const run = await converse({ script: [[{ tools }]] });
    expect(endOf(run)).toBe("finished");
    expect(run.ran).toEqual(['{"command":"before"}']);
    expect(run.server.calls).toHaveLength(1);
  });

  test("adds up what the turns cost, the cache included", async () => {
    const usage = { inputTokens: 10, outputTokens: 100, cacheReadTokens: 1_000, cacheWriteTokens: 400 };
    const run = await converse({
      script: [
        [
          { ...bash, usage },
          { tools: [finish], usage },
        ],
      ],
    });
    // Sonnet: 10 × 2 + 100 × 10 + 1000 × 0.1 + 400 × 2.5 = 2120 micro-dollars a turn.
    expect(run.turns.map(({ spend }) => spend.microDollars)).toEqual([2_120, 2_120]);
    expect(run.result.spend).toEqual({
      turns: 2,
      inputTokens: 20,
      outputTokens: 200,
      cacheReadTokens: 2_000,
      cacheWriteTokens: 800,
      microDollars: 4_240,
    });
  });

  test("sends what the API takes: no forced tool choice, no sampling, no thread, stable prefix, three breakpoints", async () => {
    const run = await converse({ script: [[bash, bash, { tools: [finish] }]] });
    const [first, , third] = run.server.calls.map(({ request }) => request);
    for (const key of ["tool_choice", "temperature", "top_p", "top_k", "thread", "previous_message_id"]) {
      expect(first).not.toHaveProperty(key);
    }
    expect(JSON.stringify([third?.tools, third?.system])).toBe(JSON.stringify([first?.tools, first?.system]));
    expect(third?.messages[0]).toEqual(first?.messages[0]);
    expect(JSON.stringify(third).match(/"cache_control"/g)).toHaveLength(3);
    expect(lastText(third?.messages.at(-1)?.content)).toContain("cache_control");
  });

  test("every request's prefix is the request before it, so that the cache holds", async () => {
    const run = await converse({ script: [[bash, bash, bash, { tools: [finish] }]] });
    const plain = run.server.calls.map(({ request }) =>
      request.messages.map((message) => JSON.stringify(message).replace(/,"cache_control":\{[^}]*\}/g, "")),
    );
    for (const [index, messages] of plain.entries()) {
      expect(messages.slice(0, -2)).toEqual(index === 0 ? [] : plain[index - 1]);
    }
  });
});

describe("finish", () => {
  const invalid = {
    tools: [{ name: "finish", input: { rootCause: "", locations: [], approach: "x", risk: "y", more: 1 } }],
  };

  test("invalid input is told why and may be mended twice", async () => {
    const run = await converse({ script: [[invalid, invalid, { tools: [finish] }]] });
    expect(endOf(run)).toBe("finished");
    const [told] = run.server.calls[1]?.toolResults ?? [];
    expect(told).toMatchObject({ name: "finish", ok: false });
    expect(told?.output).toContain("rootCause");
    expect(told?.output).toContain("more");
  });

  test("the third invalid input begins anew with the reasons, once", async () => {
    const run = await converse({ script: [[invalid, invalid, invalid]] });
    expect(endOf(run)).toBe("invalid-output");
    expect(run.server.calls).toHaveLength(6);
    expect(run.sessions.map(({ session, why }) => [session, why])).toEqual([
      [1, "first"],
      [2, "invalid-output"],
    ]);
    expect(run.sessions[1]?.opening).toContain("The input of finish was invalid 3 times");
    expect(run.turns.map(({ turn }) => turn)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(run.result).toMatchObject({ failure: { message: expect.stringContaining("rootCause") } });
  });

  test("a reply without it is reminded twice, then it begins anew, then it is over", async () => {
    const run = await converse({ script: (asked) => (asked.turn === 2 ? {} : { text: "Done." }) });
    expect(endOf(run)).toBe("no-finish");
    expect(run.server.calls).toHaveLength(6);
    expect(lastText(run.server.calls[2]?.request.messages.at(-1)?.content)).toContain("without calling `finish`");
  });

  test("a reminder is enough for a model that only forgot", async () => {
    const run = await converse({ script: [[{ text: "Done." }, { tools: [finish] }]] });
    expect(endOf(run)).toBe("finished");
  });

  test("NUL in the artifact is taken out, because databases refuse it", async () => {
    const input = { ...diagnosis, rootCause: "a\0b" };
    const run = await converse({ script: [[{ tools: [{ name: "finish", input }] }]] });
    expect(run.result).toMatchObject({ type: "finished", value: { rootCause: "ab" } });
  });
});

describe("limits", () => {
  test("a loop that never ends stops at the turn limit", async () => {
    const run = await converse({ script: () => bash, limits: { turns: 4 } });
    expect(endOf(run)).toBe("turn-limit");
    expect(run.server.calls).toHaveLength(4);
    expect(run.turns).toHaveLength(4);
  });

  test("money is checked before each request: at most the cap and one reply more is spent", async () => {
    const usage = { inputTokens: 0, outputTokens: 1_000, cacheReadTokens: 0, cacheWriteTokens: 0 };
    const run = await converse({ script: () => ({ ...bash, usage }), limits: { microDollars: 25_000 } });
    expect(endOf(run)).toBe("budget");
    expect(run.server.calls).toHaveLength(3);
    expect(run.result.spend.microDollars).toBe(30_000);
  });

  test("an empty budget sends nothing at all", async () => {
    const run = await converse({ script: () => bash, limits: { microDollars: 0 } });
    expect(endOf(run)).toBe("budget");
    expect(run.server.calls).toHaveLength(0);
  });

  test("time ends a reply that hangs, and the connection with it", async () => {
    const run = await converse({
      script: [[{ text: "Let me think about it", hang: "middle" }]],
      limits: { milliseconds: 300 },
    });
    expect(endOf(run)).toBe("time-limit");
    await vi.waitFor(() => expect(run.server.calls[0]?.outcome).toBe("client-left"), soon);
    expect(run.milliseconds).toBeLessThan(5_000);
  });

  test("time ends a tool that hangs", async () => {
    const run = await converse({ script: [[bash]], limits: { milliseconds: 300 }, tool: untilAborted });
    expect(endOf(run)).toBe("time-limit");
    expect(run.server.calls).toHaveLength(1);
  });

  test("replies cut off at their token limit may go on twice in a row", async () => {
    const cut = { text: "and so on", stopReason: "max_tokens" as const };
    const well = await converse({ script: [[cut, cut, { tools: [finish] }]] });
    expect(endOf(well)).toBe("finished");
    expect(lastText(well.server.calls[1]?.request.messages.at(-1)?.content)).toContain("cut off");
    const badly = await converse({ script: () => cut });
    expect(endOf(badly)).toBe("token-limit");
    expect(badly.server.calls).toHaveLength(3);
    const nowAndThen = await converse({ script: [[cut, cut, bash, cut, cut, { tools: [finish] }]] });
    expect(endOf(nowAndThen)).toBe("finished");
  });
});

const untilAborted = (_: unknown, signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("the process was ended")), { once: true });
  });

describe("cancelling", () => {
  test("reaches a reply that is being streamed", async () => {
    const controller = new AbortController();
    const run = await converse({
      script: [[{ text: "Let me think about it", hang: "middle" }]],
      signal: controller.signal,
      onRequest: () => setImmediate(() => controller.abort()),
    });
    expect(endOf(run)).toBe("cancelled");
    await vi.waitFor(() => expect(run.server.calls[0]?.outcome).toBe("client-left"), soon);
  });

  test("reaches a tool that is running", async () => {
    const controller = new AbortController();
    const run = await converse({
      script: [[bash]],
      signal: controller.signal,
      tool: (asked, signal) => {
        setImmediate(() => controller.abort());
        return untilAborted(asked, signal);
      },
    });
    expect(endOf(run)).toBe("cancelled");
    expect(run.server.calls).toHaveLength(1);
  });

  test("keeps the calls of the same reply that were still to come from running", async () => {
    const controller = new AbortController();
    const run = await converse({
      script: [[{ tools: [...bash.tools, ...bash.tools] }]],
      signal: controller.signal,
      tool: () => {
        controller.abort();
        return Promise.resolve({ ok: true, output: "done" });
      },
    });
    expect(endOf(run)).toBe("cancelled");
    expect(run.ran).toHaveLength(1);
  });

  test("before the start sends nothing", async () => {
    const run = await converse({ script: [[bash]], signal: AbortSignal.abort() });
    expect(endOf(run)).toBe("cancelled");
    expect(run.server.calls).toHaveLength(0);
  });

  test("a reply that was under way is paid for and said", async () => {
    const run = await converse({
      script: [[{ text: "x".repeat(400), hang: "middle" }]],
      limits: { milliseconds: 300 },
    });
    expect(run.turns).toMatchObject([{ turn: 1, text: "(the reply broke off)", tools: [] }]);
    expect(run.result.spend.inputTokens + run.result.spend.cacheWriteTokens).toBeGreaterThan(0);
  });
});

describe("tools", () => {
  test("a call that did not arrive whole is not run, and the model is told", async () => {
    const broken = { tools: [{ name: "bash", rawInput: '{"command":"rm -rf /tmp/x' }] };
    const run = await converse({ script: [[broken, { tools: [finish] }]] });
    expect(endOf(run)).toBe("finished");
    expect(run.ran).toEqual([]);
    expect(run.server.calls[1]?.toolResults).toMatchObject([{ name: "bash", ok: false }]);
  });

  test("a call cut off at the token limit is not run either", async () => {
    const cut = { stopReason: "max_tokens" as const, tools: [{ name: "bash", rawInput: '{"command":"rm -rf /tmp/x' }] };
    const run = await converse({ script: [[cut, { tools: [finish] }]] });
    expect(endOf(run)).toBe("finished");
    expect(run.ran).toEqual([]);
  });

  test("a tool that does not exist is answered, not run", async () => {
    const run = await converse({ script: [[call("fetch", { url: "http://evil" }), { tools: [finish] }]] });
    expect(run.ran).toEqual([]);
    expect(run.server.calls[1]?.toolResults[0]?.output).toContain('no tool called "fetch"');
  });

  test("a failing tool is an answer; no output is said to be none", async () => {
    const run = await converse({
      script: [[bash, bash, { tools: [finish] }]],
      tool: async () => (await Promise.resolve(), { ok: false, output: "" }),
    });
    expect(endOf(run)).toBe("finished");
    expect(run.server.calls[1]?.toolResults).toEqual([{ name: "bash", ok: false, output: "(no output)" }]);
  });

  test("a tool process that is gone twice ends it", async () => {
    const run = await converse({ script: [[bash]], tool: () => Promise.reject(new Error("the hands are gone")) });
    expect(endOf(run)).toBe("tools-broken");
    expect(run.result).toMatchObject({ failure: { message: expect.stringContaining("the hands are gone") } });
  });

  test("what is recorded is bounded and free of NUL", async () => {
    const run = await converse({
      script: [[{ text: "y".repeat(9_000), ...call("bash", { command: "z".repeat(9_000) }) }, { tools: [finish] }]],
      tool: () => Promise.resolve({ ok: true, output: `\0${"w".repeat(9_000)}` }),
    });
    const [turn] = run.turns;
    expect(turn?.text.length).toBeLessThanOrEqual(4_000);
    expect(turn?.tools[0]?.input.length).toBeLessThanOrEqual(2_000);
    expect(turn?.tools[0]?.output.length).toBeLessThanOrEqual(2_000);
    expect(JSON.stringify(turn)).not.toContain("\\u0000");
  });
});

describe("the model", () => {
  test("a call nobody scripted is a 400 that names agent, attempt and turn, is not retried, and is kept", async () => {
    const run = await converse({ script: [[bash]] });
    expect(endOf(run)).toBe("model-unreachable");
    expect(run.server.calls).toHaveLength(2);
    expect(run.server.unscripted).toHaveLength(1);
    expect(run.server.unscripted[0]).toContain('attempt 1 of agent "debugger" has 1 scripted turns, and turn 2');
    expect(run.result).toMatchObject({ failure: { message: expect.stringContaining("unscripted call") } });
  });
});

test("what onTurn throws ends the session by that throw", async () => {
  const lost = converse({
    script: [[bash, { tools: [finish] }]],
    onTurn: () => {
      throw new Error("fence lost");
    },
  });
  await expect(lost).rejects.toThrow("fence lost");
});
