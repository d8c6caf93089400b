// Which repositories have a dashboard, what it shows, and what there is to show: for all processes together, by the database's clock.
// Nothing here reads events but those of closed pull requests, for which there is an index.
import { z } from "zod";
import { microDollars, runId, type MicroDollars, type RunId } from "../core/ids.ts";
import type { Database } from "./database.ts";
import { subjectKey } from "./recorded.ts";

/** A dashboard that may not show how things are. */
export interface DueDashboard {
  readonly repoId: number;
  /** JSON, which is not looked into here. */
  readonly repo: unknown;
  readonly isOn: boolean;
  /** How its runs stand: to be said to `shown`. */
  readonly news: string;
}

/** What a repository's dashboard is made of. Times in milliseconds since 1970. */
export interface RepoFigures {
  readonly now: number;
  /** Runs that have not ended, oldest first, at most 50. */
  readonly open: readonly {
    readonly run: RunId;
    readonly subject: number;
    readonly held: boolean;
    readonly spent: MicroDollars;
  }[];
  /** Spent on models in the last 7 and 30 days. */
  readonly week: MicroDollars;
  readonly month: MicroDollars;
  /** Pull requests that were merged in the last 30 days. */
  readonly merged: number;
}

export interface EndedRun {
  readonly run: RunId;
  readonly subject: number;
  readonly outcome: string;
  readonly finishedAt: number;
  readonly spent: MicroDollars;
}

/** Everything throws `database-failed`. */
export interface Dashboards {
  /** The config asks for one, or no longer does. `repo` as JSON. */
  learn(repoId: number, repo: unknown, isOn: boolean): Promise<void>;
  /** Somebody has changed its text: it is due. Nothing where there is none. */
  spoil(repoId: number): Promise<void>;
  /** Those that are due: their runs have changed, work is under way and it is five minutes old, or it is an hour old. At most 50. */
  due(): Promise<DueDashboard[]>;
  /** These boxes are about to be offered. */
  offer(repoId: number, boxes: readonly string[]): Promise<void>;
  /** The boxes that are offered now. */
  offered(repoId: number): Promise<readonly string[]>;
  /** It shows the runs as they stood. */
  shown(repoId: number, news: string): Promise<void>;
  /** It was taken away. */
  gone(repoId: number): Promise<void>;
  figures(repoId: number): Promise<RepoFigures>;
  /** Of each of these issues the latest run, where that has ended. */
  ended(
    repo: { readonly id: number; readonly owner: string; readonly name: string },
    subjects: readonly number[],
  ): Promise<EndedRun[]>;
}

const due = `
SELECT * FROM (
  SELECT d.repo_id, d.repo, d.is_on, d.shows, d.shown_at,
    coalesce((
      SELECT string_agg(concat_ws(':', r.run_id, r.stage, r.due_at IS NULL, w.worker IS NOT NULL), ',' ORDER BY r.place)
      FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
      WHERE r.repo_id = d.repo_id AND r.finished_at IS NULL
    ), '') || '|' || coalesce((SELECT max(r.finished_at) FROM baton.runs r WHERE r.repo_id = d.repo_id)::text, '') AS news
  FROM baton.dashboards d
) AS each
WHERE shows IS DISTINCT FROM news OR NOT is_on
  OR shown_at < clock_timestamp() - CASE WHEN news LIKE '|%' THEN interval '1 hour' ELSE interval '5 minutes' END
ORDER BY shown_at NULLS FIRST LIMIT 50`;

const Boxes = z.array(z.string());

