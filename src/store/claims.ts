// Who works which run: claims that last as long as the worker shows that it lives, by the database's clock.
//
// A run is *due* when its last event says so (`migrations/002-claims.sql`), *held* while a living worker has claimed it. A worker
// that is silent for longer than its lease is dead to everybody: its runs are claimed by others, and when it comes back, `assure`
// refuses it, and so does the log, because the new worker's driver has announced itself there.
import { randomUUID } from "node:crypto";
import { BatonError } from "../core/errors.ts";
import { runId, type RunId } from "../core/ids.ts";
import type { Claims } from "../engine/ports.ts";
import type { Database } from "./database.ts";

/** How long a worker may be silent, where others could take over; alone in a database nobody can. */
const LEASE_MS = 2_000;
const LEASE_ALONE_MS = 60_000;

const taking = `
WITH taken AS MATERIALIZED (SELECT baton.claim($1, $2, $3, $4, $5) AS run)
SELECT t.run, extract(epoch FROM clock_timestamp() - r.due_at) * 1000 AS waited_ms
FROM taken t LEFT JOIN baton.runs r ON r.run_id = t.run`;

/**
 * Whoever says something in this moment must be heard. A run that rests is still due when what its driver knew is not the last word; an
 * event that is being written has not changed what this statement sees of `events`, but it has `due_at`, to a time behind the claim.
 */
export const releasing = `
UPDATE baton.runs r SET worker = NULL,
  due_at = CASE
    WHEN due_at IS NULL THEN NULL
    WHEN $3::double precision > 0 THEN greatest(due_at, clock_timestamp() + $3 * interval '1 millisecond')
    WHEN due_at <= claimed_at AND $4::integer = (SELECT max(version) FROM baton.events e WHERE e.run_id = r.run_id) THEN NULL
    ELSE due_at END
WHERE run_id = $1 AND worker = $2`;

export interface ClaimLimits {
  /** Runs under way at once, of one repository and of one installation, in all workers together. */
  readonly perRepository: number;
  readonly perInstallation: number;
}

export const usualLimits: ClaimLimits = { perRepository: 4, perInstallation: 16 };

export interface WorkerClaims extends Claims, AsyncDisposable {
  /** This worker's name in the database. */
  readonly worker: string;
  /** Milliseconds after which a silent worker counts as dead. */
  readonly leaseMs: number;
  /** Whether any living worker has the run now. */
  held(run: RunId): Promise<boolean>;
}

/**
 * Claims of a new worker, which lives from now on. Disposing gives everything back. `claimed` is told how long each run that it took had
 * been due, in milliseconds; with `own` it takes none that a job is to work. Throws `database-failed`.
 */
export async function openClaims(
  database: Database,
  limits: ClaimLimits,
  options: { leaseMs?: number; own?: boolean; claimed?: ((waitedMs: number) => void) | undefined } = {},
): Promise<WorkerClaims> {
  const worker = `worker-${process.pid}-${randomUUID().slice(0, 8)}`;
  const leaseMs = options.leaseMs ?? (database.shared ? LEASE_MS : LEASE_ALONE_MS);
  const { own = false } = options;
  // No other process can be alive in a database that only one can open: what the one before held is free. Jobs are elsewhere.
  if (!database.shared)
    await database.query(
      "DELETE FROM baton.workers w WHERE NOT EXISTS (SELECT FROM baton.jobs j WHERE j.worker = w.worker)",
      [],
    );

  /** What this worker was given and has not given back: what the database says beyond that is a claim whose answer was lost. */
  const given = new Set<RunId>();

  const beat = async () => {
    const [row] = await database.query<{ due_in_ms: number | null }>(
      "SELECT due_in_ms FROM baton.beat($1, $2, $3, $4)",
      [worker, leaseMs, [...given], own],
    );
    return { dueInMs: row?.due_in_ms ?? undefined };
  };
  await beat();

  return {
    worker,
    leaseMs,
    beat,
    async next() {
      const [row] = await database.query<{ run: string | null; waited_ms: number | string | null }>(taking, [
        worker,
        limits.perRepository,
        limits.perInstallation,
        [...given],
        own,
      ]);
      if (row?.run === undefined || row.run === null) return undefined;
      options.claimed?.(Math.max(0, Number(row.waited_ms ?? 0)));
      const run = runId(row.run);
      given.add(run);
      return run;
    },
    async release(run, until = { afterMs: 0 }) {
      await database.query(
        releasing,
        "rests" in until ? [run, worker, null, until.rests] : [run, worker, until.afterMs, null],
      );
      given.delete(run);
    },
    async assure(run) {
      const rows = await database.query(
        `SELECT 1 AS held FROM baton.runs r JOIN baton.workers w ON w.worker = r.worker
         WHERE r.run_id = $1 AND r.worker = $2 AND w.alive_until > clock_timestamp()`,
        [run, worker],
      );
      if (rows.length === 0) throw new BatonError("fence-lost", `${run} is not this worker's any more`);
    },
    async held(run) {
      const rows = await database.query(
        `SELECT 1 AS held FROM baton.runs r JOIN baton.workers w ON w.worker = r.worker
         WHERE r.run_id = $1 AND w.alive_until > clock_timestamp()`,
        [run],
      );
      return rows.length > 0;
    },
    async [Symbol.asyncDispose]() {
      await database.query("UPDATE baton.runs SET worker = NULL WHERE worker = $1", [worker]).catch(() => undefined);
      await database.query("DELETE FROM baton.workers WHERE worker = $1", [worker]).catch(() => undefined);
    },
  };
}
