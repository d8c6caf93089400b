// Batches by the client that Baton uses, over HTTP: each call as it should be, and what it makes of everything that can go wrong.
import { createServer } from "node:http";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import type { BatchResult } from "#src/agents/batch-results.ts";
import { bytesOf, createBatches, type Batch, type BatchRequest } from "#src/agents/batches.ts";
import { silentLog } from "#src/core/log.ts";
import { openScriptedModel, type ScriptedModelOptions } from "#src/playground/scripted-model.ts";

const { signal } = new AbortController();
const request = (id: string, text = id): BatchRequest => ({
  id,
  request: {
    model: "claude-haiku-5-5",
    maxTokens: 100,
    system: [{ type: "text", text: "# Agent: triager" }],
    tools: [],
    messages: [{ role: "user", content: text }],
  },
});
const says: ScriptedModelOptions["script"] = { triager: ({ brief }) => ({ text: brief, usage: { outputTokens: 7 } }) };

const batchesAt = (baseURL: string, apiKey = "a-key", replyMs = 5_000) =>
  createBatches({ apiKey, baseURL, log: silentLog, patience: { firstPauseMs: 1, replyMs } });

/** A server with faults, a client, and a look that counts how often it was asked and finds what is there. */
async function openWorld(batches: ScriptedModelOptions["batches"] = {}, script = says) {
  const server = await openScriptedModel({ script, batches });
  const client = batchesAt(server.url);
  let looks = 0;
  const look = async () => {
    looks += 1;
    const listed = await client.list({ limit: 10 }, signal);
    return listed.type === "told" ? { type: "told" as const, value: listed.value.batches[0] } : listed;
  };
  return {
    server,
    client,
    make: (...requests: BatchRequest[]) => client.create(requests, { signal, look }),
    looks: () => looks,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function resultsOf({ client }: Awaited<ReturnType<typeof openWorld>>, id: string) {
  const found: BatchResult[] = [];
  const told = await client.results(id, (result) => void found.push(result), signal);
  return { told, found };
}

function value<T>(told: { type: "told"; value: T } | { type: "failed"; message: string }): T {
  if (told.type === "told") return told.value;
  throw new Error(told.message);
}

describe("a batch", () => {
  test("made, looked at, and its results", async () => {
    await using world = await openWorld();
    const made = value(await world.make(request("a"), request("b")));
    expect(made).toMatchObject({ status: "in-progress", requests: 2, archived: false });
    expect(Math.abs(made.createdAt - Date.now())).toBeLessThan(60_000);
    await world.server.batches.settled();
    expect(value(await world.client.status(made.id, signal))).toMatchObject({ id: made.id, status: "ended" });
    const { told, found } = await resultsOf(world, made.id);
    expect(told.type).toBe("told");
    expect(found.map(({ id }) => id).toSorted()).toEqual(["a", "b"]);
    expect(found.find(({ id }) => id === "a")).toMatchObject({
      type: "succeeded",
      reply: { text: "a", stopReason: "end_turn", calls: [], usage: { outputTokens: 7 } },
    });
    expect(world.looks()).toBe(0);
  });

  test("the size of a request is what it takes of the body", async () => {
    await using world = await openWorld();
    const requests = [request("a", "größer"), request("b", '\u0000"\\')];
    const bytes = requests.reduce((sum, one) => sum + bytesOf(one), 0);
    world.server.batches.set({ maxBytes: bytes + '{"requests":[]}'.length - 1 });
    expect((await world.make(...requests)).type).toBe("told");
    world.server.batches.set({ maxBytes: bytes + '{"requests":[]}'.length - 2 });
    expect(await world.make(...requests)).toMatchObject({ type: "failed", reason: "too-long", perhaps: false });
  });

  test("reading stops when enough is known", async () => {
    await using world = await openWorld();
    const { id } = value(await world.make(request("a"), request("b"), request("c")));
    await world.server.batches.settled();
    const found: string[] = [];
    await world.client.results(id, (result) => (found.push(result.id), "enough"), signal);
    expect(found).toHaveLength(1);
  });
});

describe("a batch is made once, whatever happens to the answer", () => {
  test.each([
    ["500 after it was made", { status: 500, afterEffect: true }],
    ["529 after it was made", { status: 529, afterEffect: true }],
    ["a connection that breaks after it was made", { cut: "before" as const, afterEffect: true }],
    ["500 before", { status: 500 }],
    ["a broken connection before", { cut: "before" as const }],
  ])("%s", async (_, fault) => {
    await using world = await openWorld({ faults: [{ call: "create", count: 1, ...fault }] });
    const made = value(await world.make(request("a")));
    expect(world.server.batches.journal().batches).toMatchObject([{ id: made.id }]);
    expect(world.looks()).toBe(1);
  });

  test("no answer at all: looked for after the time is up", async () => {
    await using world = await openWorld({ faults: [{ call: "create", count: 1, hang: true, afterEffect: true }] });
    const client = batchesAt(world.server.url, "a-key", 200);
    const look = async () => ({
      type: "told" as const,
      value: value(await client.list({ limit: 1 }, signal)).batches[0],
    });
    expect((await client.create([request("a")], { signal, look })).type).toBe("told");
    expect(world.server.batches.journal().batches).toHaveLength(1);
  });

  test("a rate limit says that none was made: nobody looks", async () => {
    await using world = await openWorld({ faults: [{ call: "create", status: 429, count: 1 }] });
    value(await world.make(request("a")));
    expect(world.looks()).toBe(0);
    expect(world.server.batches.journal()).toMatchObject({ asked: { create: 2, list: 0 } });
  });

  test.each([
    ["always 500: there may be one", { status: 500 }, "away", true, 3],
    ["always 429", { status: 429 }, "limited", false, 3],
    ["a long limit", { status: 429, retryAfterSeconds: 600 }, "limited", false, 1],
    ["a no", { status: 400 }, "rejected", false, 1],
    ["no credit", { status: 402 }, "account", false, 1],
  ])("given up: %s", async (_, fault, reason, perhaps, tries) => {
    await using world = await openWorld({ faults: [{ call: "create", ...fault }] });
    expect(await world.make(request("a"))).toMatchObject({ type: "failed", reason, perhaps });
    expect(world.server.batches.journal().asked.create).toBe(tries);
  });

  test("when nobody can look, nothing more is sent", async () => {
    await using world = await openWorld({
      faults: [
        { call: "create", status: 500 },
        { call: "list", status: 500 },
      ],
    });
    expect(await world.make(request("a"))).toMatchObject({ type: "failed", reason: "away", perhaps: true });
    expect(world.server.batches.journal().asked.create).toBe(1);
  });

  test("a wrong key is told in words that fit a command", async () => {
    await using world = await openWorld();
    world.server.set({ keys: ["another"] });
    const failed = await world.make(request("a"));
    expect(failed).toMatchObject({ reason: "account", message: expect.stringContaining("ANTHROPIC_API_KEY") });
    expect(failed).toMatchObject({ message: expect.not.stringContaining("the run") });
  });

  test("aborted before it is sent there is none; while it is on its way there may be one", async () => {
    await using world = await openWorld({ faults: [{ call: "create", hang: true }] });
    const look = () => Promise.resolve({ type: "told" as const, value: undefined });
    const before = { signal: AbortSignal.abort(), look };
    expect(await world.client.create([request("a")], before)).toMatchObject({ reason: "aborted", perhaps: false });
    const stop = new AbortController();
    const asked = world.client.create([request("a")], { signal: stop.signal, look });
    await expect.poll(() => world.server.batches.journal().asked.create).toBe(1);
    stop.abort();
    expect(await asked).toMatchObject({ reason: "aborted", perhaps: true });
  });
});

describe("what may be asked twice is", () => {
  test.each(["list", "status", "cancel"] as const)(
    "%s: 500, 429, a broken connection, then an answer",
    async (call) => {
      await using world = await openWorld({ delayMs: 60_000 });
      const { id } = value(await world.make(request("a")));
      const faults = [{ status: 500 }, { cut: "before" as const }].map((fault) => ({ call, count: 1, ...fault }));
      world.server.batches.set({ faults });
      const ask: Record<typeof call, () => Promise<{ type: string }>> = {
        list: () => world.client.list({ limit: 5 }, signal),
        status: () => world.client.status(id, signal),
        cancel: () => world.client.cancel(id, signal),
      };
      expect((await ask[call]()).type).toBe("told");
      world.server.batches.set({ faults: [{ call, status: 429 }] });
      expect(await ask[call]()).toMatchObject({ type: "failed", reason: "limited" });
      expect(world.server.batches.journal().asked[call]).toBe(6);
    },
  );

  test("a page at a time", async () => {
    await using world = await openWorld();
    const made: Batch[] = [];
    for (const id of ["a", "b", "c"]) made.push(value(await world.make(request(id))));
    const first = value(await world.client.list({ limit: 2 }, signal));
    expect([first.more, first.batches.map(({ id }) => id)]).toEqual([true, [made[2]?.id, made[1]?.id]]);
    const rest = value(await world.client.list({ limit: 2, after: made[1]?.id }, signal));
    expect([rest.more, rest.batches.map(({ id }) => id)]).toEqual([false, [made[0]?.id]]);
  });

  test("results that break off in the middle of a line are read again, whole", async () => {
    await using world = await openWorld();
    const { id } = value(await world.make(request("a"), request("b"), request("c"), request("d")));
    await world.server.batches.settled();
    world.server.batches.set({
      faults: [
        { call: "results", cut: "middle", count: 1 },
        { call: "results", status: 500, count: 1 },
      ],
    });
    const { told, found } = await resultsOf(world, id);
    expect(told.type).toBe("told");
    // The line that broke off counts only once it comes whole; the one before it came twice.
    expect(found.map((one) => one.id)).toEqual(["d", "d", "c", "b", "a"]);
    world.server.batches.set({ faults: [{ call: "results", cut: "middle" }] });
    expect((await resultsOf(world, id)).told).toMatchObject({ type: "failed", reason: "away" });
  });

  test("an unknown batch is not asked for again", async () => {
    await using world = await openWorld();
    expect(await world.client.status("msgbatch_none", signal)).toMatchObject({ type: "failed", reason: "rejected" });
    expect(await world.client.status("../../v1/models", signal)).toMatchObject({ type: "failed", reason: "rejected" });
    expect(world.server.batches.journal().asked.status).toBeLessThanOrEqual(2);
  });
});

describe("lines of results that a server should never send", () => {
  async function read(...lines: string[]) {
    const server = createServer((_, response) => void response.end(lines.join("\n"))).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const found: BatchResult[] = [];
    try {
      const client = batchesAt(`http://127.0.0.1:${port}`);
      return { told: await client.results("x", (one) => void found.push(one), signal), found };
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }
  const message = { content: [], stop_reason: "end_turn", usage: { input_tokens: 1, output_tokens: 1 } };

  test("another shape is one result that cannot be read; the others count", async () => {
    const { told, found } = await read(
      JSON.stringify({ custom_id: "a", result: { type: "succeeded", message: { ...message, content: "hm" } } }),
      "",
      JSON.stringify({ custom_id: "b", result: { type: "melted" } }),
      JSON.stringify({ custom_id: "c", result: { type: "succeeded", message }, more: "later" }),
      JSON.stringify({ custom_id: "d", result: { type: "succeeded", message: { ...message, stop_reason: null } } }),
    );
    expect(told.type).toBe("told");
    expect(found.map(({ id, type }) => [id, type])).toEqual([
      ["a", "unreadable"],
      ["b", "unreadable"],
      ["c", "succeeded"],
      ["d", "unreadable"],
    ]);
  });

  test.each([
    ["no JSON", "<html>", "broke off"],
    ["no id", '{"result":{}}', "a line of the results is none"],
    ["a line without end", `{"custom_id":"${"x".repeat(9_000_000)}"}`, "longer than"],
  ])("%s is no result at all", async (_, line, words) => {
    expect((await read(line)).told).toMatchObject({ type: "failed", message: expect.stringContaining(words) });
  });
});
