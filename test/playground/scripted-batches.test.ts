// The scripted model's batches, asked by the real client: what it tells must be what the API tells, and what it counts must be true.
import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, test } from "vitest";
import { openScriptedModel, type ScriptedModel, type ScriptedModelOptions } from "#src/playground/scripted-model.ts";

const params = (text: string) => ({
  model: "claude-haiku-5-5",
  max_tokens: 100,
  system: [{ type: "text" as const, text: "# Agent: triager\nSort.", cache_control: { type: "ephemeral" as const } }],
  messages: [{ role: "user" as const, content: text }],
});
const batchOf = (...texts: string[]) => ({
  requests: texts.map((text, index) => ({ custom_id: `id-${index}`, params: params(text) })),
});
const script: ScriptedModelOptions["script"] = {
  triager: ({ brief }) => {
    if (brief.includes("break")) return { fail: { status: 500, message: "Internal server error" } };
    if (brief.includes("late")) return { expires: true };
    return { text: `said ${brief}`, tools: [{ name: "finish", input: { brief } }] };
  },
};

const clientOf = ({ url }: ScriptedModel, apiKey = "a-key") => {
  const authToken = null;
  return new Anthropic({ apiKey, authToken, baseURL: url, maxRetries: 0, logLevel: "off" }).messages.batches;
};

async function resultsOf(client: ReturnType<typeof clientOf>, id: string) {
  const found: Anthropic.Messages.MessageBatchIndividualResponse[] = [];
  for await (const one of await client.results(id)) found.push(one);
  return found;
}

describe("a batch", () => {
  test("is made, looked at, ends, and tells what came of each request", async () => {
    await using server = await openScriptedModel({ script });
    const client = clientOf(server);
    const made = await client.create(batchOf("one", "break", "late"));
    expect(made).toMatchObject({ type: "message_batch", id: expect.stringMatching(/^msgbatch_/), results_url: null });
    expect(made.request_counts).toEqual({ processing: 3, succeeded: 0, errored: 0, canceled: 0, expired: 0 });
    await server.batches.settled();
    const ended = await client.retrieve(made.id);
    expect(ended).toMatchObject({ processing_status: "ended", ended_at: expect.any(String), archived_at: null });
    expect(ended.request_counts).toEqual({ processing: 0, succeeded: 1, errored: 1, canceled: 0, expired: 1 });
    const results = await resultsOf(client, made.id);
    // In no order that anybody may rely on.
    expect(results.map(({ custom_id }) => custom_id)).toEqual(["id-2", "id-1", "id-0"]);
    expect(results[0]?.result).toEqual({ type: "expired" });
    expect(results[1]?.result).toMatchObject({ type: "errored", error: { error: { type: "api_error" } } });
    expect(results[2]?.result).toMatchObject({
      type: "succeeded",
      message: {
        stop_reason: "tool_use",
        content: [{ text: "said one" }, { name: "finish", input: { brief: "one" } }],
      },
    });
    expect(server.calls.map(({ batched, outcome }) => [batched, outcome])).toEqual([
      [true, "answered"],
      [true, "failed"],
      [true, "failed"],
    ]);
  });

  test("what each begins with is read from the cache from the second request on, and only what was worked is billed", async () => {
    await using server = await openScriptedModel({ script });
    const client = clientOf(server);
    await client.create(batchOf("one", "two", "break"));
    await server.batches.settled();
    const [first, second, third] = server.calls.map(({ billed }) => billed);
    expect(first?.cacheWriteTokens).toBeGreaterThan(0);
    expect(second).toMatchObject({ cacheWriteTokens: 0, cacheReadTokens: first?.cacheWriteTokens });
    expect(third).toMatchObject({ cacheReadTokens: 0, outputTokens: 0 });
    expect(server.ledger()).toMatchObject({ requests: 3, byOutcome: { answered: 2, failed: 1 } });
  });

  test("tells no results before it has ended; cancelled before, none of it is worked", async () => {
    await using server = await openScriptedModel({ script, batches: { delayMs: 100 } });
    const client = clientOf(server);
    const { id } = await client.create(batchOf("one", "two"));
    expect((await client.retrieve(id)).processing_status).toBe("in_progress");
    await expect(resultsOf(client, id)).rejects.toThrow("Has it finished processing?");
    expect((await client.cancel(id)).processing_status).toBe("canceling");
    await server.batches.settled();
    expect((await client.retrieve(id)).request_counts).toMatchObject({ processing: 0, canceled: 2 });
    expect((await resultsOf(client, id)).map(({ result }) => result.type)).toEqual(["canceled", "canceled"]);
    expect(server.calls).toEqual([]);
    expect(server.batches.journal()).toMatchObject({
      batches: [{ id, requests: ["id-0", "id-1"], status: "ended", counts: { canceled: 2, succeeded: 0 } }],
      asked: { create: 1, status: 4, cancel: 1, results: 1, list: 0 },
    });
  });

  test("all are listed, newest first, page by page", async () => {
    await using server = await openScriptedModel({ script });
    const client = clientOf(server);
    const made: string[] = [];
    for (const text of ["a", "b", "c", "d", "e"]) made.push((await client.create(batchOf(text))).id);
    const listed: string[] = [];
    for await (const { id } of client.list({ limit: 2 })) listed.push(id);
    expect(listed).toEqual(made.toReversed());
    expect((await client.list({ limit: 2, before_id: made[0] ?? "" })).data.map(({ id }) => id)).toEqual(
      made.slice(1, 3).toReversed(),
    );
  });
});

