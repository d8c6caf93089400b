// An attempt's conversations: what begins another one, what waits, what fails at last, and that no turn is counted twice.
import { describe, expect, test, vi } from "vitest";
import { createCircuits } from "#src/agents/circuits.ts";
import { Parking } from "#src/core/parking.ts";
import type { ScriptedCall } from "#src/playground/scripted-model.ts";
import { soon } from "#test/support/until.ts";
import { call, converse, diagnosis, endOf, finish } from "./conversation.ts";

const bash = call("bash", { command: "ls" });
const finished = { tools: [finish] };
const opus = "claude-opus-5-5";
const sonnet = "claude-sonnet-5-5";
const MINUTE = 60_000;
const sessionsOf = ({ sessions }: Awaited<ReturnType<typeof converse>>) =>
  sessions.map(({ session, model, why }) => `${session} ${model} ${why}`);
const untilOf = ({ result }: Awaited<ReturnType<typeof converse>>) =>
  result.type === "wait" && result.until !== undefined ? result.until - Date.now() : NaN;

describe("another model", () => {
  const ids = [opus, sonnet] as const;
  const atTurn = (turn: number, spoiled: object) => (asked: ScriptedCall) =>
    asked.model === opus ? (asked.turn === turn ? spoiled : bash) : finished;

  test("is asked when the first is away before its first reply, with the same brief", async () => {
    const run = await converse({ script: atTurn(1, { fail: { status: 529 } }), modelIds: ids });
    expect(endOf(run)).toBe("finished");
    expect(sessionsOf(run)).toEqual([`1 ${opus} first`, `2 ${sonnet} other-model`]);
    expect(run.server.calls.map(({ model }) => model)).toEqual([opus, opus, opus, sonnet]);
    expect(run.sessions[1]?.opening).toBe(run.sessions[0]?.opening);
  });

  test.each([
    ["away", { fail: { status: 529 } }],
    ["rejecting", { fail: { status: 400, message: "thinking blocks cannot be modified" } }],
    ["declining", { text: "I can't.", stopReason: "refusal" }],
  ])("takes over in the middle from one that is %s, from what was done, without its blocks", async (_, spoiled) => {
    const run = await converse({ script: atTurn(3, spoiled), modelIds: ids });
    expect(endOf(run)).toBe("finished");
    expect(sessionsOf(run)).toEqual([`1 ${opus} first`, `2 ${sonnet} other-model`]);
    const last = run.server.calls.at(-1)?.request.messages;
    expect(last).toHaveLength(1);
    expect(JSON.stringify(last)).toContain("Attempt 1 of 1");
    expect(JSON.stringify(last)).toContain(String.raw`Turn 2:\n  bash {\"command\":\"ls\"}\n  → ok: done`);
    const numbers = run.turns.map(({ turn }) => turn);
    expect(numbers).toEqual(numbers.map((_number, index) => index + 1));
  });

  test("is not asked when the key or the account is to blame", async () => {
    const run = await converse({ script: () => bash, modelIds: ids, conditions: { keys: ["another-key"] } });
    expect(endOf(run)).toBe("wait model-account");
    expect(run.server.calls).toHaveLength(1);
  });

  test("without one, a refusal is named and ends it", async () => {
    const run = await converse({ script: [[{ text: "I can't.", stopReason: "refusal" }]] });
    expect(endOf(run)).toBe("model-refused");
    expect(run.server.calls).toHaveLength(1);
  });
});

