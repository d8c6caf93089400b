// A local GitHub on 127.0.0.1: a subset of its REST API, git over HTTP, signed webhooks, and a small web page. It knows nothing
// of Baton, and keeps GitHub's rules: it is what the demo runs on and what the tests hold Baton against.
import { createServer } from "node:http";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { once } from "node:events";
import { getRequestListener } from "@hono/node-server";
import { systemClock, type Clock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import { answerGit, isGitPath } from "./git-http.ts";
import { createGitRepository } from "./git-repository.ts";
import { addComment, editComment, editIssue, ensureLabel, openIssue, setLabels } from "./issues.ts";
import type { FaultHook, JournalEntry } from "./journal.ts";
import { openPages } from "./pages/pages.ts";
import { apiPath, createRest, Cut } from "./rest.ts";
import { commentsOf } from "./shapes/issues.ts";
import {
  type Account,
  type App,
  changed,
  type CheckRun,
  type Comment,
  createWorld,
  type Doer,
  findAccount,
  findRepository,
  type Issue,
  type Permissions,
  type Repository,
  type Role,
  timestamp,
  type World,
} from "./state.ts";
import { createWebhooks, type Delivery } from "./webhooks.ts";

export type { Account, CheckRun, Comment, Issue, Permissions, Role } from "./state.ts";
export type { FaultHook, JournalEntry } from "./journal.ts";
export type { Delivery } from "./webhooks.ts";

export interface PlaygroundApp {
  readonly id: number;
  /** Its bot is `slug[bot]`. */
  readonly slug: string;
  readonly name?: string;
  readonly clientId?: string;
  /** PEM, the public half of the App's private key. */
  readonly publicKey: string;
  readonly installationId: number;
  readonly permissions: Permissions;
  /** Default: issues, issue_comment, pull_request, push, check_run, check_suite. */
  readonly events?: readonly string[];
  /** May come later: `deliverTo`. */
  readonly webhook?: { readonly url: string; readonly secret: string };
  /** Full names; default: every repository here. */
  readonly repositories?: readonly string[];
}

export interface PlaygroundUser {
  readonly login: string;
  readonly id?: number;
  readonly type?: "User" | "Bot" | "Organization";
  /** Personal access tokens. */
  readonly tokens?: readonly string[];
}

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
}

export interface NewRepository {
  readonly owner: string;
  readonly name: string;
  /** A folder with the files of the first commit (`.git` and `node_modules` left out), or path → content. */
  readonly from: string | Readonly<Record<string, string>>;
  readonly private?: boolean;
  readonly description?: string;
  readonly labels?: readonly (
    | string
    | { readonly name: string; readonly color?: string; readonly description?: string }
  )[];
  /** Login → role. Unknown logins are made. */
  readonly collaborators?: Readonly<Record<string, Role>>;
}

/** Says which issue or pull request is meant. */
export interface IssueAddress {
  /** "owner/name" */
  readonly repo: string;
  readonly number: number;
}

export interface Playground extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: pages, and git at `/owner/name.git`. */
  readonly url: string;
  /** The same with the prefix: the base URL of Octokit. */
  readonly apiUrl: string;
  /** REST and git requests, oldest first, each with its answer. */
  readonly journal: readonly JournalEntry[];
  /** Webhooks, oldest first. */
  readonly deliveries: readonly Delivery[];

  addRepository(repository: NewRepository): Promise<Repository>;
  addUser(user: PlaygroundUser): Account;
  setRole(repo: string, login: string, role: Role): void;
  /** Sends webhooks of the App (default: the only one) to this address from now on. */
  deliverTo(url: string, secret: string, slug?: string): void;

  openIssue(issue: {
    readonly repo: string;
    readonly title: string;
    readonly body: string;
    readonly as: string;
    readonly labels?: readonly string[];
  }): Promise<Issue>;
  comment(at: IssueAddress & { readonly body: string; readonly as: string }): Comment;
  editComment(at: { readonly repo: string; readonly id: number; readonly body: string; readonly as: string }): void;
  label(
    at: IssueAddress & { readonly add?: readonly string[]; readonly remove?: readonly string[]; readonly as: string },
  ): Promise<void>;
  editIssue(at: IssueAddress & { readonly title?: string; readonly body?: string; readonly as: string }): Promise<void>;
  closeIssue(at: IssueAddress & { readonly as: string }): Promise<void>;
  reopenIssue(at: IssueAddress & { readonly as: string }): Promise<void>;

  repository(fullName: string): Repository;
  issue(at: IssueAddress): Issue;
  comments(at: IssueAddress): readonly Comment[];
  /** Issues that are pull requests, oldest first. */
  pulls(repo: string): readonly Issue[];
  /** Full ref name → commit id. */
  refs(repo: string): Promise<Readonly<Record<string, string>>>;
  /** The text of a file at a branch or commit; undefined when it is not there. */
  file(repo: string, at: string, path: string): Promise<string | undefined>;
  checkRuns(repo: string): readonly CheckRun[];

  /** Makes requests fail from now on; undefined: no more. */
  setFault(fault: FaultHook | undefined): void;
  redeliver(id: string): Promise<Delivery>;
  /** Resolves when every webhook sent so far, and every one sent meanwhile, is answered. */
  settled(): Promise<void>;
}

