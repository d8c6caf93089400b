// A server's door for jobs over real HTTP: a database, an issuer of tokens, and a publisher that counts. No agents, no git.
import { createServer } from "node:http";
import { once } from "node:events";
import { getRequestListener } from "@hono/node-server";
import type { RunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent, type EventOf } from "#src/engine/events.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import { createDesk } from "#src/jobs/desk.ts";
import {
  createDispatcher,
  type Dispatch,
  type Dispatched,
  type Dispatcher,
  type DispatcherParts,
} from "#src/jobs/dispatcher.ts";
import { createJobDoor } from "#src/jobs/door.ts";
import { createIdentity } from "#src/jobs/identity.ts";
import { openRemoteRun, type RemoteRun } from "#src/jobs/remote.ts";
import { createTakeIn } from "#src/jobs/take-in.ts";
import { openDatabase, type Database } from "#src/store/database.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { noHistory } from "#src/store/history.ts";
import { createJobs, type Jobs } from "#src/store/jobs.ts";
import type { EventLog } from "#src/engine/ports.ts";
import type { Subjects } from "#src/engine/subjects-port.ts";
import type { ShelvedWork } from "#src/workspace/shelf.ts";
import { CountingPublisher, created } from "./engine-world.ts";
import { openJobIssuer, usualClaims, type Claims, type JobIssuer } from "./job-issuer.ts";

export const workflow = "baton.yml";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface JobsWorld extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
  readonly log: EventLog;
  readonly jobs: Jobs;
  readonly issuer: JobIssuer;
  readonly publisher: CountingPublisher;
  readonly dispatcher: Dispatcher;
  /** What GitHub was asked to start: `file run`. */
  readonly dispatched: string[];
  /** What it says to the next ones; throws when it is an error. */
  says: Dispatched | Error;
  /** Installations for which it says nothing yet. */
  readonly silent: Map<number, Promise<void>>;
  /** Asks for jobs, and waits until GitHub has answered. */
  look(): Promise<void>;
  /** A dispatcher of a server that hears jobs since so many milliseconds. */
  another(upMs: number, change?: Partial<DispatcherParts>): Dispatcher;
  /** What GitHub says is the default branch. */
  defaultBranch: string;
  /** What the server sees of a run's ground. */
  ground: Subjects;
  /** Work that policy does not let in. */
  refusedWork: string[];
  /** The asked fences since the beginning. */
  readonly takenIn: ShelvedWork[];
  /** A run of `octo/tab` (11), due now; `asks`: its repository wants jobs. */
  start(change?: Partial<EventOf<"run.created">>, asks?: boolean): Promise<RunId>;
  append(run: RunId, event: RunEvent): Promise<void>;
  claim(run: RunId, claims?: Claims): Promise<Answer>;
  /** The token of a claim that is given. */
  token(run: RunId): Promise<string>;
  ask(token: string | undefined, method: string, path: string, body?: unknown): Promise<Answer>;
  remote(run: RunId, how?: { claims?: Claims; redact?: (text: string) => string; server?: string }): Promise<RemoteRun>;
  /** The address of something that lets each request in by the other one of two servers, and how many came by each. */
  besides(): Promise<{ readonly url: string; readonly came: readonly [number, number] }>;
  /** Nobody who holds a run has said for too long that it lives. */
  silence(): Promise<void>;
}

