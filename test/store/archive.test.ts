// Retention: old runs become files and leave the database, whole or not at all, and nothing else goes.
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { newRunId, type RunId } from "#src/core/ids.ts";
import { RunEvent, type RecordedEvent } from "#src/engine/events.ts";
import { createArchive, findArchived, listArchived } from "#src/store/archive.ts";
import type { Database } from "#src/store/database.ts";
import { createDeliveries } from "#src/store/deliveries.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { createOutbox } from "#src/store/outbox.ts";
import { readRunFile } from "#src/store/run-file.ts";
import { created } from "#test/support/engine-world.ts";
import { recordedRuns, type RecordedRunName } from "#test/support/recorded-run.ts";
import { databases, temporaryFolder } from "./databases.ts";

const parse = (json: unknown) => RunEvent.parse(json);
const { signal } = new AbortController();
const DAY = 86_400_000;
let subject = 0;

describe.each(databases.filter(({ here }) => here))("the archive of $name", ({ name, open }) => {
  async function world() {
    await using undo = new AsyncDisposableStack();
    const folder = join(undo.use(await temporaryFolder()).path, "archive");
    const { database } = undo.use(await open());
    const log = undo.use(await openEventLog(database, { parse, log: silentLog }));
    const opened = undo.move();
    return {
      folder,
      database,
      log,
      outbox: createOutbox(database),
      deliveries: createDeliveries(database),
      archive: createArchive(database, folder),
      /** Records a whole run and makes it so many days old. */
      async record(script: RecordedRunName, days: number): Promise<RunId> {
        const first = created({ runId: newRunId(), subject: { ...created().subject, number: ++subject } });
        await log.create(first);
        await log.append(
          first.runId,
          1,
          recordedRuns[script](first)
            .events.slice(1)
            .map(({ event }) => event),
        );
        await age(database, "runs SET finished_at = finished_at", days, "run_id", first.runId);
        return first.runId;
      },
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  }

  async function age(database: Database, what: string, days: number, column: string, id: string): Promise<void> {
    await database.query(`UPDATE baton.${what} - $1 * interval '1 day' WHERE ${column} = $2`, [days, id]);
  }

  test("takes runs that ended long ago, event for event, and leaves the others", async () => {
    await using at = await world();
    const old = await at.record("succeeded", 91);
    const odd = await at.record("stopped", 400);
    const young = await at.record("failed", 89);
    const first = created({ subject: { ...created().subject, number: ++subject } });
    await at.log.create(first);
    await at.database.query("UPDATE baton.runs SET created_at = created_at - interval '1 year' WHERE run_id = $1", [
      first.runId,
    ]);
    const before = await at.log.read(old);
    expect(await at.archive.tidy(90 * DAY, signal)).toMatchObject({ runs: 2 });
    expect(await at.log.read(old)).toEqual([]);
    expect(await at.log.runsOf(created().repo, { number: before.length })).not.toContain(old);
    expect((await at.log.list({ limit: 10 })).map(({ run }) => run)).toEqual([first.runId, young]);
    const file = await findArchived(at.folder, old);
    expect(await readRunFile(file ?? "", parse)).toEqual(before);
    expect((await listArchived(at.folder)).toSorted()).toEqual([old, odd].toSorted());
    expect(await at.database.query("SELECT outcome, runs::integer FROM baton.archived ORDER BY 1")).toEqual([
      { outcome: "cancelled", runs: 1 },
      { outcome: "succeeded", runs: 1 },
    ]);
    expect(await at.archive.tidy(90 * DAY, signal)).toEqual({ runs: 0, deliveries: 0, writes: 0 });
  });

  test("drops old deliveries that were handled and old writes, but none of a run that is here, and no others", async () => {
    await using at = await world();
    for (const id of ["old", "young", "waiting"]) await at.deliveries.keep({ id, name: "issues", payload: "{}" });
    await at.deliveries.handled("old", "…");
    await at.deliveries.handled("young", "…");
    await age(at.database, "deliveries SET handled_at = handled_at", 91, "id", "old");
    await age(at.database, "deliveries SET received_at = received_at", 91, "id", "waiting");
    const old = await at.record("succeeded", 91);
    const young = await at.record("succeeded", 1);
    for (const [key, run] of [
      ["of-old", old],
      ["open-of-old", old],
      ["of-young", young],
      ["reply", undefined],
      ["open", undefined],
      ["open-long", undefined],
      ["open-long-of-young", young],
    ] as const) {
      await at.outbox.record({ key, run, kind: "x", payload: {} });
      if (key.startsWith("open-long")) await age(at.database, "outbox SET recorded_at = recorded_at", 91, "key", key);
      if (key.startsWith("open")) continue;
      await at.outbox.done(key, {});
      await age(at.database, "outbox SET done_at = done_at", 91, "key", key);
    }
    expect(await at.archive.tidy(90 * DAY, signal)).toEqual({ runs: 1, deliveries: 1, writes: 2 });
    expect(await at.deliveries.pending()).toEqual(["waiting"]);
    expect(await at.deliveries.read("young")).toBeDefined();
    const left = await at.database.query<{ key: string }>("SELECT key FROM baton.outbox ORDER BY key");
    expect(left.map(({ key }) => key)).toEqual(["of-young", "open", "open-long-of-young"]);
  });

  test("cut off between the file and the deletion, does the same again", async () => {
    await using at = await world();
    const run = await at.record("succeeded", 91);
    const before = await at.log.read(run);
    const dies: Database = {
      ...at.database,
      transaction: (work) =>
        at.database.transaction((session) =>
          work({
            query: (text, params) =>
              text.startsWith("DELETE FROM baton.events")
                ? Promise.reject(new Error("the process died"))
                : session.query(text, params),
          }),
        ),
    };
    await expect(createArchive(dies, at.folder).tidy(90 * DAY, signal)).rejects.toThrow("the process died");
    expect(await at.log.read(run)).toEqual(before);
    expect(await findArchived(at.folder, run)).toBeDefined();
    expect(await at.archive.tidy(90 * DAY, signal)).toMatchObject({ runs: 1 });
    expect(await readRunFile((await findArchived(at.folder, run)) ?? "", parse)).toEqual(before);
    expect(await at.log.read(run)).toEqual([]);
  });

  test("deletes nothing when its file cannot be written", async () => {
    await using at = await world();
    const run = await at.record("succeeded", 91);
    await writeFile(at.folder, "a file where the folder should be");
    await expect(at.archive.tidy(90 * DAY, signal)).rejects.toMatchObject({ code: "database-failed" });
    expect(await at.log.read(run)).not.toEqual([]);
    await rm(at.folder);
    expect(await at.archive.tidy(90 * DAY, signal)).toMatchObject({ runs: 1 });
    expect((await readdir(join(at.folder, (await readdir(at.folder))[0] ?? ""))).map(String)).toEqual([
      `${run}.jsonl.gz`,
    ]);
  });

  test.skipIf(name === "PGlite")(
    "is one process's work at a time, and leaves a run alone that somebody takes up",
    async () => {
      await using at = await world();
      const run = await at.record("failed", 91);
      const began = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const slow: Database = {
        ...at.database,
        transaction: (work) =>
          at.database.transaction((session) =>
            work({
              async query(text, params) {
                if (text.startsWith("DELETE FROM baton.events")) {
                  began.resolve();
                  await goOn.promise;
                }
                return session.query(text, params);
              },
            }),
          ),
      };
      const tidying = createArchive(slow, at.folder).tidy(90 * DAY, signal);
      await began.promise;
      expect(await at.archive.tidy(90 * DAY, signal)).toMatchObject({ runs: 0 });
      const { length } = await at.log.read(run);
      const retry: RunEvent = { type: "retry.requested", by: { login: "maria", id: 7 }, quote: "/agent retry" };
      // It came too late: there is no such run any more, and no event of it either.
      const appending = at.log.append(run, length, [retry]);
      goOn.resolve();
      expect(await tidying).toMatchObject({ runs: 1 });
      expect(await appending).toEqual({ type: "conflict", version: 0 });
      expect(await at.database.query("SELECT 1 FROM baton.events")).toEqual([]);
    },
  );
});

describe("a run's file", () => {
  const lines = (events: readonly RecordedEvent[], run: RunId) =>
    events.map(({ version, at, event }) => `${JSON.stringify({ run, from: version, at, events: [event] })}\n`);

  test("may end in a line that a crash cut off, but has no gap, no second run and no nonsense", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "run.jsonl");
    const { events, state } = recordedRuns.stopped();
    const good = lines(events, state.runId);
    await writeFile(file, `${good.join("")}{"run":"run-`);
    expect(await readRunFile(file, parse)).toEqual(events);
    await writeFile(file, [...good.slice(0, 2), ...good.slice(3)].join(""));
    await expect(readRunFile(file, parse)).rejects.toThrow("event 3 of");
    await writeFile(file, `${good.join("")}${lines(events, newRunId())[0]}`);
    await expect(readRunFile(file, parse)).rejects.toThrow(`run.jsonl:${good.length + 1} is of run-`);
    await writeFile(file, "nonsense\n");
    await expect(readRunFile(file, parse)).rejects.toThrow("run.jsonl:1 is not a line of an event log");
    await writeFile(file, "");
    await expect(readRunFile(file, parse)).rejects.toThrow("holds no run");
    await expect(readRunFile(join(folder.path, "none"), parse)).rejects.toMatchObject({ code: "not-found" });
  });
});
