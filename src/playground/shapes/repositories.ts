// JSON as GitHub answers it: a repository, with every URL template it has.
import { type Account, hasRole, type Repository, type World } from "../state.ts";
import { nodeId, userShape } from "./accounts.ts";
import { repositoryUrl } from "./issues.ts";

/** `viewer` undefined: without `permissions`, as in webhooks. */
export function repositoryShape(world: World, repo: Repository, viewer?: Account) {
  const api = repositoryUrl(world, repo);
  const page = `${world.url}/${repo.fullName}`;
  return {
    id: repo.id,
    node_id: nodeId("R_", repo.id),
    name: repo.name,
    full_name: repo.fullName,
    private: repo.private,
    owner: userShape(world, repo.owner),
    html_url: page,
    description: repo.description,
    fork: false,
    url: api,
    forks_url: `${api}/forks`,
    keys_url: `${api}/keys{/key_id}`,
    collaborators_url: `${api}/collaborators{/collaborator}`,
    teams_url: `${api}/teams`,
    hooks_url: `${api}/hooks`,
    issue_events_url: `${api}/issues/events{/number}`,
    events_url: `${api}/events`,
    assignees_url: `${api}/assignees{/user}`,
    branches_url: `${api}/branches{/branch}`,
    tags_url: `${api}/tags`,
    blobs_url: `${api}/git/blobs{/sha}`,
    git_tags_url: `${api}/git/tags{/sha}`,
    git_refs_url: `${api}/git/refs{/sha}`,
    trees_url: `${api}/git/trees{/sha}`,
    statuses_url: `${api}/statuses/{sha}`,
    languages_url: `${api}/languages`,
    stargazers_url: `${api}/stargazers`,
    contributors_url: `${api}/contributors`,
    subscribers_url: `${api}/subscribers`,
    subscription_url: `${api}/subscription`,
    commits_url: `${api}/commits{/sha}`,
    git_commits_url: `${api}/git/commits{/sha}`,
    comments_url: `${api}/comments{/number}`,
    issue_comment_url: `${api}/issues/comments{/number}`,
    contents_url: `${api}/contents/{+path}`,
    compare_url: `${api}/compare/{base}...{head}`,
    merges_url: `${api}/merges`,
    archive_url: `${api}/{archive_format}{/ref}`,
    downloads_url: `${api}/downloads`,
    issues_url: `${api}/issues{/number}`,
    pulls_url: `${api}/pulls{/number}`,
    milestones_url: `${api}/milestones{/number}`,
    notifications_url: `${api}/notifications{?since,all,participating}`,
    labels_url: `${api}/labels{/name}`,
    releases_url: `${api}/releases{/id}`,
    deployments_url: `${api}/deployments`,
    created_at: repo.createdAt,
    updated_at: repo.pushedAt,
    pushed_at: repo.pushedAt,
    git_url: `${page.replace(/^https?:/, "git:")}.git`,
    ssh_url: `git@127.0.0.1:${repo.fullName}.git`,
    clone_url: `${page}.git`,
    svn_url: page,
    homepage: null,
    size: 1,
    stargazers_count: 0,
    watchers_count: 0,
    language: null,
    has_issues: true,
    has_projects: false,
    has_downloads: true,
    has_wiki: false,
    has_pages: false,
    has_discussions: false,
    forks_count: 0,
    mirror_url: null,
    archived: repo.archived,
    disabled: false,
    open_issues_count: repo.openIssues,
    license: null,
    allow_forking: true,
    is_template: false,
    web_commit_signoff_required: false,
    topics: [],
    visibility: repo.private ? "private" : "public",
    forks: 0,
    open_issues: repo.openIssues,
    watchers: 0,
    default_branch: repo.defaultBranch,
    ...(viewer ? { permissions: permissionsOf(repo, viewer) } : {}),
  };
}

/** The same with what only `GET /repos/{owner}/{repo}` tells. */
export function fullRepositoryShape(world: World, repo: Repository, viewer?: Account) {
  return { ...repositoryShape(world, repo, viewer), network_count: 0, subscribers_count: 0 };
}

export function permissionsOf(repo: Repository, account: Account) {
  return {
    admin: hasRole(repo, account, "admin"),
    maintain: hasRole(repo, account, "maintain"),
    push: hasRole(repo, account, "write"),
    triage: hasRole(repo, account, "triage"),
    pull: hasRole(repo, account, "read"),
  };
}
