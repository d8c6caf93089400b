// What a test, or a person in the demo, may do here without asking anybody's leave: everything people do to issues, repositories
// and installations. `quiet: true` does it without a webhook: news that got lost.
import { BatonError } from "../core/errors.ts";
import { addUser } from "./founding.ts";
import { addComment, editComment, editIssue, openIssue, setLabels } from "./issues.ts";
import {
  deleteIssue,
  deleteRepository,
  forceBranch,
  type PushedChange,
  pushCommit,
  removeFromInstallation,
  renameRepository,
  setArchived,
  setLock,
  setStanding,
  transferIssue,
} from "./lifecycle.ts";
import { addReview, openPull, updateBranch, type NewReview } from "./pulls.ts";
import { pressButton, rerunCheck } from "./rest/checks.ts";
import { resolveThread } from "./review-threads.ts";
import {
  type App,
  type CheckRun,
  type Comment,
  type Doer,
  findAccount,
  findRepository,
  type Issue,
  type Repository,
  type Role,
  type World,
} from "./state.ts";
import type { Webhooks } from "./webhooks.ts";

/** Who does it, by login (made when unknown), and whether it is told to the Apps. */
export interface Act {
  readonly as: string;
  readonly quiet?: boolean | undefined;
}
/** Says which issue or pull request is meant. */
export interface IssueAddress {
  /** "owner/name" */
  readonly repo: string;
  readonly number: number;
}
type OnIssue = IssueAddress & Act;
type OnRepository = Act & { readonly repo: string };
/** `slug`: the App; default the only one. */
type OnInstallation = Act & { readonly slug?: string | undefined };

export interface Acts {
  setRole(repo: string, login: string, role: Role): void;
  /** Sends webhooks of the App (default: the only one) to this address from now on. */
  deliverTo(url: string, secret: string, slug?: string): void;

  openIssue(
    issue: OnRepository & {
      readonly title: string;
      readonly body: string;
      readonly labels?: readonly string[] | undefined;
    },
  ): Promise<Issue>;
  comment(at: IssueAddress & { readonly body: string; readonly as: string }): Comment;
  editComment(at: { readonly repo: string; readonly id: number; readonly body: string; readonly as: string }): void;
  label(
    at: OnIssue & { readonly add?: readonly string[] | undefined; readonly remove?: readonly string[] | undefined },
  ): Promise<void>;
  editIssue(at: OnIssue & { readonly title?: string | undefined; readonly body?: string | undefined }): Promise<void>;
  closeIssue(at: OnIssue): Promise<void>;
  reopenIssue(at: OnIssue): Promise<void>;
  /** Opens a pull request onto the default branch; gives its number. With `fork` its branch is in a fork of that person's. */
  openPull(
    at: OnRepository & {
      readonly head: string;
      readonly title: string;
      readonly body: string;
      readonly fork?: string | undefined;
    },
  ): Promise<number>;
  /** Reviews a pull request. */
  review(at: IssueAddress & NewReview & { readonly as: string }): void;
  /** Presses "Update branch". */
  updateBranch(at: OnIssue): Promise<void>;
  /** Resolves the thread that begins with the remark of this id. */
  resolve(at: IssueAddress & { readonly as: string; readonly thread: number }): void;
  /** Presses a button of the newest check run of this name. */
  press(at: OnRepository & { readonly check: string; readonly button: string }): Promise<void>;
  /** Asks for that check run once more. */
  rerun(at: OnRepository & { readonly check: string }): Promise<void>;
  lockIssue(at: OnIssue): Promise<void>;
  unlockIssue(at: OnIssue): Promise<void>;
  /** From now on it answers 410. */
  deleteIssue(at: OnIssue): Promise<void>;
  /** To another repository ("owner/name"); its address sends on to the new one, which is given. */
  transferIssue(at: OnIssue & { readonly to: string }): Promise<IssueAddress>;

  /** `name` without the owner. The id stays, the old name sends on. */
  renameRepository(at: OnRepository & { readonly name: string }): Promise<void>;
  archiveRepository(at: OnRepository): Promise<void>;
  unarchiveRepository(at: OnRepository): Promise<void>;
  deleteRepository(at: OnRepository): Promise<void>;
  removeFromInstallation(at: OnRepository & { readonly slug?: string | undefined }): Promise<void>;
  suspendInstallation(at: OnInstallation): Promise<void>;
  unsuspendInstallation(at: OnInstallation): Promise<void>;
  deleteInstallation(at: OnInstallation): Promise<void>;

