// JSON as GitHub answers it: commits (both forms), refs, trees, check runs.
import type { Commit, Ref, Signature, TreeEntry } from "../git-repository.ts";
import type { Account, CheckRun, Repository, World } from "../state.ts";
import { appShape, nodeId, userShape } from "./accounts.ts";
import { repositoryUrl } from "./issues.ts";

function verification(repo: Repository, commit: Commit) {
  return repo.verified.has(commit.sha)
    ? {
        verified: true,
        reason: "valid",
        signature: "-----BEGIN PGP SIGNATURE-----\nplayground\n-----END PGP SIGNATURE-----",
        payload: `tree ${commit.tree}`,
        verified_at: commit.committer.date,
      }
    : { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null };
}

/** The account an address belongs to: `ID+LOGIN@users.noreply.github.com`. */
export function accountOf(world: World, signature: Signature): Account | undefined {
  const id = /^(\d+)\+/.exec(signature.email)?.[1];
  return [...world.accounts.values()].find((account) => String(account.id) === id);
}

/** The short form of the Git Data API. */
export function gitCommitShape(world: World, repo: Repository, commit: Commit) {
  const api = repositoryUrl(world, repo);
  const page = `${world.url}/${repo.fullName}/commit`;
  return {
    sha: commit.sha,
    node_id: nodeId("C_", commit.sha),
    url: `${api}/git/commits/${commit.sha}`,
    html_url: `${page}/${commit.sha}`,
    author: commit.author,
    committer: commit.committer,
    tree: { sha: commit.tree, url: `${api}/git/trees/${commit.tree}` },
    message: commit.message,
    parents: commit.parents.map((sha) => ({ sha, url: `${api}/git/commits/${sha}`, html_url: `${page}/${sha}` })),
    verification: verification(repo, commit),
  };
}

/** The long form of the Commits API. */
export function commitShape(world: World, repo: Repository, commit: Commit) {
  const api = repositoryUrl(world, repo);
  const page = `${world.url}/${repo.fullName}/commit`;
  const author = accountOf(world, commit.author);
  const committer = accountOf(world, commit.committer);
  return {
    sha: commit.sha,
    node_id: nodeId("C_", commit.sha),
    commit: {
      author: commit.author,
      committer: commit.committer,
      message: commit.message,
      tree: { sha: commit.tree, url: `${api}/git/trees/${commit.tree}` },
      url: `${api}/git/commits/${commit.sha}`,
      comment_count: 0,
      verification: verification(repo, commit),
    },
    url: `${api}/commits/${commit.sha}`,
    html_url: `${page}/${commit.sha}`,
    comments_url: `${api}/commits/${commit.sha}/comments`,
    author: author ? userShape(world, author) : null,
    committer: committer ? userShape(world, committer) : null,
    parents: commit.parents.map((sha) => ({ sha, url: `${api}/commits/${sha}`, html_url: `${page}/${sha}` })),
  };
}

export function refShape(world: World, repo: Repository, ref: Ref) {
  const api = repositoryUrl(world, repo);
  return {
    ref: ref.name,
    node_id: nodeId("REF_", `${repo.id}:${ref.name}`),
    url: `${api}/git/${ref.name}`,
    object: { sha: ref.sha, type: ref.type, url: `${api}/git/${ref.type}s/${ref.sha}` },
  };
}

export function treeShape(world: World, repo: Repository, sha: string, entries: readonly TreeEntry[]) {
  const api = repositoryUrl(world, repo);
  return {
    sha,
    url: `${api}/git/trees/${sha}`,
    tree: entries.map((entry) => ({
      path: entry.path,
      mode: entry.mode,
      type: entry.type,
      sha: entry.sha,
      ...(entry.size === undefined ? {} : { size: entry.size }),
      ...(entry.type === "commit" ? {} : { url: `${api}/git/${entry.type}s/${entry.sha}` }),
    })),
    truncated: false,
  };
}

export function checkRunShape(world: World, repo: Repository, run: CheckRun) {
  const url = `${repositoryUrl(world, repo)}/check-runs/${run.id}`;
  return {
    id: run.id,
    node_id: nodeId("CR_", run.id),
    external_id: run.externalId,
    url,
    html_url: `${world.url}/${repo.fullName}/runs/${run.id}`,
    details_url: run.detailsUrl,
    head_sha: run.headSha,
    name: run.name,
    status: run.status,
    conclusion: run.conclusion,
    started_at: run.startedAt,
    completed_at: run.completedAt,
    output: {
      title: run.title,
      summary: run.summary,
      text: run.text,
      annotations_count: run.annotations.length,
      annotations_url: `${url}/annotations`,
    },
    check_suite: { id: checkSuiteId(run) },
    app: appShape(world, run.app),
    pull_requests: [],
  };
}

/** One suite per App and commit. */
export function checkSuiteId(run: CheckRun): number {
  return Number.parseInt(run.headSha.slice(0, 8), 16) + run.app.id;
}
