// The composition root: read this first. `openParts` (`parts.ts`) builds what works a run (sandbox, workspaces, agents, gates, triage);
// `openBaton` adds what a server needs (store, webhooks, intake, publisher, projection) and answers the bell.
// A delivery rings the bell, the intake turns it into a run, the run rings the bell, and the engine drives it to its end.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { BatonError } from "./core/errors.ts";
import type { Log } from "./core/log.ts";
import { repeat } from "./core/repeat.ts";
import { createMetrics, type Metrics } from "./dashboard/metrics.ts";
import type { Engine } from "./engine/engine.ts";
import { startWorker, type Worker } from "./engine/worker.ts";
import { createSubjects } from "./github/subjects.ts";
import { RunEvent, type RepoRef } from "./engine/events.ts";
import { archiveFolder, type Env } from "./env.ts";
import { createCheckReader } from "./github/check-reader.ts";
import { createDashboards } from "./github/dashboards.ts";
import { createDefaultBranch, createDispatches } from "./github/dispatches.ts";
import { createProjection } from "./github/projection.ts";
import { createPublisher } from "./github/publisher.ts";
import type { OctokitFor } from "./github/client.ts";
import { createGitHubReader } from "./github/reader.ts";
import { createCheckLooks } from "./intake/check-looks.ts";
import { stripInvisible } from "./intake/invisible.ts";
import { createIntake } from "./intake/handle.ts";
import type { TokenRequest } from "./intake/installation-tokens.ts";
import { createKnownLimits } from "./intake/limits.ts";
import { createMissed } from "./intake/missed.ts";
import { createSchedules } from "./intake/schedules.ts";
import { sanitizeMarkdown } from "./intake/sanitize.ts";
import { openWebhooks, type AppWebhooks } from "./intake/probot-app.ts";
import { openJobs, type OpenedJobs } from "./jobs/open-jobs.ts";
import { tidier } from "./store/archive.ts";
import { openStore, type Store } from "./store/open-store.ts";
import { commitsInUse, openParts, type Parts, type PartsOptions } from "./parts.ts";

/** Deliveries handled at once by one process. */
const PARALLEL_DELIVERIES = 4;
const DAY_MS = 86_400_000;
/** How often deliveries that nobody rings for are looked for, in milliseconds. */
const SWEEP_MS = 60_000;
/** How often a process looks whether it is time to sweep for deliveries that never arrived, in milliseconds: once it listens. */
const MISSED_MS = 15_000;
/** How often ends that nobody has shown yet are looked for, in milliseconds; whoever drove the run has as long to show its end. */
const SHOW_MS = 15_000;
/** How often a process looks what is to start by the clock, in milliseconds. */
const SCHEDULE_MS = 5_000;
/** How often a process looks whether a dashboard shows what is not so any more, in milliseconds. */
const DASHBOARD_MS = 5_000;
/** How often what ended long ago is archived, in milliseconds. */
const TIDY_MS = 3_600_000;

/** What one process does: everything, only webhooks and what people ask for by them, or only the runs that come of it. */
export type Role = "all" | "webhooks" | "runs";

export interface Baton extends AsyncDisposable {
  readonly parts: Parts;
  readonly store: Store;
  readonly engine: Engine;
  /** Answers `POST /api/github/webhooks`; false for other paths, and always where the role is "runs". */
  readonly webhooks: AppWebhooks["handle"];
  /** Answers jobs of GitHub Actions; undefined where they work no runs, or by another process. */
  readonly jobs: OpenedJobs["handle"] | undefined;
  readonly metrics: Metrics;
  /** True when a delivery would be kept and a run could start. */
  ready(): Promise<boolean>;
}

/**
 * Opens a Baton for a GitHub App and starts what its role is. Disposing parks runs that are under way. `patience`: how long a job may be
 * silent, and how long one is waited for, in milliseconds.
 */
