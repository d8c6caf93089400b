// Pull requests whose checks somebody should look at though nobody tells of them: found in the events alone.
import { runId, type RunId } from "../core/ids.ts";
import type { Database } from "./database.ts";

export interface DueLook {
  readonly run: RunId;
  /** The event behind which nobody has looked. */
  readonly version: number;
}

export interface Looks {
  /**
   * Runs that have ended well and whose pull request was opened or given back by people, or whose checks were last seen waiting, longer than `afterMs` and less than
   * `withinMs` ago, without a delivery named by `lookName`; oldest first, at most 100. Throws `database-failed`.
   */
  due(afterMs: number, withinMs: number): Promise<DueLook[]>;
}

/** The name of the delivery that looks behind an event. */
export function lookName({ run, version }: DueLook): string {
  return `checks-${run}-${version}`;
}

const due = `
SELECT e.run_id, e.version FROM baton.events e JOIN baton.runs r USING (run_id)
WHERE e.type IN ('pull_request.opened', 'branch.given', 'checks.judged')
  AND e.at > clock_timestamp() - $2 * interval '1 millisecond' AND e.at <= clock_timestamp() - $1 * interval '1 millisecond'
  AND r.outcome = 'succeeded'
  AND (e.type <> 'checks.judged' OR e.event->>'verdict' IN ('waiting', 'again'))
  AND NOT EXISTS (
    SELECT FROM baton.events l WHERE l.run_id = e.run_id AND l.version > e.version
      AND l.type IN ('pull_request.opened', 'pull_request.closed', 'branch.taken', 'branch.given', 'checks.judged', 'revision.requested'))
  AND NOT EXISTS (SELECT FROM baton.deliveries d WHERE d.id = 'checks-' || e.run_id || '-' || e.version)
ORDER BY e.at LIMIT 100`;

export function createLooks(database: Database): Looks {
  return {
    async due(afterMs, withinMs) {
      const rows = await database.query<{ run_id: string; version: number }>(due, [afterMs, withinMs]);
      return rows.map(({ run_id, version }) => ({ run: runId(run_id), version }));
    },
  };
}