describe("what the API refuses is refused, and nothing is made", () => {
  test.each([
    ["no requests", { requests: [] }, 400, "requests"],
    ["an id twice", { requests: [...batchOf("a").requests, ...batchOf("b").requests] }, 400, "unique"],
    ["an id with a blank", { requests: [{ custom_id: "a b", params: params("a") }] }, 400, "custom_id"],
    ["too many", batchOf("a", "b", "c"), 400, "at most 2"],
    ["too much", batchOf("x".repeat(2_000)), 413, "maximum size"],
  ])("%s", async (_, body, status, message) => {
    await using server = await openScriptedModel({ script, batches: { maxRequests: 2, maxBytes: 2_000 } });
    await expect(clientOf(server).create(body)).rejects.toMatchObject({
      status,
      message: expect.stringContaining(message),
    });
    expect(server.batches.journal().batches).toEqual([]);
    expect(server.unscripted).toHaveLength(1);
  });

  test("a key that is not valid, a cap, an unknown batch; what is wrong with one request is its result", async () => {
    await using server = await openScriptedModel({ script, conditions: { keys: ["right"] } });
    await expect(clientOf(server, "wrong").list()).rejects.toMatchObject({ status: 401 });
    server.set({ spendCap: "tier" });
    await expect(clientOf(server).create(batchOf("a"))).rejects.toMatchObject({ status: 429 });
    server.set({});
    await expect(clientOf(server).retrieve("msgbatch_none")).rejects.toMatchObject({ status: 404 });
    const wrong = { custom_id: "x", params: { ...params("a"), temperature: 0.5 } };
    const { id } = await clientOf(server).create({ requests: [wrong] });
    await server.batches.settled();
    expect((await resultsOf(clientOf(server), id))[0]?.result).toMatchObject({
      type: "errored",
      error: { error: { type: "invalid_request_error", message: expect.stringContaining("temperature") } },
    });
  });
});

describe("what goes wrong on purpose", () => {
  test("before the effect nothing is made, after it the batch is there", async () => {
    await using server = await openScriptedModel({ script });
    const client = clientOf(server);
    server.batches.set({ faults: [{ call: "create", status: 529, count: 1 }] });
    await expect(client.create(batchOf("a"))).rejects.toMatchObject({ status: 529 });
    expect(server.batches.journal().batches).toHaveLength(0);
    server.batches.set({ faults: [{ call: "create", cut: "before", afterEffect: true, count: 1 }] });
    await expect(client.create(batchOf("a"))).rejects.toThrow("Connection error");
    expect(server.batches.journal().batches).toHaveLength(1);
    server.batches.set({ faults: [{ call: "list", status: 429, retryAfterSeconds: 7, skip: 1 }] });
    await client.list();
    await expect(client.list()).rejects.toMatchObject({ status: 429 });
    expect(server.batches.journal()).toMatchObject({ failed: { create: 2, list: 1 } });
  });

  test("results break off in the middle of a line, or end between two", async () => {
    await using server = await openScriptedModel({ script });
    const client = clientOf(server);
    const { id } = await client.create(batchOf("a", "b", "c", "d"));
    await server.batches.settled();
    server.batches.set({
      faults: [
        { call: "results", cut: "middle", count: 1 },
        { call: "results", cut: "between", count: 1 },
      ],
    });
    await expect(resultsOf(client, id)).rejects.toThrow(/terminated|JSON/);
    expect(await resultsOf(client, id)).toHaveLength(1);
    expect(await resultsOf(client, id)).toHaveLength(4);
  });
});

test("is controlled over HTTP", async () => {
  await using server = await openScriptedModel({ script, control: true });
  const control = `${server.url}/_playground/batches`;
  await fetch(control, { method: "PUT", body: JSON.stringify({ faults: [{ call: "create", status: 500 }] }) });
  await expect(clientOf(server).create(batchOf("a"))).rejects.toMatchObject({ status: 500 });
  expect(await (await fetch(control)).json()).toMatchObject({ batches: [], failed: { create: 1 } });
  expect((await fetch(control, { method: "PUT", body: '{"delay":1}' })).status).toBe(400);
});
