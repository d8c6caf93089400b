// How long stages took before: read from the events of the latest runs of a repository, never kept apart from them.
import type { History } from "../engine/ports.ts";
import type { Database } from "./database.ts";

/**
 * Attempts in which somebody waited or a driver changed say nothing about the work, and are left out. Events are read as text: they may
 * hold what PostgreSQL's JSON functions refuse.
 */
const times = `
WITH latest AS (
  SELECT run_id FROM baton.runs
  WHERE (repo_id, owner, name) = ($1, $2, $3) AND finished_at IS NOT NULL AND workflow = $4
  ORDER BY place DESC LIMIT 40
), marks AS (
  SELECT e.run_id, e.version, e.at, e.type,
    CASE WHEN e.type IN ('stage.started', 'agent.finished') THEN substring(e.event::text FROM '"stage":\\s*"([^"]*)"') END AS stage
  FROM latest JOIN baton.events e USING (run_id)
  WHERE e.type IN ('stage.started', 'agent.finished', 'run.driven', 'run.parked')
), steps AS (
  SELECT marks.*, lag(type) OVER run AS before_type, lag(at) OVER run AS before_at
  FROM marks WINDOW run AS (PARTITION BY run_id ORDER BY version)
)
SELECT extract(epoch FROM at - before_at) * 1000 AS milliseconds FROM steps
WHERE type = 'agent.finished' AND before_type = 'stage.started' AND stage = $5
ORDER BY at DESC LIMIT 20`;

/** History over the event log of `database`. */
export function createHistory(database: Database): History {
  return {
    async stageTimes({ id, owner, name }, workflow, stage) {
      const rows = await database.query<{ milliseconds: number | string }>(times, [id, owner, name, workflow, stage]);
      return rows.map(({ milliseconds }) => Number(milliseconds));
    },
  };
}

/** What a one-shot run knows of earlier ones: nothing. */
export const noHistory: History = { stageTimes: () => Promise.resolve([]) };
