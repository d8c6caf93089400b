// Continuous integration as a test says it should be: checks of GitHub Actions and commit statuses, which pass where a file of the commit holds
// a text, and run when the test says so.
import { createHash } from "node:crypto";
import { finishCheck, queueCheck } from "./rest/checks.ts";
import { commitShape } from "./shapes/commits.ts";
import { repositoryUrl } from "./shapes/issues.ts";
import {
  type Annotation,
  type App,
  changed,
  type CheckRun,
  type Doer,
  type Repository,
  timestamp,
  type World,
} from "./state.ts";

/** One check of a repository. */
export interface CiCheck {
  readonly name: string;
  /** It passes where this file holds this text. Without it it always fails, unless it is flaky. */
  readonly needs?: { readonly path: string; readonly text: string } | undefined;
  /** It fails the first time on each commit, and passes then. */
  readonly flaky?: boolean | undefined;
  /** What it says when it fails. */
  readonly annotations?: readonly Annotation[] | undefined;
  readonly log?: string | undefined;
  /** A commit status, which nothing runs again. */
  readonly isStatus?: boolean | undefined;
}

export interface CommitStatus {
  readonly id: number;
  readonly sha: string;
  readonly context: string;
  readonly state: "success" | "failure";
  readonly at: string;
}

export interface Ci {
  checks: readonly CiCheck[];
  /** Names that must pass before the default branch takes anything. */
  required: readonly string[];
  readonly statuses: CommitStatus[];
  /** Runs of the workflow: commit → id. */
  readonly workflowRuns: Map<string, number>;
  /** By the id of the check run, which is the job's. */
  readonly logs: Map<number, string>;
}

const known = new WeakMap<Repository, Ci>();

export function ciOf(repo: Repository): Ci {
  const ci = known.get(repo) ?? {
    checks: [],
    required: [],
    statuses: [],
    workflowRuns: new Map<string, number>(),
    logs: new Map<number, string>(),
  };
  known.set(repo, ci);
  return ci;
}

const actionsOf = new WeakMap<World, App>();

/** The App behind GitHub Actions; nobody is asked for leave to install it. */
export function actionsApp(world: World): App {
  const found = actionsOf.get(world);
  if (found) return found;
  const app: App = {
    id: 15_368,
    slug: "github-actions",
    name: "GitHub Actions",
    clientId: "Iv1.actions",
    publicKey: "",
    installationId: 0,
    permissions: {},
    events: [],
    repositories: [],
    without: new Set(),
    standing: "installed",
    bot: { id: 41_898_282, login: "github-actions[bot]", type: "Bot" },
    webhook: undefined,
  };
  actionsOf.set(world, app);
  return app;
}

/** GitHub tells of checks in the name of whoever pushed the commit. */
function pusherOf(repo: Repository, sha: string): Doer {
  const pull = [...repo.issues.values()].find((issue) => issue.pull?.headSha === sha);
  return { account: pull?.by.account ?? repo.owner };
}

/** A check of the workflow waits for its turn on the commit. */
export async function queue(world: World, repo: Repository, sha: string, name: string): Promise<CheckRun> {
  const ci = ciOf(repo);
  const workflowRun = ci.workflowRuns.get(sha) ?? world.newId();
  ci.workflowRuns.set(sha, workflowRun);
  const id = world.newId();
  const run: CheckRun = {
    id,
    app: actionsApp(world),
    headSha: sha,
    name,
    status: "queued",
    conclusion: null,
    startedAt: timestamp(world),
    completedAt: null,
    externalId: "",
    detailsUrl: `${world.url}/${repo.fullName}/actions/runs/${workflowRun}/job/${id}`,
    title: null,
    summary: null,
    text: null,
    annotations: [],
    actions: [],
  };
  await queueCheck(world, repo, run, pusherOf(repo, sha));
  return run;
}

