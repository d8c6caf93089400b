// What can happen to branches and pull requests: a ref moves (by REST or by a push), a pull request opens, follows its branch,
// is merged or closed. The Apps are told.
import { commitsBetween, countBetween } from "./git-diff.ts";
import { ZERO } from "./git-repository.ts";
import { addIssue, editIssue, type NewIssue } from "./issues.ts";
import { accountOf } from "./shapes/commits.ts";
import { userShape } from "./shapes/accounts.ts";
import { pullShape, simplePullShape } from "./shapes/pulls.ts";
import { reviewShape } from "./shapes/reviews.ts";
import {
  type Account,
  changed,
  type Doer,
  type Issue,
  type PullRequest,
  type Repository,
  type Review,
  timestamp,
  type World,
} from "./state.ts";

export interface Move {
  /** In full: `refs/heads/main`. */
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What follows from a ref that has moved: `push` is told, and pull requests from and to that branch follow. */
export async function followMove(world: World, repo: Repository, by: Doer, move: Move): Promise<void> {
  repo.pushedAt = timestamp(world);
  changed(world);
  if (move.name.startsWith("refs/heads/") || move.name.startsWith("refs/tags/"))
    world.announce(repo, { event: "push", by: by.account, fields: await pushFields(world, repo, by, move) });
  if (!move.name.startsWith("refs/heads/")) return;
  const branch = move.name.slice("refs/heads/".length);
  for (const issue of repo.pulls) {
    const pull = issue.pull;
    if (!pull || issue.state !== "open") continue;
    if (pull.headRef === branch) await followHead(world, repo, issue, pull, by, move.after);
    if (pull.baseRef === branch && move.after !== undefined) await followBase(world, repo, issue, pull, by, move.after);
  }
}

async function followHead(
  world: World,
  repo: Repository,
  issue: Issue,
  pull: PullRequest,
  by: Doer,
  after: string | undefined,
): Promise<void> {
  if (after === undefined) return await editIssue(world, repo, issue, by, { state: "closed" });
  const before = pull.headSha;
  pull.headSha = after;
  issue.updatedAt = timestamp(world);
  issue.happenings.push({ id: world.newId(), at: timestamp(world), by: by.account, what: "pushed", detail: after });
  await keepPullRef(repo, issue.number, after);
  const shape = await pullShape(world, repo, issue, pull);
  const fields = { number: issue.number, pull_request: shape, before, after };
  world.announce(repo, { event: "pull_request", action: "synchronize", by: by.account, fields });
  changed(world);
}

/** A pull request whose head has come into its base branch is merged, however it came there. */
async function followBase(
  world: World,
  repo: Repository,
  issue: Issue,
  pull: PullRequest,
  by: Doer,
  base: string,
): Promise<void> {
  if (!(await repo.git.isAncestor(pull.headSha, base))) return;
  pull.mergedAt = timestamp(world);
  pull.mergedBy = by.account;
  pull.mergeSha = base;
  issue.happenings.push({ id: world.newId(), at: timestamp(world), by: by.account, what: "merged", detail: base });
  await editIssue(world, repo, issue, by, { state: "closed" });
  const closes = (issue.body ?? "").matchAll(/\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #(\d+)/gi);
  for (const [, number] of closes) {
    const closed = repo.issues.get(Number(number));
    if (closed && !closed.pull) await editIssue(world, repo, closed, by, { state: "closed", stateReason: "completed" });
  }
}

async function keepPullRef(repo: Repository, number: number, sha: string): Promise<void> {
  await repo.git.git(["update-ref", `refs/pull/${number}/head`, sha]);
}

export type OpenedPull =
  | { readonly type: "opened"; readonly issue: Issue; readonly pull: PullRequest }
  | { readonly type: "refused"; readonly field?: string; readonly message: string };

/** Opens a pull request between two branches of the repository; refused for GitHub's reasons, in its words. */
export async function openPull(
  world: World,
  repo: Repository,
  by: Doer,
  fresh: NewIssue & {
    readonly head: string;
    readonly base: string;
    readonly draft: boolean;
    /** The branch becomes one of that person's fork. */
    readonly fork?: string | undefined;
  },
): Promise<OpenedPull> {
  const head = fresh.head.startsWith(`${repo.owner.login}:`)
    ? fresh.head.slice(repo.owner.login.length + 1)
    : fresh.head;
  const headSha = await repo.git.commitOf(`refs/heads/${head}`);
  const baseSha = await repo.git.commitOf(`refs/heads/${fresh.base}`);
  if (headSha === undefined) return { type: "refused", field: "head", message: "" };
  if (baseSha === undefined) return { type: "refused", field: "base", message: "" };
  const twin = repo.pulls.find(
    ({ state, pull }) => state === "open" && pull?.headRef === head && pull.baseRef === fresh.base,
  );
  if (twin) return { type: "refused", message: `A pull request already exists for ${repo.owner.login}:${head}.` };
  if ((await countBetween(repo.git, baseSha, headSha)) === 0)
    return { type: "refused", message: `No commits between ${fresh.base} and ${head}` };
  const pull: PullRequest = {
    headRef: head,
    headSha,
    baseRef: fresh.base,
    baseSha,
    draft: fresh.draft,
    mergedAt: null,
    mergedBy: null,
    mergeSha: null,
    reviewers: [],
    reviews: [],
    resolved: new Map(),
    asked: undefined,
    fork: fresh.fork,
  };
  const issue = addIssue(world, repo, by, fresh, pull);
  await keepPullRef(repo, issue.number, headSha);
  if (fresh.fork !== undefined) await repo.git.git(["update-ref", "-d", `refs/heads/${head}`]);
  changed(world);
  const fields = { number: issue.number, pull_request: await pullShape(world, repo, issue, pull) };
  world.announce(repo, { event: "pull_request", action: "opened", by: by.account, fields });
  return { type: "opened", issue, pull };
}

/** What the button "Update branch" does: the base is merged into the branch. Says why not, in GitHub's words. */
export async function updateBranch(
  world: World,
  repo: Repository,
  pull: PullRequest,
  by: Doer,
): Promise<string | undefined> {
  const { git } = repo;
  return await git.alone(async () => {
    const name = `refs/heads/${pull.headRef}`;
    const [base, before] = [await git.commitOf(`refs/heads/${pull.baseRef}`), pull.headSha];
    if (base === undefined || (await git.isAncestor(base, before)))
      return "There are no new commits on the base branch.";
    const merged = await git.git(["merge-tree", "--write-tree", before, base], { accept: [1] });
    if (merged.exitCode !== 0) return "merge conflict between base and head";
    const { id, login } = by.account;
    const author = { name: login, email: `${id}+${login}@users.noreply.github.com`, date: timestamp(world) };
    const after = await git.writeCommit({
      tree: merged.stdout.trim(),
      parents: [before, base],
      author,
      committer: author,
      message: `Merge branch '${pull.baseRef}' into ${pull.headRef}\n`,
    });
    await git.moveRef(name, before, after);
    await followMove(world, repo, by, { name, before, after });
    return undefined;
  });
}

/** Asks these people for a review, telling of each who was not asked before. */
export async function requestReview(
  world: World,
  repo: Repository,
  issue: Issue,
  pull: PullRequest,
  by: Doer,
  people: readonly Account[],
): Promise<void> {
  for (const person of people.filter((one) => !pull.reviewers.includes(one))) {
    pull.reviewers.push(person);
    changed(world);
    const fields = {
      number: issue.number,
      pull_request: await pullShape(world, repo, issue, pull),
      requested_reviewer: userShape(world, person),
    };
    world.announce(repo, { event: "pull_request", action: "review_requested", by: by.account, fields });
  }
}

/** What a reviewer says, as GitHub's page submits it: a verdict, a text and remarks on lines, all at once. */
export interface NewReview {
  readonly state: Review["state"];
  readonly body: string;
  /** Default: where the pull request stands. */
  readonly commit?: string | undefined;
  readonly remarks?:
    | readonly {
        readonly path: string;
        readonly line: number;
        readonly body: string;
        readonly replyTo?: number | undefined;
      }[]
    | undefined;
}

/** Adds a review and tells of it. An answer in a thread is a review of its own, as on GitHub. */
export function addReview(
  world: World,
  repo: Repository,
  issue: Issue,
  pull: PullRequest,
  by: Doer,
  fresh: NewReview,
): Review {
  const review: Review = {
    id: world.newId(),
    by: by.account,
    at: timestamp(world),
    commit: fresh.commit ?? pull.headSha,
    state: fresh.state,
    body: fresh.body,
    remarks: (fresh.remarks ?? []).map((remark) => ({ ...remark, id: world.newId() })),
  };
  pull.reviews.push(review);
  issue.updatedAt = timestamp(world);
  changed(world);
  const fields = {
    review: { ...reviewShape(world, repo, issue, review), state: review.state.toLowerCase() },
    pull_request: simplePullShape(world, repo, issue, pull),
  };
  world.announce(repo, { event: "pull_request_review", action: "submitted", by: by.account, fields });
  return review;
}

async function pushFields(world: World, repo: Repository, by: Doer, { name, before, after }: Move) {
  const page = `${world.url}/${repo.fullName}`;
  const start = before ?? (await repo.git.commitOf(`refs/heads/${repo.defaultBranch}`));
  const fresh = after !== undefined && start !== undefined ? await commitsBetween(repo.git, start, after) : [];
  const person = (signature: { name: string; email: string }) => {
    const login = accountOf(world, { ...signature, date: "" })?.login;
    return { name: signature.name, email: signature.email, ...(login === undefined ? {} : { username: login }) };
  };
  const commits = await Promise.all(
    fresh.slice(-2048).map(async (commit) => ({
      id: commit.sha,
      tree_id: commit.tree,
      distinct: true,
      message: commit.message,
      timestamp: commit.committer.date,
      url: `${page}/commit/${commit.sha}`,
      author: person(commit.author),
      committer: person(commit.committer),
      ...(await touched(repo, commit.sha)),
    })),
  );
  return {
    ref: name,
    before: before ?? ZERO,
    after: after ?? ZERO,
    base_ref: null,
    created: before === undefined,
    deleted: after === undefined,
    forced: before !== undefined && after !== undefined && !(await repo.git.isAncestor(before, after)),
    compare: `${page}/compare/${(before ?? ZERO).slice(0, 12)}...${(after ?? ZERO).slice(0, 12)}`,
    commits,
    head_commit: commits.at(-1) ?? null,
    pusher: { name: by.account.login, email: `${by.account.id}+${by.account.login}@users.noreply.github.com` },
  };
}

async function touched(repo: Repository, sha: string) {
  const listed = await repo.git.text(["diff-tree", "--root", "--no-commit-id", "--name-status", "-r", "-z", sha]);
  const parts = listed.split("\0");
  const found: Record<"added" | "removed" | "modified", string[]> = { added: [], removed: [], modified: [] };
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const kind = parts[at] === "A" ? "added" : parts[at] === "D" ? "removed" : "modified";
    found[kind].push(parts[at + 1] ?? "");
  }
  return found;
}
