// What can happen to an issue (or to a pull request, as far as it is one): the state changes and the Apps are told.
// No permission is checked here; the doors (REST, pages) do that.
import {
  type Account,
  changed,
  type Comment,
  type Doer,
  type Happening,
  type Issue,
  type Label,
  type PullRequest,
  type Reaction,
  type Repository,
  timestamp,
  type World,
} from "./state.ts";
import { commentShape, issueShape, labelShape } from "./shapes/issues.ts";
import { pullShape } from "./shapes/pulls.ts";
import { userShape } from "./shapes/accounts.ts";

/** GitHub's limit on bodies, in characters. */
export const MAX_BODY = 65_536;

export const reactionContents = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"] as const;

const colors = ["d73a4a", "0075ca", "a2eeef", "7057ff", "008672", "e4e669", "d876e3", "fbca04", "0e8a16", "c5def5"];

/** The label of that name (any case); made, with a colour of its own, when the repository has none. */
export function ensureLabel(world: World, repo: Repository, name: string, color?: string, description?: string): Label {
  const known = findLabel(repo, name);
  if (known) return known;
  const sum = Buffer.from(name).reduce((total, byte) => total + byte, 0);
  const label: Label = {
    id: world.newId(),
    name,
    color: color ?? colors[sum % colors.length] ?? "ededed",
    description: description ?? null,
  };
  repo.labels.push(label);
  changed(world);
  return label;
}

export function findLabel(repo: Repository, name: string): Label | undefined {
  return repo.labels.find((label) => label.name.toLowerCase() === name.toLowerCase());
}

/** A line between the comments of the issue's page. */
export function happen(
  world: World,
  issue: Issue,
  by: Account,
  what: Happening["what"],
  detail = "",
  color?: string,
): void {
  issue.happenings.push({
    id: world.newId(),
    at: timestamp(world),
    by,
    what,
    detail,
    ...(color === undefined ? {} : { color }),
  });
}

/** Tells of a change of an issue, as `issues` or as `pull_request`. */
export async function tell(
  world: World,
  repo: Repository,
  issue: Issue,
  by: Doer,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  changed(world);
  const pull = issue.pull;
  const fields = pull
    ? { number: issue.number, pull_request: await pullShape(world, repo, issue, pull), ...more }
    : { issue: issueShape(world, repo, issue), ...more };
  world.announce(repo, { event: pull ? "pull_request" : "issues", action, by: by.account, fields });
}

export interface NewIssue {
  readonly title: string;
  readonly body: string | null;
  readonly labels?: readonly string[];
  readonly assignees?: readonly Account[];
}

/** The record of a new issue or pull request, not yet told to anybody. */
export function addIssue(world: World, repo: Repository, by: Doer, fresh: NewIssue, pull?: PullRequest): Issue {
  const at = timestamp(world);
  const number = repo.nextNumber;
  repo.nextNumber += 1;
  const issue: Issue = {
    id: world.newId(),
    number,
    by,
    title: fresh.title,
    body: fresh.body,
    state: "open",
    stateReason: null,
    labels: (fresh.labels ?? []).map((name) => ensureLabel(world, repo, name)),
    assignees: [...(fresh.assignees ?? [])],
    createdAt: at,
    updatedAt: at,
    closedAt: null,
    closedBy: null,
    locked: false,
    edits: [],
    reactions: [],
    happenings: [],
    comments: [],
    pull,
  };
  repo.issues.set(number, issue);
  repo.openIssues += 1;
  if (pull) repo.pulls.push(issue);
  return issue;
}

/** As on GitHub: `opened` first, then `labeled` and `assigned` for each that came with it. */
export async function openIssue(world: World, repo: Repository, by: Doer, fresh: NewIssue): Promise<Issue> {
  const issue = addIssue(world, repo, by, fresh);
  await tell(world, repo, issue, by, "opened");
  for (const label of issue.labels)
    await tell(world, repo, issue, by, "labeled", { label: labelShape(world, repo, label) });
  for (const assignee of issue.assignees)
    await tell(world, repo, issue, by, "assigned", { assignee: userShape(world, assignee) });
  return issue;
}

