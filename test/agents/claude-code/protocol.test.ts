// What is read of the program: lines of its stream, and what it asks at the door. Everything it may say comes from the sandbox.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAsked } from "#src/agents/claude-code/asked.ts";
import { streamed, whole } from "#src/agents/claude-code/reply.ts";
import { readStreamLine } from "#src/agents/claude-code/stream.ts";

const line = (message: object) => readStreamLine(JSON.stringify(message));

describe("a line of the stream", () => {
  test("an init says what was loaded; tools are not among it, because the door decides about them", () => {
    const init = { type: "system", subtype: "init", tools: ["Bash", "EndConversation"], mcp_servers: [], plugins: [] };
    expect(line(init)).toEqual({ type: "loaded", foreign: [] });
    expect(
      line({ ...init, mcp_servers: [{ name: "a", status: "pending" }], plugins: [{ name: "b", path: "/x" }] }),
    ).toEqual({
      type: "loaded",
      foreign: ["the MCP server a", "the plugin b"],
    });
  });

  test("servers that cannot be read are not none", () => {
    const init = { type: "system", subtype: "init", mcp_servers: "evil" };
    expect(line(init)).toEqual({ type: "loaded", foreign: ["the MCP server (unreadable)"] });
    expect(line({ type: "system", subtype: "init" })).toEqual({ type: "loaded", foreign: [] });
  });

  test("a hook that runs was loaded from somewhere", () => {
    expect(line({ type: "system", subtype: "hook_started", hook_name: "Stop" })).toEqual({
      type: "loaded",
      foreign: ["the hook Stop"],
    });
  });

  test("results are told as text, whatever their blocks are", () => {
    const content = [
      { type: "text", text: "Note" },
      { type: "tool_result", tool_use_id: "a", content: "yes" },
      {
        type: "tool_result",
        tool_use_id: "b",
        is_error: true,
        content: [{ type: "text", text: "no" }, { type: "image" }],
      },
      { type: "tool_result", tool_use_id: "c" },
      { type: "tool_result", content: "without an id" },
    ];
    expect(line({ type: "user", message: { role: "user", content } })).toEqual({
      type: "results",
      results: [
        { id: "a", ok: true, output: "yes" },
        { id: "b", ok: false, output: "no\n[image]" },
        { id: "c", ok: true, output: "" },
      ],
    });
    expect(line({ type: "user", message: { role: "user", content: "Go on." } })).toEqual({
      type: "results",
      results: [],
    });
  });

  test("a long result is cut", () => {
    const content = [{ type: "tool_result", tool_use_id: "a", content: "x".repeat(1_000_000) }];
    const read = line({ type: "user", message: { content } });
    if (read.type !== "results") throw new Error(read.type);
    expect(read.results[0]?.output.length).toBeLessThanOrEqual(60_000);
  });

  test("the end says how", () => {
    expect(line({ type: "result", subtype: "success", result: "Done." })).toEqual({
      type: "result",
      subtype: "success",
      text: "Done.",
    });
    expect(line({ type: "result", subtype: "error_during_execution", errors: ["a", "b"] })).toMatchObject({
      text: "a; b",
    });
  });

  test("what is new is let be, and what is no message is noise", () => {
    expect(line({ type: "system", subtype: "api_retry", attempt: 1 })).toEqual({ type: "other" });
    expect(line({ type: "stream_event", event: {} })).toEqual({ type: "other" });
    for (const text of ["Loading", '{"type":"assist', "[1]", "null", "{}", '{"type":1}'])
      expect(readStreamLine(text)).toEqual({ type: "noise" });
  });

  test("nothing is thrown, whatever comes", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(readStreamLine(text)).toHaveProperty("type");
      }),
    );
  });
});

describe("what is asked at the door", () => {
  const tool = { name: "Bash", description: "Runs it.", input_schema: { type: "object", properties: { command: {} } } };
  const user = { role: "user", content: "Attempt 1 of 3" };
  const asked = (more: object) => readAsked(JSON.stringify({ model: "m", max_tokens: 1, messages: [user], ...more }));

  test("is read for its tools and the results behind the last reply", () => {
    const messages = [
      user,
      { role: "assistant", content: [{ type: "tool_use", id: "old", name: "Bash", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "old", content: "old" }] },
      { role: "assistant", content: [{ type: "tool_use", id: "new", name: "Bash", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "new", content: "new" }] },
    ];
    expect(asked({ stream: true, tools: [tool], messages })).toEqual({
      stream: true,
      tools: [{ ...tool, input_schema: { type: "object", properties: { command: {} }, required: [] } }],
      results: [{ id: "new", ok: true, output: "new" }],
    });
  });

  test("holds no tool that the provider would run, and nothing that is not a declaration", () => {
    const tools = [
      { type: "web_search_20250305", name: "web_search" },
      { type: "web_fetch_20250910", name: "Read", max_uses: 5, allowed_domains: ["evil.example"] },
      { name: "no schema" },
      { name: "bad name!", input_schema: { type: "object" } },
      { name: "Big", input_schema: { type: "object", properties: { x: { description: "x".repeat(100_000) } } } },
      { ...tool, cache_control: { type: "ephemeral" }, defer_loading: true, type: "custom" },
    ];
    expect(asked({ tools })?.tools).toEqual([
      { ...tool, input_schema: { type: "object", properties: { command: {} }, required: [] } },
    ]);
  });

  test("is nothing when it is no request", () => {
    for (const body of ["", "{", "[]", "{}", '{"messages":1}', '{"messages":[{"role":1}]}'])
      expect(readAsked(body)).toBeUndefined();
  });
});

describe("a reply", () => {
  const calls = [{ id: "toolu_1", name: "Bash", input: { command: "ls" } }];
  const reply = { id: "msg_1", model: "m", text: "I look.", calls };

  test("is streamed in the API's events", () => {
    const events = streamed(reply)
      .trim()
      .split("\n\n")
      .map((frame) => /^event: (\w+)\ndata: (.*)$/.exec(frame)?.[1]);
    expect(events).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  test("has no empty text", () => {
    expect(JSON.parse(whole({ ...reply, text: " " }))).toMatchObject({
      content: [{ type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "ls" } }],
      stop_reason: "tool_use",
    });
  });
});