/** Dashboards kept in `database`. */
export function createDashboardBook(database: Database): Dashboards {
  return {
    async learn(repoId, repo, isOn) {
      const json = JSON.stringify(repo);
      if (isOn)
        await database.query(
          `INSERT INTO baton.dashboards (repo_id, repo, is_on) VALUES ($1, $2, true)
           ON CONFLICT (repo_id) DO UPDATE SET repo = excluded.repo, is_on = true`,
          [repoId, json],
        );
      else await database.query("UPDATE baton.dashboards SET is_on = false WHERE repo_id = $1", [repoId]);
    },

    async spoil(repoId) {
      await database.query("UPDATE baton.dashboards SET shows = NULL WHERE repo_id = $1", [repoId]);
    },

    async due() {
      const rows = await database.query<{ repo_id: string | number; repo: unknown; is_on: boolean; news: string }>(
        due,
        [],
      );
      return rows.map(({ repo_id, repo, is_on, news }) => ({ repoId: Number(repo_id), repo, isOn: is_on, news }));
    },

    async offer(repoId, boxes) {
      await database.query("UPDATE baton.dashboards SET offered = $2 WHERE repo_id = $1", [
        repoId,
        JSON.stringify(boxes),
      ]);
    },

    async offered(repoId) {
      const [row] = await database.query<{ offered: unknown }>(
        "SELECT offered FROM baton.dashboards WHERE repo_id = $1 AND is_on",
        [repoId],
      );
      return row ? Boxes.parse(row.offered) : [];
    },

    async shown(repoId, news) {
      await database.query("UPDATE baton.dashboards SET shows = $2, shown_at = clock_timestamp() WHERE repo_id = $1", [
        repoId,
        news,
      ]);
    },

    async gone(repoId) {
      await database.query("DELETE FROM baton.dashboards WHERE repo_id = $1 AND NOT is_on", [repoId]);
    },

    async figures(repoId) {
      const open = await database.query<{
        run_id: string;
        subject: number;
        held: boolean;
        micro_dollars: string | number;
      }>(
        `SELECT r.run_id, r.subject::integer AS subject, w.worker IS NOT NULL AS held, r.micro_dollars
         FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
         WHERE r.repo_id = $1 AND r.finished_at IS NULL ORDER BY r.place LIMIT 50`,
        [repoId],
      );
      const [sums] = await database.query<{ now: Date; week: number; month: number; merged: number }>(
        `SELECT clock_timestamp() AS now,
           coalesce(sum(s.micro_dollars) FILTER (WHERE s.day > (clock_timestamp() AT TIME ZONE 'UTC')::date - 7), 0)::double precision AS week,
           coalesce(sum(s.micro_dollars), 0)::double precision AS month,
           (SELECT count(DISTINCT e.run_id) FROM baton.runs r JOIN baton.events e USING (run_id)
            WHERE r.repo_id = $1 AND e.type = 'pull_request.closed' AND e.at > clock_timestamp() - interval '30 days'
              AND e.event::text ~ '"merged":\\s*true')::integer AS merged
         FROM baton.spent s WHERE s.repo_id = $1 AND s.day > (clock_timestamp() AT TIME ZONE 'UTC')::date - 30`,
        [repoId],
      );
      return {
        now: sums?.now.getTime() ?? 0,
        open: open.map(({ run_id, subject, held, micro_dollars }) => ({
          run: runId(run_id),
          subject,
          held,
          spent: microDollars(Number(micro_dollars)),
        })),
        week: microDollars(sums?.week ?? 0),
        month: microDollars(sums?.month ?? 0),
        merged: sums?.merged ?? 0,
      };
    },

    async ended(repo, subjects) {
      const rows = await database.query<{
        run_id: string;
        subject: number;
        outcome: string;
        finished_at: Date;
        micro_dollars: string | number;
      }>(
        `SELECT * FROM (
           SELECT DISTINCT ON (subject_key) run_id, subject::integer AS subject, outcome, finished_at, micro_dollars
           FROM baton.runs WHERE subject_key = ANY ($1::text[]) ORDER BY subject_key, place DESC
         ) AS latest WHERE finished_at IS NOT NULL AND outcome IS NOT NULL`,
        [subjects.map((number) => subjectKey(repo, { number }))],
      );
      return rows.map(({ run_id, subject, outcome, finished_at, micro_dollars }) => ({
        run: runId(run_id),
        subject,
        outcome,
        finishedAt: finished_at.getTime(),
        spent: microDollars(Number(micro_dollars)),
      }));
    },
  };
}
