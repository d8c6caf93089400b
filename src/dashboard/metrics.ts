// What a monitor may ask of a process, in Prometheus's format: how the work of the whole installation stands, from the database, and
// how this process does. The only file that knows prom-client.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Figures } from "../store/figures.ts";
import type { WarmPoolFigures } from "../workspace/warm-pool.ts";

/** The database is asked at most once in so many milliseconds, however often monitors come. */
const FRESH_MS = 2_000;
const WAIT_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export interface Metrics {
  /** A run was claimed that had been due for so many milliseconds. */
  claimed(waitedMs: number): void;
  /** The text for a monitor. Without a database it says `baton_database_up 0` and leaves out what only that knows. */
  text(): Promise<string>;
  /** What `text` is written in. */
  readonly contentType: string;
}

export interface MetricsSources {
  /** Read when somebody asks. */
  readonly figures: () => Promise<Figures>;
  /** How many runs this process drives. */
  readonly driving: () => number;
  /** The agents and models of this process whose circuit is open. */
  readonly circuits: () => readonly { readonly agent: string; readonly model: string }[];
  /** The pool of prepared clones: what lies on this machine, and how this process got its workspaces. */
  readonly warmPool: () => Promise<WarmPoolFigures>;
}

export function createMetrics({ figures, driving, circuits, warmPool }: MetricsSources): Metrics {
  const registers = [new Registry()];
  const [register = new Registry()] = registers;
  collectDefaultMetrics({ register });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });

  const up = gauge("baton_database_up", "1 while the database answers");
  const due = gauge("baton_runs_due", "Runs that somebody should drive now and nobody does");
  const oldest = gauge("baton_oldest_due_seconds", "How long the first of the due runs has been due");
  const waiting = gauge("baton_runs_waiting", "Unfinished runs that wait for a time or a person");
  const held = gauge("baton_runs_held", "Runs that are driven by a living worker");
  const workers = gauge("baton_workers_alive", "Workers that have shown that they live");
  const deliveries = gauge("baton_deliveries_pending", "Webhook deliveries that are kept and not handled");
  const writes = gauge("baton_outbox_pending", "Writes to GitHub that were begun, are not done and were not refused");
  const finished = new Gauge({
    name: "baton_runs_finished",
    help: "Runs that have ended, by outcome; a retried run is not ended any more",
    labelNames: ["outcome"],
    registers,
  });
  const spend = new Counter({
    name: "baton_model_spend_dollars_total",
    help: "Spent on models by all runs",
    registers,
  });
  const wait = new Histogram({
    name: "baton_claim_wait_seconds",
    help: "How long runs had been due when this process claimed them",
    buckets: WAIT_BUCKETS_S,
    registers,
  });
  new Gauge({
    name: "baton_worker_runs",
    help: "Runs that this process drives",
    registers,
    collect() {
      this.set(driving());
    },
  });
  new Gauge({
    name: "baton_circuit_open",
    help: "1 for each agent and model that this process does not ask for now, after three similar failures in a row",
    labelNames: ["agent", "model"],
    registers,
    collect() {
      this.reset();
      for (const { agent, model } of circuits()) this.set({ agent, model }, 1);
    },
  });

  const clones = gauge("baton_warm_pool_clones", "Prepared clones on this machine");
  const bytes = gauge("baton_warm_pool_bytes", "What they take on the disk");
  const leased = (name: string, help: string) => new Counter({ name, help, registers });
  const hits = leased("baton_warm_pool_hits_total", "Workspaces of this process that came from the warm pool");
  const misses = leased("baton_warm_pool_misses_total", "Workspaces of this process whose dependencies were installed");

  async function look(): Promise<void> {
    const now = await warmPool();
    clones.set(now.clones);
    bytes.set(now.bytes);
    for (const [counter, count] of [
      [hits, now.hits],
      [misses, now.misses],
    ] as const) {
      counter.reset();
      counter.inc(count);
    }
  }

  let asked: { at: number; done: Promise<void> } | undefined;
  const ofDatabase = [due, oldest, waiting, held, workers, deliveries, writes];

  async function refresh(): Promise<void> {
    try {
      const now = await figures();
      up.set(1);
      due.set(now.due);
      oldest.set(now.oldestDueSeconds);
      waiting.set(now.waiting);
      held.set(now.held);
      workers.set(now.workers);
      deliveries.set(now.deliveries);
      writes.set(now.writes);
      finished.reset();
      for (const [outcome, count] of Object.entries(now.finished)) finished.set({ outcome }, count);
      spend.reset();
      spend.inc(now.microDollars / 1_000_000);
    } catch {
      up.set(0);
      // An old number would look like a new one.
      for (const each of ofDatabase) each.remove();
      finished.reset();
    }
  }

  return {
    claimed: (waitedMs) => wait.observe(waitedMs / 1_000),
    contentType: register.contentType,
    async text() {
      if (asked === undefined || performance.now() - asked.at > FRESH_MS)
        asked = { at: performance.now(), done: refresh() };
      await asked.done;
      await look();
      return await register.metrics();
    },
  };
}
