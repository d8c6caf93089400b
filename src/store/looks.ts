// Pull requests that somebody should look at: their checks though nobody tells of them, and all that go into a branch that moved on. Found
// in the events alone.
import { runId, type RunId } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
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
  /**
   * Pull requests that runs have opened onto a branch, and whose end nobody has told; latest first, at most 50. Throws `database-failed`.
   */
  open(repo: Pick<RepoRef, "id" | "owner" | "name">, base: string): Promise<OpenPull[]>;
}

export interface OpenPull {
  readonly run: RunId;
  /** The branch it is opened from. */
  readonly branch: string;
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

const open = `
SELECT r.run_id, e.event->>'branch' AS branch
FROM baton.runs r JOIN baton.events e USING (run_id) JOIN baton.events f ON f.run_id = r.run_id AND f.version = 1
WHERE r.repo_id = $1 AND ($1 <> 0 OR (r.owner = $2 AND r.name = $3))
  AND e.type = 'pull_request.opened' AND f.event->'base'->>'branch' = $4
  AND NOT EXISTS (
    SELECT FROM baton.events l WHERE l.run_id = r.run_id AND l.version > e.version
      AND l.type IN ('pull_request.opened', 'pull_request.closed'))
ORDER BY e.at DESC LIMIT 50`;

export function createLooks(database: Database): Looks {
  return {
    async due(afterMs, withinMs) {
      const rows = await database.query<{ run_id: string; version: number }>(due, [afterMs, withinMs]);
      return rows.map(({ run_id, version }) => ({ run: runId(run_id), version }));
    },
    async open({ id, owner, name }, base) {
      const rows = await database.query<{ run_id: string; branch: string }>(open, [id, owner, name, base]);
      return rows.map(({ run_id, branch }) => ({ run: runId(run_id), branch }));
    },
  };
}
