// The event log in a database. Appending is one statement: it writes the events behind the expected version and tells
// the followers, or does none of it. Of many who append at the same version exactly one wins, in whichever processes
// they are: the others meet its row in the primary key.
import { messageOf } from "../core/errors.ts";
import { microDollars, runId, type RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { EventOf, RecordedEvent, RunEvent } from "../engine/events.ts";
import type { EventLog } from "../engine/ports.ts";
import type { Database } from "./database.ts";
import { violates } from "./database-error.ts";
import {
  checked,
  type ParseEvent,
  dueAfter,
  factsOf,
  phaseAfter,
  runTaken,
  subjectKey,
  toRecorded,
} from "./recorded.ts";

const CHANNEL = "baton_events";

const create = `
WITH made AS (
  INSERT INTO baton.runs (run_id, repo_id, owner, name, subject, subject_key, installation_id, job_workflow, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $8, $9, clock_timestamp())
  ON CONFLICT (subject_key) WHERE finished_at IS NULL DO NOTHING
  RETURNING created_at
), written AS (
  INSERT INTO baton.events (run_id, version, at, type, event)
  SELECT $1, 1, created_at, 'run.created', $7::json FROM made
)
SELECT pg_notify('${CHANNEL}', $1)::text FROM made`;

interface Row {
  readonly run_id: string;
  readonly owner: string;
  readonly name: string;
  readonly subject: number;
  readonly created_at: Date;
  readonly finished_at: Date | null;
  readonly outcome: string | null;
  readonly workflow: string | null;
  readonly stage: string | null;
  readonly micro_dollars: string | number;
  readonly due_at: Date | null;
  readonly held: boolean;
}

interface Recorded {
  readonly version: number;
  readonly at: Date;
  readonly event: unknown;
}

export interface EventLogOptions {
  /** The schema of events; throws for what is not one. */
  readonly parse: ParseEvent;
  readonly log: Log;
}

/** The log of `database`, following what other processes append. Closing it stops the following; the database stays open. */
export async function openEventLog(
  database: Database,
  { parse, log }: EventLogOptions,
): Promise<EventLog & AsyncDisposable> {
  const followers = new Set<(run: RunId) => void>();
  const tell = (run: string) => {
    for (const follower of followers) follower(runId(run));
  };
  const listening = await database.listen(CHANNEL, {
    heard: tell,
    missed() {
      changedLately().catch((error: unknown) =>
        log.warn("could not catch up on events after listening again", { error: messageOf(error) }),
      );
    },
  });

  /** After a gap in listening every run that may have changed meanwhile is told. */
  async function changedLately(): Promise<void> {
    for (const run of [...(await unfinished()), ...(await endedWithin(15 * 60_000))]) tell(run);
  }

  async function unfinished(): Promise<RunId[]> {
    const rows = await database.query<{ run_id: string }>(
      "SELECT run_id FROM baton.runs WHERE finished_at IS NULL ORDER BY place",
      [],
    );
    return rows.map((row) => runId(row.run_id));
  }

  async function endedWithin(milliseconds: number): Promise<RunId[]> {
    const rows = await database.query<{ run_id: string }>(
      `SELECT run_id FROM baton.runs
       WHERE finished_at > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY place`,
      [milliseconds],
    );
    return rows.map((row) => runId(row.run_id));
  }

  async function versionOf(run: RunId): Promise<number> {
    const [row] = await database.query<{ version: number | null }>(
      "SELECT max(version) AS version FROM baton.events WHERE run_id = $1",
      [run],
    );
    return row?.version ?? 0;
  }

  async function activeOn(key: string): Promise<RunId | undefined> {
    const [row] = await database.query<{ run_id: string }>(
      "SELECT run_id FROM baton.runs WHERE subject_key = $1 AND finished_at IS NULL",
      [key],
    );
    return row && runId(row.run_id);
  }

  return {
    async create(event: EventOf<"run.created">) {
      const { repo, subject } = event;
      const id = runId(event.runId);
      const key = subjectKey(repo, subject);
      const text = JSON.stringify(checked(parse, id, 1, event));
      for (;;) {
        const { id: repoId, owner, name, installationId = null } = repo;
        const made = await database.query(create, [
          id,
          repoId,
          owner,
          name,
          subject.number,
          key,
          text,
          installationId,
          event.config.runsOn?.workflow ?? null,
        ]);
        if (made.length > 0) return { type: "created" };
        // The run in the way may have finished since: then there is none, and it is tried again.
        const by = await activeOn(key);
        if (by !== undefined) return { type: "taken", by };
      }
    },

    async append(run: RunId, expected: number, events: readonly RunEvent[]) {
      const values = events.map((event, index) => checked(parse, run, expected + index + 1, event));
      const { phase, outcome } = phaseAfter(values);
      const { microDollars: spent, stage, workflow } = factsOf(values);
      try {
        const [answer] = await database.query<{ appended: boolean; version: number }>(
          "SELECT appended, version FROM baton.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
          [
            run,
            expected,
            values.map(({ type }) => type),
            values.map((value) => JSON.stringify(value)),
            phase,
            outcome,
            String(dueAfter(values)),
            spent,
            stage ?? null,
            workflow ?? null,
          ],
        );
        if (answer) return { type: answer.appended ? "appended" : "conflict", version: answer.version };
      } catch (error) {
        if (violates(error, "runs_active")) throw runTaken(run, error);
        // Archived meanwhile: there is no such run any more.
        if (violates(error, "events_run")) return { type: "conflict", version: 0 };
        if (!violates(error, "events_pkey")) throw error;
      }
      return { type: "conflict", version: await versionOf(run) };
    },

    async at(run: RunId, versions: readonly number[]): Promise<RecordedEvent[]> {
      if (versions.length === 0) return [];
      const rows = await database.query<Recorded>(
        "SELECT version, at, event FROM baton.events WHERE run_id = $1 AND version = ANY ($2::integer[]) ORDER BY version",
        [run, versions],
      );
      return rows.map(({ version, at, event }) =>
        toRecorded(parse, run, version, { version, at: at.getTime(), event }),
      );
    },

    async read(run: RunId, after = 0): Promise<RecordedEvent[]> {
      const rows = await database.query<Recorded>(
        "SELECT version, at, event FROM baton.events WHERE run_id = $1 AND version > $2 ORDER BY version",
        [run, after],
      );
      return rows.map(({ version, at, event }, index) =>
        toRecorded(parse, run, after + index + 1, { version, at: at.getTime(), event }),
      );
    },

    follow(listener) {
      const follower = (run: RunId) => listener(run);
      followers.add(follower);
      return { [Symbol.dispose]: () => void followers.delete(follower) };
    },

    unfinished,
    endedWithin,

    async list({ limit, repo, unfinished: open = false }) {
      const rows = await database.query<Row>(
        `SELECT r.run_id, r.owner, r.name, r.subject::integer AS subject, r.created_at, r.finished_at, r.outcome,
           r.workflow, r.stage, r.micro_dollars, r.due_at, w.worker IS NOT NULL AS held
         FROM baton.runs r LEFT JOIN baton.workers w ON w.worker = r.worker AND w.alive_until > clock_timestamp()
         WHERE ($2::text IS NULL OR r.owner || '/' || r.name = $2) AND (NOT $3 OR r.finished_at IS NULL)
         ORDER BY r.place DESC LIMIT $1`,
        [limit, repo ?? null, open],
      );
      return rows.map((row) => ({
        run: runId(row.run_id),
        repo: { owner: row.owner, name: row.name },
        subject: row.subject,
        createdAt: row.created_at.getTime(),
        finishedAt: row.finished_at?.getTime(),
        outcome: row.outcome ?? undefined,
        workflow: row.workflow ?? undefined,
        stage: row.stage ?? undefined,
        spent: microDollars(Number(row.micro_dollars)),
        dueAt: row.due_at?.getTime(),
        held: row.held,
      }));
    },

    async unfinishedOn({ repositories = [], installation }) {
      const rows = await database.query<{ run_id: string }>(
        `SELECT run_id FROM baton.runs
         WHERE finished_at IS NULL AND (repo_id = ANY ($1::bigint[]) OR installation_id = $2) ORDER BY place`,
        [repositories, installation ?? null],
      );
      return rows.map((row) => runId(row.run_id));
    },

    async runsOf(repo, subject) {
      const rows = await database.query<{ run_id: string }>(
        "SELECT run_id FROM baton.runs WHERE subject_key = $1 ORDER BY place DESC",
        [subjectKey(repo, subject)],
      );
      return rows.map((row) => runId(row.run_id));
    },

    async eventsOf(repo, subject, { runs, types }) {
      const rows = await database.query<{ run_id: string; version: number; at: Date; event: unknown }>(
        `WITH latest AS (SELECT run_id, place FROM baton.runs WHERE subject_key = $1 ORDER BY place DESC LIMIT $2)
         SELECT l.run_id, e.version, e.at, e.event FROM latest l JOIN baton.events e USING (run_id)
         WHERE e.type = ANY ($3::text[]) ORDER BY l.place DESC, e.version`,
        [subjectKey(repo, subject), runs, types],
      );
      const found = new Map<RunId, RecordedEvent[]>();
      for (const { run_id, version, at, event } of rows) {
        const run = runId(run_id);
        const row = toRecorded(parse, run, version, { version, at: at.getTime(), event });
        found.set(run, [...(found.get(run) ?? []), row]);
      }
      return [...found].map(([run, recorded]) => ({ run, events: recorded }));
    },

    async begunOn(repo, subject, milliseconds) {
      const rows = await database.query<{ at: Date }>(
        `SELECT e.at FROM baton.runs r JOIN baton.events e USING (run_id)
         WHERE r.subject_key = $1 AND e.type IN ('run.created', 'retry.requested', 'revision.requested')
           AND e.at > clock_timestamp() - $2 * interval '1 millisecond'
         ORDER BY e.at DESC`,
        [subjectKey(repo, subject), milliseconds],
      );
      return rows.map(({ at }) => at.getTime());
    },

    async [Symbol.asyncDispose]() {
      followers.clear();
      await listening[Symbol.asyncDispose]();
    },
  };
}