/** New title, body or state; only real changes are told. */
export async function editIssue(
  world: World,
  repo: Repository,
  issue: Issue,
  by: Doer,
  change: {
    readonly title?: string | undefined;
    readonly body?: string | null | undefined;
    readonly state?: Issue["state"] | undefined;
    readonly stateReason?: Issue["stateReason"] | undefined;
  },
): Promise<void> {
  const changes: Record<string, { from: string }> = {};
  if (change.title !== undefined && change.title !== issue.title) {
    changes["title"] = { from: issue.title };
    happen(world, issue, by.account, "renamed", `${issue.title} → ${change.title}`);
    issue.title = change.title;
  }
  if (change.body !== undefined && change.body !== issue.body) {
    changes["body"] = { from: issue.body ?? "" };
    issue.edits.push({ at: world.clock.now(), by: by.account.login, before: issue.body ?? "" });
    issue.body = change.body;
  }
  if (Object.keys(changes).length > 0) {
    issue.updatedAt = timestamp(world);
    await tell(world, repo, issue, by, "edited", { changes });
  }
  if (change.state !== undefined && change.state !== issue.state) {
    const closed = change.state === "closed";
    issue.state = change.state;
    repo.openIssues += closed ? -1 : 1;
    issue.stateReason = closed
      ? (change.stateReason ?? (issue.pull ? null : "completed"))
      : issue.pull
        ? null
        : "reopened";
    issue.closedAt = closed ? timestamp(world) : null;
    issue.closedBy = closed ? by.account : null;
    issue.updatedAt = timestamp(world);
    happen(world, issue, by.account, closed ? "closed" : "reopened", issue.stateReason ?? "");
    await tell(world, repo, issue, by, closed ? "closed" : "reopened");
  }
}

/** Makes the issue's labels exactly these, telling of each that comes and goes. */
export async function setLabels(
  world: World,
  repo: Repository,
  issue: Issue,
  by: Doer,
  names: readonly string[],
): Promise<void> {
  const wanted = names.map((name) => ensureLabel(world, repo, name));
  for (const label of issue.labels.filter((one) => !wanted.includes(one))) {
    issue.labels.splice(issue.labels.indexOf(label), 1);
    issue.updatedAt = timestamp(world);
    happen(world, issue, by.account, "unlabeled", label.name, label.color);
    await tell(world, repo, issue, by, "unlabeled", { label: labelShape(world, repo, label) });
  }
  for (const label of wanted.filter((one, at) => !issue.labels.includes(one) && wanted.indexOf(one) === at)) {
    issue.labels.push(label);
    issue.updatedAt = timestamp(world);
    happen(world, issue, by.account, "labeled", label.name, label.color);
    await tell(world, repo, issue, by, "labeled", { label: labelShape(world, repo, label) });
  }
}

/** Makes the issue's assignees exactly these. */
export async function setAssignees(
  world: World,
  repo: Repository,
  issue: Issue,
  by: Doer,
  wanted: readonly Account[],
): Promise<void> {
  for (const one of issue.assignees.filter((account) => !wanted.includes(account))) {
    issue.assignees.splice(issue.assignees.indexOf(one), 1);
    happen(world, issue, by.account, "unassigned", one.login);
    await tell(world, repo, issue, by, "unassigned", { assignee: userShape(world, one) });
  }
  for (const one of wanted.filter((account) => !issue.assignees.includes(account))) {
    issue.assignees.push(one);
    happen(world, issue, by.account, "assigned", one.login);
    await tell(world, repo, issue, by, "assigned", { assignee: userShape(world, one) });
  }
}

function tellOfComment(
  world: World,
  repo: Repository,
  comment: Comment,
  by: Doer,
  action: "created" | "edited" | "deleted",
  more: Readonly<Record<string, unknown>> = {},
): void {
  changed(world);
  const issue = repo.issues.get(comment.issue);
  if (!issue) return;
  const fields = { issue: issueShape(world, repo, issue), comment: commentShape(world, repo, comment), ...more };
  world.announce(repo, { event: "issue_comment", action, by: by.account, fields });
}

export function addComment(world: World, repo: Repository, issue: Issue, by: Doer, body: string): Comment {
  const at = timestamp(world);
  const comment: Comment = {
    id: world.newId(),
    issue: issue.number,
    by,
    body,
    createdAt: at,
    updatedAt: at,
    edits: [],
    reactions: [],
  };
  repo.comments.set(comment.id, comment);
  issue.comments.push(comment);
  issue.updatedAt = at;
  tellOfComment(world, repo, comment, by, "created");
  return comment;
}

export function editComment(world: World, repo: Repository, comment: Comment, by: Doer, body: string): void {
  const before = comment.body;
  comment.edits.push({ at: world.clock.now(), by: by.account.login, before });
  comment.body = body;
  comment.updatedAt = timestamp(world);
  tellOfComment(world, repo, comment, by, "edited", { changes: { body: { from: before } } });
}

export function deleteComment(world: World, repo: Repository, comment: Comment, by: Doer): void {
  tellOfComment(world, repo, comment, by, "deleted");
  repo.comments.delete(comment.id);
  const among = repo.issues.get(comment.issue)?.comments;
  among?.splice(among.indexOf(comment), 1);
  changed(world);
}

/** One reaction of a kind per account: asking again gives the one that is there. Reactions are told to nobody. */
export function react(
  world: World,
  on: { readonly reactions: Reaction[] },
  by: Account,
  content: string,
): { readonly reaction: Reaction; readonly fresh: boolean } {
  const known = on.reactions.find((one) => one.content === content && one.by.id === by.id);
  if (known) return { reaction: known, fresh: false };
  const reaction: Reaction = { id: world.newId(), content, by, at: timestamp(world) };
  on.reactions.push(reaction);
  changed(world);
  return { reaction, fresh: true };
}
