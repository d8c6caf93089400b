// The scripted model speaks the Messages API, says only what was scripted, and refuses what the API would refuse.
import { describe, expect, test } from "vitest";
import { openScriptedModel, type ScriptedModel, type ScriptedModelOptions } from "#src/playground/scripted-model.ts";

const hello = {
  model: "claude-haiku-5-5",
  max_tokens: 100,
  system: "# Agent: fixer\nMend it.",
  messages: [{ role: "user", content: "Attempt 2 of 3\nIt is broken." }] as object[],
};

async function post(server: ScriptedModel, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) {
  return await fetch(`${server.url}/v1/messages`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "anthropic-version": "2023-06-01",
      authorization: "Bearer x",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

async function say(script: ScriptedModelOptions["script"], body: unknown) {
  await using server = await openScriptedModel({ script });
  const response = await post(server, body);
  return { status: response.status, text: await response.text(), server };
}

describe("what was scripted is said", () => {
  test("by agent, attempt and turn, read from the request alone", async () => {
    const script = { fixer: [[{ text: "first" }], [{ text: "second" }, { text: "second, later" }]] };
    expect((await say(script, hello)).text).toContain("second");
    const messages = [...hello.messages, { role: "assistant", content: "second" }, { role: "user", content: "go on" }];
    expect((await say(script, { ...hello, messages })).text).toContain("second, later");
  });

  test("the same request hears the same again, byte for byte", async () => {
    const script = { fixer: [[], [{ text: "hi", tools: [{ name: "bash", input: { command: "ls" } }] }]] };
    const [one, two] = [await say(script, { ...hello, stream: true }), await say(script, { ...hello, stream: true })];
    expect(one.text).toBe(two.text);
  });

  test("unstreamed, as one message", async () => {
    const { text } = await say({ fixer: () => ({ text: "hi", tools: [{ name: "bash", input: { a: 1 } }] }) }, hello);
    expect(JSON.parse(text)).toMatchObject({
      type: "message",
      role: "assistant",
      stop_reason: "tool_use",
      content: [
        { type: "text", text: "hi" },
        { type: "tool_use", name: "bash", input: { a: 1 } },
      ],
      usage: { output_tokens: expect.any(Number) },
    });
  });

  test("streamed, in the API's order of events", async () => {
    const { text } = await say({ fixer: () => ({ text: "hi there" }) }, { ...hello, stream: true });
    const names = [...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name);
    expect(names).toEqual([
      "message_start",
      "ping",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  test("a function sees the brief and what the tools said; the whole script may be one too", async () => {
    const messages = [
      ...hello.messages,
      { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "bash", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "no such file", is_error: true }] },
    ];
    const { text } = await say(
      (call) => ({
        fixer: ({ toolResults }) => ({ text: `${call.brief.split("\n")[1] ?? ""} ${JSON.stringify(toolResults)}` }),
      }),
      { ...hello, messages },
    );
    expect(JSON.parse(text)).toMatchObject({
      content: [{ text: 'It is broken. [{"name":"bash","ok":false,"output":"no such file"}]' }],
    });
  });

  test("tokens are counted from lengths, and the prompt cache works", async () => {
    const cached = { type: "text", text: "x".repeat(4_000), cache_control: { type: "ephemeral" } };
    const first = { ...hello, messages: [{ role: "user", content: [cached] }] };
    const second = {
      ...first,
      messages: [...first.messages, { role: "assistant", content: "a" }, { role: "user", content: "b" }],
    };
    const usage = async (body: object) => JSON.parse((await say({ fixer: () => ({ text: "ok" }) }, body)).text).usage;
    const [one, two] = [await usage(first), await usage(second)];
    expect(one.cache_creation_input_tokens).toBeGreaterThan(1_000);
    expect(one.cache_read_input_tokens).toBe(0);
    expect(two.cache_read_input_tokens).toBe(one.cache_creation_input_tokens);
  });
});

describe("what was not scripted is refused with 400, named and kept", () => {
  test.each([
    ["an agent", { triager: [[{ text: "x" }]] }, 'nothing is scripted for the agent "fixer" (scripted: triager)'],
    ["an attempt", { fixer: [[{ text: "x" }]] }, 'agent "fixer" has 1 scripted attempts, and attempt 2'],
    ["a turn", { fixer: [[], []] }, 'attempt 2 of agent "fixer" has 0 scripted turns, and turn 1'],
  ])("%s", async (_, script, reason) => {
    const { status, text, server } = await say(script, hello);
    expect(status).toBe(400);
    expect(text).toContain("unscripted call");
    expect(JSON.parse(text).error.message).toContain(reason);
    expect(server.unscripted).toEqual([expect.stringContaining("It is broken.")]);
    expect(server.calls).toMatchObject([{ outcome: "unscripted" }]);
  });

  test("a script that throws", async () => {
    const { status, server } = await say(
      {
        fixer: () => {
          throw new Error("what now?");
        },
      },
      hello,
    );
    expect(status).toBe(400);
    expect(server.unscripted).toEqual(["the script failed: what now?"]);
  });
});

describe("what the API refuses is refused", () => {
  const use = { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "bash", input: {} }] };
  const marked = { type: "text", text: "x", cache_control: { type: "ephemeral" } };
  test.each([
    ["no JSON", "{", "not JSON"],
    ["no max_tokens", { ...hello, max_tokens: undefined }, "max_tokens"],
    ["a forced tool choice", { ...hello, tool_choice: { type: "tool", name: "finish" } }, "forced tool choice"],
    ["sampling parameters", { ...hello, temperature: 0 }, "temperature"],
    ["a thread", { ...hello, previous_message_id: "x" }, "previous_message_id"],
    [
      "five breakpoints",
      { ...hello, messages: [{ role: "user", content: [marked, marked, marked, marked, marked] }] },
      "maximum of 4",
    ],
    ["empty text", { ...hello, messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }, "non-empty"],
    ["an assistant first", { ...hello, messages: [{ role: "assistant", content: "x" }] }, "first message"],
    [
      "a call without a result",
      { ...hello, messages: [...hello.messages, use, { role: "user", content: "go on" }] },
      "without `tool_result`",
    ],
    [
      "a result without a call",
      {
        ...hello,
        messages: [
          ...hello.messages,
          use,
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "t1" },
              { type: "tool_result", tool_use_id: "t2" },
            ],
          },
        ],
      },
      "unexpected `tool_use_id`",
    ],
  ])("%s", async (_, body, problem) => {
    const { status, server } = await say({ fixer: () => ({ text: "x" }) }, body);
    expect(status).toBe(400);
    expect(server.unscripted).toEqual([expect.stringContaining(problem)]);
    expect(server.calls).toEqual([]);
  });

  test("another address, and no key", async () => {
    await using server = await openScriptedModel({ script: {} });
    expect((await fetch(`${server.url}/v1/models`)).status).toBe(404);
    expect((await post(server, hello, { authorization: "" })).status).toBe(401);
    expect(server.unscripted).toHaveLength(2);
  });
});

