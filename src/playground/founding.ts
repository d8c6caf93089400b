// How people, Apps and repositories come into the playground.
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { BatonError } from "../core/errors.ts";
import { createGitRepository } from "./git-repository.ts";
import { ensureLabel } from "./issues.ts";
import {
  type Account,
  type App,
  changed,
  findAccount,
  findRepository,
  type Permissions,
  type Repository,
  type Role,
  timestamp,
  type World,
} from "./state.ts";

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
  /** Default: issues, issue_comment, pull_request, pull_request_review, push, check_run, check_suite, repository, repository_dispatch. */
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

const allEvents = [
  "issues",
  "issue_comment",
  "pull_request",
  "pull_request_review",
  "push",
  "check_run",
  "check_suite",
  "repository",
  "repository_dispatch",
];

/** The account of that login, made when there is none. */
export function addUser(world: World, { login, id, type = "User", tokens = [] }: PlaygroundUser): Account {
  const account = findAccount(world, login) ?? { id: id ?? world.newId(), login, type };
  world.accounts.set(login.toLowerCase(), account);
  for (const token of tokens) world.personalTokens.set(token, account);
  return account;
}

/** The App with its one installation. */
export function addApp(world: World, app: PlaygroundApp): App {
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
    without: new Set(),
    standing: "installed",
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

/** A repository with its first commit on `main`. Throws `invalid-usage` for a name that is taken or none. */
export async function addRepository(
  world: World,
  folder: string,
  path: string,
  fresh: NewRepository,
): Promise<Repository> {
  const { owner: ownerLogin, name } = fresh;
  const fullName = `${ownerLogin}/${name}`;
  if (!/^[\w.-]+\/[\w.-]+$/.test(fullName)) throw new BatonError("invalid-usage", `"${fullName}" is not owner/name`);
  if (findRepository(world, ownerLogin, name))
    throw new BatonError("invalid-usage", `the playground has ${fullName} already`);
  const owner = findAccount(world, ownerLogin) ?? addUser(world, { login: ownerLogin, type: "Organization" });
  const id = world.newId();
  const git = await createGitRepository({
    // With the id: a name may be given again, after a repository was renamed or deleted.
    folder: join(folder, ownerLogin, `${name}-${id}.git`),
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
    id,
    owner,
    name,
    fullName,
    private: fresh.private ?? false,
    description: fresh.description ?? null,
    defaultBranch: "main",
    archived: false,
    git,
    roles: new Map(),
    labels: [],
    issues: new Map(),
    pulls: [],
    openIssues: 0,
    gone: new Map(),
    comments: new Map(),
    checkRuns: [],
    workflowRuns: [],
    artifacts: [],
    verified: new Set(),
    createdAt: at,
    pushedAt: at,
    nextNumber: 1,
  };
  for (const [login, role] of Object.entries(fresh.collaborators ?? {}))
    repo.roles.set(addUser(world, { login }).id, role);
  world.repositories.set(fullName.toLowerCase(), repo);
  world.repositoriesById.set(repo.id, repo);
  world.formerNames.delete(fullName.toLowerCase());
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
