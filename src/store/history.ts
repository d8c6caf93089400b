// How long stages took before: read from the events of the latest runs of a repository, never kept apart from them.
import { microDollars } from "../core/ids.ts";
import type { History } from "../engine/ports.ts";
import type { Database } from "./database.ts";

/**
 * What lies between the beginning and the end of an attempt is often of others that were worked beside it. Attempts in which somebody
 * waited or a driver changed say nothing about the work, and are left out. Events are read as text: they may hold what PostgreSQL's JSON
 * functions refuse.
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
), counted AS (
  SELECT marks.*, count(*) FILTER (WHERE type IN ('run.driven', 'run.parked')) OVER (PARTITION BY run_id ORDER BY version) AS breaks
  FROM marks
), steps AS (
  SELECT counted.*, lag(type) OVER unit AS before_type, lag(at) OVER unit AS before_at, lag(breaks) OVER unit AS before_breaks
  FROM counted WHERE stage = $5 WINDOW unit AS (PARTITION BY run_id ORDER BY version)
)
SELECT extract(epoch FROM at - before_at) * 1000 AS milliseconds FROM steps
WHERE type = 'agent.finished' AND before_type = 'stage.started' AND breaks = before_breaks
ORDER BY at DESC LIMIT 20`;

/** Fewer runs than this tell nothing. */
const ENOUGH = 3;

/**
 * The quartiles of the latest runs that succeeded: what they cost, and how long somebody worked on them. What lies before a driver took
 * the run up is not counted, nor is what lies behind a wait or a pause until then: people think for days.
 */
const estimate = `
WITH latest AS (
  SELECT run_id, micro_dollars FROM baton.runs
  WHERE (repo_id, owner, name) = ($1, $2, $3) AND outcome = 'succeeded' AND workflow = $4
  ORDER BY place DESC LIMIT 20
), steps AS (
  SELECT e.run_id, e.type, extract(epoch FROM e.at - lag(e.at) OVER run) * 1000 AS took,
    max(e.version) FILTER (WHERE e.type IN ('run.driven', 'resume.requested')) OVER before AS taken_up,
    max(e.version) FILTER (WHERE e.type IN ('run.parked', 'pause.requested', 'run.finished')) OVER before AS put_down
  FROM latest JOIN baton.events e USING (run_id)
  WINDOW run AS (PARTITION BY e.run_id ORDER BY e.version), before AS (run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), worked AS (
  SELECT run_id, micro_dollars, (
    SELECT coalesce(sum(took), 0) FROM steps s
    WHERE s.run_id = l.run_id AND s.type <> 'run.driven' AND s.taken_up > coalesce(s.put_down, 0)
  ) AS took
  FROM latest l
)
SELECT count(*)::integer AS runs,
  percentile_cont(0.25) WITHIN GROUP (ORDER BY micro_dollars) AS least_money,
  percentile_cont(0.75) WITHIN GROUP (ORDER BY micro_dollars) AS most_money,
  percentile_cont(0.25) WITHIN GROUP (ORDER BY took) AS least_time,
  percentile_cont(0.75) WITHIN GROUP (ORDER BY took) AS most_time
FROM worked`;

interface Quartiles {
  readonly runs: number;
  readonly least_money: number | null;
  readonly most_money: number | null;
  readonly least_time: number | null;
  readonly most_time: number | null;
}

/** History over the event log of `database`. */
export function createHistory(database: Database): History {
  return {
    async stageTimes({ id, owner, name }, workflow, stage) {
      const rows = await database.query<{ milliseconds: number | string }>(times, [id, owner, name, workflow, stage]);
      return rows.map(({ milliseconds }) => Number(milliseconds));
    },
    async estimate({ id, owner, name }, workflow) {
      const [row] = await database.query<Quartiles>(estimate, [id, owner, name, workflow]);
      if (!row || row.runs < ENOUGH) return undefined;
      const whole = (value: number | null) => Math.round(Number(value));
      return {
        runs: row.runs,
        microDollars: [microDollars(whole(row.least_money)), microDollars(whole(row.most_money))],
        milliseconds: [whole(row.least_time), whole(row.most_time)],
      };
    },
  };
}

/** What a one-shot run knows of earlier ones: nothing. */
export const noHistory: History = { stageTimes: () => Promise.resolve([]), estimate: () => Promise.resolve(undefined) };