/** `all`: every run is worked in a job. */
export async function openJobsWorld({ all = true, limits = 4, patienceMs = 600_000 } = {}): Promise<JobsWorld> {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await openDatabase({ memory: true, log: silentLog }));
  const openLog = () => openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog });
  const log = undo.use(await openLog());
  const bounds = { perRepository: limits, perInstallation: 16 };
  const jobs = createJobs(database, bounds);
  const publisher = new CountingPublisher();
  const dispatched: string[] = [];
  const takenIn: ShelvedWork[] = [];

  const opened = undo.use(new AsyncDisposableStack());
  const listening = async (handle: (request: Request) => Promise<Response>) => {
    const listener = getRequestListener(handle, { overrideGlobalObjects: false });
    const server = createServer((request, response) => void listener(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    opened.defer(async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    });
    const at = server.address();
    return `http://127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}`;
  };
  let handle: (request: Request) => Promise<Response>;
  const url = await listening((request) => handle(request));
  const issuer = undo.use(await openJobIssuer(url));
  const projection = { touch: () => undefined, settle: () => Promise.resolve() };
  const repoOf = async (run: RunId) => {
    const [first] = await log.read(run);
    if (first?.event.type !== "run.created") throw new Error(`there is no run ${run}`);
    return first.event.repo;
  };
  const dispatch: Dispatch = async ({ installationId = 0 }, file, inputs) => {
    dispatched.push(`${file} ${inputs["run"]}`);
    await world.silent.get(installationId);
    if (world.says instanceof Error) throw world.says;
    return await Promise.resolve(world.says);
  };
  const another = (upMs: number, change: Partial<DispatcherParts> = {}) => {
    const asking = { all, workflow, patienceMs, upSince: performance.now() - upMs, journal: silentLog };
    return opened.use(createDispatcher({ ...asking, jobs, log, projection, dispatch, ...change }));
  };
  const dispatcher = another(3_600_000);
  const world: Omit<JobsWorld, keyof AsyncDisposable> = {
    url,
    database,
    log,
    jobs,
    issuer,
    publisher,
    dispatched,
    takenIn,
    refusedWork: [],
    says: { type: "sent" },
    defaultBranch: "main",
    ground: nothingToLose,
    silent: new Map(),
    dispatcher,
    another,
    async look() {
      await dispatcher.look();
      await dispatcher.settled();
    },
    async start(change = {}, asks = false) {
      const usual = created(change);
      const config = asks ? { ...usual.config, runsOn: { workflow: "agents.yml" } } : usual.config;
      const subject = { ...usual.subject, number: Math.floor(Math.random() * 1e9) };
      const event = { ...usual, config, subject, repo: { ...usual.repo, id: 11, ...change.repo } };
      await log.create(event);
      return event.runId;
    },
    async append(run, event) {
      const { length } = await log.read(run);
      if ((await log.append(run, length, [event])).type !== "appended") throw new Error("somebody else appended");
    },
    claim: async (run, claims = usualClaims) =>
      await world.ask(undefined, "POST", "claim", { run, identity: await issuer.sign(claims) }),
    async token(run) {
      const { status, body } = await world.claim(run);
      if (status !== 200 || typeof body !== "object" || body === null || !("token" in body))
        throw new Error(`the claim was answered ${status} ${JSON.stringify(body)}`);
      return String(body.token);
    },
    async ask(token, method, path, body) {
      const raw = body instanceof Uint8Array;
      const response = await fetch(`${url}/api/jobs/${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          "x-baton-start": "b".repeat(40),
        },
        ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
    },
    remote: (run, { claims = usualClaims, redact, server = url } = {}) =>
      openRemoteRun({ server, run, identity: () => issuer.sign(claims), redact, journal: silentLog }),
    async besides() {
      const doors = [handle, doorOf({ log: opened.use(await openLog()), jobs: createJobs(database, bounds) })] as const;
      const came: [number, number] = [0, 0];
      let turn: 0 | 1 = 1;
      const either = await listening((request) => {
        turn = turn === 0 ? 1 : 0;
        came[turn] += 1;
        return doors[turn](request);
      });
      return { url: either, came };
    },
    silence: async () =>
      void (await database.query("UPDATE baton.workers SET alive_until = clock_timestamp() - interval '1 second'")),
  };
  const doorOf = (at: Pick<JobsWorld, "log" | "jobs">) =>
    createJobDoor({
      ...at,
      identify: createIdentity({ issuer: issuer.url, audience: url }),
      workflowOf: ({ config }) => config.runsOn?.workflow ?? (all ? workflow : undefined),
      defaultBranch: () => Promise.resolve(world.defaultBranch),
      desk: createDesk({
        ...at,
        history: noHistory,
        subjects: {
          look: (...about) => world.ground.look(...about),
          lookBack: (...about) => world.ground.lookBack(...about),
        },
        publisher: (fence) => ({
          async openPullRequest(state) {
            await fence();
            return await publisher.openPullRequest(state);
          },
          publishReview: () => Promise.reject(new Error("no run of this world reviews")),
          async keep(state, request) {
            await fence();
            return await publisher.keep(state, request);
          },
          async removeKept(state, branch) {
            await fence();
            return await publisher.removeKept(state, branch);
          },
        }),
        projection,
      }),
      takeIn: createTakeIn({
        jobs: at.jobs,
        repoOf,
        workspaces: {
          async takeIn(_, work) {
            if (world.refusedWork.length > 0)
              return await Promise.resolve({ type: "refused", reasons: world.refusedWork });
            takenIn.push(work);
            return { type: "taken" };
          },
        },
      }),
      projection,
      serverUrl: "https://github.com",
      journal: silentLog,
    });
  handle = doorOf({ log, jobs });
  const everything = undo.move();
  return Object.assign(world, { [Symbol.asyncDispose]: () => everything.disposeAsync() });
}
