// Runs of which people may see something old, for whoever draws their cards: found in the database alone, whichever process drove them.
import { runId, type RunId } from "../core/ids.ts";
import type { Database } from "./database.ts";

export interface Unshown {
  /**
   * Runs that ended in the last `withinMs` milliseconds, but not in the last `graceMs`, and whose end nobody has shown yet, oldest first.
   * Throws `database-failed`.
   */
  ended(withinMs: number, graceMs: number): Promise<RunId[]>;
  /** Unfinished runs that no living worker has, oldest first: their cards may say that somebody is at work. Throws `database-failed`. */
  unheld(): Promise<RunId[]>;
}

/** An end is shown when its entry of the kind "shown" (`github/projection.ts`) is done: a retried run may end, and be shown, again. */
const ended = `
SELECT r.run_id FROM baton.runs r
WHERE r.finished_at > clock_timestamp() - $1 * interval '1 millisecond'
  AND r.finished_at <= clock_timestamp() - $2 * interval '1 millisecond'
  AND NOT EXISTS (
    SELECT FROM baton.outbox o WHERE o.run_id = r.run_id AND o.kind = 'shown' AND o.done_at >= r.finished_at)
ORDER BY r.finished_at`;

const unheld = `
SELECT r.run_id FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
WHERE r.finished_at IS NULL AND w.worker IS NULL ORDER BY r.place`;

export function createUnshown(database: Database): Unshown {
  const ask = async (statement: string, params: readonly unknown[]) =>
    (await database.query<{ run_id: string }>(statement, params)).map(({ run_id }) => runId(run_id));
  return {
    ended: (withinMs, graceMs) => ask(ended, [withinMs, graceMs]),
    unheld: () => ask(unheld, []),
  };
}
