// The few fields of GitHub's deliveries that Baton reads. Whatever else they hold is ignored, so that GitHub may add to them.
import { z } from "zod";
import { Person, RepoRef } from "../engine/events.ts";

const User = z.object({ login: z.string(), id: z.number().int().nonnegative(), type: z.string().optional() });
const App = z.object({ id: z.number().int(), slug: z.string().nullish(), name: z.string().nullish() }).nullish();
const time = z.string().transform((text, context) => {
  const at = Date.parse(text);
  if (Number.isNaN(at)) context.addIssue(`"${text}" is not a time`);
  return at;
});

const Repository = z.object({
  id: z.number().int().nonnegative(),
  name: z.string(),
  owner: z.object({ login: z.string() }),
  private: z.boolean(),
  default_branch: z.string(),
  clone_url: z.string(),
});

const Issue = z.object({
  number: z.number().int().positive(),
  html_url: z.string(),
  title: z.string(),
  body: z.string().nullish(),
  user: User.nullish(),
  labels: z.array(z.object({ name: z.string() })).nullish(),
  assignees: z.array(User.nullable()).nullish(),
  pull_request: z.object({}).nullish(),
  performed_via_github_app: App,
  updated_at: time,
});
export type Issue = z.infer<typeof Issue>;

const common = {
  repository: Repository,
  sender: User,
  installation: z.object({ id: z.number().int().positive() }).nullish(),
};

export const IssueEvent = z.object({
  ...common,
  action: z.string(),
  issue: Issue,
  label: z.object({ name: z.string() }).nullish(),
  assignee: User.nullish(),
  changes: z
    .object({
      title: z.object({ from: z.string() }).nullish(),
      body: z.object({ from: z.string().nullish() }).nullish(),
      new_issue: z.object({ number: z.number().int() }).nullish(),
      new_repository: z.object({ full_name: z.string() }).nullish(),
    })
    .nullish(),
});
export type IssueEvent = z.infer<typeof IssueEvent>;

export const CommentEvent = z.object({
  ...common,
  action: z.string(),
  issue: Issue,
  comment: z.object({
    id: z.number().int().positive(),
    body: z.string().nullish(),
    user: User.nullish(),
    created_at: time,
    performed_via_github_app: App,
  }),
  changes: z.object({ body: z.object({ from: z.string().nullish() }).nullish() }).nullish(),
});
export type CommentEvent = z.infer<typeof CommentEvent>;

/** What an App or a person sends with `POST /repos/{owner}/{repo}/dispatches`; its `event_type` arrives as the action. */
export const DispatchEvent = z.object({
  ...common,
  action: z.string(),
  client_payload: z.object({ issue: z.number().int().positive(), command: z.string().trim().min(1).max(4_000) }),
});
export type DispatchEvent = z.infer<typeof DispatchEvent>;

export const PushEvent = z.object({
  ...common,
  ref: z.string(),
  /** Where the branch ends now; zeros when it is gone. */
  after: z.string(),
  forced: z.boolean(),
  commits: z.array(
    z.object({ added: z.array(z.string()), modified: z.array(z.string()), removed: z.array(z.string()) }),
  ),
});
export type PushEvent = z.infer<typeof PushEvent>;

const Pull = z.object({
  number: z.number().int().positive(),
  html_url: z.string(),
  title: z.string(),
  user: User.nullish(),
  merged_at: z.string().nullish(),
  head: z.object({ sha: z.string() }),
});
export type Pull = z.infer<typeof Pull>;

export const PullEvent = z.object({ ...common, action: z.string(), pull_request: Pull });
export type PullEvent = z.infer<typeof PullEvent>;

export const ReviewEvent = z.object({
  ...common,
  action: z.string(),
  pull_request: Pull,
  review: z.object({
    id: z.number().int().positive(),
    /** approved, changes_requested, commented, dismissed; GitHub writes it in small letters here. */
    state: z.string(),
    body: z.string().nullish(),
    user: User.nullish(),
  }),
});
export type ReviewEvent = z.infer<typeof ReviewEvent>;

/** A suite of checks has ended: all that one App runs on a commit. */
export const CheckSuiteEvent = z.object({
  ...common,
  action: z.string(),
  check_suite: z.object({ head_sha: z.string(), head_branch: z.string().nullish(), app: App }),
});
export type CheckSuiteEvent = z.infer<typeof CheckSuiteEvent>;

/** A commit status was set. */
export const StatusEvent = z.object({
  ...common,
  sha: z.string(),
  state: z.string(),
  branches: z.array(z.object({ name: z.string() })),
});
export type StatusEvent = z.infer<typeof StatusEvent>;

/** Baton's own: a look at checks of which nobody tells. */
export const ChecksEvent = z.object({ repo: RepoRef, branch: z.string(), head: z.string() });
export type ChecksEvent = z.infer<typeof ChecksEvent>;

/** Baton's own: the base of a pull request has moved on. */
export const BaseEvent = z.object({ repo: RepoRef, branch: z.string(), by: Person });
export type BaseEvent = z.infer<typeof BaseEvent>;

const Check = z.object({ head_sha: z.string(), app: App });

/** A check run, or all of an App's on a commit. */
export const CheckEvent = z.object({
  ...common,
  action: z.string(),
  check_run: Check.extend({ external_id: z.string().nullish() }).nullish(),
  check_suite: Check.nullish(),
  requested_action: z.object({ identifier: z.string() }).nullish(),
});
export type CheckEvent = z.infer<typeof CheckEvent>;

/** Baton's own: a start by the clock whose time has come. */
export const ScheduleEvent = z.object({ repo: RepoRef, id: z.string() });

const Installation = z.object({ id: z.number().int().positive() });

export const RepositoryEvent = z.object({
  repository: z.object({ id: z.number().int().nonnegative() }),
  sender: User,
});

export const InstallationEvent = z.object({ installation: Installation, sender: User });

export const InstallationRepositoriesEvent = z.object({
  installation: Installation,
  sender: User,
  repositories_removed: z.array(z.object({ id: z.number().int().nonnegative() })),
});

/** What nearly every delivery has: what was done, and by whom. */
export const Deed = z.object({
  action: z.string().optional().catch(undefined),
  sender: User.optional().catch(undefined),
});
