// The scripted model breaking by plan and by condition, as a client meets it; its ledger; and scripts that go on where they were.
import { afterEach, describe, expect, test } from "vitest";
import type { ModelFaultKind, ModelFaultPlan } from "#src/playground/model-faults.ts";
import { openScriptedModel, type ScriptedModel, type ScriptedModelOptions } from "#src/playground/scripted-model.ts";

interface Block {
  readonly type: string;
  readonly id?: string;
  readonly name?: string;
  readonly text?: string;
}

let model: ScriptedModel;
afterEach(async () => {
  await model[Symbol.asyncDispose]();
});

const bash = (command: string) => ({ name: "bash", input: { command } });
const finish = { name: "finish", input: { summary: "done" } };
const fixer = [
  [{ text: "Looking.", tools: [bash("one")] }, { text: "Again.", tools: [bash("two")] }, { tools: [finish] }],
];
const open = async (options: Partial<ScriptedModelOptions> = {}) => {
  model = await openScriptedModel({ script: { fixer }, ...options });
};
const always = (...kinds: ModelFaultKind[]): ModelFaultPlan => ({ seed: 1, rules: [{ kinds }] });

const hello = {
  model: "claude-haiku-5-5",
  max_tokens: 100,
  system: "# Agent: fixer\nMend it.",
  messages: [{ role: "user", content: "Attempt 1 of 3\nIt is broken." }] as object[],
};
async function post(change: object = {}, key = "k", signal?: AbortSignal) {
  return await fetch(`${model.url}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "anthropic-version": "2023-06-01", authorization: `Bearer ${key}` },
    body: JSON.stringify({ ...hello, ...change }),
    ...(signal ? { signal } : {}),
  });
}
const streamed = { stream: true };
/** What of a stream arrived, and whether it ended as it should. */
async function listen(response: Response): Promise<{ text: string; whole: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  } catch {
    return { text, whole: false };
  }
  return { text, whole: text.includes("message_stop") };
}

describe("each kind, on the wire", () => {
  test.each([
    ["rate-limited", 429, "rate_limit_error", "1"],
    ["rate-limited-untold", 429, "rate_limit_error", null],
    ["overloaded", 529, "overloaded_error", null],
    ["server-error", 500, "api_error", null],
    ["prompt-too-long", 400, "prompt is too long", null],
  ] as const)("%s is %i", async (kind, status, said, retryAfter) => {
    await open({ faults: always(kind) });
    const answer = await post(streamed);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([status, retryAfter]);
    expect(await answer.text()).toContain(said);
    expect(model.ledger()).toMatchObject({ requests: 1, billed: { inputTokens: 0 }, byFault: { [kind]: 1 } });
  });

  test.each([
    ["cut-text", "text_delta"],
    ["cut-tool", "input_json_delta"],
    ["cut-end", "content_block_stop"],
    ["error-in-stream", "overloaded_error"],
  ] as const)("%s breaks off a stream that has begun, and what came is billed", async (kind, last) => {
    await open({ faults: always(kind) });
    const { text, whole } = await listen(await post(streamed));
    expect(whole).toBe(false);
    expect(text).toContain(last);
    await expect.poll(() => model.ledger().requests).toBe(1);
    const characters = [...text.matchAll(/"(?:text|partial_json)":"((?:[^"\\]|\\.)*)"\}/g)]
      .map(([, piece = ""]) => String(JSON.parse(`"${piece}"`)).length)
      .reduce((sum, length) => sum + length, 0);
    const { billed } = model.ledger();
    expect(billed.inputTokens).toBeGreaterThan(10);
    expect(billed.outputTokens).toBe(Math.max(1, Math.ceil(characters / 4)));
  });

  test("reset breaks the connection before any answer", async () => {
    await open({ faults: always("reset") });
    await expect(post(streamed)).rejects.toThrow("fetch failed");
  });

  test.each(["timeout", "timeout-in-stream"] as const)("%s goes on when the client leaves", async (kind) => {
    await open({ faults: always(kind) });
    const leaving = new AbortController();
    const asked = post(streamed, "k", leaving.signal).then(listen);
    await expect.poll(() => model.calls.length).toBe(1);
    leaving.abort();
    const heard = await asked.catch(() => ({ whole: false }));
    expect(heard.whole).toBe(false);
    await expect.poll(() => model.calls[0]?.outcome).toBe("client-left");
  });

  test.each([
    ["invalid-input", { type: "tool_use", input: { surprise: expect.anything() } }, "tool_use"],
    ["context-exceeded", { type: "text" }, "model_context_window_exceeded"],
    ["slow", { type: "text", text: "Looking." }, "tool_use"],
  ] as const)("%s is a whole reply", async (kind, block, stop) => {
    await open({ faults: { seed: 1, rules: [{ kinds: [kind], delayMs: 5 }] } });
    const said: unknown = await (await post()).json();
    expect(said).toMatchObject({ stop_reason: stop });
    expect(said).toMatchObject({ content: expect.arrayContaining([expect.objectContaining(block)]) });
  });

  test.each([
    ["empty", "end_turn"],
    ["refusal", "refusal"],
  ] as const)("%s says nothing, and ends with %s", async (kind, stop) => {
    await open({ faults: always(kind) });
    const said: unknown = await (await post()).json();
    expect(said).toMatchObject({ stop_reason: stop, content: [] });
  });

  test.each([
    ["malformed-input", "tool_use"],
    ["max-tokens", "max_tokens"],
  ] as const)("%s streams a tool input that is no JSON", async (kind, stop) => {
    await open({ faults: always(kind) });
    const { text, whole } = await listen(await post(streamed));
    expect(whole).toBe(true);
    expect(text).toContain(`"stop_reason":"${stop}"`);
    const input = [...text.matchAll(/"partial_json":"((?:[^"\\]|\\.)*)"/g)].map(([, piece = ""]) =>
      String(JSON.parse(`"${piece}"`)),
    );
    expect(() => JSON.parse(input.join(""))).toThrow(/JSON/);
  });
});

describe("a plan", () => {
  test("spoils the same replies again for the same seed, of the agents and models it names", async () => {
    const outcomes = [];
    for (const seed of [5, 5, 6]) {
      await open({
        script: { fixer: () => ({ text: "hi" }) },
        faults: { seed, rules: [{ kinds: ["overloaded"], probability: 0.5 }] },
      });
      const statuses = [];
      for (let n = 0; n < 20; n += 1) statuses.push((await post()).status);
      outcomes.push(statuses.join(" "));
      if (outcomes.length < 3) await model[Symbol.asyncDispose]();
    }
    expect(outcomes[0]).toBe(outcomes[1]);
    expect(outcomes[0]).not.toBe(outcomes[2]);
    const counts = model.plan({ seed: 1, rules: [{ kinds: ["overloaded"], models: ["another"] }] });
    expect((await post()).status).toBe(200);
    expect(counts()).toEqual([{ matched: 0, faults: {} }]);
    model.plan({ seed: 1, rules: [{ kinds: ["overloaded"], oncePerRequest: true }] });
    expect([(await post()).status, (await post()).status]).toEqual([529, 200]);
  });
});

/** Talks to the model as a plain agent loop does until `finish`; gives the commands it was told to run. */
async function converse(turns = 30): Promise<string[]> {
  const commands: string[] = [];
  const messages = [...hello.messages];
  for (let turn = 0; turn < turns; turn += 1) {
    const reply: { content: Block[]; stop_reason: string } = JSON.parse(await (await post({ messages })).text());
    const uses = reply.content.filter(({ type }) => type === "tool_use");
    for (const use of uses) commands.push(`${use.name ?? ""} ${JSON.stringify(Reflect.get(use, "input"))}`);
    if (reply.stop_reason === "tool_use" && uses.some((use) => JSON.stringify(use).includes("summary"))) break;
    const content = reply.content.length > 0 ? reply.content : [{ type: "text", text: "(no reply)" }];
    messages.push({ role: "assistant", content });
    const results = uses.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: "ok" }));
    messages.push({ role: "user", content: results.length > 0 ? results : "Go on." });
  }
  return commands;
}

describe("a script goes on where it was", () => {
  test.each(["invalid-input", "empty", "max-tokens", "context-exceeded"] as const)("after %s", async (kind) => {
    await open({ faults: { seed: 2, rules: [{ kinds: [kind], skip: 1, count: 2 }] } });
    const asked = (await converse()).filter((command) => !command.includes("surprise") && !command.endsWith("{}"));
    expect(asked).toEqual(['bash {"command":"one"}', 'bash {"command":"two"}', 'finish {"summary":"done"}']);
    expect(model.unscripted).toEqual([]);
  });
});

describe("conditions, until they are mended", () => {
  test("a model that is down, while another works", async () => {
    await open({ conditions: { down: ["claude-haiku-5-5"] } });
    expect([(await post()).status, (await post({ model: "claude-sonnet-5-5" })).status]).toEqual([529, 200]);
    model.set({});
    expect((await post()).status).toBe(200);
    expect(model.ledger().byFault).toEqual({ down: 1 });
  });

  test.each([
    ["tier", 429, '"error_code":"enforced_spend_limit_reached"'],
    ["own", 400, "You have reached your specified API usage limits"],
    ["credit", 400, "Your credit balance is too low"],
  ] as const)("the spending cap %s is %i", async (spendCap, status, said) => {
    await open({ conditions: { spendCap } });
    const answer = await post();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([status, null]);
    expect(await answer.text()).toContain(said);
    model.set({});
    expect((await post()).status).toBe(200);
  });

  test("the cap is reached by what is billed", async () => {
    await open({ conditions: { spendCapTokens: 1 } });
    expect((await post()).status).toBe(200);
    await expect.poll(async () => (await post()).status).toBe(429);
  });

  test("a key that is no longer valid, and a context that is too small", async () => {
    await open({ conditions: { keys: ["good"], contextTokens: 1_000 } });
    expect((await post({}, "revoked")).status).toBe(401);
    expect((await post({}, "good")).status).toBe(200);
    const long = await post({ messages: [{ role: "user", content: "x".repeat(5_000) }] }, "good");
    expect([long.status, await long.text()]).toEqual([
      400,
      expect.stringMatching(/prompt is too long: \d+ tokens > 1000 maximum/),
    ]);
    expect(model.unscripted).toEqual([]);
  });
});

describe("the ledger", () => {
  test("by model and by conversation; what was paid twice and what was begun again", async () => {
    await open();
    await converse();
    await expect.poll(() => model.ledger().requests).toBe(3);
    const first = model.ledger();
    expect(first).toMatchObject({ repeated: 0, askedAfterFinish: 0, byOutcome: { answered: 3 } });
    expect(first.conversations).toMatchObject([
      { agent: "fixer", attempt: 1, models: ["claude-haiku-5-5"], requests: 3, answered: 3, finished: 1 },
    ]);
    expect(first.byModel["claude-haiku-5-5"]?.billed).toEqual(first.billed);
    await post({ messages: [{ role: "user", content: "Attempt 2 of 3\nIt is broken." }] });
    await converse();
    await expect.poll(() => model.ledger().requests).toBe(7);
    const second = model.ledger();
    expect(second).toMatchObject({ repeated: 3, askedAfterFinish: 3 });
    expect(second.conversations).toMatchObject([
      { repeated: 3, repeatedBilled: first.billed },
      { attempt: 2, repeated: 0 },
    ]);
  });

  test("old calls let go of their text and stay counted", async () => {
    await open({ keptRequests: 1 });
    await converse();
    expect(model.calls.map(({ request }) => request.messages.length)).toEqual([0, 0, 5]);
    expect(model.calls[0]).toMatchObject({ agent: "fixer", outcome: "answered", turn: 1 });
  });
});

describe("the control", () => {
  const control = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${model.url}/_playground/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const said: unknown = await answer.json();
    return { status: answer.status, said };
  };

  test("sets plans and conditions, and tells what was counted", async () => {
    await open({ control: true });
    await control("PUT", "faults", { seed: 1, rules: [{ kinds: ["overloaded"], count: 1 }] });
    expect([(await post()).status, (await post()).status]).toEqual([529, 200]);
    expect((await control("GET", "faults")).said).toEqual([{ matched: 2, faults: { overloaded: 1 } }]);
    await control("DELETE", "faults");
    await control("PUT", "conditions", { spendCap: "tier" });
    expect((await post()).status).toBe(429);
    expect((await control("GET", "conditions")).said).toEqual({ spendCap: "tier" });
    await expect
      .poll(async () => (await control("GET", "ledger")).said)
      .toMatchObject({ requests: 3, byFault: { "spend cap": 1 } });
    expect((await control("GET", "calls?after=1&limit=1")).said).toMatchObject([{ number: 2, outcome: "answered" }]);
    expect((await control("GET", "unscripted")).said).toEqual([]);
    expect((await control("PUT", "conditions", { weather: "bad" })).status).toBe(400);
  });

  test("is not there unless asked for", async () => {
    await open();
    expect((await control("GET", "ledger")).status).toBe(404);
  });
});
