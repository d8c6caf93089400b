// Writes to GitHub, recorded before they are tried: after a crash the entry says what may already have happened.
//
// Writes of a run that must happen in order share a lane: the card and the comment at the end; the commit, the branch, the pull
// request and the wish for a review. Recording a write overtakes what is open in its lane, in whichever process: an overtaken
// write is not sent any more (`github/once.ts` looks right before sending), so none comes out after a later one, and none
// waits for one that GitHub refused for good. Recording an overtaken write again makes it the latest.
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
  /** A later write of the same lane was recorded meanwhile, or GitHub refused this one: it must not be sent. */
  readonly overtaken: boolean;
}

export interface NewEntry {
  readonly key: string;
  readonly run: RunId | undefined;
  readonly kind: string;
  readonly payload: unknown;
  /** Writes of one run in one lane happen in order. Only with a run. */
  readonly lane?: string | undefined;
  /** Of a comment: what it is written on, as `subjectKey` names it. It counts there for an hour. */
  readonly subject?: string | undefined;
}

/** A comment that wants a place among those of its subject. */
export type Reserving = Pick<NewEntry, "key" | "kind" | "payload"> & { readonly subject: string };

/** `full`: so many have one already; `times` says when they were recorded, newest first, in milliseconds since 1970. */
export type Reserved = { readonly type: "reserved" } | { readonly type: "full"; readonly times: readonly number[] };

export interface Outbox {
  /** Records a write before it is tried, and overtakes what is open in its lane; when the key is known gives the earlier entry with one more try counted. */
  record(entry: NewEntry): Promise<OutboxEntry>;
  /** The write happened, and this is what came of it (JSON). The first time counts. Throws `not-found` for a key never recorded. */
  done(key: string, result: unknown): Promise<void>;
  read(key: string): Promise<OutboxEntry | undefined>;
  /**
   * Takes a place for a comment before it is recorded, unless `most` comments on its subject have one from the last hour by the store's
   * clock; with `alike` only those of its kind count. What GitHub refused has none, and what had one keeps it. Exact, however many
   * processes ask.
   */
  reserve(comment: Reserving, among: { readonly most: number; readonly alike?: boolean }): Promise<Reserved>;
  /** GitHub said no: nobody waits for the write any more. Recorded again it is open again. Nothing for one that is done. */
  refused(key: string): Promise<void>;
}

/** An outbox whose earlier entries may be lost: every write counts as begun before, so it is looked for on GitHub first. */
export function begunBefore(outbox: Outbox): Outbox {
  return {
    ...outbox,
    async record(entry) {
      const recorded = await outbox.record(entry);
      return { ...recorded, tries: recorded.tries + 1 };
    },
  };
}

interface Row {
  readonly key: string;
  readonly run_id: string | null;
  readonly kind: string;
  readonly payload: unknown;
  readonly result: unknown;
  readonly tries: number;
  readonly done_at: Date | null;
  readonly overtaken: boolean;
}

const HOUR_MS = 3_600_000;

const columns = "key, run_id, kind, payload, result, tries, done_at, overtaken";

function toEntry(row: Row): OutboxEntry {
  return {
    key: row.key,
    run: row.run_id === null ? undefined : runId(row.run_id),
    kind: row.kind,
    payload: row.payload,
    result: row.done_at === null ? undefined : row.result,
    tries: row.tries,
    doneAt: row.done_at?.getTime(),
    overtaken: row.overtaken,
  };
}

function unknownKey(key: string): BatonError {
  return new BatonError("not-found", `"${key}" was never recorded in the outbox, so it cannot be done`);
}

/** An outbox kept in `database`. */
export function createOutbox(database: Database): Outbox {
  return {
    async record({ key, run, kind, payload, lane, subject }) {
      const [row] = await database.query<Row>(
        `SELECT ${columns} FROM baton.outbox_record($1, $2, $3, $4::json, $5, $6)`,
        [key, run ?? null, kind, toJson(payload), lane ?? null, subject ?? null],
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

    async reserve({ key, kind, payload, subject }, { most, alike = false }) {
      const [row] = await database.query<{ reserved: boolean; times: number[] | null }>(
        "SELECT reserved, times FROM baton.outbox_reserve($1, $2, $3::json, $4, $5, $6)",
        [key, kind, toJson(payload), subject, most, alike],
      );
      if (row === undefined) throw new BatonError("database-failed", `the outbox gave no answer about "${key}"`);
      return row.reserved ? { type: "reserved" } : { type: "full", times: row.times ?? [] };
    },

    async refused(key) {
      await database.query("UPDATE baton.outbox SET overtaken = true WHERE key = $1 AND done_at IS NULL", [key]);
    },
  };
}

/** An outbox that is gone with the process, for a one-shot run. */
export function createMemoryOutbox(clock: Clock): Outbox {
  const entries = new Map<string, OutboxEntry>();
  const lanes = new Map<string, string>();
  const comments = new Map<string, { readonly subject: string; readonly kind: string; readonly at: number }>();
  const laneOf = (run: RunId | undefined, lane: string | undefined) =>
    run === undefined || lane === undefined ? undefined : `${run}/${lane}`;
  return {
    async record({ key, run, kind, payload, lane, subject }) {
      const mine = laneOf(run, lane);
      for (const [other, entry] of entries)
        if (mine !== undefined && other !== key && lanes.get(other) === mine && entry.doneAt === undefined)
          entries.set(other, { ...entry, overtaken: true });
      const known = entries.get(key);
      const fresh = { key, run, kind, payload: JSON.parse(toJson(payload)), result: undefined, doneAt: undefined };
      const entry: OutboxEntry = { ...(known ?? fresh), tries: (known?.tries ?? 0) + 1, overtaken: false };
      entries.set(key, entry);
      if (!known && mine !== undefined) lanes.set(key, mine);
      if (!known && subject !== undefined) comments.set(key, { subject, kind, at: clock.now() });
      return entry;
    },

    async reserve({ key, kind, payload, subject }, { most, alike = false }) {
      const known = entries.get(key);
      if (known && !known.overtaken) return { type: "reserved" };
      const now = clock.now();
      const times = [...comments]
        .filter(([other, comment]) => comment.subject === subject && entries.get(other)?.overtaken === false)
        .filter(([, comment]) => comment.at > now - HOUR_MS && (!alike || comment.kind === kind))
        .map(([, { at }]) => at)
        .toSorted((a, b) => b - a)
        .slice(0, most);
      if (times.length >= most) return { type: "full", times };
      const fresh = { key, run: undefined, kind, payload: JSON.parse(toJson(payload)), result: undefined };
      entries.set(key, { ...(known ?? { ...fresh, tries: 0, doneAt: undefined }), overtaken: false });
      comments.set(key, { subject, kind, at: now });
      return { type: "reserved" };
    },

    async done(key, result) {
      const entry = entries.get(key);
      if (entry === undefined) throw unknownKey(key);
      if (entry.doneAt === undefined)
        entries.set(key, { ...entry, result: JSON.parse(toJson(result)), doneAt: clock.now() });
    },

    read: async (key) => entries.get(key),
    async refused(key) {
      const entry = entries.get(key);
      if (entry && entry.doneAt === undefined) entries.set(key, { ...entry, overtaken: true });
    },
  };
}

function toJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}