describe("waiting", () => {
  test.each([
    [0, 1],
    [1, 2],
    [4, 30],
    [7, 30],
  ])("after %i waits a model that is away is waited for %i minutes", async (waits, minutes) => {
    const run = await converse({ script: () => bash, conditions: { down: [sonnet] }, waits });
    expect(endOf(run)).toBe("wait model-away");
    expect(untilOf(run)).toBeGreaterThan((minutes - 0.5) * MINUTE);
    expect(untilOf(run)).toBeLessThanOrEqual(minutes * MINUTE);
  });

  test("after eight waits it is given up", async () => {
    const run = await converse({ script: () => bash, conditions: { down: [sonnet] }, waits: 8 });
    expect(endOf(run)).toBe("model-unreachable");
  });

  test("a limit that names its time is waited for that long, however often", async () => {
    const fail = { status: 429, headers: { "retry-after": "600" } };
    const run = await converse({ script: () => ({ fail }), waits: 20 });
    expect(endOf(run)).toBe("wait model-limit");
    expect(untilOf(run)).toBeGreaterThan(9.5 * MINUTE);
    expect(run.server.calls).toHaveLength(1);
  });

  test.each(["tier", "own", "credit"] as const)(
    "a spending cap (%s) waits with one line, after one request",
    async (cap) => {
      const run = await converse({ script: () => bash, conditions: { spendCap: cap }, waits: 1 });
      expect(endOf(run)).toBe("wait model-account");
      expect(run.server.calls).toHaveLength(1);
      expect(untilOf(run)).toBeGreaterThan(29.5 * MINUTE);
      expect(run.result).toMatchObject({
        message: expect.stringMatching(/^The model account .* goes on by itself\.$/),
      });
    },
  );

  test("a bad key is never waited for longer than six hours", async () => {
    const run = await converse({ script: () => bash, conditions: { keys: [] }, waits: 30 });
    expect(untilOf(run)).toBeLessThanOrEqual(360 * MINUTE);
    expect(run.result).toMatchObject({ message: expect.stringContaining("ANTHROPIC_API_KEY") });
  });
});

describe("a conversation that is too long", () => {
  const tooLong = { fail: { status: 400, message: "prompt is too long: 200001 tokens > 200000 maximum" } };
  const asksForSummary = (asked: ScriptedCall) => asked.brief.includes("## Sum up");
  const renewed = (asked: ScriptedCall) => asked.brief.includes("## What happened before");

  test.each([
    ["refused", tooLong],
    ["ended", { stopReason: "model_context_window_exceeded" as const }],
  ])("is summed up by the model and goes on from there (%s)", async (_, spoiled) => {
    const run = await converse({
      script: (asked) =>
        asksForSummary(asked)
          ? { text: "The cause is in src/sum.js line 3." }
          : renewed(asked)
            ? finished
            : asked.turn === 3
              ? spoiled
              : bash,
    });
    expect(endOf(run)).toBe("finished");
    expect(sessionsOf(run)).toEqual([`1 ${sonnet} first`, `2 ${sonnet} too-long`]);
    expect(run.sessions[1]?.opening).toContain("The cause is in src/sum.js line 3.");
    expect(run.turns.map(({ text }) => text)).toContain("(a summary of the conversation)");
    const billed = run.server.ledger().billed;
    expect(run.result.spend).toMatchObject(billed);
  });

  test("is summed up from its turns when the model cannot do it", async () => {
    const run = await converse({
      script: (asked) =>
        asksForSummary(asked) ? tooLong : renewed(asked) ? finished : asked.turn === 3 ? tooLong : bash,
    });
    expect(endOf(run)).toBe("finished");
    expect(run.sessions[1]?.opening).toContain("Turn 2:");
  });

  test("when the summary was too much, the brief gets less room; when that is too much, it fails by name", async () => {
    const shares: number[] = [];
    const run = await converse({
      script: (asked) =>
        asksForSummary(asked) ? { text: "Much." } : renewed(asked) || asked.turn === 3 ? tooLong : bash,
      brief: (share) => {
        shares.push(share);
        return "Attempt 1 of 1\nIt is broken.";
      },
    });
    expect(endOf(run)).toBe("token-limit");
    expect(shares).toEqual([1, 1, 0.2]);
    expect(run.sessions.map(({ why }) => why)).toEqual(["first", "too-long", "too-long"]);
  });

  test("before its first reply there is nothing to sum up: less room at once", async () => {
    const run = await converse({ script: (asked) => (renewed(asked) ? finished : tooLong) });
    expect(endOf(run)).toBe("finished");
    expect(run.server.calls).toHaveLength(2);
  });

  test("a long attempt may be summed up more than twice, as long as each conversation gets on", async () => {
    let conversations = 0;
    const run = await converse({
      script: (asked) => {
        if (asksForSummary(asked)) return { text: "Going well." };
        if (asked.turn === 1) conversations += 1;
        return conversations > 4 ? finished : asked.turn > 4 ? tooLong : bash;
      },
      limits: { turns: 50 },
    });
    expect(endOf(run)).toBe("finished");
    expect(run.sessions).toHaveLength(5);
  });
});

