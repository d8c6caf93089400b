// JSON as GitHub answers it: pull requests and changed files.
import { changedFiles, type ChangedFile, commitsBetween, mergeBase, mergesCleanly } from "../git-diff.ts";
import type { Issue, PullRequest, Repository, World } from "../state.ts";
import { nodeId, userShape } from "./accounts.ts";
import { associationOf, labelShape, repositoryUrl } from "./issues.ts";
import { repositoryShape } from "./repositories.ts";

/** The short form, as in lists. */
export function simplePullShape(world: World, repo: Repository, issue: Issue, pull: PullRequest) {
  const api = repositoryUrl(world, repo);
  const url = `${api}/pulls/${issue.number}`;
  const issueUrl = `${api}/issues/${issue.number}`;
  const page = `${world.url}/${repo.fullName}/pull/${issue.number}`;
  const own = repositoryShape(world, repo);
  const side = (ref: string, sha: string, fork?: string) => ({
    label: `${fork ?? repo.owner.login}:${ref}`,
    ref,
    sha,
    user: userShape(world, fork === undefined ? repo.owner : issue.by.account),
    repo: fork === undefined ? own : { ...own, id: own.id + 500_000, full_name: `${fork}/${repo.name}`, fork: true },
  });
  const href = (to: string) => ({ href: to });
  return {
    url,
    id: issue.id + 500_000,
    node_id: nodeId("PR_", issue.id),
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    issue_url: issueUrl,
    number: issue.number,
    state: issue.state,
    locked: issue.locked,
    title: issue.title,
    user: userShape(world, issue.by.account),
    body: issue.body,
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt,
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeSha,
    assignee: issue.assignees[0] ? userShape(world, issue.assignees[0]) : null,
    assignees: issue.assignees.map((account) => userShape(world, account)),
    requested_reviewers: pull.reviewers.map((account) => userShape(world, account)),
    requested_teams: [],
    labels: issue.labels.map((label) => labelShape(world, repo, label)),
    milestone: null,
    draft: pull.draft,
    commits_url: `${url}/commits`,
    review_comments_url: `${url}/comments`,
    review_comment_url: `${api}/pulls/comments{/number}`,
    comments_url: `${issueUrl}/comments`,
    statuses_url: `${api}/statuses/${pull.headSha}`,
    head: side(pull.headRef, pull.headSha, pull.fork),
    base: side(pull.baseRef, pull.baseSha),
    _links: {
      self: href(url),
      html: href(page),
      issue: href(issueUrl),
      comments: href(`${issueUrl}/comments`),
      review_comments: href(`${url}/comments`),
      review_comment: href(`${api}/pulls/comments{/number}`),
      commits: href(`${url}/commits`),
      statuses: href(`${api}/statuses/${pull.headSha}`),
    },
    author_association: associationOf(repo, issue.by.account),
    auto_merge: null,
    active_lock_reason: null,
  };
}

/** Where the pull request's own changes begin: the commit it has in common with its base branch. */
export async function startOfPull(repo: Repository, pull: PullRequest): Promise<string> {
  const base = (await repo.git.commitOf(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha;
  return (await mergeBase(repo.git, pull.mergedAt ? pull.baseSha : base, pull.headSha)) ?? pull.baseSha;
}

/** The two commits that it would merge now. */
async function sidesOf(repo: Repository, pull: PullRequest): Promise<string> {
  return `${(await repo.git.commitOf(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha} ${pull.headSha}`;
}

/** The long form for whoever reads the pull request: from then on it is known whether its two commits merge. */
export async function readPull(world: World, repo: Repository, issue: Issue, pull: PullRequest) {
  const [shape, sides] = [await pullShape(world, repo, issue, pull), await sidesOf(repo, pull)];
  pull.asked = sides;
  return shape;
}

/** The long form: with what git knows about it. Whether it can be merged is not known before somebody has read it. */
export async function pullShape(world: World, repo: Repository, issue: Issue, pull: PullRequest) {
  const start = await startOfPull(repo, pull);
  const base = (await repo.git.commitOf(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha;
  const [files, commits, clean] = await Promise.all([
    changedFiles(repo.git, start, pull.headSha),
    commitsBetween(repo.git, start, pull.headSha),
    mergesCleanly(repo.git, base, pull.headSha),
  ]);
  const isKnown = pull.mergedAt === null && pull.asked === (await sidesOf(repo, pull));
  const sum = (of: (file: ChangedFile) => number) => files.reduce((total, file) => total + of(file), 0);
  return {
    ...simplePullShape(world, repo, issue, pull),
    merged: pull.mergedAt !== null,
    mergeable: isKnown ? clean : null,
    rebaseable: isKnown ? clean : null,
    mergeable_state: !isKnown ? "unknown" : !clean ? "dirty" : pull.draft ? "draft" : "clean",
    merged_by: pull.mergedBy ? userShape(world, pull.mergedBy) : null,
    comments: issue.comments.length,
    review_comments: pull.reviews.reduce((total, { remarks }) => total + remarks.length, 0),
    maintainer_can_modify: false,
    commits: commits.length,
    additions: sum((file) => file.additions),
    deletions: sum((file) => file.deletions),
    changed_files: files.length,
  };
}

/** Paths may hold anything; slashes stay. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

export function fileShape(world: World, repo: Repository, at: string, file: ChangedFile) {
  const path = encodePath(file.path);
  return {
    sha: file.blob,
    filename: file.path,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    blob_url: `${world.url}/${repo.fullName}/blob/${at}/${path}`,
    raw_url: `${world.url}/${repo.fullName}/raw/${at}/${path}`,
    contents_url: `${repositoryUrl(world, repo)}/contents/${path}?ref=${at}`,
    ...(file.patch === undefined ? {} : { patch: file.patch }),
    ...(file.previous === undefined ? {} : { previous_filename: file.previous }),
  };
}
