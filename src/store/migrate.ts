// Brings the tables of schema `baton` up to date: the files of `migrations/`, in the order of their numbers, each once,
// all in one transaction and one process at a time. There is no way back: a later file mends an earlier one.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BatonError } from "../core/errors.ts";
import type { Database, Session } from "./database.ts";
import { sqlState } from "./database-error.ts";

const folder = join(import.meta.dirname, "migrations");

/** Any number will do, as long as every Baton uses the same: "BATN". */
const LOCK = 0x4241544e;

/** What PostgreSQL says to the second of two who create the same thing: unique_violation, duplicate_schema, duplicate_table. */
const second = ["23505", "42P06", "42P07"];

/** Applies what is missing. Throws `database-failed` when the database was made by a newer Baton. */
export async function migrate(database: Database): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  if ((await appliedTo(database)) === files.length) return;
  for (let tries = 1; ; tries++) {
    try {
      await database.transaction((session) => apply(session, files, database.name));
      return;
    } catch (error) {
      // `IF NOT EXISTS` looks in a cache that is fresh only when a transaction begins, and ours began before the wait
      // for the lock: whoever waited while the schema was made tries to make it again.
      if (tries === 3 || !second.includes(sqlState(error) ?? "")) throw error;
    }
  }
}

/** Throws `database-failed` unless the tables are exactly this Baton's. */
export async function expectCurrent(database: Database): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql"));
  const applied = await appliedTo(database);
  if (applied > files.length) throw newer(database.name, applied, files.length);
  if (applied < files.length)
    throw new BatonError(
      "database-failed",
      `the database at ${database.name} is not up to date (its tables are at ${applied}, this Baton knows ${files.length}): ` +
        "start `baton serve` of this version once",
    );
}

function newer(name: string, applied: number, known: number): BatonError {
  return new BatonError(
    "database-failed",
    `the database at ${name} was made by a newer Baton (its tables are at ${applied}, ` +
      `this Baton knows ${known}): update Baton, or use another database`,
  );
}

async function apply(session: Session, files: readonly string[], name: string): Promise<void> {
  await session.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
  // BullMQ makes its own tables, but two that start at once would both make its schema, for the reason above.
  await session.query(
    `CREATE SCHEMA IF NOT EXISTS baton;
     CREATE SCHEMA IF NOT EXISTS bullmq;
     CREATE TABLE IF NOT EXISTS baton.migrations (
       number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  );
  const applied = await appliedTo(session);
  if (applied > files.length) throw newer(name, applied, files.length);
  for (const [index, file] of files.entries()) {
    if (index < applied) continue;
    await session.query(await readFile(join(folder, file), "utf8"));
    await session.query("INSERT INTO baton.migrations (number, name) VALUES ($1, $2)", [index + 1, file]);
  }
}

/** The number of the latest migration, 0 for an empty database. */
async function appliedTo(session: Session): Promise<number> {
  const [known] = await session.query<{ there: boolean }>(
    "SELECT to_regclass('baton.migrations') IS NOT NULL AS there",
  );
  if (!known?.there) return 0;
  const [row] = await session.query<{ number: number }>(
    "SELECT coalesce(max(number), 0)::integer AS number FROM baton.migrations",
  );
  return row?.number ?? 0;
}