  /** One commit on a branch, in a person's name; gives its id. With `onto` the push is forced. */
  push(at: OnRepository & PushedChange): Promise<string>;
  /** Puts a branch on another commit or branch, whatever it held. */
  forcePush(at: OnRepository & { readonly branch: string; readonly to: string }): Promise<void>;
  /** The default branch too. */
  deleteBranch(at: OnRepository & { readonly branch: string }): Promise<void>;

  /** A branch that is there is the default one from now on. What `HEAD` of the clone names stays. */
  setDefaultBranch(at: OnRepository & { readonly branch: string }): Promise<void>;

  /** How long tokens made from now on live, milliseconds. */
  setTokenLifetime(ms: number): void;
  /** Every installation token there is has expired. */
  expireTokens(): void;
}

/** The repository of that name; throws `not-found`. */
export function repositoryNamed(world: World, fullName: string): Repository {
  const [owner = "", name = ""] = fullName.split("/");
  const repo = findRepository(world, owner, name);
  if (!repo) throw new BatonError("not-found", `the playground has no repository ${fullName}`);
  return repo;
}

/** The issue or pull request at the address; throws `not-found`. */
export function issueAt(world: World, { repo, number }: IssueAddress): Issue {
  const found = repositoryNamed(world, repo).issues.get(number);
  if (!found) throw new BatonError("not-found", `${repo} has no issue ${number}`);
  return found;
}

function checkNamed(repo: Repository, name: string): CheckRun {
  const run = repo.checkRuns.findLast((one) => one.name === name);
  if (!run) throw new BatonError("not-found", `${repo.fullName} has no check run ${name}`);
  return run;
}

function appNamed(world: World, slug: string | undefined): App {
  const app = world.apps.find((one) => slug === undefined || one.slug === slug);
  if (!app) throw new BatonError("not-found", `the playground has no App ${slug ?? "at all"}`);
  return app;
}