describe("broken tools", () => {
  test("are made anew once, and the model is told that its changes are gone", async () => {
    const renewals: number[] = [];
    const run = await converse({
      script: (asked) => (asked.brief.includes("fresh copy") && asked.turn > 1 ? finished : bash),
      tool: () =>
        renewals.length === 0 ? Promise.reject(new Error("gone")) : Promise.resolve({ ok: true, output: "" }),
      renew: async () => void renewals.push(1),
    });
    expect(endOf(run)).toBe("finished");
    expect(renewals).toHaveLength(1);
    expect(run.sessions.map(({ why }) => why)).toEqual(["first", "tools-broken"]);
  });
});

describe("the circuit", () => {
  test("opens after three conversations that failed alike, and the model is not asked while it is open", async () => {
    const circuits = createCircuits();
    const down = { script: () => bash, conditions: { down: [sonnet] }, circuits };
    for (let run = 0; run < 3; run += 1) expect(endOf(await converse(down))).toBe("wait model-away");
    const fourth = await converse({ script: () => finished, circuits });
    expect(endOf(fourth)).toBe("wait circuit-open");
    expect(fourth.server.calls).toHaveLength(0);
    expect(fourth.sessions).toEqual([]);
    expect(fourth.result).toMatchObject({
      message: expect.stringMatching(/debugger.*claude-sonnet-5-5.*away.*Overloaded/),
    });
    expect(untilOf(fourth)).toBeGreaterThan(4 * MINUTE);
    const other = await converse({ script: () => finished, circuits, modelIds: [sonnet, opus] });
    expect(sessionsOf(other)).toEqual([`1 ${opus} first`]);
  });

  test("half opens: a conversation that ends well closes it", async () => {
    const circuits = createCircuits({ halfOpenMs: 1 });
    for (let run = 0; run < 4; run += 1) await converse({ script: () => ({ fail: { status: 500 } }), circuits });
    await vi.waitFor(() => expect(circuits.open("debugger", sonnet)).toBeUndefined(), soon);
    expect(endOf(await converse({ script: () => finished, circuits }))).toBe("finished");
  });

  test("failing tests, limits and the account do not count", async () => {
    const circuits = createCircuits();
    const failing = {
      script: () => bash,
      circuits,
      limits: { turns: 2 },
      tool: () => Promise.resolve({ ok: false, output: "1 failed" }),
    };
    for (let run = 0; run < 3; run += 1) expect(endOf(await converse(failing))).toBe("turn-limit");
    for (let run = 0; run < 3; run += 1)
      expect(endOf(await converse({ script: () => bash, circuits, conditions: { keys: [] } }))).toBe(
        "wait model-account",
      );
    expect(circuits.open("debugger", sonnet)).toBeUndefined();
  });
});

describe("parking", () => {
  test("lets a running tool end, records its turn whole, and asks nothing more", async () => {
    const controller = new AbortController();
    const run = await converse({
      script: [[{ tools: [...bash.tools, ...bash.tools] }]],
      signal: controller.signal,
      tool: (_, signal) => {
        controller.abort(new Parking("stopping"));
        return Promise.resolve({ ok: !signal.aborted, output: "ended well" });
      },
    });
    expect(endOf(run)).toBe("cancelled");
    expect(run.server.calls).toHaveLength(1);
    expect(run.ran).toHaveLength(1);
    const [turn] = run.turns;
    expect(turn?.tools.map(({ ok }) => ok)).toEqual([true, false]);
    expect(turn?.exchange?.answer).toHaveLength(2);
    expect(JSON.stringify(turn?.exchange?.answer)).toContain("Not run: Baton was stopped before");
  });

  test("a tool that does not end within the grace is ended, and the model will be told", async () => {
    const controller = new AbortController();
    const run = await converse({
      script: [[bash]],
      signal: controller.signal,
      graceMs: 20,
      tool: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("ended")), { once: true });
          controller.abort(new Parking("paused"));
        }),
    });
    expect(endOf(run)).toBe("cancelled");
    expect(JSON.stringify(run.turns[0]?.exchange?.answer)).toContain("Baton was stopped while this ran");
  });

  test("a result handed in within the grace counts", async () => {
    const controller = new AbortController();
    const run = await converse({
      script: [[{ tools: [...bash.tools, finish] }]],
      signal: controller.signal,
      tool: () => {
        controller.abort(new Parking("stopping"));
        return Promise.resolve({ ok: true, output: "" });
      },
    });
    expect(run.result).toMatchObject({ type: "finished", value: diagnosis });
  });
});
