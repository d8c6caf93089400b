// Retries, give-ups and broken streams of one model request, over real HTTP.
import { createServer } from "node:http";
import { once } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createModel } from "#src/agents/model.ts";
import { openScriptedModel, type ScriptedTurn } from "#src/playground/scripted-model.ts";
import { soon } from "#test/support/until.ts";

const request = {
  model: "claude-haiku-5-5",
  maxTokens: 1_000,
  system: [{ type: "text" as const, text: "# Agent: triager" }],
  tools: [],
  messages: [{ role: "user" as const, content: "Attempt 1 of 1\nHello" }],
};

async function ask(
  turn: ScriptedTurn,
  patience: { tries?: number; replyMs?: number; firstPauseMs?: number } = {},
  signal?: AbortSignal,
) {
  await using server = await openScriptedModel({ script: { triager: [[turn]] } });
  const model = createModel({
    apiKey: "test-key-of-nobody",
    baseURL: server.url,
    log: silentLog,
    patience: { firstPauseMs: 1, ...patience },
  });
  const startedAt = performance.now();
  const answer = await model.ask(request, { signal: signal ?? new AbortController().signal });
  return { answer, server, milliseconds: performance.now() - startedAt };
}

describe("what may pass is tried again", () => {
  test.each([429, 500, 503, 529])("%i, then an answer", async (status) => {
    const { answer, server } = await ask({ text: "hi", failFirst: [{ status }] });
    expect(answer).toMatchObject({ type: "reply", reply: { text: "hi", stopReason: "end_turn" } });
    expect(server.calls).toHaveLength(2);
  });

  test("three tries at most, then it says what the last one said", async () => {
    const { answer, server } = await ask({ fail: { status: 529, message: "Overloaded today" } });
    expect(answer).toMatchObject({ type: "failed", reason: "away" });
    expect(answer.type === "failed" && answer.message).toContain("Overloaded today");
    expect(server.calls).toHaveLength(3);
  });

  test("retry-after is waited for", async () => {
    const { answer, milliseconds } = await ask({
      text: "hi",
      failFirst: [{ status: 429, headers: { "retry-after-ms": "400" } }],
    });
    expect(answer.type).toBe("reply");
    expect(milliseconds).toBeGreaterThanOrEqual(400);
  });

  test("a retry-after of minutes is not sat out, but told", async () => {
    const { answer, server } = await ask({ fail: { status: 429, headers: { "retry-after": "3600" } } });
    expect(answer).toMatchObject({ type: "failed", reason: "limited", waitMs: 3_600_000 });
    expect(answer).toMatchObject({ message: expect.stringContaining("3600 s") });
    expect(server.calls).toHaveLength(1);
  });

  test("a retry-after of years is not believed", async () => {
    const { answer } = await ask({ fail: { status: 429, headers: { "retry-after": "99999999" } } });
    expect(answer).toMatchObject({ type: "failed", reason: "limited", waitMs: 24 * 3_600_000 });
  });

  test("a rate limit that names no time is limited after three tries", async () => {
    const { answer, server } = await ask({ fail: { status: 429 } });
    expect(answer).toMatchObject({ type: "failed", reason: "limited", waitMs: undefined });
    expect(server.calls).toHaveLength(3);
  });

  test.each(["before", "middle", "end"] as const)(
    "a stream cut %s is asked again, not taken as a reply",
    async (cut) => {
      const { answer, server } = await ask({
        text: "a long enough text to be cut in two",
        tools: [{ name: "bash", input: { command: "ls" } }],
        cut,
      });
      expect(answer).toMatchObject({ type: "failed", reason: "away" });
      expect(server.calls.map(({ outcome }) => outcome)).toEqual(["cut", "cut", "cut"]);
      expect(answer.wasted.outputTokens > 0).toBe(cut !== "before");
    },
  );

  test("an overload inside a stream that began with 200", async () => {
    const { answer, server } = await ask({
      text: "some words",
      streamError: { type: "overloaded_error", message: "Overloaded" },
    });
    expect(answer).toMatchObject({
      type: "failed",
      reason: "away",
      message: expect.stringContaining("Overloaded"),
    });
    expect(server.calls).toHaveLength(3);
  });

  test("a reply that takes too long", async () => {
    const { answer, server } = await ask({ text: "some words", hang: "middle" }, { replyMs: 150, tries: 2 });
    expect(answer).toMatchObject({ type: "failed", message: expect.stringContaining("no whole reply within 0.15 s") });
    await vi.waitFor(
      () => expect(server.calls.map(({ outcome }) => outcome)).toEqual(["client-left", "client-left"]),
      soon,
    );
  });
});

