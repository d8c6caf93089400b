// Who works which run: leases by the database's clock, limits that many workers keep together, and turns that are fair.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { BatonError } from "#src/core/errors.ts";
import type { RunId } from "#src/core/ids.ts";
import { RunEvent } from "#src/engine/events.ts";
import { openClaims, type ClaimLimits, type WorkerClaims } from "#src/store/claims.ts";
import type { Database } from "#src/store/database.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { created } from "#test/support/engine-world.ts";
import { databases } from "./databases.ts";
import { soon } from "#test/support/until.ts";

const parse = (json: unknown) => RunEvent.parse(json);
const plenty: ClaimLimits = { perRepository: 1_000, perInstallation: 1_000 };
const by = { login: "maria", id: 7 };
let subject = 0;

async function openWorld(database: Database) {
  const log = await openEventLog(database, { parse, log: silentLog });
  const repositories = new Map<RunId, number>();
  return {
    log,
    database,
    /** A run of a repository, due now. */
    async start(repo = 1, installationId = 5): Promise<RunId> {
      const first = created({ subject: { ...created().subject, number: ++subject } });
      await log.create({ ...first, repo: { ...first.repo, id: repo, name: `r${repo}`, installationId } });
      repositories.set(first.runId, repo);
      return first.runId;
    },
    async append(run: RunId, event: RunEvent): Promise<void> {
      const { length } = await log.read(run);
      expect(await log.append(run, length, [event])).toMatchObject({ type: "appended" });
    },
    repositoryOf: (run: RunId | undefined) => (run === undefined ? undefined : repositories.get(run)),
    claims: (limits = plenty, leaseMs = 60_000, claimed?: (waitedMs: number) => void) =>
      openClaims({ ...database, shared: true }, limits, { leaseMs, claimed }),
    /** Everything is as before the first run. */
    async clear(): Promise<void> {
      for (const table of ["events", "runs", "workers"]) await database.query(`DELETE FROM baton.${table}`);
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

function hold(condition: boolean, what: string): void {
  if (!condition) throw new Error(`this does not hold: ${what}`);
}

async function all(claims: Pick<WorkerClaims, "next">): Promise<RunId[]> {
  const taken: RunId[] = [];
  for (let run = await claims.next(); run !== undefined; run = await claims.next()) taken.push(run);
  return taken;
}

describe.each(databases.filter(({ here }) => here))("claims in $name", ({ name, open }) => {
  async function world() {
    await using undo = new AsyncDisposableStack();
    const { database } = undo.use(await open());
    const opened = undo.use(await openWorld(database));
    const all = undo.move();
    return { ...opened, [Symbol.asyncDispose]: () => all.disposeAsync() };
  }

  test("each due run is one worker's; what is given back is anybody's", async () => {
    await using at = await world();
    const run = await at.start();
    const waits: number[] = [];
    await using one = await at.claims(plenty, 60_000, (waited) => waits.push(waited));
    await using two = await at.claims();
    expect(await one.next()).toBe(run);
    expect(await two.next()).toBeUndefined();
    await one.assure(run);
    await expect(two.assure(run)).rejects.toMatchObject({ code: "fence-lost" });
    // What one does not hold, one does not give back.
    await two.release(run);
    expect(await two.next()).toBeUndefined();
    await one.release(run);
    await expect(one.assure(run)).rejects.toMatchObject({ code: "fence-lost" });
    expect(await two.next()).toBe(run);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeLessThan(10_000);
  });

  test("a run that rests is due again by what is said of it, also in the moment in which it is given back", async () => {
    await using at = await world();
    const run = await at.start();
    await using one = await at.claims();
    const by = { login: "maria", id: 7 };
    expect(await one.next()).toBe(run);
    await at.log.append(run, 1, [{ type: "subject.edited", by }]);
    // Its driver did not know of that.
    await one.release(run, { rests: 1 });
    expect(await one.next()).toBe(run);
    await one.release(run, { rests: 2 });
    expect(await one.next()).toBeUndefined();
    await at.log.append(run, 2, [{ type: "resume.requested", by, quote: "/agent resume" }]);
    expect(await one.next()).toBe(run);
    // It is for later: that there is nothing to do now changes nothing.
    await at.log.append(run, 3, [{ type: "run.parked", reason: "broken", message: "…", until: Date.now() + 60_000 }]);
    await one.release(run, { rests: 4 });
    expect((await one.beat()).dueInMs).toBeGreaterThan(1_000);
  });

  test("a worker that is silent for its lease has lost its runs, whatever it believes", async () => {
    await using at = await world();
    const run = await at.start();
    await using silent = await at.claims(plenty, 1_500);
    await using other = await at.claims();
    expect(await silent.next()).toBe(run);
    expect(await other.next()).toBeUndefined();
    let taken: RunId | undefined;
    await expect.poll(async () => (taken ??= await other.next()), soon).toBe(run);
    await expect(silent.assure(run)).rejects.toMatchObject({ code: "fence-lost" });
    // Awake again, it lives, and the run is still the other's.
    await silent.beat();
    await expect(silent.assure(run)).rejects.toMatchObject({ code: "fence-lost" });
    await silent.release(run);
    await other.assure(run);
  });

  test("a worker whose lease ran out is not given what it was given already; a new one is", async () => {
    await using at = await world();
    const run = await at.start();
    await using one = await at.claims(plenty, 100);
    expect(await one.next()).toBe(run);
    await expect.poll(() => one.held(run), soon).toBe(false);
    expect(await one.next()).toBeUndefined();
    // Alive again, it has the run as before.
    await expect.poll(async () => [(await one.beat()).dueInMs, await one.held(run)], soon).toEqual([undefined, true]);
    await one.release(run);
    expect(await one.next()).toBe(run);
    await expect.poll(() => one.held(run), soon).toBe(false);
    await using next = await at.claims();
    expect(await next.next()).toBe(run);
  });

  test("a run whose claim was not heard of is due, and claimed again, whatever the limits", async () => {
    await using at = await world();
    const run = await at.start();
    let lost = 1;
    const losing: Database = {
      ...at.database,
      shared: true,
      async query<Row extends object>(text: string, params?: readonly unknown[]): Promise<Row[]> {
        const rows = await at.database.query<Row>(text, params);
        if (text.includes("baton.claim(") && lost-- > 0)
          throw new BatonError("database-failed", "the answer was lost", { retryable: true });
        return rows;
      },
    };
    await using one = await openClaims(losing, { perRepository: 1, perInstallation: 1 }, { leaseMs: 60_000 });
    await using two = await at.claims();
    await expect(one.next()).rejects.toThrow("the answer was lost");
    expect(await two.next()).toBeUndefined();
    expect(await one.beat()).toEqual({ dueInMs: 0 });
    expect(await one.next()).toBe(run);
    await one.assure(run);
    expect(await one.next()).toBeUndefined();
    expect(await one.beat()).toEqual({ dueInMs: undefined });
  });

  test("a worker that beats keeps its runs longer than a lease", async () => {
    await using at = await world();
    const run = await at.start();
    await using one = await at.claims(plenty, 400);
    await using two = await at.claims();
    await one.next();
    const leaseOver = Date.now() + 900;
    while (Date.now() < leaseOver) {
      await one.beat();
      expect(await two.next()).toBeUndefined();
    }
    await one.assure(run);
  });

  // An embedded database has its process's clock, and no other process.
  test.skipIf(name === "PGlite")("the worker's own clock decides nothing", async () => {
    await using at = await world();
    const run = await at.start();
    const real = Date.now;
    try {
      // A worker whose clock is a day ahead, and then a day behind.
      Date.now = () => real() + 86_400_000;
      await using ahead = await at.claims();
      expect(await ahead.next()).toBe(run);
      await ahead.assure(run);
      Date.now = () => real() - 86_400_000;
      await ahead.assure(run);
      await using behind = await at.claims();
      expect(await behind.next()).toBeUndefined();
      await ahead.release(run, { afterMs: 60_000 });
      expect(await behind.next()).toBeUndefined();
      const { dueInMs } = await behind.beat();
      expect(dueInMs).toBeGreaterThan(50_000);
      expect(dueInMs).toBeLessThanOrEqual(60_000);
    } finally {
      Date.now = real;
    }
  });

  test("a parked run is nobody's before its time, a paused one until a person says so, an ended one never", async () => {
    await using at = await world();
    await using one = await at.claims();
    const parked = await at.start();
    const soonDue = await at.start();
    const paused = await at.start();
    const ended = await at.start();
    const stuck = await at.start();
    const until = Date.now() + 3_600_000;
    await at.append(parked, { type: "run.parked", reason: "model-limit", message: "…", until });
    await at.append(soonDue, { type: "run.parked", reason: "model-limit", message: "…", until: Date.now() + 150 });
    await at.append(stuck, { type: "run.parked", reason: "model-account", message: "…" });
    await at.append(paused, { type: "pause.requested", by, quote: "/agent pause" });
    await at.append(ended, { type: "run.finished", outcome: "failed", code: "x", message: "…" });
    let taken: RunId | undefined;
    await expect.poll(async () => (taken ??= await one.next()), soon).toBe(soonDue);
    expect(await one.next()).toBeUndefined();
    const { dueInMs } = await one.beat();
    expect(dueInMs).toBeGreaterThan(3_500_000);
    await at.append(paused, { type: "resume.requested", by, quote: "/agent resume" });
    expect((await one.beat()).dueInMs).toBe(0);
    expect(await one.next()).toBe(paused);
    await at.append(stuck, { type: "stop.requested", by, quote: "/agent stop" });
    expect(await one.next()).toBe(stuck);
    await at.append(ended, { type: "retry.requested", by, quote: "/agent retry" });
    expect(await one.next()).toBe(ended);
    expect(await one.next()).toBeUndefined();
  });

  test("a run given back with a penalty waits it out, and a later due time stays", async () => {
    await using at = await world();
    await using one = await at.claims();
    const run = await at.start();
    await one.next();
    await one.release(run, { afterMs: 200 });
    expect(await one.next()).toBeUndefined();
    const until = Date.now() + 3_600_000;
    await expect.poll(() => one.next(), soon).toBe(run);
    await at.append(run, { type: "run.parked", reason: "broken", message: "…", until });
    await one.release(run, { afterMs: 10 });
    expect((await one.beat()).dueInMs).toBeGreaterThan(3_500_000);
  });

  test("one run of a quiet repository is next, however many another has", async () => {
    await using at = await world();
    for (let i = 0; i < 100; i += 1) await at.start(1);
    const quiet = await at.start(2);
    await using one = await at.claims();
    expect(at.repositoryOf(await one.next())).toBe(1);
    expect(await one.next()).toBe(quiet);
    await using two = await at.claims();
    expect(at.repositoryOf(await two.next())).toBe(1);
  });

  test("installations take turns in the same way, and so it goes on when runs are given back", async () => {
    await using at = await world();
    for (let i = 0; i < 30; i += 1) await at.start(1 + (i % 10), 5);
    const quiet = await at.start(20, 6);
    await using one = await at.claims();
    const first = await one.next();
    expect(at.repositoryOf(first)).toBe(1);
    expect(await one.next()).toBe(quiet);
    // Nothing is under way any more; the repository that was served longest ago comes first.
    for (const run of [first, quiet]) if (run) await one.release(run, { afterMs: 3_600_000 });
    const order: (number | undefined)[] = [];
    for (let i = 0; i < 10; i += 1) {
      const run = await one.next();
      order.push(at.repositoryOf(run));
      if (run) await one.release(run, { afterMs: 3_600_000 });
    }
    expect(order).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 1]);
  });

  test("limits of repository and installation hold in all workers together, with eight who claim at once", async () => {
    await using at = await world();
    const limits: ClaimLimits = { perRepository: 3, perInstallation: 7 };
    for (let i = 0; i < 60; i += 1) await at.start(1 + (i % 6), 5 + (i % 2));
    await using undo = new AsyncDisposableStack();
    const workers = await Promise.all(Array.from({ length: 8 }, async () => undo.use(await at.claims(limits))));
    const taken = (await Promise.all(workers.map((worker) => all(worker)))).flat();
    expect(new Set(taken).size).toBe(taken.length);
    // Six repositories with three each would be eighteen; two installations with seven each are fourteen.
    expect(taken).toHaveLength(14);
    const counts = Map.groupBy(taken, (run) => at.repositoryOf(run));
    for (const [, runs] of counts) expect(runs.length).toBeLessThanOrEqual(3);
    expect(counts.size).toBe(6);
  });

  test("any sequence of claims, returns, deaths and waits keeps every rule", async () => {
    await using at = await world();
    const limits: ClaimLimits = { perRepository: 2, perInstallation: 3 };
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant("claim" as const), worker: fc.nat(2) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("start" as const), repo: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), worker: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("die" as const), worker: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("park" as const), worker: fc.nat(2) }) },
    );
    const proof = fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await at.clear();
        await using undo = new AsyncDisposableStack();
        const workers = [await at.claims(limits), await at.claims(limits), await at.claims(limits)];
        for (const worker of workers) undo.use(worker);
        const held = new Map<RunId, number>();
        const due = new Set<RunId>();
        const installationOf = (run: RunId) => (at.repositoryOf(run) ?? 0) % 2;
        const count = (of: (run: RunId) => boolean) => [...held.keys()].filter(of).length;
        const mayRun = (run: RunId) =>
          count((other) => at.repositoryOf(other) === at.repositoryOf(run)) < limits.perRepository &&
          count((other) => installationOf(other) === installationOf(run)) < limits.perInstallation;
        for (const one of steps) {
          if (one.do === "start") {
            due.add(await at.start(one.repo, 10 + (one.repo % 2)));
            continue;
          }
          const worker = workers[one.worker];
          if (!worker) throw new Error("no such worker");
          const [mine] = [...held].find(([, by]) => by === one.worker) ?? [];
          if (one.do === "claim") {
            const possible = [...due].filter(mayRun);
            const run = await worker.next();
            hold((run !== undefined) === possible.length > 0, "a run is taken exactly when one may be");
            if (run === undefined) continue;
            hold(possible.includes(run), "what is taken was due, free and within the limits");
            // Nobody with fewer under way was passed over.
            const load = (of: RunId) => [
              count((other) => installationOf(other) === installationOf(of)),
              count((other) => at.repositoryOf(other) === at.repositoryOf(of)),
            ];
            const [mineOf = 0, repoOf = 0] = load(run);
            for (const other of possible) {
              const [theirs = 0, repo = 0] = load(other);
              hold(
                theirs > mineOf || (theirs === mineOf && repo >= repoOf),
                "nobody with fewer under way is passed over",
              );
            }
            due.delete(run);
            held.set(run, one.worker);
          } else if (one.do === "die") {
            await at.database.query("UPDATE baton.workers SET alive_until = 'epoch' WHERE worker = $1", [
              worker.worker,
            ]);
            for (const [run, by] of held) if (by === one.worker) due.add(run);
            for (const run of due) held.delete(run);
            workers[one.worker] = undo.use(await at.claims(limits));
          } else if (mine !== undefined) {
            if (one.do === "park")
              await at.append(mine, {
                type: "run.parked",
                reason: "broken",
                message: "…",
                until: Date.now() + 3_600_000,
              });
            await worker.release(mine);
            held.delete(mine);
            if (one.do === "release") due.add(mine);
          }
        }
      }),
      { numRuns: name === "PGlite" ? 15 : 25 },
    );
    await expect(proof).resolves.toBeUndefined();
  });
});
