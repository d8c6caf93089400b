// What the playground knows: accounts, apps, repositories, issues, comments, pull requests, check runs. All of it in memory;
// only git objects and refs are on disk, in real bare repositories. The words here are GitHub's, not Baton's.
import type { Clock } from "../core/clock.ts";
import type { GitRepository } from "./git-repository.ts";

/** What a person may do in a repository, weakest first. */
export const roles = ["none", "read", "triage", "write", "maintain", "admin"] as const;
export type Role = (typeof roles)[number];

export type Level = "read" | "write";
/** What an App, or a token narrowed from it, may do: `{ issues: "write", contents: "read" }`. */
export type Permissions = Readonly<Record<string, Level | "admin">>;

export interface Account {
  readonly id: number;
  readonly login: string;
  readonly type: "User" | "Bot" | "Organization";
}

export interface App {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
  readonly clientId: string;
  /** PEM; its App's tokens are checked with it. */
  readonly publicKey: string;
  readonly installationId: number;
  readonly permissions: Permissions;
  readonly events: readonly string[];
  /** Full names ("owner/name") the installation covers; undefined: every repository here. */
  repositories: readonly string[] | undefined;
  /** Ids of repositories that were taken out of an installation on all of them. */
  readonly without: Set<number>;
  standing: "installed" | "suspended" | "gone";
  readonly bot: Account;
  webhook: { readonly url: string; readonly secret: string } | undefined;
}

/** Who does something: an account, and the App it acts through, if any. */
export interface Doer {
  readonly account: Account;
  readonly app?: App | undefined;
}

export interface Reaction {
  readonly id: number;
  readonly content: string;
  readonly by: Account;
  readonly at: string;
}

export interface Label {
  readonly id: number;
  readonly name: string;
  readonly color: string;
  readonly description: string | null;
}

/** An earlier body, and when (milliseconds since 1970) and by whom it was replaced. */
export interface Edit {
  readonly at: number;
  readonly by: string;
  readonly before: string;
}

export interface Comment {
  readonly id: number;
  readonly issue: number;
  readonly by: Doer;
  body: string;
  readonly createdAt: string;
  updatedAt: string;
  readonly edits: Edit[];
  readonly reactions: Reaction[];
}

/** A line between the comments of an issue's page. */
export interface Happening {
  /** From the same count as comments, so that both can be put in order. */
  readonly id: number;
  readonly at: string;
  readonly by: Account;
  readonly what:
    | "closed"
    | "reopened"
    | "labeled"
    | "unlabeled"
    | "assigned"
    | "unassigned"
    | "renamed"
    | "locked"
    | "unlocked"
    | "pushed"
    | "merged";
  readonly detail: string;
  readonly color?: string;
}

export interface PullRequest {
  readonly headRef: string;
  headSha: string;
  readonly baseRef: string;
  /** The base branch's commit when the pull request was opened. */
  readonly baseSha: string;
  draft: boolean;
  mergedAt: string | null;
  mergedBy: Account | null;
  mergeSha: string | null;
  readonly reviewers: Account[];
  readonly reviews: Review[];
  /** Threads that are resolved, by the id of their first remark, and by whom. */
  readonly resolved: Map<number, Account>;
  /** Of which two commits somebody has asked before whether they merge: GitHub begins to find out when it is asked. */
  asked: string | undefined;
  /** Whose fork its branch is in; here there is only its commit, under `refs/pull`. */
  readonly fork?: string | undefined;
}

export interface Review {
  readonly id: number;
  readonly by: Account;
  readonly at: string;
  /** The head it is of. */
  readonly commit: string;
  readonly state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED";
  readonly body: string;
  readonly remarks: readonly {
    readonly id: number;
    readonly path: string;
    readonly line: number;
    readonly body: string;
    /** The first remark of the thread it answers in. */
    readonly replyTo?: number | undefined;
  }[];
}

export interface Issue {
  readonly id: number;
  readonly number: number;
  readonly by: Doer;
  title: string;
  body: string | null;
  state: "open" | "closed";
  stateReason: "completed" | "not_planned" | "reopened" | "duplicate" | null;
  readonly labels: Label[];
  readonly assignees: Account[];
  readonly createdAt: string;
  updatedAt: string;
  closedAt: string | null;
  closedBy: Account | null;
  locked: boolean;
  readonly edits: Edit[];
  readonly reactions: Reaction[];
  readonly happenings: Happening[];
  /** Oldest first; the same comments as in its repository. */
  readonly comments: Comment[];
  readonly pull: PullRequest | undefined;
}

/** A remark on lines of a file, as the App gave it. */
export interface Annotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: "notice" | "warning" | "failure";
  readonly message: string;
  readonly start_column?: number | undefined;
  readonly end_column?: number | undefined;
  readonly title?: string | undefined;
  readonly raw_details?: string | undefined;
}

export interface CheckRun {
  readonly id: number;
  readonly app: App;
  headSha: string;
  name: string;
  status: "queued" | "in_progress" | "completed";
  conclusion: string | null;
  startedAt: string;
  completedAt: string | null;
  externalId: string;
  detailsUrl: string;
  title: string | null;
  summary: string | null;
  text: string | null;
  readonly annotations: Annotation[];
  actions: readonly { readonly label: string; readonly description: string; readonly identifier: string }[];
}

/** A run of a workflow, as whoever plays the runner wrote it down. */
export interface WorkflowRun {
  readonly id: number;
  /** `.github/workflows/baton.yml` */
  readonly path: string;
  readonly event: string;
  readonly headBranch: string;
  readonly headSha: string;
  /** Another one's where a fork's pull request started it. */
  readonly headRepositoryId: number;
  readonly actor: Account;
  readonly createdAt: string;
  attempt: number;
  status: "queued" | "in_progress" | "completed";
  conclusion: "success" | "failure" | "cancelled" | null;
}