/** Runs what waits on a commit to its end; everything, the first time. */
export async function runCi(world: World, repo: Repository, sha: string): Promise<void> {
  const ci = ciOf(repo);
  const app = actionsApp(world);
  const own = () => repo.checkRuns.filter((run) => run.app === app && run.headSha === sha);
  const isFirst = own().length === 0;
  for (const { name, isStatus } of isFirst ? ci.checks : []) if (isStatus !== true) await queue(world, repo, sha, name);
  for (const run of own().filter(({ status }) => status !== "completed")) {
    const check = ci.checks.find(({ name }) => name === run.name);
    const earlier = own().filter(({ name, id }) => name === run.name && id < run.id).length;
    const good = check !== undefined && (await passes(repo, sha, check, earlier));
    run.conclusion = good ? "success" : "failure";
    run.status = "completed";
    run.completedAt = timestamp(world);
    if (!good) run.annotations.push(...(check?.annotations ?? []));
    ci.logs.set(run.id, check?.log ?? "");
    changed(world);
    await finishCheck(world, repo, run, pusherOf(repo, sha));
  }
  for (const check of isFirst ? ci.checks : [])
    if (check.isStatus === true)
      await setStatus(world, repo, sha, check.name, (await passes(repo, sha, check, 0)) ? "success" : "failure");
}

async function passes(repo: Repository, sha: string, { needs, flaky }: CiCheck, earlier: number): Promise<boolean> {
  if (flaky === true) return earlier > 0;
  if (!needs) return false;
  const [entry] = await repo.git.listTree(sha, { path: needs.path });
  return entry?.type === "blob" && (await repo.git.readBlob(entry.sha)).toString("utf8").includes(needs.text);
}

async function setStatus(
  world: World,
  repo: Repository,
  sha: string,
  context: string,
  state: CommitStatus["state"],
): Promise<void> {
  const status = { id: world.newId(), sha, context, state, at: timestamp(world) };
  ciOf(repo).statuses.push(status);
  changed(world);
  const commit = await repo.git.readCommit(sha);
  if (!commit) return;
  const branches = (await repo.git.refs("refs/heads/"))
    .filter((ref) => ref.sha === sha)
    .map(({ name }) => ({
      name: name.slice("refs/heads/".length),
      commit: { sha, url: `${repositoryUrl(world, repo)}/commits/${sha}` },
      protected: false,
    }));
  const fields = {
    id: status.id,
    sha,
    name: repo.fullName,
    avatar_url: null,
    target_url: null,
    context,
    description: `${context}: ${state}`,
    state,
    commit: commitShape(world, repo, commit),
    branches,
    created_at: status.at,
    updated_at: status.at,
  };
  world.announce(repo, { event: "status", by: pusherOf(repo, sha).account, fields });
}

/** Where the log of a job is kept: at another place than the API, behind an address that holds its own key. */
export function logAddress(world: World, repo: Repository, job: number): string {
  const address = new URL(`/_logs/${repo.id}/${job}`, world.url);
  address.hostname = "localhost";
  address.searchParams.set("sig", keyOf(repo, job));
  return address.href;
}

/** The log at such an address. As that place does, it refuses who shows GitHub's token. */
export function answerLog(world: World, request: Request): Response {
  const url = new URL(request.url);
  const [, id, job] = /^\/_logs\/(\d+)\/(\d+)$/.exec(url.pathname) ?? [];
  const repo = world.repositoriesById.get(Number(id));
  if (request.headers.has("authorization")) return new Response("InvalidAuthenticationInfo", { status: 400 });
  const log = repo && ciOf(repo).logs.get(Number(job));
  if (!repo || log === undefined || url.searchParams.get("sig") !== keyOf(repo, Number(job)))
    return new Response("ResourceNotFound", { status: 404 });
  return new Response(log, { headers: { "content-type": "text/plain; charset=utf-8" } });
}

function keyOf(repo: Repository, job: number): string {
  return createHash("sha256").update(`${repo.id}/${job}`).digest("hex").slice(0, 20);
}
