// Retention: what ended long ago leaves the database. A run becomes a file of its own, `<archive>/2026-11/run-….jsonl.gz`; handled
// deliveries, old writes to GitHub and shelved work are dropped.
//
// A run is written, flushed to the disk and only then deleted, in one transaction that holds its row: whoever takes it up again
// meanwhile comes before or is refused. A crash in between leaves the file and the run; the next time writes the same file again.
import { randomUUID } from "node:crypto";
import { access, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { BatonError, messageOf } from "../core/errors.ts";
import { runId, type RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Database, Session } from "./database.ts";
import { runLine } from "./run-file.ts";

/** Any number will do, as long as every Baton uses the same: "BATA". */
const LOCK = 0x42415441;
/** Rows deleted by one statement. */
const BATCH = 2_000;

export interface Tidied {
  readonly runs: number;
  readonly deliveries: number;
  readonly writes: number;
}

export interface Archive {
  /**
   * Archives runs that ended more than so many milliseconds ago, oldest first, and drops deliveries handled and writes done, or begun in
   * vain, before then. One process at a time: a second one does nothing meanwhile. Ends early when `signal` fires. Throws `disk-full` and
   * `database-failed`; what was done by then stays done.
   */
  tidy(olderThanMs: number, signal: AbortSignal): Promise<Tidied>;
}

/** The archive of `database` in `folder`, which is made when it is first needed. */
export function createArchive(database: Database, folder: string): Archive {
  return {
    async tidy(olderThanMs, signal) {
      let runs = 0;
      while (!signal.aborted && (await database.transaction((session) => archiveOne(session, folder, olderThanMs))))
        runs += 1;
      const [deliveries, writes] = [
        await drop(database, handled, olderThanMs, signal),
        await drop(database, written, olderThanMs, signal),
      ];
      for (const statement of work) await drop(database, statement, olderThanMs, signal);
      return { runs, deliveries, writes };
    },
  };
}

/** True when a run was archived; false when none is left, or another process is at it. */
async function archiveOne(session: Session, folder: string, olderThanMs: number): Promise<boolean> {
  const [lock] = await session.query<{ mine: boolean }>("SELECT pg_try_advisory_xact_lock($1) AS mine", [LOCK]);
  if (!lock?.mine) return false;
  const [run] = await session.query<{ run_id: string; finished_at: Date }>(
    `SELECT run_id, finished_at FROM baton.runs WHERE finished_at < clock_timestamp() - $1 * interval '1 millisecond'
     ORDER BY finished_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
    [olderThanMs],
  );
  if (!run) return false;
  const events = await session.query<{ version: number; at: Date; event: string }>(
    "SELECT version, at, event::text AS event FROM baton.events WHERE run_id = $1 ORDER BY version",
    [run.run_id],
  );
  const text = events.map(({ version, at, event }) => runLine(run.run_id, version, at.getTime(), event)).join("");
  await write(fileOf(folder, run.run_id, run.finished_at), text);
  await session.query("DELETE FROM baton.outbox WHERE run_id = $1", [run.run_id]);
  await session.query("DELETE FROM baton.events WHERE run_id = $1", [run.run_id]);
  await session.query(
    `WITH gone AS (DELETE FROM baton.runs WHERE run_id = $1 RETURNING outcome, micro_dollars)
     INSERT INTO baton.archived AS a (outcome, runs, micro_dollars) SELECT coalesce(outcome, ''), 1, micro_dollars FROM gone
     ON CONFLICT (outcome) DO UPDATE SET runs = a.runs + 1, micro_dollars = a.micro_dollars + excluded.micro_dollars`,
    [run.run_id],
  );
  return true;
}

function fileOf(folder: string, run: string, finishedAt: Date): string {
  return join(folder, finishedAt.toISOString().slice(0, 7), `${run}.jsonl.gz`);
}

/** Whole or not at all, and on the disk when it returns. */
async function write(file: string, text: string): Promise<void> {
  const folder = join(file, "..");
  const aside = join(folder, `.${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true });
    const bytes = await promisify(gzip)(text);
    {
      await using handle = await open(aside, "wx");
      await handle.writeFile(bytes);
      await handle.sync();
    }
    await rename(aside, file);
    await using entry = await open(folder);
    await entry.sync();
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOSPC" || code === "EDQUOT")
      throw new BatonError("disk-full", `the archive ${file} cannot be written: the disk is full. Free some space`, {
        cause: error,
        retryable: true,
      });
    throw new BatonError("database-failed", `the archive ${file} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

const handled = `
DELETE FROM baton.deliveries WHERE id IN (
  SELECT id FROM baton.deliveries WHERE handled_at < clock_timestamp() - $1 * interval '1 millisecond' LIMIT ${BATCH})
RETURNING 1 AS gone`;

/**
 * Of a run that is still here nothing is dropped: it may be taken up again, and must know what it wrote. What was begun so long ago and
 * is not done was refused, and nobody will begin it again. Issues of Baton's own that stay for as long as there is a schedule, or a config, are known for ever.
 */
const written = `
DELETE FROM baton.outbox WHERE key IN (
  SELECT o.key FROM baton.outbox o WHERE (o.done_at < clock_timestamp() - $1 * interval '1 millisecond'
      OR o.done_at IS NULL AND o.recorded_at < clock_timestamp() - $1 * interval '1 millisecond')
    AND o.kind NOT IN ('schedule', 'config') AND NOT EXISTS (SELECT FROM baton.runs r WHERE r.run_id = o.run_id) LIMIT ${BATCH})
RETURNING 1 AS gone`;

/** Finished work that no unfinished run can have been made with. */
/** `baton.work` is the shelf of the version before. */
const work = ["shelf", "work"].map(
  (table) => `
DELETE FROM baton.${table} WHERE ctid = ANY (ARRAY (
  SELECT w.ctid FROM baton.${table} w WHERE w.kept_at < clock_timestamp() - $1 * interval '1 millisecond'
    AND NOT EXISTS (SELECT FROM baton.runs r WHERE r.finished_at IS NULL AND r.created_at <= w.kept_at) LIMIT ${BATCH}))
RETURNING 1 AS gone`,
);

async function drop(database: Database, statement: string, olderThanMs: number, signal: AbortSignal): Promise<number> {
  for (let gone = 0; ;) {
    const { length } = await database.query(statement, [olderThanMs]);
    gone += length;
    if (length < BATCH || signal.aborted) return gone;
  }
}

/** The file of an archived run, or undefined. */
export async function findArchived(folder: string, run: RunId): Promise<string | undefined> {
  for (const month of await months(folder)) {
    const file = join(folder, month, `${run}.jsonl.gz`);
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

/** The ids of archived runs, those that ended in the latest month first. */
export async function listArchived(folder: string): Promise<RunId[]> {
  const found: RunId[] = [];
  for (const month of await months(folder))
    for (const name of await readdir(join(folder, month)))
      if (/^run-[0-9a-f]{12}\.jsonl\.gz$/.test(name)) found.push(runId(name.slice(0, -".jsonl.gz".length)));
  return found;
}

async function months(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => /^\d{4}-\d{2}$/.test(name))
    .toSorted()
    .toReversed();
}

/** Archives what ended longer ago than `keptMs`, and says so. */
export function tidier(
  archive: Archive,
  { keptMs, folder }: { readonly keptMs: number; readonly folder: string },
  log: Log,
): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    const { runs, deliveries, writes } = await archive.tidy(keptMs, signal);
    if (runs + deliveries + writes > 0) log.info("archived what ended long ago", { runs, deliveries, writes, folder });
  };
}
