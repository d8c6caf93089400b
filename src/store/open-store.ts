// The store, opened once by the wiring: the database, what is kept in it, and the bell.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../core/log.ts";
import type { Bell, BellTopic, EventLog, History } from "../engine/ports.ts";
import { openClaims, usualLimits, type ClaimLimits, type WorkerClaims } from "./claims.ts";
import { createArchive, type Archive } from "./archive.ts";
import { createHistory } from "./history.ts";
import { createJobs, type Jobs } from "./jobs.ts";
import { type Database, openDatabase } from "./database.ts";
import { createDashboardBook, type Dashboards } from "./dashboards.ts";
import { createDeliveries, type Deliveries } from "./deliveries.ts";
import { openEventLog } from "./event-log.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { readFigures, type Figures } from "./figures.ts";
import { createLooks, type Looks } from "./looks.ts";
import { createLocalBell } from "./local-bell.ts";
import { openBell } from "./queue.ts";
import type { ParseEvent } from "./recorded.ts";
import { createSchedules, type Schedules } from "./schedules.ts";
import { createSweeps, type Sweeps } from "./sweeps.ts";
import { createSteadyBell } from "./steady-bell.ts";
import type { Shelves } from "../workspace/shelf.ts";
import { createShelves } from "./shelf.ts";
import { createThrottle, type Throttle } from "./throttle.ts";
import { createUnshown, type Unshown } from "./unshown.ts";

const HEALTH_MS = 2_000;

export interface Store extends AsyncDisposable {
  readonly log: EventLog;
  readonly deliveries: Deliveries;
  readonly schedules: Schedules;
  readonly dashboards: Dashboards;
  readonly sweeps: Sweeps;
  readonly outbox: Outbox;
  readonly unshown: Unshown;
  readonly looks: Looks;
  readonly bell: Bell;
  /** The same by topic: a process may answer one and leave the other to others. */
  readonly bells: Readonly<Record<BellTopic, Pick<Bell, "answer">>>;
  readonly claims: WorkerClaims;
  readonly jobs: Jobs;
  readonly history: History;
  readonly throttle: Throttle;
  readonly archive: Archive;
  /** Undefined for an embedded database that stays where it is, and that no job shares: nobody on another machine could look there. */
  readonly shelves: Shelves | undefined;
  /** How the work stands. Throws `database-failed`. */
  figures(): Promise<Figures>;
  /** True when a delivery would be kept now: the database answers within two seconds and takes writes. */
  healthy(): Promise<boolean>;
}

export interface StoreOptions {
  /** `postgres://…`; without it PGlite in `folder`. */
  readonly databaseUrl?: string | undefined;
  /** `redis://…` for the bell; without it the bell is in the database. */
  readonly redisUrl?: string | undefined;
  /** Absolute folder for PGlite; used only without `databaseUrl`. */
  readonly folder: string;
  /** The database goes on to other machines, so finished work must be in it even when it is embedded. Default no. */
  readonly travels?: boolean | undefined;
  readonly parse: ParseEvent;
  /** Runs under way at once in all workers together. Default 4 a repository, 16 an installation. */
  readonly limits?: ClaimLimits | undefined;
  /** Folder for archived runs; `archive` in `folder` when it is left out. */
  readonly archiveFolder?: string | undefined;
  /** Told how long each run that was claimed had been due, in milliseconds. */
  readonly claimed?: ((waitedMs: number) => void) | undefined;
  /** Which runs jobs of GitHub Actions work: none when absent, those whose repository says so, or all. */
  readonly dispatch?: "asked" | "always" | undefined;
  /** How long a job may be silent, in milliseconds. Default one minute. */
  readonly jobLeaseMs?: number | undefined;
  readonly log: Log;
}

/** Opens everything or nothing. Throws `database-failed` or `disk-full` with what to do. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { databaseUrl, redisUrl, folder, travels = false, parse, limits = usualLimits, claimed, log } = options;
  const { archiveFolder = join(folder, "archive"), dispatch, jobLeaseMs } = options;
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await openDatabase({ url: databaseUrl, folder, log }));
  const events = undo.use(await openEventLog(database, { parse, log }));
  const queued = async (prefix: string) =>
    createSteadyBell(undo.use(await openBell({ database, redisUrl, prefix, log })), log);
  const alone = !database.shared && redisUrl === undefined;
  const bells = {
    // A flood of deliveries would keep the one session of an embedded database busy with its queue, and only this process hears
    // of them: what it had not looked at when it died, the sweep at its next start finds.
    delivery: alone ? createLocalBell(log) : await queued("baton-deliveries"),
    run: await queued("baton-runs"),
  };
  const claims = undo.use(await openClaims(database, limits, { claimed, own: dispatch !== undefined }));
  const opened = undo.move();
  return {
    log: events,
    claims,
    jobs: createJobs(database, limits, jobLeaseMs),
    history: createHistory(database),
    throttle: createThrottle(database),
    archive: createArchive(database, archiveFolder),
    shelves: database.shared || travels || dispatch !== undefined ? createShelves(database) : undefined,
    deliveries: createDeliveries(database),
    schedules: createSchedules(database),
    dashboards: createDashboardBook(database),
    sweeps: createSweeps(database),
    outbox: createOutbox(database),
    unshown: createUnshown(database),
    looks: createLooks(database),
    bell: joined(bells),
    bells,
    figures: () => readFigures(database),
    healthy: () => takesWrites(database),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** One bell with a queue for each topic: however many runs are under way, a stop is heard at once. */
function joined(bells: Readonly<Record<BellTopic, Bell>>): Bell {
  return {
    ring: (topic, id) => bells[topic].ring(topic, id),
    async answer(handler, options) {
      await using undo = new AsyncDisposableStack();
      undo.use(await bells.delivery.answer(handler, options));
      undo.use(await bells.run.answer(handler, options));
      const opened = undo.move();
      return { [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
  };
}

async function takesWrites(database: Database): Promise<boolean> {
  const asked = database
    .query<{ writes: boolean }>("SELECT current_setting('transaction_read_only') = 'off' AS writes", [])
    .then(
      ([row]) => row?.writes === true,
      () => false,
    );
  return await Promise.race([asked, delay(HEALTH_MS, false, { ref: false })]);
}
