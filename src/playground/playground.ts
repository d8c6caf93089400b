// A local GitHub on 127.0.0.1: a subset of its REST API, git over HTTP, signed webhooks, and a small web page. It knows nothing
// of Baton, and keeps GitHub's rules: it is what the demo runs on and what the tests hold Baton against.
//
// For tests it also breaks on purpose and counts: `plan` and `setFault` make requests fail before or after the work was done,
// `setLimits` makes rate limits small, `acts` do what people do to issues, repositories and installations, and `ledger`,
// `windows` and `duplicates` say what was asked and made. With `control: true` all of it is served over HTTP (control.ts).
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { getRequestListener } from "@hono/node-server";
import { systemClock, type Clock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import { type Acts, createActs, issueAt, type IssueAddress, repositoryNamed } from "./acts.ts";
import { answerLog, type CiCheck, ciOf, runCi } from "./ci.ts";
import { CONTROL, createControl } from "./control.ts";
import { createDoor, Cut } from "./door.ts";
import { type FaultPlan, type PlannedFaults, planFaults } from "./fault-plan.ts";
import {
  addApp,
  addRepository,
  addUser,
  type NewRepository,
  type PlaygroundApp,
  type PlaygroundUser,
} from "./founding.ts";
import { answerGit, isGitPath } from "./git-http.ts";
import { createJournal, JOURNAL_BODIES, type FaultHook, type JournalEntry } from "./journal.ts";
import { type Duplicate, duplicatesIn, type Ledger, sumUp } from "./ledger.ts";
import { createLimiter, type ForbiddenWindow, type Limits } from "./limits.ts";
import { openPages } from "./pages/pages.ts";
import { apiPath, createRest } from "./rest.ts";
import { type Account, type CheckRun, type Comment, createWorld, type Issue, type Repository } from "./state.ts";
import { createWebhooks, type Delivery, type News } from "./webhooks.ts";

export type { IssueAddress } from "./acts.ts";
export type { CiCheck } from "./ci.ts";
export type { FaultPlan } from "./fault-plan.ts";
export type { NewRepository, PlaygroundApp, PlaygroundUser } from "./founding.ts";
export type { FaultHook, JournalEntry } from "./journal.ts";
export type { Account, CheckRun, Comment, Issue } from "./state.ts";
export type { Delivery } from "./webhooks.ts";

export interface PlaygroundOptions {
  /** 0 or absent: any free one. */
  readonly port?: number;
  /** Where the bare repositories go, empty at first; absent: a temporary folder that is deleted at the end. */
  readonly folder?: string;
  readonly apps?: readonly PlaygroundApp[];
  readonly users?: readonly PlaygroundUser[];
  /** Where the REST API lives: "/api/v3" (default, as on GitHub Enterprise Server) or "". */
  readonly prefix?: string;
  readonly clock?: Clock;
  /** Where git is looked for. */
  readonly path?: string;
  readonly fault?: FaultHook;
  /** Default: 5,000 requests an hour for each caller, and no limit on what makes content. */
  readonly limits?: Limits;
  /** How long installation tokens live, milliseconds; default one hour. */
  readonly tokenLifetimeMs?: number;
  /** So many of the newest journal entries keep their bodies; default 10,000. */
  readonly journalBodies?: number;
  /** Serves `/_playground/…`, with which anybody on this machine may do everything here. Default no. */
  readonly control?: boolean;
}

export interface Playground extends AsyncDisposable, Acts {
  /** `http://127.0.0.1:PORT`: pages, and git at `/owner/name.git`. */
  readonly url: string;
  /** The same with the prefix: the base URL of Octokit. */
  readonly apiUrl: string;
  /** REST and git requests, in the order they ended, each with its answer. */
  readonly journal: readonly JournalEntry[];
  /** Webhooks, oldest first. */
  readonly deliveries: readonly Delivery[];

  addRepository(repository: NewRepository): Promise<Repository>;
  addUser(user: PlaygroundUser): Account;

  /** By its name now; throws `not-found`. */
  repository(fullName: string): Repository;
  repositories(): readonly Repository[];
  issue(at: IssueAddress): Issue;
  comments(at: IssueAddress): readonly Comment[];
  /** Issues that are pull requests, oldest first. */
  pulls(repo: string): readonly Issue[];
  /** Full ref name → commit id. */
  refs(repo: string): Promise<Readonly<Record<string, string>>>;
  /** The text of a file at a branch or commit; undefined when it is not there. */
  file(repo: string, at: string, path: string): Promise<string | undefined>;
  checkRuns(repo: string): readonly CheckRun[];
  /** Which checks a repository has from now on, and which of them its default branch asks for. They run when `runCi` says so. */
  setCi(repo: string, checks: readonly CiCheck[], required?: readonly string[]): void;
  /** Runs the checks that wait on a commit (or branch) to their end: all of them the first time, later those that are to run again. */
  runCi(repo: string, at: string): Promise<void>;

  /** Makes requests fail from now on; undefined: no more. Takes the place of a plan. */
  setFault(fault: FaultHook | undefined): void;
  /** Makes requests fail by plan from now on; undefined: no more. Says what the plan did so far. */
  plan(plan: FaultPlan | undefined): PlannedFaults["counts"];
  setLimits(limits: Limits): void;
  /** Every window in which a caller was told to ask nothing, and who asked all the same. */
  windows(): readonly ForbiddenWindow[];
  /** How many requests came inside such windows, `graceMs` (default 0) or more after each began. */
  insideWindows(graceMs?: number): number;
  /** Sums over the journal. */
  ledger(): Ledger;
  /** What there is twice, in one repository or in all. */
  duplicates(repo?: string): Promise<readonly Duplicate[]>;

  /** News that this is true of reaches nobody; undefined: none gets lost. */
  loseNews(lost: ((news: News) => boolean) | undefined): void;
  /** Sends it once more: by GUID, or by number. */
  redeliver(which: string | number): Promise<Delivery>;
  /** Resolves when every webhook sent so far, and every one sent meanwhile, is answered. */
  settled(): Promise<void>;
}

const watching = new Set<(closed: Playground) => void>();

/** Shows every playground of this process when it has closed, until disposed of. */
export function watchPlaygrounds(look: (closed: Playground) => void): Disposable {
  watching.add(look);
  return { [Symbol.dispose]: () => void watching.delete(look) };
}

const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";

/** Starts the playground and listens. Throws `git-failed` without a working git and `invalid-usage` for a port in use. */
export async function openPlayground(options: PlaygroundOptions = {}): Promise<Playground> {
  const world = createWorld(options.clock ?? systemClock);
  if (options.tokenLifetimeMs !== undefined) world.tokenLifetimeMs = options.tokenLifetimeMs;
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "baton-playground-")));
  const path = options.path ?? DEFAULT_PATH;
  const prefix = options.prefix ?? "/api/v3";
  const journal = createJournal(options.journalBodies ?? JOURNAL_BODIES);
  const limiter = createLimiter(world.clock, options.limits);
  let fault = options.fault;
  for (const user of options.users ?? []) addUser(world, user);
  for (const app of options.apps ?? []) addApp(world, app);

  const webhooks = createWebhooks(world);
  world.announce = (repository, announcement) => webhooks.announce(repository, announcement);
  const door = createDoor(world, { journal, limiter, fault: () => fault });
  const rest = createRest(world, webhooks, door);
  const pages = openPages(world);
  let control: ((request: Request, path: string) => Promise<Response>) | undefined;

  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (control && pathname.startsWith(CONTROL)) return await control(request, pathname.slice(CONTROL.length));
    if (pathname.startsWith("/_logs/")) return answerLog(world, request);
    const inApi = apiPath(prefix, pathname);
    if (inApi !== undefined) return await rest.answer(request, inApi);
    if (!isGitPath(pathname)) return await pages.answer(request);
    return await door.pass(request, { door: "git", path: pathname, body: undefined }, async () => ({
      response: await answerGit(world, path, request),
      text: undefined,
      route: pathname.replace(/^\/[^/]+\/[^/]+/, "/:owner/:repo"),
    }));
  };
  const listener = getRequestListener(
    async (request, { incoming }) => {
      try {
        return await answer(request);
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
        await breakOff(error, incoming.socket);
        return new Response(null, { status: 499 });
      }
    },
    { overrideGlobalObjects: false },
  );
  const server = createServer((request, response) => void listener(request, response));
  server.listen(options.port ?? 0, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE")
      throw new BatonError(
        "invalid-usage",
        `port ${options.port ?? 0} of 127.0.0.1 is in use by another program; name another one with --port`,
      );
    throw error;
  }
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  world.url = `http://127.0.0.1:${port}`;
  world.apiUrl = `${world.url}${prefix}`;

  const repository = (fullName: string) => repositoryNamed(world, fullName);
  const repositories = () => [...world.repositories.values()];

  const playground: Playground = {
    ...createActs(world, webhooks),
    url: world.url,
    apiUrl: world.apiUrl,
    journal: journal.entries,
    deliveries: webhooks.deliveries,

    addRepository: (fresh) => addRepository(world, folder, path, fresh),
    addUser: (user) => addUser(world, user),

    repository,
    repositories,
    issue: (at) => issueAt(world, at),
    comments: (at) => issueAt(world, at).comments,
    pulls: (repo) => repository(repo).pulls,
    async refs(repo) {
      return Object.fromEntries((await repository(repo).git.refs()).map(({ name, sha }) => [name, sha]));
    },
    async file(repo, at, file) {
      const { git } = repository(repo);
      const sha = await git.commitOf(at);
      const entry = sha === undefined ? undefined : (await git.listTree(sha, { path: file }))[0];
      return entry?.type === "blob" ? (await git.readBlob(entry.sha)).toString("utf8") : undefined;
    },
    checkRuns: (repo) => repository(repo).checkRuns,
    setCi(repo, checks, required = []) {
      Object.assign(ciOf(repository(repo)), { checks, required });
    },
    async runCi(name, at) {
      const repo = repository(name);
      const sha = await repo.git.commitOf(at);
      if (sha === undefined) throw new BatonError("not-found", `${name} has nothing called ${at}`);
      await runCi(world, repo, sha);
    },

    setFault(hook) {
      fault = hook;
    },
    plan(plan) {
      const planned = planFaults(plan ?? { seed: 0, rules: [] });
      fault = plan && planned.hook;
      return planned.counts;
    },
    setLimits: (limits) => limiter.set(limits),
    windows: () => limiter.windows(),
    insideWindows: (graceMs) => limiter.inside(graceMs),
    ledger: () => sumUp(journal.entries),
    async duplicates(repo) {
      const found = [];
      for (const one of repo === undefined ? repositories() : [repository(repo)])
        found.push(...(await duplicatesIn(one)));
      return found;
    },

    loseNews: (lost) => webhooks.lose(lost),
    redeliver: (which) => webhooks.redeliver(which),
    settled: () => webhooks.settled(),

    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      await pages[Symbol.asyncDispose]();
      await webhooks[Symbol.asyncDispose]();
      server.closeAllConnections();
      await closed;
      // What is still written into a repository ends before its folder goes.
      await Promise.all(repositories().map(({ git }) => git.alone(() => Promise.resolve())));
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      for (const look of watching) look(playground);
    },
  };
  if (options.control === true) control = createControl(playground);
  return playground;
}

/** No answer: the connection is cut at once, or when the client has had enough. */
async function breakOff({ when }: Cut, socket: Socket): Promise<void> {
  if (when === "client-left" && !socket.destroyed) await once(socket, "close");
  socket.destroy();
}