/** What a run of a workflow kept: files by path. */
export interface KeptArtifact {
  readonly id: number;
  readonly name: string;
  readonly run: WorkflowRun;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly createdAt: string;
  expired: boolean;
}

export interface Repository {
  readonly id: number;
  readonly owner: Account;
  name: string;
  fullName: string;
  readonly private: boolean;
  readonly description: string | null;
  defaultBranch: string;
  /** Archived: everybody may read, nobody may write. */
  archived: boolean;
  readonly git: GitRepository;
  /** By account id; accounts that are not in it have none, or read where the repository is public. */
  readonly roles: Map<number, Role>;
  readonly labels: Label[];
  readonly issues: Map<number, Issue>;
  /** Issues that are pull requests, oldest first. */
  readonly pulls: Issue[];
  /** Issues and pull requests that are open: counted, because every shape of a repository tells it. */
  openIssues: number;
  /** Numbers that are no longer here: deleted, or where they went. */
  readonly gone: Map<number, "deleted" | Address>;
  readonly comments: Map<number, Comment>;
  readonly checkRuns: CheckRun[];
  readonly workflowRuns: WorkflowRun[];
  /** Oldest first. */
  readonly artifacts: KeptArtifact[];
  /** Commits GitHub would show as Verified. */
  readonly verified: Set<string>;
  readonly createdAt: string;
  pushedAt: string;
  nextNumber: number;
}

/** An issue wherever it is. */
export interface Address {
  readonly repo: Repository;
  readonly number: number;
}

export interface InstallationToken {
  readonly token: string;
  readonly app: App;
  readonly permissions: Permissions;
  /** Repository ids; undefined: all that the installation covers. */
  readonly repositories: readonly number[] | undefined;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** Something to tell the Apps that listen: an event with its action (none for `push`) and what belongs to it. */
export interface Announcement {
  readonly event: string;
  readonly action?: string;
  readonly by: Account;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Only this App hears it (check runs). */
  readonly only?: App;
}

export interface World {
  /** Without a slash at the end. */
  url: string;
  apiUrl: string;
  readonly clock: Clock;
  /** By login, in lower case. */
  readonly accounts: Map<string, Account>;
  /** By full name, in lower case. */
  readonly repositories: Map<string, Repository>;
  readonly repositoriesById: Map<number, Repository>;
  /** By full name as it was, in lower case: who asks under an old name is sent on, until a new repository takes it. */
  readonly formerNames: Map<string, Repository>;
  /** How long an installation token lives from when it is made. */
  tokenLifetimeMs: number;
  readonly apps: App[];
  /** Personal tokens: token → account. */
  readonly personalTokens: Map<string, Account>;
  readonly installationTokens: Map<string, InstallationToken>;
  /** Grows with every change: what live pages watch. */
  version: number;
  readonly watchers: Set<() => void>;
  newId(): number;
  announce(repository: Repository, announcement: Announcement): void;
}

const ONE_HOUR_MS = 3_600_000;

/** An empty world. Ids are counted from 1001, so that they are not mistaken for issue numbers. */
export function createWorld(clock: Clock): World {
  let id = 1000;
  return {
    url: "",
    apiUrl: "",
    clock,
    accounts: new Map(),
    repositories: new Map(),
    repositoriesById: new Map(),
    formerNames: new Map(),
    tokenLifetimeMs: ONE_HOUR_MS,
    apps: [],
    personalTokens: new Map(),
    installationTokens: new Map(),
    version: 0,
    watchers: new Set(),
    newId: () => (id += 1),
    announce() {},
  };
}

/** Now, as GitHub writes it: UTC, whole seconds. */
export function timestamp(world: World): string {
  return new Date(world.clock.now()).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** Says that something changed; pages that watch hear it. */
export function changed(world: World): void {
  world.version += 1;
  for (const watcher of world.watchers) watcher();
}

export function findRepository(world: World, owner: string, name: string): Repository | undefined {
  return world.repositories.get(`${owner}/${name}`.toLowerCase());
}

/** The repository that had this name before it was renamed. */
export function findRenamed(world: World, owner: string, name: string): Repository | undefined {
  return world.formerNames.get(`${owner}/${name}`.toLowerCase());
}

export function findAccount(world: World, login: string): Account | undefined {
  return world.accounts.get(login.toLowerCase());
}

/** The role of an account: the owner is admin; what is public everybody may read. */
export function roleOf(repository: Repository, account: Account | undefined): Role {
  const open: Role = repository.private ? "none" : "read";
  if (!account) return open;
  if (account.id === repository.owner.id) return "admin";
  const given = repository.roles.get(account.id) ?? "none";
  return roles.indexOf(given) > roles.indexOf(open) ? given : open;
}

export function hasRole(repository: Repository, account: Account | undefined, least: Role): boolean {
  return roles.indexOf(roleOf(repository, account)) >= roles.indexOf(least);
}

/** True when the App is installed on the repository, suspended or not. */
export function covers(app: App, repository: Repository): boolean {
  if (app.standing === "gone" || app.without.has(repository.id)) return false;
  return app.repositories?.some((name) => name.toLowerCase() === repository.fullName.toLowerCase()) ?? true;
}

export function reaches(permissions: Permissions, name: string, level: Level): boolean {
  const given = permissions[name];
  return given === "write" || given === "admin" || (given === "read" && level === "read");
}
