// The backlog in its file, and the work on it: batches over HTTP, with everything that can happen to them. Time is the test's own.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createBatches, type Batches } from "#src/agents/batches.ts";
import { newBoundary } from "#src/agents/data-block.ts";
import { silentLog } from "#src/core/log.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { openBacklog, readBacklog, type Fact, type OpenBacklog } from "#src/triage/backlog.ts";
import { triageRequest } from "#src/triage/backlog-requests.ts";
import { createBacklogWork, type Prepared } from "#src/triage/backlog-work.ts";
import type { Issue } from "#src/triage/prompt.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { clearTriage } from "#test/support/a-triage.ts";

const agent = await (await createLibrary()).agents.load("triager");
if (!agent) throw new Error("there is no triager");
const asking = { agent, model: "claude-haiku-5-5", boundary: newBoundary() };
const opened: Extract<Fact, { type: "opened" }> = { type: "opened", server: "x", id: 7, owner: "acme", name: "sums" };
const said = { ...clearTriage };

const issueOf = (number: number, body = "gives 4"): Issue => ({
  repo: { id: 7, owner: "acme", name: "sums", private: false, defaultBranch: "main", cloneUrl: "" },
  subject: { kind: "issue", number, url: "", author: { login: "ada", id: 1 } },
  input: { title: "sum", body, comments: [], dropped: [], instruction: "", hash: "0".repeat(64) },
  labels: ["bug"],
  config: defaultRepoConfig,
});
const prepared = (...numbers: number[]): Prepared[] =>
  numbers.map((issue) => ({ issue, text: `t${issue}`, mentioned: [], request: triageRequest(asking, issueOf(issue)) }));