/** Everything that can be done. */
export function createActs(world: World, webhooks: Webhooks): Acts {
  const by = (login: string): Doer => ({ account: findAccount(world, login) ?? addUser(world, { login }) });
  const told = async <T>({ quiet }: Act, work: () => T | Promise<T>): Promise<T> => {
    const done = async () => await work();
    return quiet === true ? await webhooks.quietly(done) : await done();
  };
  const onIssue = (at: OnIssue, work: (repo: Repository, issue: Issue, doer: Doer) => Promise<void>) =>
    told(at, () => work(repositoryNamed(world, at.repo), issueAt(world, at), by(at.as)));
  const onRepository = <T>(at: OnRepository, work: (repo: Repository, doer: Doer) => T | Promise<T>) =>
    told(at, () => work(repositoryNamed(world, at.repo), by(at.as)));
  const stand = (at: OnInstallation, standing: App["standing"]) =>
    told(at, () => setStanding(world, webhooks, appNamed(world, at.slug), standing, by(at.as)));

  return {
    setRole(repo, login, role) {
      repositoryNamed(world, repo).roles.set(by(login).account.id, role);
    },
    deliverTo(url, secret, slug) {
      appNamed(world, slug).webhook = { url, secret };
    },

    openIssue: (at) =>
      onRepository(at, (repo, doer) =>
        openIssue(world, repo, doer, { title: at.title, body: at.body, labels: at.labels ?? [] }),
      ),
    comment: (at) => addComment(world, repositoryNamed(world, at.repo), issueAt(world, at), by(at.as), at.body),
    editComment({ repo: name, id, body, as }) {
      const repo = repositoryNamed(world, name);
      const comment = repo.comments.get(id);
      if (!comment) throw new BatonError("not-found", `${name} has no comment ${id}`);
      editComment(world, repo, comment, by(as), body);
    },
    label: (at) =>
      onIssue(at, async (repo, issue, doer) => {
        const names = [...issue.labels.map(({ name }) => name), ...(at.add ?? [])];
        const wanted = names.filter((name) => !at.remove?.includes(name));
        await setLabels(world, repo, issue, doer, wanted);
      }),
    editIssue: (at) =>
      onIssue(at, (repo, issue, doer) => editIssue(world, repo, issue, doer, { title: at.title, body: at.body })),
    closeIssue: (at) => onIssue(at, (repo, issue, doer) => editIssue(world, repo, issue, doer, { state: "closed" })),
    reopenIssue: (at) => onIssue(at, (repo, issue, doer) => editIssue(world, repo, issue, doer, { state: "open" })),
    openPull: (at) =>
      onRepository(at, async (repo, doer) => {
        const { title, body, head, fork } = at;
        const fresh = { title, body, head, fork, base: repo.defaultBranch, draft: false };
        const opened = await openPull(world, repo, doer, fresh);
        if (opened.type === "refused") throw new BatonError("invalid-usage", `${at.repo}: ${opened.message}`);
        return opened.issue.number;
      }),
    review(at) {
      const issue = issueAt(world, at);
      if (!issue.pull) throw new BatonError("not-found", `${at.repo}#${at.number} is no pull request`);
      addReview(world, repositoryNamed(world, at.repo), issue, issue.pull, by(at.as), at);
    },
    updateBranch: (at) =>
      onIssue(at, async (repo, { pull }, doer) => {
        const no = pull ? await updateBranch(world, repo, pull, doer) : "it is no pull request";
        if (no !== undefined) throw new BatonError("invalid-usage", `${at.repo}#${at.number}: ${no}`);
      }),
    resolve(at) {
      const { pull } = issueAt(world, at);
      if (!pull) throw new BatonError("not-found", `${at.repo}#${at.number} is no pull request`);
      resolveThread(world, pull, at.thread, by(at.as).account);
    },
    press: (at) =>
      onRepository(at, (repo, { account }) => pressButton(world, repo, checkNamed(repo, at.check), account, at.button)),
    rerun: (at) =>
      onRepository(at, (repo, { account }) => rerunCheck(world, repo, checkNamed(repo, at.check), account)),
    lockIssue: (at) => onIssue(at, (repo, issue, doer) => setLock(world, repo, issue, doer, true)),
    unlockIssue: (at) => onIssue(at, (repo, issue, doer) => setLock(world, repo, issue, doer, false)),
    deleteIssue: (at) => onIssue(at, (repo, issue, doer) => deleteIssue(world, repo, issue, doer)),
    transferIssue: (at) =>
      onRepository(at, async (repo, doer) => {
        const there = await transferIssue(world, repo, issueAt(world, at), repositoryNamed(world, at.to), doer);
        return { repo: at.to, number: there.number };
      }),

    renameRepository: (at) => onRepository(at, (repo, doer) => renameRepository(world, repo, at.name, doer)),
    archiveRepository: (at) => onRepository(at, (repo, doer) => setArchived(world, repo, doer, true)),
    unarchiveRepository: (at) => onRepository(at, (repo, doer) => setArchived(world, repo, doer, false)),
    deleteRepository: (at) => onRepository(at, (repo, doer) => deleteRepository(world, repo, doer)),
    removeFromInstallation: (at) =>
      onRepository(at, (repo, doer) => removeFromInstallation(world, webhooks, appNamed(world, at.slug), repo, doer)),
    suspendInstallation: (at) => stand(at, "suspended"),
    unsuspendInstallation: (at) => stand(at, "installed"),
    deleteInstallation: (at) => stand(at, "gone"),

    push: (at) => onRepository(at, (repo, doer) => pushCommit(world, repo, doer, at)),
    forcePush: (at) => onRepository(at, (repo, doer) => forceBranch(world, repo, doer, at.branch, at.to)),
    deleteBranch: (at) => onRepository(at, (repo, doer) => forceBranch(world, repo, doer, at.branch, undefined)),

    setDefaultBranch: (at) =>
      onRepository(at, async (repo) => {
        if ((await repo.git.ref(`refs/heads/${at.branch}`)) === undefined)
          throw new BatonError("not-found", `${repo.fullName} has no branch ${at.branch}`);
        repo.defaultBranch = at.branch;
      }),

    setTokenLifetime(ms) {
      world.tokenLifetimeMs = ms;
    },
    expireTokens() {
      const now = world.clock.now();
      for (const token of world.installationTokens.values()) token.expiresAt = Math.min(token.expiresAt, now);
    },
  };
}
