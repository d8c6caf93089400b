// The server's side of runs that jobs of GitHub Actions work: the door for jobs, and who asks GitHub for them.
import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { BatonError } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { repeat } from "../core/repeat.ts";
import type { EventOf, RepoRef } from "../engine/events.ts";
import type { Bell, EventLog, History, Projection } from "../engine/ports.ts";
import type { Subjects } from "../engine/subjects-port.ts";
import type { Jobs } from "../store/jobs.ts";
import type { OpenedWorkspaces } from "../workspace/create-workspaces.ts";
import { createDesk, type DeskParts } from "./desk.ts";
import { createDispatcher, type Dispatch } from "./dispatcher.ts";
import { createJobDoor } from "./door.ts";
import { createIdentity, issuerOf } from "./identity.ts";
import { JOBS_PATH } from "./protocol.ts";
import { createTakeIn } from "./take-in.ts";

/** The workflow file of a repository that names none. */
const USUAL_WORKFLOW = "baton.yml";
/** How often runs are looked for that want a job, in milliseconds. */
const LOOK_MS = 2_000;

/** What an operator says about runs that jobs work. */
export interface DispatchRuns {
  /** Those whose repository says so, or all. */
  readonly which: "asked" | "always";
  /** This server's own address, as jobs reach it. */
  readonly server: string;
  /** Who signs the tokens of jobs; by default as GitHub's pages have it. */
  readonly issuer?: string | undefined;
}

export interface JobsOptions extends Pick<DeskParts, "publisher">, DispatchRuns {
  /** Where GitHub's pages are. */
  readonly serverUrl: string;
  readonly store: {
    readonly jobs: Jobs;
    readonly log: EventLog;
    readonly history: History;
    readonly bells: { readonly run: Pick<Bell, "answer"> };
  };
  readonly subjects: Subjects;
  readonly workspaces: Pick<OpenedWorkspaces, "takeIn">;
  readonly projection: Projection;
  readonly dispatch: Dispatch;
  readonly defaultBranch: (repo: RepoRef) => Promise<string>;
  readonly patienceMs?: number | undefined;
  readonly journal: Log;
}

export interface OpenedJobs extends AsyncDisposable {
  /** Answers a request of a job; false when the request is for another path. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
}

/** Opens the door, and asks for jobs from now on. */
export async function openJobs(options: JobsOptions): Promise<OpenedJobs> {
  const { which, server, serverUrl, issuer, store, projection, journal } = options;
  const { jobs, log, history } = store;
  const all = which === "always";
  const repoOf = async (run: RunId): Promise<RepoRef> => {
    const [first] = await log.at(run, [1]);
    if (first?.event.type === "run.created") return first.event.repo;
    throw new BatonError("not-found", `there is no run ${run}`);
  };
  const answer = createJobDoor({
    jobs,
    log,
    identify: createIdentity({ issuer: issuer ?? issuerOf(serverUrl), audience: server }),
    workflowOf: ({ config }: EventOf<"run.created">) => config.runsOn?.workflow ?? (all ? USUAL_WORKFLOW : undefined),
    defaultBranch: options.defaultBranch,
    desk: createDesk({ ...options, log, jobs, history }),
    takeIn: createTakeIn({ jobs, workspaces: options.workspaces, repoOf }),
    projection,
    serverUrl,
    journal,
  });
  const listener = getRequestListener(answer, { overrideGlobalObjects: false });
  const { dispatch, patienceMs } = options;
  await using undo = new AsyncDisposableStack();
  const dispatcher = undo.use(
    createDispatcher({
      jobs,
      log,
      projection,
      dispatch,
      all,
      workflow: USUAL_WORKFLOW,
      ...(patienceMs === undefined ? {} : { patienceMs }),
      journal,
    }),
  );
  // Where workers work too, the bell is theirs.
  if (all) undo.use(await store.bells.run.answer(() => dispatcher.look(), { parallel: 1 }));
  undo.use(repeat(LOOK_MS, "asking for jobs", journal, () => dispatcher.look()));
  const opened = undo.move();
  return {
    async handle(request, response) {
      const path = request.url?.split("?", 1)[0] ?? "";
      if (!path.startsWith(`${JOBS_PATH}/`)) return false;
      await listener(request, response);
      return true;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