describe("what will not pass is not tried again", () => {
  test.each([
    [400, undefined, "rejected", "rejected the request with 400"],
    [401, undefined, "account", "refused the API key"],
    [402, undefined, "account", "spending limit"],
    [403, undefined, "account", "may not use"],
    [404, undefined, "rejected", "is unknown"],
    [429, "enforced_spend_limit_reached", "account", "spending limit"],
  ])("%i %s", async (status, code, reason, said) => {
    const { answer, server } = await ask({ fail: { status, ...(code === undefined ? {} : { code }) } });
    expect(answer).toMatchObject({ type: "failed", reason, message: expect.stringContaining(said) });
    expect(server.calls).toHaveLength(1);
  });

  test("a conversation too long for the model", async () => {
    const { answer } = await ask({
      fail: { status: 400, message: "prompt is too long: 250000 tokens > 200000 maximum" },
    });
    expect(answer).toMatchObject({ type: "failed", reason: "too-long" });
  });

  test("an invalid request inside a stream", async () => {
    const { server } = await ask({ text: "some words", streamError: { type: "invalid_request_error", message: "no" } });
    expect(server.calls).toHaveLength(1);
  });
});

test("aborting while waiting between tries ends at once", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const { answer, server, milliseconds } = await ask(
    { fail: { status: 529 } },
    { firstPauseMs: 60_000 },
    controller.signal,
  );
  expect(answer).toMatchObject({ type: "failed", reason: "aborted" });
  expect(server.calls).toHaveLength(1);
  expect(milliseconds).toBeLessThan(5_000);
});

test("a money check stands before every further try", async () => {
  await using server = await openScriptedModel({ script: { triager: [[{ text: "some words", cut: "middle" }]] } });
  const model = createModel({
    apiKey: "test-key-of-nobody",
    baseURL: server.url,
    log: silentLog,
    patience: { firstPauseMs: 1 },
  });
  const affordable = vi.fn<(wasted: object) => boolean>(() => false);
  const answer = await model.ask(request, { signal: new AbortController().signal, affordable });
  expect(answer).toMatchObject({ type: "failed", reason: "unaffordable" });
  expect(server.calls).toHaveLength(1);
  expect(affordable).toHaveBeenCalledOnce();
});

test("nobody listening is a clear failure", async () => {
  const model = createModel({
    apiKey: "test-key-of-nobody",
    baseURL: "http://127.0.0.1:9",
    log: silentLog,
    patience: { firstPauseMs: 1 },
  });
  const answer = await model.ask(request, { signal: new AbortController().signal });
  expect(answer).toMatchObject({
    type: "failed",
    reason: "away",
    message: expect.stringContaining("in 3 tries"),
  });
});

test("the machine's environment reaches neither address, key nor headers", async () => {
  const heard: Record<string, unknown>[] = [];
  const server = createServer((incoming, response) => {
    heard.push(incoming.headers);
    response.writeHead(401).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  vi.stubEnv("ANTHROPIC_API_KEY", "key-of-the-machine");
  vi.stubEnv("ANTHROPIC_AUTH_TOKEN", "token-of-the-machine");
  vi.stubEnv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1");
  vi.stubEnv("ANTHROPIC_CUSTOM_HEADERS", "authorization: Bearer stolen\nx-spy: yes");
  try {
    const model = createModel({ apiKey: "the-key-given", baseURL: `http://127.0.0.1:${port}`, log: silentLog });
    await model.ask(request, { signal: new AbortController().signal });
  } finally {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  }
  expect(heard).toHaveLength(1);
  expect(heard[0]).toMatchObject({ authorization: "Bearer the-key-given" });
  expect(JSON.stringify(heard)).not.toMatch(/machine|spy|stolen/);
});
