// For which runs GitHub is asked for jobs, how often, and what becomes of a run for which none comes.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fold } from "#src/engine/fold.ts";
import type { RunId } from "#src/core/ids.ts";
import { BatonError } from "#src/core/errors.ts";
import type { Dispatcher } from "#src/jobs/dispatcher.ts";
import { openClaims } from "#src/store/claims.ts";
import type { Jobs } from "#src/store/jobs.ts";
import { created } from "#test/support/engine-world.ts";
import { openJobsWorld, type JobsWorld } from "#test/support/jobs-world.ts";

const by = { login: "maria", id: 7 };
let asked: JobsWorld;
let all: JobsWorld;
beforeAll(async () => {
  asked = await openJobsWorld({ all: false });
  all = await openJobsWorld({ limits: 2 });
}, 60_000);
beforeEach(async () => {
  for (const at of [asked, all]) {
    for (const table of ["jobs", "events", "runs", "workers"]) await at.database.query(`DELETE FROM baton.${table}`);
    at.dispatched.length = 0;
    at.says = { type: "sent" };
    at.silent.clear();
  }
});
afterAll(async () => {
  await asked[Symbol.asyncDispose]();
  await all[Symbol.asyncDispose]();
});

/** So much time passes for the jobs that were asked for. */
const pass = (at: JobsWorld, minutes: number) =>
  at.database.query(
    `UPDATE baton.jobs SET asked_at = asked_at - ${minutes} * interval '1 minute';
     UPDATE baton.runs SET due_at = due_at - ${minutes} * interval '1 minute'`,
  );
const waiting = async (at: JobsWorld, run: RunId) => fold(await at.log.read(run)).waiting;

