// JSON as GitHub answers it: issues, comments, labels, reactions.
import {
  type Account,
  type Comment,
  hasRole,
  type Issue,
  type Label,
  type Reaction,
  type Repository,
  type World,
} from "../state.ts";
import { appShape, nodeId, userShape } from "./accounts.ts";

const defaults = new Set([
  "bug",
  "documentation",
  "duplicate",
  "enhancement",
  "good first issue",
  "help wanted",
  "invalid",
  "question",
  "wontfix",
]);

export function repositoryUrl(world: World, repo: Repository): string {
  return `${world.apiUrl}/repos/${repo.fullName}`;
}

export function labelShape(world: World, repo: Repository, label: Label) {
  return {
    id: label.id,
    node_id: nodeId("LA_", label.id),
    url: `${repositoryUrl(world, repo)}/labels/${encodeURIComponent(label.name)}`,
    name: label.name,
    color: label.color,
    default: defaults.has(label.name),
    description: label.description,
  };
}

export function reactionShape(world: World, reaction: Reaction) {
  return {
    id: reaction.id,
    node_id: nodeId("REA_", reaction.id),
    user: userShape(world, reaction.by),
    content: reaction.content,
    created_at: reaction.at,
  };
}

function rollup(url: string, reactions: readonly Reaction[]) {
  const count = (content: string) => reactions.filter((one) => one.content === content).length;
  return {
    url: `${url}/reactions`,
    total_count: reactions.length,
    "+1": count("+1"),
    "-1": count("-1"),
    laugh: count("laugh"),
    hooray: count("hooray"),
    confused: count("confused"),
    heart: count("heart"),
    rocket: count("rocket"),
    eyes: count("eyes"),
  };
}

/** What an account is to a repository, in GitHub's word. */
export function associationOf(repo: Repository, account: Account): string {
  if (account.id === repo.owner.id) return "OWNER";
  if (!repo.roles.has(account.id) || !hasRole(repo, account, "read")) return "NONE";
  return hasRole(repo, account, "write") && repo.owner.type === "Organization" ? "MEMBER" : "COLLABORATOR";
}

export function issueShape(world: World, repo: Repository, issue: Issue) {
  const url = `${repositoryUrl(world, repo)}/issues/${issue.number}`;
  const pullUrl = `${repositoryUrl(world, repo)}/pulls/${issue.number}`;
  const page = `${world.url}/${repo.fullName}/${issue.pull ? "pull" : "issues"}/${issue.number}`;
  return {
    url,
    repository_url: repositoryUrl(world, repo),
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: page,
    id: issue.id,
    node_id: nodeId("I_", issue.id),
    number: issue.number,
    title: issue.title,
    user: userShape(world, issue.by.account),
    labels: issue.labels.map((label) => labelShape(world, repo, label)),
    state: issue.state,
    state_reason: issue.stateReason,
    locked: issue.locked,
    assignee: issue.assignees[0] ? userShape(world, issue.assignees[0]) : null,
    assignees: issue.assignees.map((account) => userShape(world, account)),
    milestone: null,
    comments: issue.comments.length,
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt,
    closed_by: issue.closedBy ? userShape(world, issue.closedBy) : null,
    author_association: associationOf(repo, issue.by.account),
    active_lock_reason: null,
    body: issue.body,
    reactions: rollup(url, issue.reactions),
    timeline_url: `${url}/timeline`,
    performed_via_github_app: issue.by.app ? appShape(world, issue.by.app) : null,
    ...(issue.pull
      ? {
          draft: issue.pull.draft,
          pull_request: {
            url: pullUrl,
            html_url: page,
            diff_url: `${page}.diff`,
            patch_url: `${page}.patch`,
            merged_at: issue.pull.mergedAt,
          },
        }
      : {}),
  };
}

export function commentShape(world: World, repo: Repository, comment: Comment) {
  const url = `${repositoryUrl(world, repo)}/issues/comments/${comment.id}`;
  const kind = repo.issues.get(comment.issue)?.pull ? "pull" : "issues";
  return {
    url,
    html_url: `${world.url}/${repo.fullName}/${kind}/${comment.issue}#issuecomment-${comment.id}`,
    issue_url: `${repositoryUrl(world, repo)}/issues/${comment.issue}`,
    id: comment.id,
    node_id: nodeId("IC_", comment.id),
    user: userShape(world, comment.by.account),
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: associationOf(repo, comment.by.account),
    body: comment.body,
    reactions: rollup(url, comment.reactions),
    performed_via_github_app: comment.by.app ? appShape(world, comment.by.app) : null,
  };
}
