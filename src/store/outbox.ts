// Writes to GitHub, recorded before they are tried: after a crash the entry says what may already have happened.
import type { Clock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import { runId, type RunId } from "../core/ids.ts";
import type { Database } from "./database.ts";

export interface OutboxEntry {
  /** Names one write for ever; made by the publisher from the occasion. */
  readonly key: string;
  readonly run: RunId | undefined;
  readonly kind: string;
  /** JSON, as it was recorded the first time. */
  readonly payload: unknown;
  /** JSON that `done` was given, undefined before that. */
  readonly result: unknown;
  /** How often the write was begun, this time included. */
  readonly tries: number;
  /** Milliseconds since 1970 by the store's clock. */
  readonly doneAt: number | undefined;
}

export interface Outbox {
  /** Records a write before it is tried; when the key is known gives the earlier entry with one more try counted. */
  record(entry: { key: string; run: RunId | undefined; kind: string; payload: unknown }): Promise<OutboxEntry>;
  /** The write happened, and this is what came of it (JSON). The first time counts. Throws `not-found` for a key never recorded. */
  done(key: string, result: unknown): Promise<void>;
  read(key: string): Promise<OutboxEntry | undefined>;
  /** Recorded and not done, oldest first. */
  pending(): Promise<OutboxEntry[]>;
}

interface Row {
  readonly key: string;
  readonly run_id: string | null;
  readonly kind: string;
  readonly payload: unknown;
  readonly result: unknown;
  readonly tries: number;
  readonly done_at: Date | null;
}

const columns = "key, run_id, kind, payload, result, tries, done_at";

function toEntry(row: Row): OutboxEntry {
  return {
    key: row.key,
    run: row.run_id === null ? undefined : runId(row.run_id),
    kind: row.kind,
    payload: row.payload,
    result: row.done_at === null ? undefined : row.result,
    tries: row.tries,
    doneAt: row.done_at?.getTime(),
  };
}

function unknownKey(key: string): BatonError {
  return new BatonError("not-found", `"${key}" was never recorded in the outbox, so it cannot be done`);
}

/** An outbox kept in `database`. */
export function createOutbox(database: Database): Outbox {
  return {
    async record({ key, run, kind, payload }) {
      const [row] = await database.query<Row>(
        `INSERT INTO baton.outbox AS known (key, run_id, kind, payload) VALUES ($1, $2, $3, $4::json)
         ON CONFLICT (key) DO UPDATE SET tries = known.tries + 1
         RETURNING ${columns}`,
        [key, run ?? null, kind, toJson(payload)],
      );
      if (row === undefined) throw new BatonError("database-failed", `"${key}" was not recorded in the outbox`);
      return toEntry(row);
    },

    async done(key, result) {
      const found = await database.query(
        `UPDATE baton.outbox SET
           result = CASE WHEN done_at IS NULL THEN $2::json ELSE result END,
           done_at = coalesce(done_at, clock_timestamp())
         WHERE key = $1 RETURNING 1 AS found`,
        [key, toJson(result)],
      );
      if (found.length === 0) throw unknownKey(key);
    },

    async read(key) {
      const [row] = await database.query<Row>(`SELECT ${columns} FROM baton.outbox WHERE key = $1`, [key]);
      return row && toEntry(row);
    },

    async pending() {
      const rows = await database.query<Row>(
        `SELECT ${columns} FROM baton.outbox WHERE done_at IS NULL ORDER BY place`,
        [],
      );
      return rows.map(toEntry);
    },
  };
}

/** An outbox that is gone with the process, for a one-shot run. */
export function createMemoryOutbox(clock: Clock): Outbox {
  const entries = new Map<string, OutboxEntry>();
  return {
    async record({ key, run, kind, payload }) {
      const known = entries.get(key);
      const entry: OutboxEntry = known
        ? { ...known, tries: known.tries + 1 }
        : { key, run, kind, payload: JSON.parse(toJson(payload)), result: undefined, tries: 1, doneAt: undefined };
      entries.set(key, entry);
      return entry;
    },

    async done(key, result) {
      const entry = entries.get(key);
      if (entry === undefined) throw unknownKey(key);
      if (entry.doneAt === undefined)
        entries.set(key, { ...entry, result: JSON.parse(toJson(result)), doneAt: clock.now() });
    },

    read: async (key) => entries.get(key),
    pending: async () => [...entries.values()].filter(({ doneAt }) => doneAt === undefined),
  };
}

function toJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}
