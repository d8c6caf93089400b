// Workers over a real database: who drives which run when workers come, go, freeze and fail.
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { systemClock } from "#src/core/clock.ts";
import type { RunId } from "#src/core/ids.ts";
import { parkingOf } from "#src/core/parking.ts";
import { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import type { Claims, EventLog } from "#src/engine/ports.ts";
import { startWorker } from "#src/engine/worker.ts";
import { openClaims } from "#src/store/claims.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { created, engineWith, ScriptedAgents } from "#test/support/engine-world.ts";
import { databases } from "./databases.ts";
import { soon } from "#test/support/until.ts";

const limits = { perRepository: 100, perInstallation: 100 };
const LEASE_MS = 300;

describe.each(databases)("workers on $name", ({ here, open }) => {
  describe.skipIf(!here)("are there", () => {
    async function world() {
      await using undo = new AsyncDisposableStack();
      const { database } = undo.use(await open());
      const log = undo.use(await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog }));
      const opened = undo.move();
      let issue = 0;
      return {
        log,
        claims: () => openClaims(database, limits, { leaseMs: LEASE_MS }),
        worker(claims: Claims, agents = new ScriptedAgents(), parallel = 4, over: EventLog = log) {
          const engine = engineWith(over, { agents, clock: systemClock });
          return Object.assign(startWorker({ engine, claims, parallel, beatMs: LEASE_MS / 4 }), { agents });
        },
        async start(): Promise<RunId> {
          const first = created({ subject: { ...created().subject, number: ++issue } });
          await log.create(first);
          return first.runId;
        },
        outcome: async (run: RunId) => fold(await log.read(run)).finished?.outcome,
        [Symbol.asyncDispose]: () => opened.disposeAsync(),
      };
    }

    test("a run that nobody rang for is found and driven", async () => {
      await using here = await world();
      await using claims = await here.claims();
      await using _worker = here.worker(claims);
      const run = await here.start();
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
    });

    test("no more runs than allowed are driven at once, and all of them in the end", async () => {
      await using here = await world();
      await using claims = await here.claims();
      let most = 0;
      const agents = new ScriptedAgents();
      const worker = here.worker(claims, agents, 2);
      await using _worker = worker;
      const run = agents.run.bind(agents);
      agents.run = async (...given) => {
        most = Math.max(most, worker.driving);
        return await run(...given);
      };
      const runs = await Promise.all(Array.from({ length: 7 }, () => here.start()));
      for (const one of runs) await expect.poll(() => here.outcome(one), soon).toBe("succeeded");
      expect(most).toBe(2);
    });

    test("a worker that falls silent loses its run to another, and writes nothing more", async () => {
      await using here = await world();
      await using first = await here.claims();
      await using second = await here.claims();
      // Its heart stops as soon as it has claimed: to everybody else it is dead, though it goes on working.
      let dead = false;
      const silent: Claims = {
        ...first,
        next: async () => {
          const run = dead ? undefined : await first.next();
          dead ||= run !== undefined;
          return run;
        },
        beat: () => (dead ? Promise.resolve({ dueInMs: undefined }) : first.beat()),
      };
      const hanging = new ScriptedAgents({ fix: ["hang"] });
      const hung = Promise.withResolvers<void>();
      hanging.onHang = hung.resolve;
      await using _silent = here.worker(silent, hanging);
      const run = await here.start();
      await hung.promise;

      await using _other = here.worker(second);
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
      await expect(first.assure(run)).rejects.toMatchObject({ code: "fence-lost" });
      const drivers = (await here.log.read(run)).filter(({ event }) => event.type === "run.driven");
      expect(drivers).toHaveLength(2);
      expect((await here.log.read(run)).filter(({ event }) => event.type === "agent.failed")).toEqual([]);
    });

    test("a worker whose lease ran out, with nobody else there, begins none of its runs a second time", async () => {
      await using here = await world();
      await using claims = await here.claims();
      // It beats once, and then not for longer than its lease.
      const awake = Promise.withResolvers<void>();
      let beats = 0;
      const slow: Claims = {
        ...claims,
        beat: async () => {
          if (beats++ > 0) await awake.promise;
          return await claims.beat();
        },
      };
      const hanging = new ScriptedAgents({ fix: ["hang"] });
      const hung = Promise.withResolvers<void>();
      hanging.onHang = hung.resolve;
      const run = await here.start();
      await using worker = here.worker(slow, hanging);
      try {
        await hung.promise;
        hanging.answers["fix"] = [];
        await expect.poll(() => claims.held(run), soon).toBe(false);
        const other = await here.start();
        worker.look();
        await expect.poll(() => here.outcome(other), soon).toBe("succeeded");
        const drivers = (await here.log.read(run)).filter(({ event }) => event.type === "run.driven");
        expect(drivers).toHaveLength(1);
      } finally {
        awake.resolve();
      }
      await expect.poll(() => claims.held(run), soon).toBe(true);
      await expect.poll(() => worker.driving, soon).toBe(1);
    });

    test("a run that waits is taken up when its time has come, and not before", async () => {
      await using here = await world();
      await using claims = await here.claims();
      const until = Date.now() + 700;
      const agents = new ScriptedAgents({ fix: [{ type: "wait", reason: "model-limit", message: "wait", until }] });
      await using _worker = here.worker(claims, agents);
      const run = await here.start();
      const parks = async () =>
        (await here.log.read(run)).flatMap(({ event }) => (event.type === "run.parked" ? [event.until] : []));
      await expect.poll(parks, soon).toContain(until);
      agents.answers["fix"] = [];
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
      const [parked, next] = (await here.log.read(run)).filter(
        ({ version }, _, all) => version >= (all.find(({ event }) => event.type === "run.parked")?.version ?? 0),
      );
      expect(parked?.event.type).toBe("run.parked");
      expect(next?.event.type).toBe("run.driven");
      expect(next?.at).toBeGreaterThanOrEqual(until);
    });

    test("told to stop it parks what it drives and gives it back, for another to go on with at once", async () => {
      await using here = await world();
      await using first = await here.claims();
      await using second = await here.claims();
      const hanging = new ScriptedAgents({ fix: ["hang"] });
      const hung = Promise.withResolvers<void>();
      hanging.onHang = hung.resolve;
      const work = hanging.run.bind(hanging);
      const told = new Set<unknown>();
      hanging.run = async (task, events, signal) => {
        signal.addEventListener("abort", () => told.add(parkingOf(signal)?.why), { once: true });
        return await work(task, events, signal);
      };
      const worker = here.worker(first, hanging);
      const run = await here.start();
      await hung.promise;
      await worker[Symbol.asyncDispose]();
      expect([...told]).toEqual(["stopping"]);
      expect(worker.driving).toBe(0);
      expect(await here.outcome(run)).toBeUndefined();
      expect(await second.beat()).toEqual({ dueInMs: 0 });
      await using _other = here.worker(second);
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
    });

    test("a run whose log cannot be read is left alone for a while, and others go on", async () => {
      await using here = await world();
      await using claims = await here.claims();
      const broken = await here.start();
      let reads = 0;
      const log: EventLog = {
        create: (event) => here.log.create(event),
        append: (...given) => here.log.append(...given),
        follow: (listener) => here.log.follow(listener),
        unfinished: () => here.log.unfinished(),
        list: (options) => here.log.list(options),
        endedWithin: (milliseconds) => here.log.endedWithin(milliseconds),
        runsOf: (...given) => here.log.runsOf(...given),
        begunOn: (...asked) => here.log.begunOn(...asked),
        eventsOf: (...asked) => here.log.eventsOf(...asked),
        unfinishedOn: (ground) => here.log.unfinishedOn(ground),
        at: (...given) => here.log.at(...given),
        read: async (run, after) => {
          if (run !== broken) return await here.log.read(run, after);
          reads += 1;
          throw new Error("the log is broken");
        },
      };
      await using _worker = here.worker(claims, new ScriptedAgents(), 4, log);
      const well = await here.start();
      await expect.poll(() => here.outcome(well), soon).toBe("succeeded");
      const later = await here.start();
      await expect.poll(() => here.outcome(later), soon).toBe("succeeded");
      expect(reads).toBe(1);
    });

    test("a run that could not be given back is given back as soon as the database answers", async () => {
      await using here = await world();
      await using claims = await here.claims();
      let refusals = 2;
      const agents = new ScriptedAgents({ fix: [{ type: "wait", reason: "model-limit", message: "wait" }] });
      const failing: Claims = {
        ...claims,
        release: (...given) =>
          refusals-- > 0 ? Promise.reject(new Error("the database is away")) : claims.release(...given),
      };
      await using _worker = here.worker(failing, agents);
      const run = await here.start();
      await expect.poll(async () => fold(await here.log.read(run)).waiting, soon).toBeDefined();
      agents.answers["fix"] = [];
      const { version } = fold(await here.log.read(run));
      const by = { login: "maria", id: 7 };
      await here.log.append(run, version, [{ type: "resume.requested", by, quote: "/agent resume" }]);
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
    });

    test("a run is given back once at a time: a second release could free its next claim", async () => {
      await using here = await world();
      await using claims = await here.claims();
      let [under, most] = [0, 0];
      let beaten: PromiseWithResolvers<void> | undefined;
      const slow: Claims = {
        ...claims,
        beat: async () => {
          const answer = await claims.beat();
          beaten?.resolve();
          return answer;
        },
        release: async (...given) => {
          most = Math.max(most, ++under);
          beaten ??= Promise.withResolvers<void>();
          await beaten.promise;
          // What the beat leads to has begun.
          await setImmediate();
          await claims.release(...given);
          under -= 1;
        },
      };
      await using _worker = here.worker(slow);
      const run = await here.start();
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
      await expect.poll(() => claims.held(run), soon).toBe(false);
      expect(most).toBe(1);
    });

    test("what is said to a run that is held does not have it driven again and again, and is heard when it goes on", async () => {
      await using here = await world();
      await using claims = await here.claims();
      const by = { login: "maria", id: 7 };
      const run = await here.start();
      const said: RunEvent = { type: "answer.given", by, quote: "/agent tell yes", stage: "fix", words: "yes" };
      await here.log.append(run, 1, [{ type: "pause.requested", by, quote: "/agent pause" }, said]);
      let looks = 0;
      let given = 0;
      const counted: Claims = {
        ...claims,
        next: async () => {
          // Driven without end it would leave no time for this test to say so.
          const due = given < 20 ? await claims.next() : undefined;
          if (due === undefined) looks += 1;
          else given += 1;
          return due;
        },
      };
      await using worker = here.worker(counted);
      // It was driven once, for what was said; then nobody finds it due.
      await expect
        .poll(() => {
          worker.look();
          return looks > 2 && worker.driving === 0;
        }, soon)
        .toBe(true);
      const driven = () =>
        here.log.read(run).then((all) => all.filter(({ event }) => event.type === "run.driven").length);
      const times = await driven();
      const before = looks;
      await expect
        .poll(() => {
          worker.look();
          return looks;
        }, soon)
        .toBeGreaterThan(before + 3);
      expect(await driven()).toBe(times);
      expect(times).toBeLessThanOrEqual(2);
      const { version } = fold(await here.log.read(run));
      await here.log.append(run, version, [{ type: "resume.requested", by, quote: "/agent resume" }]);
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
    });

    test("a pause keeps a run from every worker until somebody resumes it", async () => {
      await using here = await world();
      await using claims = await here.claims();
      const by = { login: "maria", id: 7 };
      const run = await here.start();
      await here.log.append(run, 1, [{ type: "pause.requested", by, quote: "/agent pause" }]);
      await using _worker = here.worker(claims);
      const other = await here.start();
      await expect.poll(() => here.outcome(other), soon).toBe("succeeded");
      expect(await here.log.read(run)).toHaveLength(2);
      await here.log.append(run, 2, [{ type: "resume.requested", by, quote: "/agent resume" }]);
      await expect.poll(() => here.outcome(run), soon).toBe("succeeded");
    });
  });
});
