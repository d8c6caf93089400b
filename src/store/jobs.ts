// Runs that jobs of GitHub Actions work: which of them wants a job now, and which job has which. A job is a worker with one run and a
// longer lease; it proves itself by a token, of which only the hash is here.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { BatonError } from "../core/errors.ts";
import { runId, type RunId } from "../core/ids.ts";
import type { Release } from "../engine/ports.ts";
import type { Shelves } from "../workspace/shelf.ts";
import { releasing, type ClaimLimits } from "./claims.ts";
import type { Database } from "./database.ts";
import { createShelves } from "./shelf.ts";

/** How long a job may be silent: its network is not this one's, and Baton may be starting again. */
export const JOB_LEASE_MS = 60_000;

/** A run for which a job is to be asked for. */
export interface Wanted {
  readonly run: RunId;
  /** So many were asked for in a row, with this one. */
  readonly asked: number;
  /** The workflow file that the repository names. */
  readonly workflow: string | undefined;
  /** The page of the job that came for it last and did not give it back. */
  readonly lost: string | undefined;
  /** Whose limits at GitHub count; 0: nobody's. */
  readonly installation: number;
}

/** Which runs are looked at, and how. */
export interface Looking {
  /** Whatever repositories say. */
  readonly all: boolean;
  /** How long a job is waited for that was asked for. */
  readonly patienceMs: number;
  /** Installations whose runs wait. */
  readonly except: readonly number[];
  /** How long the server has heard jobs without a gap. One that it has not heard since is given a lease, and does not count as lost. */
  readonly upMs: number;
}

/** A job that has a run. */
export interface Held {
  readonly run: RunId;
  readonly worker: string;
  readonly url: string;
}

export interface Jobs {
  /** How long a job may be silent, in milliseconds. */
  readonly leaseMs: number;
  /** Which run is to have a job asked for now; undefined when none is. Written down as asked for. */
  next(looking: Looking): Promise<Wanted | undefined>;
  /** GitHub was not asked after all: it counts as if it had not been wanted yet. */
  takeBack(wanted: Wanted): Promise<void>;
  /** Gives the run to a job, whose page is `url`; `held` when somebody has it, `resting` when it is not due. */
  claim(
    run: RunId,
    url: string,
  ): Promise<
    | { readonly type: "taken"; readonly token: string; readonly leaseMs: number }
    | { readonly type: "held" }
    | { readonly type: "resting" }
  >;
  /** What the token's job has now; undefined when that is nothing any more. */
  held(token: string): Promise<Held | undefined>;
  /** Shows that the job lives; false when its run is another's by now. One that was silent too long lives again if nobody took the run. */
  beat(token: string): Promise<boolean>;
  release(held: Held, until?: Release): Promise<void>;
  /** Throws `fence-lost` unless this job has its run now. */
  assure(held: Held): Promise<void>;
  /** Writes down what the job was answered about GitHub. */
  grant(held: Held, what: string): Promise<void>;
  granted(held: Held): Promise<ReadonlySet<string>>;
  /** Where finished work is. */
  readonly shelves: Shelves;
}

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");

const holding = `
FROM baton.jobs j JOIN baton.runs r ON r.run_id = j.run_id AND r.worker = j.worker
JOIN baton.workers w ON w.worker = j.worker AND w.alive_until > clock_timestamp()`;

/** Jobs kept in `database`. */
export function createJobs(database: Database, limits: ClaimLimits, leaseMs = JOB_LEASE_MS): Jobs {
  return {
    leaseMs,
    shelves: createShelves(database),
    async next({ all, patienceMs, except, upMs }) {
      const [row] = await database.query<{
        run: string | null;
        asked: number;
        job_workflow: string | null;
        came: boolean;
        url: string | null;
        installation: number;
      }>(
        "SELECT run, asked, job_workflow, came, url, installation FROM baton.ask_for_job($1, $2, $3, $4, $5, $6, $7)",
        [limits.perRepository, limits.perInstallation, patienceMs, all, except, leaseMs, upMs],
      );
      if (row?.run === undefined || row.run === null) return undefined;
      const { run, asked, job_workflow: workflow, came, url, installation } = row;
      return {
        run: runId(run),
        asked,
        workflow: workflow ?? undefined,
        lost: came && asked > 1 ? (url ?? undefined) : undefined,
        installation,
      };
    },
    async takeBack({ run, asked, lost }) {
      await database.query(
        `UPDATE baton.jobs SET asked = asked - 1, asked_at = NULL, came = $3
         WHERE run_id = $1 AND asked = $2 AND NOT came`,
        [run, asked, lost !== undefined],
      );
    },
    async claim(run, url) {
      const token = randomBytes(32).toString("base64url");
      const worker = `job-${randomUUID().slice(0, 8)}`;
      const [row] = await database.query<{ said: string }>("SELECT baton.claim_for_job($1, $2, $3, $4, $5) AS said", [
        run,
        worker,
        leaseMs,
        hashOf(token),
        url,
      ]);
      if (row?.said === "taken") return { type: "taken", token, leaseMs };
      return row?.said === "held" ? { type: "held" } : { type: "resting" };
    },
    async held(token) {
      const [row] = await database.query<{ run_id: string; worker: string; url: string }>(
        `SELECT j.run_id, j.worker, j.url ${holding} WHERE j.token_hash = $1`,
        [hashOf(token)],
      );
      return row && { run: runId(row.run_id), worker: row.worker, url: row.url };
    },
    async beat(token) {
      const rows = await database.query(
        `INSERT INTO baton.workers (worker, alive_until)
         SELECT j.worker, clock_timestamp() + $2 * interval '1 millisecond'
         FROM baton.jobs j JOIN baton.runs r ON r.run_id = j.run_id AND r.worker = j.worker WHERE j.token_hash = $1
         ON CONFLICT (worker) DO UPDATE SET alive_until = EXCLUDED.alive_until RETURNING 1 AS alive`,
        [hashOf(token), leaseMs],
      );
      return rows.length > 0;
    },
    async release({ run, worker }, until = { afterMs: 0 }) {
      await database.query(
        releasing,
        "rests" in until ? [run, worker, null, until.rests] : [run, worker, until.afterMs, null],
      );
      await database.query("DELETE FROM baton.workers WHERE worker = $1", [worker]);
      await database.query("UPDATE baton.jobs SET asked = 0, asked_at = NULL WHERE run_id = $1 AND worker = $2", [
        run,
        worker,
      ]);
    },
    async assure({ run, worker }) {
      const rows = await database.query(`SELECT 1 AS held ${holding} WHERE j.run_id = $1 AND j.worker = $2`, [
        run,
        worker,
      ]);
      if (rows.length === 0) throw new BatonError("fence-lost", `${run} is not this job's any more`);
    },
    async grant({ run, worker }, what) {
      await database.query(
        "UPDATE baton.jobs SET granted = array_append(granted, $3) WHERE run_id = $1 AND worker = $2 AND $3 <> ALL (granted)",
        [run, worker, what],
      );
    },
    async granted({ run, worker }) {
      const [row] = await database.query<{ granted: string[] }>(
        "SELECT granted FROM baton.jobs WHERE run_id = $1 AND worker = $2",
        [run, worker],
      );
      return new Set(row?.granted ?? []);
    },
  };
}
