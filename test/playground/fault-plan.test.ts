// Faults by plan: each kind as a client meets it, the same again for the same seed, and all of it in the journal.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planFaults } from "#src/playground/fault-plan.ts";
import type { FaultedRequest } from "#src/playground/journal.ts";
import { openTown, statusOf, type Town } from "./town.ts";

let town: Town;
const at = { owner: "octo", repo: "tab" };
beforeEach(async () => {
  town = await openTown();
});
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

const titles = () => [...town.playground.repository("octo/tab").issues.values()].map(({ title }) => title);
const create = (title: string, signal?: AbortSignal) =>
  town.as("ghp_maria").rest.issues.create({ ...at, title, ...(signal ? { request: { signal } } : {}) });

describe("each kind", () => {
  test.each([
    ["502", 502, false],
    ["502-after", 502, true],
    ["500", 500, false],
    ["unauthorized", 401, false],
  ] as const)("%s is told as %i; done: %s", async (kind, status, done) => {
    town.playground.plan({ seed: 1, rules: [{ kinds: [kind], methods: ["POST"] }] });
    expect(await statusOf(create("One"))).toBe(status);
    expect(titles()).toEqual(done ? ["One"] : []);
    expect(town.playground.journal.at(-1)).toMatchObject({ status, faulty: true, done: done ? 201 : undefined });
  });

  test.each([
    ["reset", false],
    ["reset-after", true],
  ] as const)("%s cuts the connection; done: %s", async (kind, done) => {
    town.playground.plan({ seed: 1, rules: [{ kinds: [kind] }] });
    await expect(create("One")).rejects.toThrow(/fetch failed|other side closed|ECONNRESET/);
    expect(titles()).toEqual(done ? ["One"] : []);
  });

  test.each([
    ["timeout", false],
    ["timeout-after", true],
  ] as const)("%s never answers until the client leaves; done: %s", async (kind, done) => {
    town.playground.plan({ seed: 1, rules: [{ kinds: [kind] }] });
    const leaving = new AbortController();
    const asked = create("One", leaving.signal);
    await expect.poll(() => town.playground.journal.length).toBe(1);
    leaving.abort();
    await expect(asked).rejects.toThrow(/abort/i);
    expect(titles()).toEqual(done ? ["One"] : []);
    expect(town.playground.journal[0]).toMatchObject({ status: 0, fault: `hang ${done ? "after" : "before"}` });
    town.playground.plan(undefined);
    expect(await statusOf(create("Healed"))).toBe(201);
  });

  test("slow answers are the true ones", async () => {
    town.playground.plan({ seed: 1, rules: [{ kinds: ["slow"], delayMs: 30 }] });
    expect(await statusOf(create("One"))).toBe(201);
    expect(town.playground.journal[0]?.ms).toBeGreaterThanOrEqual(29);
  });
});

describe("a plan", () => {
  const request = (number: number): FaultedRequest => ({
    number,
    door: "rest",
    method: "POST",
    path: `/repos/o/r/issues/${number}/comments`,
    query: {},
    actor: "maria",
    body: { body: String(number) },
  });
  const played = (seed: number) => {
    const { hook } = planFaults({ seed, rules: [{ kinds: ["502", "502-after", "reset"], probability: 0.3 }] });
    return JSON.stringify(Array.from({ length: 200 }, (_, n) => hook(request(n)) ?? null));
  };

  test("is the same again with its seed, another with another, and as frequent as asked", () => {
    expect(played(7)).toBe(played(7));
    expect(played(7)).not.toBe(played(8));
    const spared = played(7).split("null").length - 1;
    expect(spared).toBeGreaterThan(110);
    expect(spared).toBeLessThan(170);
  });

  test("picks by method, path, door and actor, skips, stops, and spares what failed once", () => {
    const { hook, counts } = planFaults({
      seed: 1,
      rules: [
        { kinds: ["500"], methods: ["POST"], path: "/comments$", door: "rest", actor: "maria", skip: 1, count: 2 },
      ],
    });
    expect(hook({ ...request(0), method: "GET" })).toBeUndefined();
    expect(hook({ ...request(0), path: "/repos/o/r/pulls" })).toBeUndefined();
    expect(hook({ ...request(0), door: "git" })).toBeUndefined();
    expect(hook({ ...request(0), actor: "teo" })).toBeUndefined();
    expect([1, 2, 3, 4].map((n) => hook(request(n)) !== undefined)).toEqual([false, true, true, false]);
    expect(counts()).toEqual([{ matched: 4, faults: { "500": 2 } }]);
    const once = planFaults({ seed: 1, rules: [{ kinds: ["500"], oncePerRequest: true }] }).hook;
    expect([1, 1, 2, 1].map((n) => once(request(n)) !== undefined)).toEqual([true, false, true, false]);
  });
});