export async function openBaton(
  env: Env,
  journal: Log,
  role: Role = "all",
  patience: { readonly jobLeaseMs?: number; readonly jobMs?: number } = {},
): Promise<Baton> {
  const { app } = env;
  if (!app) throw new Error("openBaton needs an App's credentials");
  await using undo = new AsyncDisposableStack();
  let worker: Worker | undefined;
  const metrics = createMetrics({
    figures: () => store.figures(),
    driving: () => worker?.driving ?? 0,
    circuits: () => parts.circuits.all(),
    warmPool: () => parts.workspaces.warmPool.figures(),
  });
  const store = undo.use(
    await openStore({
      databaseUrl: env.databaseUrl,
      redisUrl: env.redisUrl,
      folder: join(env.home, "database"),
      archiveFolder: archiveFolder(env),
      limits: { perRepository: env.parallel.repository, perInstallation: env.parallel.installation },
      claimed: (waitedMs) => metrics.claimed(waitedMs),
      parse: (json) => RunEvent.parse(json),
      dispatch: env.dispatch?.which,
      jobLeaseMs: patience.jobLeaseMs,
      log: journal,
    }),
  );
  const webhooks = undo.use(
    await openWebhooks({
      appId: app.id,
      privateKey: app.privateKey,
      // Who receives none cannot check any: a secret that nobody knows refuses whatever would come.
      secrets: role === "runs" ? [randomUUID()] : app.webhookSecrets,
      apiUrl: env.apiUrl,
      deliveries: store.deliveries,
      stored: (id) => store.bell.ring("delivery", id),
      log: journal,
    }),
  );
  const octokitFor = clientsOf(webhooks, {
    issues: "write",
    pull_requests: "write",
    contents: "write",
    metadata: "read",
  });
  // By itself: where somebody has not granted it yet, asking for it would cost the others.
  const checksFor = clientsOf(webhooks, { checks: "write", metadata: "read" });
  const actionsFor = clientsOf(webhooks, { actions: "write", metadata: "read" });
  const works = role !== "webhooks" && env.dispatch?.which !== "always";
  const needed = () => commitsInUse(store.log);
  const { shelves } = store;
  const parts = undo.use(await openParts({ env, journal, credential: fetchTokens(webhooks), needed, shelves, works }));
  const { redact, workspaces, workflows } = parts;
  const { slug, login } = await webhooks.whoAmI();
  const self = { slug, login, id: undefined, appId: app.id };
  const links = { serverUrl: env.serverUrl };
  const { log, history, claims, outbox, throttle } = store;
  const projection = undo.use(
    createProjection({
      log,
      octokitFor,
      checksFor,
      outbox,
      throttle,
      redact,
      self,
      links,
      journal,
      held: (run) => claims.held(run),
    }),
  );
  const limits = createKnownLimits();
  const publishing = {
    octokitFor,
    checksFor,
    actionsFor,
    outbox,
    throttle,
    workspaces,
    redact,
    self,
    links,
    commentsPerHour: (repo: RepoRef) => limits.of(repo).commentsPerHour,
    log: journal,
  };
  const publisher = createPublisher({ ...publishing, fence: (run) => claims.assure(run) });
  const reading = { octokitFor: clientsOf(webhooks, readOnly), throttle, log: journal };
  const visible = (text: string) => sanitizeMarkdown(text, {});
  const subjects = createSubjects({ ...reading, workspaces, runs: log, self, visible });
  const engine = parts.engine({ log, publisher, projection, history, subjects });
  const reader = createGitHubReader(reading);
  const checks = createCheckReader({
    ...reading,
    clients: {
      checks: clientsOf(webhooks, { checks: "read", metadata: "read" }),
      statuses: clientsOf(webhooks, { statuses: "read", metadata: "read" }),
      actions: clientsOf(webhooks, { actions: "read", metadata: "read" }),
      contents: reading.octokitFor,
    },
    appId: app.id,
    redact,
    visible: (text) => stripInvisible(text, {}),
  });
  const schedules = createSchedules({ ...store, log: journal });
  const intake = createIntake({
    ...store,
    schedules,
    reader,
    checks,
    publisher,
    projection,
    workflows,
    limits,
    self,
    journal,
    servers: env.servers ?? [],
  });
  /** Ended runs that nobody has shown. Whoever worked them may have died before it gave their clones back. */
  const endedUnseen = async (graceMs: number) => {
    const runs = await store.unshown.ended(DAY_MS, graceMs);
    for (const run of runs) await engine.agents.forget(run);
    return runs;
  };

  if (works) {
    const working = undo.use(
      startWorker({ engine, claims, parallel: env.parallel.worker, beatMs: claims.leaseMs / 4 }),
    );
    worker = working;
    undo.use(await store.bells.run.answer(async () => working.look(), { parallel: 1 }));
    const ended = await endedUnseen(0);
    // Nobody waits for GitHub before the server listens.
    void projection.refresh([...ended, ...(await store.unshown.unheld())]);
  }
  const { dispatch, serverUrl } = env;
  const around = { serverUrl, store, subjects, workspaces, projection, patienceMs: patience.jobMs, journal };
  const jobs =
    dispatch &&
    role !== "runs" &&
    undo.use(
      await openJobs({
        ...dispatch,
        ...around,
        publisher: (fence) => createPublisher({ ...publishing, fence }),
        dispatch: createDispatches({ octokitFor: actionsFor, throttle, log: journal }),
        defaultBranch: createDefaultBranch(reading),
      }),
    );
  const ends = async (signal: AbortSignal) => {
    // Half of it: the pauses of all processes are as long, and none should come a moment too early.
    if (await store.sweeps.claim("ends", SHOW_MS / 2)) await projection.refresh(await endedUnseen(SHOW_MS), signal);
  };
  undo.use(repeat(SHOW_MS, "the sweep for ends that were not shown", journal, ends));
  if (role !== "runs") {
    const handle = (_: string, id: string, signal: AbortSignal) => intake.handle(id, signal);
    undo.use(await store.bells.delivery.answer(handle, { parallel: PARALLEL_DELIVERIES }));
    const sweep = async () => {
      for (const id of await store.deliveries.pending()) await store.bell.ring("delivery", id);
    };
    await sweep();
    undo.use(repeat(SWEEP_MS, "the sweep for forgotten deliveries", journal, sweep));
    const missed = createMissed({ ...store, asApp: () => webhooks.asApp(), log: journal });
    undo.use(
      repeat(
        MISSED_MS,
        "the sweep for deliveries that never arrived",
        journal,
        async (signal) => void (await missed(signal)),
      ),
    );
    const dashboards = createDashboards({
      ...store,
      octokitFor,
      redact,
      self,
      links,
      journal,
    });
    undo.use(repeat(DASHBOARD_MS, "drawing dashboards", journal, dashboards));
    undo.use(repeat(SCHEDULE_MS, "starting by the clock", journal, async () => void (await schedules.begin())));
    const looks = createCheckLooks(store);
    undo.use(repeat(SWEEP_MS, "looking at checks", journal, async () => void (await looks())));
    if (env.retentionDays > 0)
      undo.use(
        repeat(
          TIDY_MS,
          "archiving",
          journal,
          tidier(store.archive, { keptMs: env.retentionDays * DAY_MS, folder: archiveFolder(env) }, journal),
        ),
      );
  }

  let closing = false;
  const opened = undo.move();
  return {
    parts,
    store,
    engine,
    metrics,
    jobs: jobs ? jobs.handle : undefined,
    webhooks: (request, response) => (role === "runs" ? Promise.resolve(false) : webhooks.handle(request, response)),
    ready: async () => !closing && (await store.healthy()),
    [Symbol.asyncDispose]: async () => {
      closing = true;
      await opened.disposeAsync();
    },
  };
}

const readOnly = { issues: "read", pull_requests: "read", contents: "read", metadata: "read" } as const;

/** Clients for one repository at a time, with these permissions: only the publisher and the projection get some that may write. */
function clientsOf(webhooks: AppWebhooks, permissions: TokenRequest["permissions"]): OctokitFor {
  return ({ id, owner, name, installationId }, rejected) => {
    const which = { repositoryId: id, ...(id === 0 ? { repositoryName: name } : {}) };
    if (installationId !== undefined) return webhooks.clientFor(installationId, { ...which, permissions }, rejected);
    throw new BatonError("github-failed", `the App is not installed on ${owner}/${name}`);
  };
}

/** Tokens that git may fetch one repository's code with. */
function fetchTokens(webhooks: AppWebhooks): PartsOptions["credential"] {
  const permissions = { contents: "read", metadata: "read" } as const;
  return async ({ id, installationId }) => {
    if (id === undefined || installationId === undefined) return undefined;
    return (await webhooks.tokenFor(installationId, { repositoryId: id, permissions })).token;
  };
}