describe("a job is asked for", () => {
  test("once, however many servers look, until it comes; and not while it has the run", async () => {
    const run = await all.start();
    await Promise.all([all.look(), all.look(), all.look()]);
    await all.look();
    expect(all.dispatched).toEqual([`baton.yml ${run}`]);
    const token = await all.token(run);
    await pass(all, 11);
    await all.look();
    await all.ask(token, "POST", "release", { rests: 1 });
    await all.look();
    expect(all.dispatched).toHaveLength(1);
    // It is due again when somebody says something.
    await all.append(run, { type: "resume.requested", by, quote: "/agent resume" });
    await all.look();
    expect(all.dispatched).toHaveLength(2);
  });

  test("for those whose repository says so, of the file it names; others are the server's own", async () => {
    const own = await asked.start();
    const run = await asked.start({}, true);
    await asked.look();
    expect(asked.dispatched).toEqual([`agents.yml ${run}`]);
    await using claims = await openClaims(
      { ...asked.database, shared: true },
      { perRepository: 9, perInstallation: 9 },
      { own: true },
    );
    expect(await claims.next()).toBe(own);
    expect(await claims.next()).toBeUndefined();
    expect(await claims.beat()).toEqual({ dueInMs: undefined });
  });

  test("for as many as may be under way in one repository", async () => {
    const runs = [await all.start(), await all.start(), await all.start()];
    await all.look();
    expect(all.dispatched).toHaveLength(2);
    const [first] = runs;
    if (!first) throw new Error("there are three");
    const token = await all.token(first);
    await all.look();
    expect(all.dispatched).toHaveLength(2);
    await all.ask(token, "POST", "release", { rests: 1 });
    await all.look();
    expect(all.dispatched).toHaveLength(3);
  });

  test("again when it does not come in time, at most three times; then the run waits for people, who read what to look at", async () => {
    const run = await all.start();
    for (let tries = 0; tries < 5; tries += 1) {
      await all.look();
      await pass(all, 11);
    }
    expect(all.dispatched).toHaveLength(3);
    const held = await waiting(all, run);
    expect(held).toMatchObject({ reason: "no-job", until: undefined });
    expect(held?.message).toMatch(
      /^3 jobs of \.github\/workflows\/baton\.yml were asked for and none has come\. .*Actions tab/,
    );
    // And a person's word begins the count anew.
    await all.append(run, { type: "resume.requested", by, quote: "/agent resume" });
    await all.look();
    expect(all.dispatched).toHaveLength(4);
  });

  test("at once when one died, at most three times in a row; then people read which was the last", async () => {
    const run = await all.start();
    for (let tries = 0; tries < 5; tries += 1) {
      await all.look();
      if ((await waiting(all, run)) === undefined) await all.token(run);
      await all.silence();
    }
    expect(all.dispatched).toHaveLength(3);
    expect((await waiting(all, run))?.message).toContain("https://github.com/octo/tab/actions/runs/77");
  });

  describe("when the server was away itself", () => {
    const silentJob = async () => {
      const run = await all.start();
      await all.look();
      const token = await all.token(run);
      await all.silence();
      return { run, token };
    };
    const asksOf = async (dispatcher: Dispatcher) => {
      all.dispatched.length = 0;
      await dispatcher.look();
      await dispatcher.settled();
      return all.dispatched;
    };

    test("not at once for a job that may only not have been heard, which goes on where it was", async () => {
      const { token } = await silentJob();
      const other = await all.start();
      const fresh = all.another(0);
      expect(await asksOf(fresh)).toEqual([`baton.yml ${other}`]);
      expect(await all.ask(token, "POST", "beat")).toMatchObject({ status: 200 });
      expect(await asksOf(all.another(3_600_000))).toEqual([]);
      expect(await all.ask(token, "GET", "events")).toMatchObject({ status: 200 });
    });

    test("again when the lease has passed and it is silent still, and that does not count", async () => {
      const { run } = await silentJob();
      for (let outages = 0; outages < 5; outages += 1) {
        expect(await asksOf(all.another(60_500))).toEqual([`baton.yml ${run}`]);
        await all.token(run);
        await all.silence();
      }
      expect(await waiting(all, run)).toBeUndefined();
    });

    test("and whatever does not come after that counts as ever", async () => {
      const { run } = await silentJob();
      const server = all.another(60_500);
      const asks = [];
      for (let tries = 0; tries < 5; tries += 1) {
        asks.push((await asksOf(server)).length);
        await pass(all, 11);
      }
      expect(asks).toEqual([1, 1, 1, 0, 0]);
      expect(await waiting(all, run)).toMatchObject({ reason: "no-job" });
    });

    test("also where only its database was away, or it was frozen", async () => {
      await silentJob();
      let away = true;
      const next: Jobs["next"] = (looking) =>
        away ? Promise.reject(new BatonError("database-failed", "away")) : all.jobs.next(looking);
      const cut = all.another(3_600_000, { jobs: { ...all.jobs, next } });
      await expect(cut.look()).rejects.toThrow("away");
      away = false;
      expect(await asksOf(cut)).toEqual([]);

      let frozenMs = 0;
      const frozen = all.another(3_600_000, { monotonic: () => performance.now() + frozenMs });
      frozenMs = 600_000;
      expect(await asksOf(frozen)).toEqual([]);
      expect(await asksOf(all.another(3_600_000))).toHaveLength(1);
    });
  });

  test("no more when GitHub refuses for good, and people read why", async () => {
    all.says = { type: "refused", why: "there is no such workflow on main" };
    const run = await all.start();
    await all.look();
    await all.look();
    expect(all.dispatched).toHaveLength(1);
    expect((await waiting(all, run))?.message).toBe(
      "GitHub starts no job of .github/workflows/baton.yml: there is no such workflow on main",
    );
  });

  test("later when it is not known what GitHub did", async () => {
    all.says = new Error("socket hang up");
    const run = await all.start();
    await all.look();
    await all.look();
    expect(all.dispatched).toHaveLength(1);
    expect(await waiting(all, run)).toBeUndefined();
    await pass(all, 11);
    await all.look();
    expect(all.dispatched).toHaveLength(2);
  });

  test("of each installation on its own: one that GitHub makes wait keeps nobody else waiting", async () => {
    const slow = Promise.withResolvers<void>();
    all.silent.set(1, slow.promise);
    const at = (installationId: number, name: string) => ({
      repo: { ...created().repo, installationId, id: 11 + installationId, name },
    });
    const waits = [await all.start(at(1, "one")), await all.start(at(1, "one"))];
    const other = await all.start(at(2, "two"));
    await all.dispatcher.look();
    await all.dispatcher.look();
    expect(all.dispatched).toEqual([`baton.yml ${waits[0]}`, `baton.yml ${other}`]);
    slow.resolve();
    await all.dispatcher.settled();
    expect(all.dispatched.slice(2)).toEqual([`baton.yml ${waits[1]}`]);
  });

  test("when the limit is over that kept GitHub from being asked, and that counts for nothing", async () => {
    const at = { repo: { ...created().repo, installationId: 7, id: 11 } };
    const run = await all.start(at);
    for (let limits = 0; limits < 5; limits += 1) {
      all.says = new BatonError("github-failed", "its rate limit is used up", { retryable: true, retryAt: Date.now() });
      await all.look();
    }
    expect(all.dispatched.length).toBeGreaterThanOrEqual(5);
    expect(await waiting(all, run)).toBeUndefined();
    // Until then nothing of the installation is asked for.
    all.says = new BatonError("github-failed", "its rate limit is used up", { retryAt: Date.now() + 3_600_000 });
    await all.look();
    const before = all.dispatched.length;
    all.says = { type: "sent" };
    await all.start(at);
    await all.look();
    expect(all.dispatched).toHaveLength(before);
    await all.start();
    await all.look();
    expect(all.dispatched).toHaveLength(before + 1);
  });

  test("not to write down that people ended a run", async () => {
    const run = await all.start();
    await all.look();
    await all.append(run, { type: "stop.requested", by, quote: "/agent stop" });
    await all.look();
    expect(all.dispatched).toHaveLength(1);
    expect(fold(await all.log.read(run)).finished).toMatchObject({ code: "stopped" });
  });
});