const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";
const allEvents = ["issues", "issue_comment", "pull_request", "push", "check_run", "check_suite"];

/** Starts the playground and listens. Throws `git-failed` without a working git and `invalid-usage` for a port in use. */
export async function openPlayground(options: PlaygroundOptions = {}): Promise<Playground> {
  const world = createWorld(options.clock ?? systemClock);
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "baton-playground-")));
  const path = options.path ?? DEFAULT_PATH;
  const prefix = options.prefix ?? "/api/v3";
  const journal: JournalEntry[] = [];
  let fault = options.fault;
  for (const user of options.users ?? []) addUser(world, user);
  for (const app of options.apps ?? []) addApp(world, app);

  const webhooks = createWebhooks(world);
  world.announce = (repository, announcement) => webhooks.announce(repository, announcement);
  const rest = createRest(world, { journal, fault: () => fault });
  const pages = openPages(world);

  const listener = getRequestListener(
    async (request, { incoming }) => {
      const { pathname } = new URL(request.url);
      const inApi = apiPath(prefix, pathname);
      if (inApi === undefined)
        return isGitPath(pathname) ? await answerGit(world, path, request) : await pages.answer(request);
      try {
        return await rest.answer(request, inApi);
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
        incoming.socket.destroy();
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

  const repository = (fullName: string): Repository => {
    const [owner = "", name = ""] = fullName.split("/");
    const repo = findRepository(world, owner, name);
    if (!repo) throw new BatonError("not-found", `the playground has no repository ${fullName}`);
    return repo;
  };
  const issue = ({ repo, number }: IssueAddress): Issue => {
    const found = repository(repo).issues.get(number);
    if (!found) throw new BatonError("not-found", `${repo} has no issue ${number}`);
    return found;
  };
  const by = (login: string): Doer => ({ account: findAccount(world, login) ?? addUser(world, { login }) });

  return {
    url: world.url,
    apiUrl: world.apiUrl,
    journal,
    deliveries: webhooks.deliveries,

    addRepository: (fresh) => addRepository(world, folder, path, fresh),
    addUser: (user) => addUser(world, user),
    setRole(repo, login, role) {
      repository(repo).roles.set(by(login).account.id, role);
    },
    deliverTo(url, secret, slug) {
      const app = world.apps.find((one) => slug === undefined || one.slug === slug);
      if (!app) throw new BatonError("not-found", `the playground has no App ${slug ?? "at all"}`);
      app.webhook = { url, secret };
    },

    openIssue: ({ repo, title, body, as, labels = [] }) =>
      openIssue(world, repository(repo), by(as), { title, body, labels }),
    comment: (at) => addComment(world, repository(at.repo), issue(at), by(at.as), at.body),
    editComment({ repo, id, body, as }) {
      const comment = repository(repo).comments.get(id);
      if (!comment) throw new BatonError("not-found", `${repo} has no comment ${id}`);
      editComment(world, repository(repo), comment, by(as), body);
    },
    async label(at) {
      const names = [...issue(at).labels.map(({ name }) => name), ...(at.add ?? [])];
      await setLabels(
        world,
        repository(at.repo),
        issue(at),
        by(at.as),
        names.filter((name) => !at.remove?.includes(name)),
      );
    },
    editIssue: (at) => editIssue(world, repository(at.repo), issue(at), by(at.as), { title: at.title, body: at.body }),
    closeIssue: (at) => editIssue(world, repository(at.repo), issue(at), by(at.as), { state: "closed" }),
    reopenIssue: (at) => editIssue(world, repository(at.repo), issue(at), by(at.as), { state: "open" }),

    repository,
    issue,
    comments: (at) => commentsOf(repository(at.repo), issue(at)),
    pulls: (repo) => [...repository(repo).issues.values()].filter(({ pull }) => pull !== undefined),
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

    setFault(hook) {
      fault = hook;
    },
    redeliver: (id) => webhooks.redeliver(id),
    settled: () => webhooks.settled(),

    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      await pages[Symbol.asyncDispose]();
      await webhooks[Symbol.asyncDispose]();
      server.closeAllConnections();
      await closed;
      // What is still written into a repository ends before its folder goes.
      await Promise.all([...world.repositories.values()].map(({ git }) => git.alone(() => Promise.resolve())));
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function addUser(world: World, { login, id, type = "User", tokens = [] }: PlaygroundUser): Account {
  const account = findAccount(world, login) ?? { id: id ?? world.newId(), login, type };
  world.accounts.set(login.toLowerCase(), account);
  for (const token of tokens) world.personalTokens.set(token, account);
  return account;
}

function addApp(world: World, app: PlaygroundApp): App {
  const bot = addUser(world, { login: `${app.slug}[bot]`, type: "Bot" });
  const added: App = {
    id: app.id,
    slug: app.slug,
    name: app.name ?? app.slug,
    clientId: app.clientId ?? `Iv1.playground${app.id}`,
    publicKey: app.publicKey,
    installationId: app.installationId,
    permissions: { metadata: "read", ...app.permissions },
    events: app.events ?? allEvents,
    repositories: app.repositories,
    bot,
    webhook: app.webhook,
  };
  world.apps.push(added);
  return added;
}

const usualLabels = [
  { name: "bug", color: "d73a4a", description: "Something isn't working" },
  { name: "documentation", color: "0075ca", description: "Improvements or additions to documentation" },
  { name: "duplicate", color: "cfd3d7", description: "This issue or pull request already exists" },
  { name: "enhancement", color: "a2eeef", description: "New feature or request" },
  { name: "question", color: "d876e3", description: "Further information is requested" },
];

async function addRepository(world: World, folder: string, path: string, fresh: NewRepository): Promise<Repository> {
  const { owner: ownerLogin, name } = fresh;
  const fullName = `${ownerLogin}/${name}`;
  if (!/^[\w.-]+\/[\w.-]+$/.test(fullName)) throw new BatonError("invalid-usage", `"${fullName}" is not owner/name`);
  if (findRepository(world, ownerLogin, name))
    throw new BatonError("invalid-usage", `the playground has ${fullName} already`);
  const owner = findAccount(world, ownerLogin) ?? addUser(world, { login: ownerLogin, type: "Organization" });
  const git = await createGitRepository({
    folder: join(folder, ownerLogin, `${name}.git`),
    path,
    defaultBranch: "main",
  });
  const files =
    typeof fresh.from === "string"
      ? await readFolder(fresh.from)
      : Object.entries(fresh.from).map(([at, content]) => ({
          path: at,
          content: Buffer.from(content),
          mode: "100644",
        }));
  const at = timestamp(world);
  const author = { name: owner.login, email: `${owner.id}+${owner.login}@users.noreply.github.com`, date: at };
  const changes = await Promise.all(
    files.map(async ({ path: file, mode, content }) => ({ path: file, mode, sha: await git.writeBlob(content) })),
  );
  const tree = (await git.writeTree(undefined, changes)) ?? "";
  const commit = await git.writeCommit({ tree, parents: [], author, committer: author, message: "Initial commit\n" });
  await git.git(["update-ref", "refs/heads/main", commit]);
  const repo: Repository = {
    id: world.newId(),
    owner,
    name,
    fullName,
    private: fresh.private ?? false,
    description: fresh.description ?? null,
    defaultBranch: "main",
    git,
    roles: new Map(),
    labels: [],
    issues: new Map(),
    comments: new Map(),
    checkRuns: [],
    verified: new Set(),
    createdAt: at,
    pushedAt: at,
    nextNumber: 1,
  };
  for (const [login, role] of Object.entries(fresh.collaborators ?? {}))
    repo.roles.set(addUser(world, { login }).id, role);
  world.repositories.set(fullName.toLowerCase(), repo);
  for (const label of fresh.labels ?? usualLabels) {
    const { name: labelName, color, description } = typeof label === "string" ? { name: label } : label;
    ensureLabel(world, repo, labelName, color, description);
  }
  changed(world);
  return repo;
}

async function readFolder(folder: string): Promise<{ path: string; content: Buffer; mode: string }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const wanted = files.filter(
    (file) => !/(^|\/)(\.git|node_modules)\//.test(relative(folder, file).replaceAll(sep, "/")),
  );
  return await Promise.all(
    wanted.sort().map(async (file) => {
      const content = await readFile(file);
      const mode = content.subarray(0, 2).toString() === "#!" ? "100755" : "100644";
      return { path: relative(folder, file).replaceAll(sep, "/"), content, mode };
    }),
  );
}