test("a port that is taken is named", async () => {
  await using server = await openScriptedModel({ script: {} });
  const port = Number(new URL(server.url).port);
  await expect(openScriptedModel({ script: {}, port })).rejects.toThrow(`cannot listen on port ${port}`);
});

describe("what goes wrong on purpose", () => {
  test("errors for the first tries only", async () => {
    await using server = await openScriptedModel({
      script: {
        fixer: () => ({ text: "x", failFirst: [{ status: 529 }, { status: 429, headers: { "retry-after": "1" } }] }),
      },
    });
    const answers = [await post(server, hello), await post(server, hello), await post(server, hello)];
    expect(answers.map(({ status }) => status)).toEqual([529, 429, 200]);
    expect(answers[1]?.headers.get("retry-after")).toBe("1");
    expect(server.calls.map(({ tries, outcome }) => [tries, outcome])).toEqual([
      [0, "failed"],
      [1, "failed"],
      [2, "answered"],
    ]);
  });

  test("a cut stream breaks the connection", async () => {
    await using server = await openScriptedModel({ script: { fixer: () => ({ text: "some words", cut: "middle" }) } });
    const response = await post(server, { ...hello, stream: true });
    await expect(response.text()).rejects.toThrow("terminated");
    expect(server.calls).toMatchObject([{ outcome: "cut" }]);
  });

  test.each(["before", "middle"] as const)("hanging %s ends when the client leaves, and is noticed", async (hang) => {
    await using server = await openScriptedModel({ script: { fixer: () => ({ text: "some words", hang }) } });
    const controller = new AbortController();
    const asked = post(server, { ...hello, stream: true }, {}, controller.signal).then((response) => response.text());
    await expect.poll(() => server.calls.length).toBe(1);
    controller.abort();
    await expect(asked).rejects.toThrow("aborted");
    await expect.poll(() => server.calls[0]?.outcome).toBe("client-left");
  });
});
