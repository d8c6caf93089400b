// From one version to the next: what the first release wrote is read, running processes go on beside newer tables, and starting ones refuse.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { openDatabase } from "#src/store/database.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { openClaims, usualLimits } from "#src/store/claims.ts";
import { openPostgres } from "#src/store/postgres.ts";
import { readRunFile } from "#src/store/run-file.ts";
import { createShelves } from "#src/store/shelf.ts";
import { commit, created } from "#test/support/engine-world.ts";
import { postgresHere, temporaryFolder, temporaryUrl } from "./databases.ts";

const parse = (json: unknown) => RunEvent.parse(json);
const fixture = (name: string) => join(import.meta.dirname, "../fixtures/runs", name);
const firstMigration = join(import.meta.dirname, "../../src/store/migrations/001-runs-deliveries-outbox.sql");

test("migrations are numbered from 1 without a gap: a database knows only how many it has", async () => {
  const files = (await readdir(join(firstMigration, ".."))).sort();
  expect(files.map((file) => Number(file.slice(0, 3)))).toEqual(files.map((_, index) => index + 1));
});

describe.skipIf(!postgresHere)("a database", () => {
  test("of the first release is brought up to date with all that is in it", async () => {
    await using place = await temporaryUrl();
    const log = await readRunFile(fixture("old.succeeded.jsonl"), parse);
    const { created: first, finished, spend } = fold(log);
    {
      await using old = await openPostgres(place.url, silentLog);
      await old.query(
        `CREATE SCHEMA baton; CREATE SCHEMA bullmq;
         CREATE TABLE baton.migrations (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
      );
      await old.query(await readFile(firstMigration, "utf8"));
      await old.query("INSERT INTO baton.migrations (number, name) VALUES (1, '001')");
      const run =
        "INSERT INTO baton.runs (run_id, repo_id, owner, name, subject, subject_key, created_at, finished_at, outcome)";
      await old.query(`${run} VALUES ($1, 1, 'octo', 'first', 1, '1#1', now(), now(), 'succeeded')`, [first.runId]);
      await old.query(`${run} VALUES ('run-00000000000a', 1, 'octo', 'first', 2, '1#2', now(), NULL, NULL)`);
      for (const { version, at, event } of log)
        await old.query(
          "INSERT INTO baton.events (run_id, version, at, type, event) VALUES ($1, $2, to_timestamp($3::double precision / 1000), $4, $5)",
          // Programs print what PostgreSQL's JSON cannot take apart.
          [
            first.runId,
            version,
            at,
            event.type,
            JSON.stringify(event.type === "agent.turn" ? { ...event, text: "\0 \ud800" } : event),
          ],
        );
    }
    await using database = await openDatabase({ url: place.url, log: silentLog });
    await using events = await openEventLog(database, { parse, log: silentLog });
    const [unfinished, ended] = await events.list({ limit: 5 });
    expect(ended).toMatchObject({
      run: first.runId,
      outcome: finished?.outcome,
      workflow: "bug",
      stage: "publish",
      dueAt: undefined,
    });
    expect(ended?.spent).toBe(spend.microDollars);
    expect(fold(await events.read(ended?.run ?? first.runId)).finished).toEqual(finished);
    // What was under way is due at once.
    await using claims = await openClaims(database, usualLimits);
    expect(await claims.next()).toBe(unfinished?.run);
  });

  test("whose work was on one shelf has it on that of each repository, as its own runs say and no job", async () => {
    await using place = await temporaryUrl();
    {
      await using old = await openPostgres(place.url, silentLog);
      await old.query(
        `CREATE SCHEMA baton; CREATE SCHEMA bullmq;
         CREATE TABLE baton.migrations (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
      );
      const folder = join(firstMigration, "..");
      const files = (await readdir(folder)).sort();
      for (const file of files.slice(
        0,
        files.findIndex((name) => name.endsWith("-shelves.sql")),
      )) {
        await old.query(await readFile(join(folder, file), "utf8"));
        await old.query("INSERT INTO baton.migrations (number, name) VALUES ($1, $2)", [
          Number(file.slice(0, 3)),
          file,
        ]);
      }
      const run = async (id: string, repo: number, ...events: object[]) => {
        await old.query(
          `INSERT INTO baton.runs (run_id, repo_id, owner, name, subject, subject_key, created_at)
           VALUES ($1, $2, 'octo', $1, 1, $1, now())`,
          [id, repo],
        );
        for (const [at, event] of events.entries())
          await old.query(
            "INSERT INTO baton.events (run_id, version, at, type, event) VALUES ($1, $2, now(), $3, $4)",
            [id, at + 1, "type" in event ? event.type : "", JSON.stringify(event)],
          );
      };
      const finished = {
        type: "agent.finished",
        commit: commit(1),
        artifact: { commit: commit(4), says: "\\u0000 \0 \ud800" },
      };
      const merged = { type: "wave.merged", commit: commit(2), conflict: { marked: commit(3) } };
      await run("server", 1, finished, merged, { type: "agent.turn", commit: commit(4) });
      await run("job", 2, finished);
      await run("dispatched", 3, finished);
      await old.query(
        `INSERT INTO baton.jobs (run_id, asked, came, worker, token_hash) VALUES
         ('job', 1, true, 'job-1', 'x'), ('dispatched', 1, false, NULL, NULL)`,
      );
      const put = "INSERT INTO baton.work (commit, start, bundle, repo_id) VALUES ($1, $2, '', $3)";
      for (const number of [1, 2, 3, 4]) await old.query(put, [commit(number), commit(9), null]);
      await old.query(put, [commit(5), commit(9), 2]);
    }
    await using database = await openDatabase({ url: place.url, log: silentLog });
    const shelves = createShelves(database);
    const found = async (id: number) => {
      const all = await Promise.all([1, 2, 3, 4, 5].map((one) => shelves({ id }).get(commit(one))));
      return all.flatMap((work, at) => (work ? [at + 1] : []));
    };
    expect(await Promise.all([1, 2, 3].map(found))).toEqual([[1, 2, 3], [5], [1]]);
    // Who runs still goes on as before.
    await database.query(
      "INSERT INTO baton.work (commit, start, bundle) VALUES ($1, $1, '') ON CONFLICT (commit) DO NOTHING",
      [commit(6)],
    );
  });

  test("that a newer version brought up to date serves who has it open, and refuses who starts", async () => {
    await using place = await temporaryUrl();
    await using database = await openDatabase({ url: place.url, log: silentLog });
    await using events = await openEventLog(database, { parse, log: silentLog });
    const first = created();
    await events.create(first);
    await database.query("INSERT INTO baton.migrations (number, name) VALUES (999, '999-of-the-future.sql')");
    expect(await events.append(first.runId, 1, [{ type: "run.driven", driver: "old" }])).toMatchObject({
      type: "appended",
    });
    await using claims = await openClaims(database, usualLimits);
    expect(await claims.next()).toBe(first.runId);
    await claims.release(first.runId);
    // A process of the version before does not say what it was given: what it holds is its own.
    const claim = () => database.query("SELECT baton.claim('old', 4, 16) AS run, baton.beat('old', 60000) AS due", []);
    expect(await claim()).toEqual([{ run: first.runId, due: null }]);
    expect(await claim()).toEqual([{ run: null, due: null }]);
    for (const update of [true, false])
      await expect(openDatabase({ url: place.url, update, log: silentLog })).rejects.toThrow(
        /was made by a newer Baton \(its tables are at 999, this Baton knows \d+\): update Baton/,
      );
  });

  test("is never changed by who only reads", async () => {
    await using place = await temporaryUrl();
    await expect(openDatabase({ url: place.url, update: false, log: silentLog })).rejects.toThrow(
      /is not up to date \(its tables are at 0, this Baton knows \d+\): start `baton serve` of this version once/,
    );
    await using raw = await openPostgres(place.url, silentLog);
    expect(await raw.query("SELECT 1 FROM pg_namespace WHERE nspname = 'baton'", [])).toEqual([]);
    await using folder = await temporaryFolder();
    await expect(openDatabase({ folder: join(folder.path, "x"), update: false, log: silentLog })).rejects.toThrow(
      "is not up to date",
    );
  });
});
