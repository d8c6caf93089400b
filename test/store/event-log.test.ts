// What every event log must do, whatever it writes to: the same cases for memory, a file, PGlite and PostgreSQL.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRunId, type RunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { systemClock } from "#src/core/clock.ts";
import { noSpend, RunEvent, Spend } from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import type { EventLog } from "#src/engine/ports.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { createMemoryLog, openFileLog } from "#src/store/memory-log.ts";
import type { Database } from "#src/store/database.ts";
import { bugWorkflow, created, turn } from "#test/support/engine-world.ts";
import { databases, temporaryFolder } from "./databases.ts";
import { soon } from "#test/support/until.ts";

const parse = (json: unknown) => RunEvent.parse(json);

interface Opened extends AsyncDisposable {
  readonly log: EventLog;
  readonly database?: Database;
}

const logs: readonly { name: string; here: boolean; open: () => Promise<Opened> }[] = [
  {
    name: "memory",
    here: true,
    open: async () => ({ log: createMemoryLog({ clock: systemClock, parse }), async [Symbol.asyncDispose]() {} }),
  },
  {
    name: "a file",
    here: true,
    async open() {
      await using undo = new AsyncDisposableStack();
      const folder = undo.use(await temporaryFolder());
      const log = undo.use(await openFileLog({ clock: systemClock, parse, file: join(folder.path, "events.jsonl") }));
      const opened = undo.move();
      return { log, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
  },
  ...databases.map(({ name, here, open }) => ({
    name,
    here,
    async open() {
      await using undo = new AsyncDisposableStack();
      const { database } = undo.use(await open());
      const log = undo.use(await openEventLog(database, { parse, log: silentLog }));
      const opened = undo.move();
      return { log, database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
  })),
];

const finished: RunEvent = { type: "run.finished", outcome: "failed", code: "x", message: "It failed." };
const retry: RunEvent = { type: "retry.requested", by: { login: "maria", id: 7 }, quote: "/agent retry" };
const revised: RunEvent = {
  type: "revision.requested",
  by: { login: "maria", id: 7 },
  quote: "a review",
  stage: "fix",
  words: "No.",
  threads: [],
};
const driven = (driver: string): RunEvent => ({ type: "run.driven", driver });

let issue = 1_000;
/** A first event about an issue that no other case uses. */
function fresh(change: Parameters<typeof created>[0] = {}) {
  const event = created(change);
  return { ...event, subject: { ...event.subject, number: issue++ }, ...change };
}

describe.each(logs.filter(({ here }) => here))("the event log in $name", ({ name, open }) => {
  let opened: Opened;
  let log: EventLog;
  beforeAll(async () => {
    opened = await open();
    log = opened.log;
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
  });

  async function start(): Promise<RunId> {
    const event = fresh();
    expect(await log.create(event)).toEqual({ type: "created" });
    return event.runId;
  }

  test("gives back what was written, in order and with the log's time", async () => {
    const event = fresh();
    const before = Date.now();
    await log.create(event);
    expect(await log.append(event.runId, 1, [driven("a"), driven("b")])).toEqual({ type: "appended", version: 3 });
    const events = await log.read(event.runId);
    expect(events.map(({ version, event }) => ({ version, event }))).toEqual([
      { version: 1, event },
      { version: 2, event: driven("a") },
      { version: 3, event: driven("b") },
    ]);
    const times = events.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(before - 60_000);
    expect(times[2]).toBeLessThan(Date.now() + 60_000);
    expect((await log.read(event.runId, 2)).map(({ version }) => version)).toEqual([3]);
    expect(await log.read(event.runId, 3)).toEqual([]);
  });

  test("knows nothing of a run nobody created", async () => {
    const run = newRunId();
    expect(await log.read(run)).toEqual([]);
    expect(await log.append(run, 0, [driven("a")])).toEqual({ type: "conflict", version: 0 });
    expect(await log.read(run)).toEqual([]);
  });

  test("keeps what programs print: NUL, halved surrogates, quotes, other scripts", async () => {
    const run = await start();
    const odd = driven('\0 \ud800 "quoted" \\u0000 日本語 🙂 \u2028');
    await log.append(run, 1, [odd]);
    expect((await log.read(run, 1))[0]?.event).toEqual(odd);
  });

  test("refuses an append at another version and says where it is", async () => {
    const run = await start();
    expect(await log.append(run, 0, [driven("a")])).toEqual({ type: "conflict", version: 1 });
    expect(await log.append(run, 2, [driven("a")])).toEqual({ type: "conflict", version: 1 });
    expect(await log.append(run, 1, [])).toEqual({ type: "appended", version: 1 });
    expect(await log.append(run, 2, [])).toEqual({ type: "conflict", version: 1 });
    expect(await log.read(run)).toHaveLength(1);
  });

  test("lets exactly one of twenty win each version", async () => {
    const run = await start();
    const wins = await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        let won = 0;
        for (let version = 1; version <= 10;) {
          const answer = await log.append(run, version, [driven(`writer-${writer}`)]);
          if (answer.type === "appended") won++;
          version = answer.version;
        }
        return won;
      }),
    );
    expect(wins.reduce((sum, won) => sum + won, 0)).toBe(10);
    const all = await log.read(run);
    expect(all.map(({ version }) => version)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
    expect(await log.at(run, [7, 3, 12])).toEqual([all[2], all[6]]);
    expect(await log.at(run, [])).toEqual([]);
  });

  test("lets one of many start a run about a subject, and names it to the others", async () => {
    const first = fresh();
    const many = Array.from({ length: 12 }, () => ({ ...first, runId: newRunId() }));
    const answers = await Promise.all(many.map((event) => log.create(event)));
    const [winner, ...more] = many.filter((_, index) => answers[index]?.type === "created");
    expect(more).toEqual([]);
    const others = answers.filter(({ type }) => type === "taken");
    expect(others).toEqual(Array.from({ length: 11 }, () => ({ type: "taken", by: winner?.runId })));
    expect(await log.runsOf(first.repo, first.subject)).toEqual([winner?.runId]);
    for (const { runId } of many) expect(await log.read(runId)).toHaveLength(runId === winner?.runId ? 1 : 0);
  });

  test("lets the next run start when the last one is finished, and knows a renamed repository", async () => {
    const first = fresh();
    await log.create(first);
    const renamed = { ...first.repo, owner: "new-owner", name: "new-name" };
    const second = { ...first, runId: newRunId(), repo: renamed };
    expect(await log.create(second)).toEqual({ type: "taken", by: first.runId });
    await log.append(first.runId, 1, [driven("a"), finished]);
    expect(await log.create(second)).toEqual({ type: "created" });
    expect(await log.runsOf(first.repo, first.subject)).toEqual([second.runId, first.runId]);
  });

  test("gives events of some types of the latest runs about a subject", async () => {
    const first = fresh();
    await log.create(first);
    await log.append(first.runId, 1, [driven("a"), finished, retry, finished]);
    const second = { ...first, runId: newRunId() };
    await log.create(second);
    await log.create(fresh());
    const types = ["run.created", "run.finished"] as const;
    const found = await log.eventsOf(first.repo, first.subject, { runs: 5, types });
    expect(found.map(({ run, events }) => [run, events.map(({ version }) => version)])).toEqual([
      [second.runId, [1]],
      [first.runId, [1, 3, 5]],
    ]);
    expect(found[1]?.events).toEqual((await log.read(first.runId)).filter((_, index) => [0, 2, 4].includes(index)));
    expect(await log.eventsOf(first.repo, first.subject, { runs: 1, types })).toEqual(found.slice(0, 1));
    expect(await log.eventsOf(first.repo, { number: 999_999 }, { runs: 5, types })).toEqual([]);
  });

  test("says when runs began on a subject, and were taken up again, by a retry or a revision", async () => {
    const first = fresh();
    expect(await log.begunOn(first.repo, first.subject, 60_000)).toEqual([]);
    await log.create(first);
    await log.append(first.runId, 1, [driven("a"), finished, retry, finished, revised, finished]);
    await log.create({ ...first, runId: newRunId() });
    await log.create(fresh());
    const times = (await log.read(first.runId)).flatMap(({ at, event }) =>
      ["run.created", "retry.requested", "revision.requested"].includes(event.type) ? [at] : [],
    );
    const begun = await log.begunOn(first.repo, first.subject, 60_000);
    expect(begun.slice(1)).toEqual(times.toReversed());
    expect(begun).toHaveLength(4);
    expect(begun).toEqual(begun.toSorted((a, b) => b - a));
    expect(await log.begunOn(first.repo, first.subject, -60_000)).toEqual([]);
  });

  test("keeps local repositories apart by their names", async () => {
    const local = (owner: string) => fresh({ repo: { ...created().repo, id: 0, owner } });
    const one = local("one");
    const other = { ...local("other"), subject: one.subject };
    expect(await log.create(one)).toEqual({ type: "created" });
    expect(await log.create(other)).toEqual({ type: "created" });
    expect(await log.create({ ...one, runId: newRunId() })).toEqual({ type: "taken", by: one.runId });
    expect(await log.runsOf(one.repo, one.subject)).toEqual([one.runId]);
  });

  test("counts a retried run as unfinished again", async () => {
    const run = await start();
    const later = await start();
    const mine = async () => (await log.unfinished()).filter((id) => id === run || id === later);
    expect(await mine()).toEqual([run, later]);
    await log.append(run, 1, [finished]);
    expect(await mine()).toEqual([later]);
    await log.append(run, 2, [retry]);
    expect(await mine()).toEqual([run, later]);
    await log.append(run, 3, [retry, finished]);
    expect(await mine()).toEqual([later]);
  });

  test("lists runs, newest first, with what people ask about them", async () => {
    const repo = { ...created().repo, id: 4_321, name: "listed" };
    const one = fresh({ repo });
    const two = fresh({ repo });
    await log.create(one);
    await log.create(two);
    const spend = Spend.parse({ ...noSpend, turns: 1, microDollars: 250 });
    const decision = { kind: "start" as const, workflow: bugWorkflow, budget: budgetOf(one, bugWorkflow) };
    await log.append(one.runId, 1, [{ type: "run.routed", source: "asked-for", decision, why: "asked", spend }]);
    await log.append(one.runId, 2, [{ type: "stage.started", stage: "fix", attempt: 1, reasons: [] }]);
    await log.append(one.runId, 3, [{ type: "agent.turn", stage: "fix", attempt: 1, ...turn(1), spend }]);
    const until = Date.now() + 60_000;
    await log.append(one.runId, 4, [{ type: "run.parked", reason: "broken", message: "…", until }]);
    const mine = { limit: 10, repo: "octo/listed" };
    const [newest, oldest, ...none] = await log.list(mine);
    expect(none).toEqual([]);
    expect(newest).toMatchObject({ run: two.runId, stage: undefined, workflow: undefined, spent: 0, held: false });
    expect(newest?.dueAt).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(oldest).toMatchObject({ run: one.runId, stage: "fix", workflow: "bug", spent: 500, dueAt: until });
    await log.append(two.runId, 1, [finished]);
    expect((await log.list({ ...mine, unfinished: true })).map(({ run }) => run)).toEqual([one.runId]);
    expect((await log.list({ ...mine, limit: 1 }))[0]).toMatchObject({
      run: two.runId,
      outcome: "failed",
      dueAt: undefined,
    });
  });

  test("names the runs that ended lately", async () => {
    const run = await start();
    const open = await start();
    await log.append(run, 1, [finished]);
    const lately = async () => (await log.endedWithin(60_000)).filter((id) => id === run || id === open);
    expect(await lately()).toEqual([run]);
    expect(await log.endedWithin(-1)).not.toContain(run);
    await log.append(run, 2, [retry]);
    expect(await lately()).toEqual([]);
  });

  test("refuses to retry a run while another is at work on the subject, and writes nothing", async () => {
    const first = fresh();
    await log.create(first);
    await log.append(first.runId, 1, [finished]);
    await log.create({ ...first, runId: newRunId() });
    await expect(log.append(first.runId, 2, [retry])).rejects.toMatchObject({
      code: "run-taken",
      message: expect.stringContaining(first.runId),
    });
    expect(await log.read(first.runId)).toHaveLength(2);
  });

  test("refuses an event that could not be read again", async () => {
    const run = await start();
    const long: RunEvent = { ...finished, type: "run.finished", outcome: "failed", code: "x".repeat(61), message: "" };
    await expect(log.append(run, 1, [driven("a"), long])).rejects.toMatchObject({
      code: "invalid-event",
      message: expect.stringMatching(`event 3 of ${run} \\(run.finished\\)`),
    });
    expect(await log.read(run)).toHaveLength(1);
  });

  test("tells followers of every appended run until they stop", async () => {
    const heard: RunId[] = [];
    const following = log.follow((run) => heard.push(run));
    const run = await start();
    await expect.poll(() => heard, soon).toContain(run);
    heard.length = 0;
    await log.append(run, 1, [driven("a")]);
    await expect.poll(() => heard, soon).toContain(run);
    following[Symbol.dispose]();
    heard.length = 0;
    const heardByOther: RunId[] = [];
    using _other = log.follow((id) => heardByOther.push(id));
    await log.append(run, 2, [driven("b")]);
    await expect.poll(() => heardByOther, soon).toContain(run);
    expect(heard).toEqual([]);
  });

  test.runIf(name === "PGlite" || name === "PostgreSQL")(
    "says which stored event cannot be read, and which is missing",
    async () => {
      const run = await start();
      await log.append(run, 1, [driven("a"), driven("b")]);
      await opened.database?.query(
        'UPDATE baton.events SET event = \'{"type":"run.flown"}\' WHERE run_id = $1 AND version = 2',
        [run],
      );
      await expect(log.read(run)).rejects.toMatchObject({
        code: "invalid-event",
        message: expect.stringMatching(`event 2 of ${run}`),
      });
      await opened.database?.query("DELETE FROM baton.events WHERE run_id = $1 AND version = 2", [run]);
      await expect(log.read(run)).rejects.toMatchObject({
        code: "invalid-event",
        message: `event 2 of ${run} is missing: the next one is 3`,
      });
    },
  );
});
