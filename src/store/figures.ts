// How the work stands, in numbers for an operator: read from the database when they are asked for, each with an index or over the
// list of runs, never over events.
import type { Database } from "./database.ts";

export interface Figures {
  /** Unfinished runs that somebody should drive now and nobody does. */
  readonly due: number;
  /** How long the first of them has been due, in seconds; 0 when there is none. */
  readonly oldestDueSeconds: number;
  /** Unfinished runs that wait: for a time, or for a person. */
  readonly waiting: number;
  /** Runs that a living worker drives. */
  readonly held: number;
  readonly workers: number;
  /** Deliveries that are kept and not handled. */
  readonly deliveries: number;
  /** Writes to GitHub that were begun, are not done and were not refused. */
  readonly writes: number;
  /** Runs that have ended, by outcome, archived ones included. */
  readonly finished: Readonly<Record<string, number>>;
  /** Spent on models by all runs, archived ones included, in millionths of a dollar. */
  readonly microDollars: number;
}

const open = `
WITH runs AS (
  SELECT r.due_at, w.worker IS NOT NULL AS held
  FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
  WHERE r.finished_at IS NULL
)
SELECT
  count(*) FILTER (WHERE NOT held AND due_at <= clock_timestamp())::integer AS due,
  coalesce(extract(epoch FROM clock_timestamp() - min(due_at) FILTER (WHERE NOT held AND due_at <= clock_timestamp())), 0)
    ::double precision AS oldest_due_seconds,
  count(*) FILTER (WHERE NOT held AND (due_at IS NULL OR due_at > clock_timestamp()))::integer AS waiting,
  count(*) FILTER (WHERE held)::integer AS held,
  (SELECT count(*) FROM baton.workers WHERE alive_until > clock_timestamp())::integer AS workers,
  (SELECT count(*) FROM baton.deliveries WHERE handled_at IS NULL)::integer AS deliveries,
  (SELECT count(*) FROM baton.outbox WHERE done_at IS NULL AND NOT overtaken)::integer AS writes
FROM runs`;

const ended = `
SELECT outcome, sum(runs)::double precision AS runs, sum(micro_dollars)::double precision AS micro_dollars FROM (
  SELECT outcome, count(*) AS runs, sum(micro_dollars) AS micro_dollars FROM baton.runs GROUP BY outcome
  UNION ALL SELECT outcome, runs, micro_dollars FROM baton.archived
) AS every GROUP BY outcome`;

/** Throws `database-failed`. */
export async function readFigures(database: Database): Promise<Figures> {
  const [row] = await database.query<{
    due: number;
    oldest_due_seconds: number;
    waiting: number;
    held: number;
    workers: number;
    deliveries: number;
    writes: number;
  }>(open, []);
  const outcomes = await database.query<{ outcome: string | null; runs: number; micro_dollars: number }>(ended, []);
  return {
    due: row?.due ?? 0,
    oldestDueSeconds: row?.oldest_due_seconds ?? 0,
    waiting: row?.waiting ?? 0,
    held: row?.held ?? 0,
    workers: row?.workers ?? 0,
    deliveries: row?.deliveries ?? 0,
    writes: row?.writes ?? 0,
    finished: Object.fromEntries(outcomes.flatMap(({ outcome, runs }) => (outcome === null ? [] : [[outcome, runs]]))),
    microDollars: outcomes.reduce((sum, each) => sum + each.micro_dollars, 0),
  };
}
