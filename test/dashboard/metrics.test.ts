// Figures for a monitor: what they say, what they leave out while the database is away, and who may read them.
import { request } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { listen, type Listening } from "#src/cli/listen.ts";
import { createMetrics } from "#src/dashboard/metrics.ts";
import { noPool } from "#src/workspace/warm-pool.ts";
import type { Figures } from "#src/store/figures.ts";

const figures: Figures = {
  due: 3,
  oldestDueSeconds: 12.5,
  waiting: 2,
  held: 4,
  workers: 2,
  deliveries: 1,
  writes: 5,
  finished: { succeeded: 7, failed: 1 },
  microDollars: 2_500_000,
};

describe("the figures", () => {
  test("say how the work stands, for the whole database and for this process", async () => {
    const metrics = createMetrics({
      figures: () => Promise.resolve(figures),
      driving: () => 4,
      circuits: () => open,
      warmPool: () => Promise.resolve({ clones: 3, bytes: 4_096, hits: 6, misses: 2 }),
    });
    const open = [{ agent: "fixer", model: "claude-opus-5-5" }];
    metrics.claimed(40);
    metrics.claimed(700);
    const text = await metrics.text();
    for (const line of [
      "baton_database_up 1",
      "baton_runs_due 3",
      "baton_oldest_due_seconds 12.5",
      "baton_runs_waiting 2",
      "baton_runs_held 4",
      "baton_workers_alive 2",
      "baton_deliveries_pending 1",
      "baton_outbox_pending 5",
      'baton_runs_finished{outcome="succeeded"} 7',
      "baton_model_spend_dollars_total 2.5",
      "baton_worker_runs 4",
      'baton_claim_wait_seconds_bucket{le="0.05"} 1',
      'baton_claim_wait_seconds_bucket{le="1"} 2',
      "baton_claim_wait_seconds_count 2",
      'baton_circuit_open{agent="fixer",model="claude-opus-5-5"} 1',
      "baton_warm_pool_clones 3",
      "baton_warm_pool_bytes 4096",
      "baton_warm_pool_hits_total 6",
      "baton_warm_pool_misses_total 2",
    ])
      expect(text.split("\n")).toContain(line);
    expect(text).toContain("process_cpu_seconds_total");
    open.pop();
    expect(await metrics.text()).toContain("baton_warm_pool_hits_total 6\n");
    expect(await metrics.text()).not.toContain("baton_circuit_open{");
  });

  test("ask the database once, however many come at a time", async () => {
    let asked = 0;
    const metrics = createMetrics({
      figures: () => {
        asked += 1;
        return Promise.resolve(figures);
      },
      driving: () => 0,
      circuits: () => [],
      warmPool: () => noPool.figures(),
    });
    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
    expect(asked).toBe(1);
  });

  test("say that the database is away, and nothing old", async () => {
    const metrics = createMetrics({
      figures: () => Promise.reject(new Error("away")),
      driving: () => 1,
      circuits: () => [],
      warmPool: () => noPool.figures(),
    });
    const text = await metrics.text();
    expect(text).toContain("baton_database_up 0");
    expect(text).toContain("baton_worker_runs 1");
    expect(text).not.toMatch(/^baton_runs_due \d/m);
    expect(text).not.toMatch(/^baton_runs_finished\{/m);
  });
});

describe("who may read them", () => {
  let listening: Listening;
  afterEach(async () => listening[Symbol.asyncDispose]());

  async function status(headers: Record<string, string>, metricsToken?: string): Promise<number> {
    const metrics = createMetrics({
      figures: () => Promise.resolve(figures),
      driving: () => 0,
      circuits: () => [],
      warmPool: () => noPool.figures(),
    });
    const doors = { webhooks: () => Promise.resolve(false), ready: () => Promise.resolve(true), metrics };
    listening = await listen(doors, { host: "127.0.0.1", port: 0, metricsToken });
    return await new Promise((resolve, reject) => {
      const asking = request(`${listening.address}/metrics`, { headers, agent: false }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      });
      asking.on("error", reject).end();
    });
  }

  test.each([
    ["this machine", {}, undefined, 200],
    ["somebody behind a proxy on this machine", { "x-forwarded-for": "203.0.113.7" }, undefined, 403],
    ["somebody behind another proxy", { forwarded: "for=203.0.113.7" }, undefined, 403],
    [
      "who has the token, wherever",
      { authorization: "Bearer 0123456789abcdef", "x-forwarded-for": "203.0.113.7" },
      "0123456789abcdef",
      200,
    ],
    ["who has another one", { authorization: "Bearer 0123456789abcdeX" }, "0123456789abcdef", 403],
    ["who has none, even here", {}, "0123456789abcdef", 403],
  ] as const)("%s", async (_, headers, token, expected) => {
    expect(await status({ ...headers }, token)).toBe(expected);
  });
});