let folder: string;
let file: string;
let model: ScriptedModel;
let told: string[];
let pauses: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-backlog-"));
  file = join(folder, "below", "facts.jsonl");
  told = [];
  pauses = [];
  model = await openScriptedModel({ script: { triager: () => ({ tools: [{ name: "finish", input: said }] }) } });
});
afterEach(async () => {
  await model[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const { signal } = new AbortController();

/** Work on a backlog; pauses end at once, when what is under way has moved on, and the clock is what they sum up to. */
function workOn(backlog: OpenBacklog, more: Partial<Parameters<typeof createBacklogWork>[0]> = {}) {
  const batches = createBatches({ apiKey: "k", baseURL: model.url, log: silentLog, patience: { firstPauseMs: 1 } });
  let now = Date.now();
  return createBacklogWork({
    batches,
    backlog,
    clock: { now: () => now },
    pause: async (milliseconds) => {
      pauses.push(milliseconds);
      now += milliseconds;
      await model.batches.settled();
    },
    tell: (line) => told.push(line),
    ...more,
  });
}

const made = () =>
  model.batches.journal().batches.map(({ requests }) => requests.map((id) => Number(id.split("-")[1])));

describe("submitted, waited for, collected", () => {
  test("in as few batches as the limits allow, each request in one", async () => {
    await using backlog = await openBacklog(file, opened);
    const work = workOn(backlog, { limits: { requests: 2, bytes: 1_000_000 } });
    await work.submit(prepared(1, 2, 3, 4, 5), signal);
    expect(made()).toEqual([[1, 2], [3, 4], [5]]);
    const collected = await work.collect(signal);
    expect(collected.map(({ issue, outcome }) => [issue, outcome.type])).toEqual(
      [1, 2, 3, 4, 5].map((issue) => [issue, "sorted"]),
    );
    expect(backlog.state).toMatchObject({ underWay: [], measured: { replies: 5 } });
    expect([...backlog.state.issues.keys()]).toEqual([1, 2, 3, 4, 5]);
  });

  test("a batch is never larger than it may be, by what is really sent", async () => {
    await using backlog = await openBacklog(file, opened);
    const big = prepared(1, 2, 3).map((one) => ({
      ...one,
      request: triageRequest(asking, issueOf(one.issue, "ä\u0000".repeat(5_000))),
    }));
    const bytes = 2 * Buffer.byteLength(JSON.stringify(big[0]?.request)) + 400;
    model.batches.set({ maxBytes: bytes + 20 });
    await workOn(backlog, { limits: { requests: 100, bytes } }).submit(big, signal);
    expect(made()).toEqual([[1, 2], [3]]);
    expect(model.unscripted).toEqual([]);
  });

  test("what it cost is counted at half price, and the prompt's beginning is the same for all", async () => {
    await using backlog = await openBacklog(file, opened);
    const work = workOn(backlog);
    await work.submit(prepared(1, 2), signal);
    const spends = (await work.collect(signal)).map(({ outcome }) => ("spend" in outcome ? outcome.spend : undefined));
    const [first, second] = spends;
    expect(first?.cacheWriteTokens).toBeGreaterThan(1_000);
    expect(second).toMatchObject({ cacheWriteTokens: 0, cacheReadTokens: first?.cacheWriteTokens });
    const { inputTokens = 0, outputTokens = 0, cacheWriteTokens = 0 } = first ?? {};
    expect(first?.microDollars).toBe(
      Math.ceil((inputTokens * 0.1 + outputTokens * 0.5 + cacheWriteTokens * 0.125) / 2),
    );
  });

  test("looks with growing pauses, and says what it waits for once", async () => {
    await using backlog = await openBacklog(file, opened);
    let looks = 0;
    const batches = createBatches({ apiKey: "k", baseURL: model.url, log: silentLog });
    const slow: Batches = {
      ...batches,
      status: async (id, stop) => {
        const seen = await batches.status(id, stop);
        looks += 1;
        return looks <= 30 && seen.type === "told"
          ? { ...seen, value: { ...seen.value, status: "in-progress" } }
          : seen;
      },
    };
    const work = workOn(backlog, { batches: slow });
    await work.submit(prepared(1), signal);
    await work.collect(signal);
    expect(pauses.slice(0, 4)).toEqual([1_000, 1_500, 2_250, 3_375]);
    expect(pauses.at(-1)).toBe(60_000);
    expect(told.filter((line) => line.startsWith("Waiting for "))).toHaveLength(1);
    expect(told.filter((line) => line.startsWith("Still waiting for "))).toEqual([
      expect.stringContaining("(11 min)"),
      expect.stringContaining("(21 min)"),
    ]);
  });

  test("a model that is away while it works is waited for; one that knows no such batch is not", async () => {
    await using backlog = await openBacklog(file, opened);
    const work = workOn(backlog);
    await work.submit(prepared(1), signal);
    model.batches.set({ faults: [{ call: "status", status: 529, count: 3 }] });
    await work.collect(signal);
    expect(told).toContainEqual(expect.stringContaining("cannot be looked at for now"));
    await backlog.append({
      type: "intended",
      batch: "b",
      at: 1,
      after: null,
      model: "m",
      requests: [{ id: "b-2", issue: 2, text: "", mentioned: [], bytes: 1 }],
    });
    await backlog.append({ type: "submitted", batch: "b", id: "msgbatch_elsewhere", at: 1 });
    await expect(work.collect(signal)).rejects.toMatchObject({
      code: "model-failed",
      message: expect.stringContaining("Batches belong to the workspace of the key"),
    });
  });

  test("results that do not all come are not written down half", async () => {
    await using backlog = await openBacklog(file, opened);
    const work = workOn(backlog);
    await work.submit(prepared(1, 2, 3, 4), signal);
    model.batches.set({ faults: [{ call: "results", cut: "between" }] });
    await expect(work.collect(signal)).rejects.toMatchObject({
      code: "model-failed",
      message: expect.stringContaining("3 of 4 results"),
    });
    expect(backlog.state.underWay).toHaveLength(1);
    model.batches.set({});
    expect(await work.collect(signal)).toHaveLength(4);
    expect(made()).toHaveLength(1);
  });

  test("results that are kept no longer are lost, and the issues may be submitted again", async () => {
    await using backlog = await openBacklog(file, opened);
    const batches = createBatches({ apiKey: "k", baseURL: model.url, log: silentLog });
    const archived: Batches = {
      ...batches,
      status: async (id, stop) => {
        const seen = await batches.status(id, stop);
        return seen.type === "told" ? { ...seen, value: { ...seen.value, status: "ended", archived: true } } : seen;
      },
    };
    const work = workOn(backlog, { batches: archived });
    await work.submit(prepared(1), signal);
    expect(await work.collect(signal)).toEqual([{ issue: 1, outcome: { type: "lost" } }]);
  });
});

describe("whether a batch was made", () => {
  /** What a process leaves that died before it knew. */
  async function intend(
    backlog: OpenBacklog,
    requests: readonly Prepared[],
    { at = Date.now(), after = null as string | null } = {},
  ) {
    await backlog.append({
      type: "intended",
      batch: "aa",
      at,
      after,
      model: "m",
      requests: requests.map(({ issue, text }) => ({ id: `aa-${issue}`, issue, text, mentioned: [], bytes: 1 })),
    });
  }
  async function make(name: string, count: number, delayMs = 0) {
    model.batches.set({ delayMs });
    const batches = createBatches({ apiKey: "k", baseURL: model.url, log: silentLog });
    const requests = prepared(...Array.from({ length: count }, (_, index) => index + 1));
    const created = await batches.create(
      requests.map(({ issue, request }) => ({ id: `${name}-${issue}`, request })),
      { signal, look: () => Promise.resolve({ type: "told", value: undefined }) },
    );
    if (created.type === "failed") throw new Error(created.message);
    return created.value.id;
  }

  test("it was: found among others, by its requests, and collected", async () => {
    await using backlog = await openBacklog(file, opened);
    const before = await make("aa", 2);
    await intend(backlog, prepared(1, 2), { after: before });
    await make("zz", 2);
    const ours = await make("aa", 2);
    await make("ww", 2);
    await make("yy", 3);
    await make("xx", 2, 50);
    expect(await workOn(backlog).collect(signal)).toHaveLength(2);
    expect(backlog.state.submitted).toEqual(new Set([ours]));
  });

  test("it was not: looked for twice, because what was sent may take a moment to be listed", async () => {
    await using backlog = await openBacklog(file, opened);
    await intend(backlog, prepared(1));
    expect(await workOn(backlog).collect(signal)).toEqual([]);
    expect(pauses).toEqual([5_000]);
    expect(model.batches.journal().asked).toMatchObject({ list: 2, results: 0, create: 0 });
    expect(backlog.state.underWay).toEqual([]);
  });

  test("it comes into the list only after a moment", async () => {
    await using backlog = await openBacklog(file, opened);
    await intend(backlog, prepared(1));
    const work = workOn(backlog, { pause: async () => void (made().length === 0 && (await make("aa", 1))) });
    expect(await work.collect(signal)).toHaveLength(1);
  });

  test("long ago: not waited for, and what was made before it does not count", async () => {
    await using backlog = await openBacklog(file, opened);
    await make("aa", 1);
    await intend(backlog, prepared(1), { at: Date.now() + 3 * 3_600_000 });
    const later = Date.now() + 5 * 3_600_000;
    expect(await workOn(backlog, { clock: { now: () => later } }).collect(signal)).toEqual([]);
    expect(pauses).toEqual([]);
  });

  test("one of as many requests that has not ended is waited for, and a person is told why", async () => {
    await using backlog = await openBacklog(file, opened);
    await intend(backlog, prepared(1));
    await make("zz", 1, 50);
    expect(await workOn(backlog).collect(signal)).toEqual([]);
    expect(told).toEqual([expect.stringMatching(/^It is not known whether a batch of 1 issue was made/)]);
  });

  test("while nobody can look nothing is decided", async () => {
    await using backlog = await openBacklog(file, opened);
    await intend(backlog, prepared(1));
    model.batches.set({ faults: [{ call: "list", status: 500 }] });
    await expect(workOn(backlog).collect(signal)).rejects.toMatchObject({ code: "model-failed" });
    expect(backlog.state.underWay).toHaveLength(1);
  });

  test("a clear no is written down, so that nobody looks for it; an unclear end is looked for by the next", async () => {
    await using backlog = await openBacklog(file, opened);
    model.batches.set({ faults: [{ call: "create", status: 400 }] });
    await expect(workOn(backlog).submit(prepared(1), signal)).rejects.toMatchObject({ code: "model-failed" });
    expect(backlog.state.underWay).toEqual([]);
    model.batches.set({ faults: [{ call: "create", status: 500 }] });
    await expect(workOn(backlog).submit(prepared(1), signal)).rejects.toMatchObject({ code: "model-failed" });
    expect(backlog.state.underWay).toMatchObject([{ id: undefined }]);
  });

  test("through hundreds of batches of other people, page by page", async () => {
    await using backlog = await openBacklog(file, opened);
    await intend(backlog, prepared(1));
    const ours = await make("aa", 1);
    for (let count = 0; count < 120; count += 1) await make(`z${count}`, 2);
    expect(await workOn(backlog).collect(signal)).toHaveLength(1);
    expect(backlog.state.submitted).toEqual(new Set([ours]));
    expect(model.batches.journal().asked.list).toBe(2);
  });

  test("interrupted at any wait it stops with the signal's reason, and nothing is forgotten", async () => {
    await using backlog = await openBacklog(file, opened);
    await intend(backlog, prepared(1));
    const stop = new AbortController();
    const work = workOn(backlog, { pause: async () => stop.abort(new Error("enough")) });
    await expect(work.collect(stop.signal)).rejects.toThrow("enough");
    expect(backlog.state.underWay).toHaveLength(1);
  });
});

describe("the file", () => {
  test("is the same when it is opened again, whoever looks, and a line that was cut off never was", async () => {
    let before: unknown;
    {
      await using backlog = await openBacklog(file, opened);
      const work = workOn(backlog);
      await work.submit(prepared(1, 2), signal);
      await work.collect(signal);
      await work.submit(prepared(3), signal);
      before = backlog.state;
    }
    const text = await readFile(file, "utf8");
    await writeFile(file, `${text}{"type":"abandoned","batch":`);
    expect(await readBacklog(file)).toEqual(before);
    expect(await readFile(file, "utf8")).not.toBe(text);
    await using again = await openBacklog(file, opened);
    expect(again.state).toEqual(before);
    expect(await readFile(file, "utf8")).toBe(text);
  });

  test("there is none yet: nothing is known, and looking makes none", async () => {
    expect(await readBacklog(file)).toMatchObject({ underWay: [], measured: { replies: 0 } });
    await expect(readFile(file)).rejects.toThrow("ENOENT");
  });

  test("what was paid for stays known when a later request fails", async () => {
    await using backlog = await openBacklog(file, opened);
    const work = workOn(backlog);
    await work.submit(prepared(1), signal);
    await work.collect(signal);
    const requests = [{ id: "b-1", issue: 1, text: "other", mentioned: [], bytes: 1 }];
    await backlog.append({ type: "intended", batch: "b", at: 1, after: null, model: "m", requests });
    await backlog.append({
      type: "collected",
      batch: "b",
      at: 1,
      results: [{ id: "b-1", outcome: { type: "expired" } }],
    });
    expect(backlog.state.issues.get(1)?.outcome.type).toBe("sorted");
  });
});
