// From a delivery to what somebody wants, or to nothing and why. Pure.
//
// Never anything: what Baton itself did (whatever its account did, what came by its App, text with its marker), deletions, events nobody asked for, and edits of
// comments, but for a plan that a person writes otherwise and findings that a person ticks.
// Bots are let through with their name, so that the repository's config may admit them.
import type { z } from "zod";
import { isSha, type Sha } from "../core/ids.ts";
import { planMarkerIn } from "../engine/asks.ts";
import type { Person, RepoRef } from "../engine/events.ts";
import { boxesTicked, isDashboard } from "../engine/boxes.ts";
import { findingsTicked, reportedEnd } from "../engine/findings.ts";
import { isDuplicate, isIgnored } from "../workflows/names.ts";
import { aboutBranch, aboutChecks, fromPush, fromStatus, fromSuite } from "./branch-news.ts";
import { readCommands } from "./grammar.ts";
import { lostGround, lostIssue } from "./ground.ts";
import type { Actor, Ground, Intent, Pushed, Self, Wish } from "./intent.ts";
import { fromCheck } from "./pressed.ts";
import {
  BaseEvent,
  ChecksEvent,
  CheckSuiteEvent,
  CheckEvent,
  CommentEvent,
  Deed,
  DispatchEvent,
  IssueEvent,
  PullEvent,
  PushEvent,
  ReviewEvent,
  ScheduleEvent,
  StatusEvent,
  type Issue,
  type Pull,
} from "./payloads.ts";
import { actorOf, ghost, isOwnAccount, isSelf, repoOf } from "./who.ts";

export type Translation =
  | { readonly type: "intent"; readonly intent: Intent }
  | { readonly type: "wish"; readonly wish: Wish }
  | { readonly type: "ground"; readonly ground: Ground }
  /** Somebody pushed to a branch into which pull requests may go; `config`: the repository's config may have changed with it. */
  | {
      readonly type: "moved";
      readonly repo: RepoRef;
      readonly by: Person;
      readonly branch: string;
      readonly head: Sha;
      readonly config: boolean;
    }
  /** Somebody pushed to a branch that may be a pull request's of Baton's. */
  | ({ readonly type: "pushed" } & Pushed)
  /** A pull request proposes a commit that may change what the repository says to Baton. */
  | { readonly type: "proposed"; readonly repo: RepoRef; readonly pull: number; readonly head: Sha }
  /** Somebody did something to Baton's dashboard; `ticked`: the names of boxes. */
  | { readonly type: "dashboard"; readonly repo: RepoRef; readonly actor: Actor; readonly ticked: readonly string[] }
  /** Somebody asked GitHub to run Baton's checks of a commit again. */
  | { readonly type: "rerun"; readonly repo: RepoRef; readonly commit: Sha }
  | { readonly type: "nothing"; readonly because: string };

const nothing = (because: string): Translation => ({ type: "nothing", because });

/** Baton's own comments and issues carry this; a text that holds it is never acted on. */
const MARKER = "<!-- baton:";

/** Baton's own deliveries: a start by the clock. GitHub's events have no dot in their names. */
export const SCHEDULE = "baton.schedule";
/** And a look at the checks of a pull request. */
export const CHECKS = "baton.checks";
/** And a look whether a pull request conflicts with its base. */
export const BASE = "baton.base";
/** The `event_type` of a `repository_dispatch` that is meant for Baton. */
const DISPATCH = "agent";

/** What the delivery `name` with this parsed payload asks for. Never throws: a payload of another shape is nothing. */
export function translate(name: string, payload: unknown, self: Self): Translation {
  const { data } = Deed.safeParse(payload);
  // Whoever pushed sends it: on Baton's branches that is Baton.
  if (name === "check_suite" && data?.action === "completed")
    return read(CheckSuiteEvent, payload, (event) => fromSuite(event, self));
  // Whatever it is: what Baton does asks Baton for nothing.
  if (data?.sender && isSelf(data.sender, self)) return nothing("Baton did it itself");
  switch (name) {
    case SCHEDULE:
      return read(ScheduleEvent, payload, ({ repo, id }) => ({ type: "wish", wish: { door: "schedule", repo, id } }));
    case CHECKS:
      return read(ChecksEvent, payload, ({ repo, branch, head }) =>
        aboutChecks(repo, branch, head, actorOf(ghost, undefined)),
      );
    case BASE:
      return read(BaseEvent, payload, ({ repo, branch, by }) =>
        aboutBranch(repo, branch, { person: by, bot: false, app: undefined }, (place) => ({
          ...place,
          door: "base",
          branch,
        })),
      );
    case "status":
      return read(StatusEvent, payload, fromStatus);
    case "push":
      return read(PushEvent, payload, fromPush);
    case "repository_dispatch":
      if (data?.action !== DISPATCH) return nothing(`only the event type "${DISPATCH}" is meant for Baton`);
      return read(DispatchEvent, payload, (event) => fromDispatch(event, self));
    default:
  }
  switch (`${name}.${data?.action ?? ""}`) {
    case "issues.opened":
    case "issues.labeled":
    case "issues.assigned":
    case "issues.closed":
    case "issues.edited":
    case "issues.deleted":
    case "issues.transferred":
    case "issues.locked":
    case "issues.reopened":
      return read(IssueEvent, payload, (event) => fromIssue(event, self));
    case "issue_comment.created":
      return read(CommentEvent, payload, (event) => fromComment(event, self));
    case "issue_comment.edited":
      return read(CommentEvent, payload, (event) => fromEdit(event, self));
    case "pull_request.opened":
    case "pull_request.reopened":
    case "pull_request.synchronize":
      return read(PullEvent, payload, fromProposal);
    case "pull_request.closed":
      return read(PullEvent, payload, (event) => fromPull(event, self));
    case "check_run.requested_action":
    case "check_run.rerequested":
    case "check_suite.rerequested":
      return read(CheckEvent, payload, (event) => fromCheck(event, self));
    case "pull_request_review.submitted":
      return read(ReviewEvent, payload, (event) => fromReview(event, self));
    default: {
      const ground = lostGround(name, data?.action, payload);
      if (ground) return { type: "ground", ground };
      return nothing(`nothing is done about ${name}${data?.action === undefined ? "" : `.${data.action}`}`);
    }
  }
}

function read<T>(schema: z.ZodType<T>, payload: unknown, then: (event: T) => Translation): Translation {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return then(parsed.data);
  const [first] = parsed.error.issues;
  return nothing(`the payload is not as GitHub describes it: ${first?.path.join(".") ?? ""}: ${first?.message ?? ""}`);
}

function fromIssue(event: IssueEvent, self: Self): Translation {
  const { issue, sender } = event;
  if (issue.pull_request) return nothing("it is about a pull request");
  const place = placeOf(event);
  const body = issue.body ?? "";
  const before = event.changes?.body?.from ?? body;
  // The first line counts also when the person took it out.
  if (isSelf(issue.user ?? ghost, self, issue.performed_via_github_app) && (isDashboard(body) || isDashboard(before))) {
    const actor = actorOf(sender, undefined);
    const ticked = event.action === "edited" && !actor.bot ? boxesTicked(body, before) : [];
    if (["edited", "closed", "reopened"].includes(event.action))
      return { type: "dashboard", repo: place.repo, actor, ticked };
  }
  switch (event.action) {
    case "opened": {
      if (isSelf(sender, self, issue.performed_via_github_app)) return nothing("Baton opened it itself");
      if (issue.body?.includes(MARKER)) return nothing("the text carries Baton's marker");
      if (isIgnored((issue.labels ?? []).map(({ name }) => name))) return nothing("it is to be left alone");
      // The label has a delivery of its own, which asks for more than this one.
      if (issue.labels?.some(({ name }) => labelType(name)))
        return nothing("the label it was opened with asks for itself");
      if (issue.assignees?.some((account) => account && isOwnAccount(account, self)))
        return nothing("the assignment it was opened with asks for itself");
      const actor = actorOf(issue.user ?? sender, issue.performed_via_github_app);
      return {
        type: "intent",
        intent: { ...place, door: "opened", actor, text: textOf(issue), free: isFree(issue) },
      };
    }
    case "labeled": {
      const label = event.label?.name ?? "";
      const asked = labelType(label);
      if (!asked) return nothing(`the label ${label} asks for nothing`);
      return {
        type: "intent",
        intent: {
          ...place,
          door: "label",
          actor: actorOf(sender, undefined),
          text: textOf(issue),
          label,
          type: asked.type,
          at: issue.updated_at,
        },
      };
    }
    case "assigned": {
      if (!event.assignee || !isOwnAccount(event.assignee, self)) return nothing("it is assigned to somebody else");
      const actor = actorOf(sender, undefined);
      return {
        type: "intent",
        intent: {
          ...place,
          door: "assigned",
          actor,
          text: textOf(issue),
          to: event.assignee.login,
          at: issue.updated_at,
        },
      };
    }
    case "edited":
      if (!event.changes?.title && !event.changes?.body) return nothing("neither title nor text was changed");
      return { type: "intent", intent: { ...place, door: "edited", actor: actorOf(sender, undefined) } };
    case "closed":
      return { type: "intent", intent: { ...place, door: "closed", actor: actorOf(sender, undefined) } };
    default: {
      const lost = lostIssue(event);
      if (!lost) return nothing(`nothing is done about issues.${event.action}`);
      return { type: "intent", intent: { ...place, door: "lost", actor: actorOf(sender, undefined), lost } };
    }
  }
}

function fromComment(event: CommentEvent, self: Self): Translation {
  const { comment, issue, sender } = event;
  const author = comment.user ?? ghost;
  if (isSelf(author, self, comment.performed_via_github_app)) return nothing("Baton wrote it itself");
  if (author.id !== sender.id) return nothing("the comment is not its sender's");
  const body = comment.body ?? "";
  if (body.includes(MARKER)) return nothing("the comment carries Baton's marker");
  const reading = readCommands(body, self.slug);
  const place = { ...placeOf(event), actor: actorOf(author, comment.performed_via_github_app) };
  if (reading.type === "read" && reading.commands.length === 0) {
    if (issue.pull_request || body.trim() === "") return nothing("there is no command in it");
    return { type: "intent", intent: { ...place, door: "reply", commentId: comment.id, words: body } };
  }
  return {
    type: "intent",
    intent: {
      ...place,
      door: "comment",
      text: textOf(issue),
      commentId: comment.id,
      reading,
      at: comment.created_at,
    },
  };
}

/** An edit of Baton's own comment with a plan or with findings, by a person. The marker counts also when the person took it out. */
function fromEdit(event: CommentEvent, self: Self): Translation {
  const { comment, sender, changes } = event;
  if (!isSelf(comment.user ?? ghost, self, comment.performed_via_github_app))
    return nothing("nothing is done about issue_comment.edited: the comment is not Baton's");
  const body = comment.body ?? "";
  const before = changes?.body?.from ?? "";
  const actor = actorOf(sender, undefined);
  if (actor.bot) return nothing("a bot edited it");
  const end = reportedEnd(body) ?? reportedEnd(before);
  if (end) {
    const ticked = findingsTicked(body, before);
    if (ticked.length === 0) return nothing("nothing was ticked in it");
    return {
      type: "intent",
      intent: { ...placeOf(event), door: "ticks", actor, commentId: comment.id, end, ticked },
    };
  }
  const marker = planMarkerIn(body) ?? planMarkerIn(before);
  if (marker === undefined) return nothing("nothing is done about issue_comment.edited: it shows no plan");
  if (body === before) return nothing("the plan in it is as it was");
  const edit = { commentId: comment.id, marker, body, before };
  return { type: "intent", intent: { ...placeOf(event), door: "plan", actor, ...edit } };
}

function fromDispatch(event: DispatchEvent, self: Self): Translation {
  const { sender, client_payload: asked } = event;
  // As it stands behind `/agent`; one line, so that it is one command.
  const reading = readCommands(`/agent ${asked.command.replaceAll(/\s+/g, " ")}`, self.slug);
  const wish = { door: "dispatch", repo: repoOf(event), issue: asked.issue, reading } as const;
  return { type: "wish", wish: { ...wish, actor: actorOf(sender, undefined) } };
}

function fromPull(event: PullEvent, self: Self): Translation {
  const { pull_request: pull, sender } = event;
  const merged = (pull.merged_at ?? undefined) !== undefined;
  const place = { repo: repoOf(event), subject: pullOf(pull) };
  // It may be under review.
  if (!isSelf(pull.user ?? ghost, self))
    return { type: "intent", intent: { ...place, door: "closed", actor: actorOf(sender, undefined) } };
  return {
    type: "intent",
    intent: { ...place, door: "pull-closed", actor: actorOf(sender, undefined), merged, head: pull.head.sha },
  };
}

/** Whoever proposes it: what it says is looked at, and never acted on. */
function fromProposal(event: PullEvent): Translation {
  const { number, head } = event.pull_request;
  if (!isSha(head.sha)) return nothing("the pull request has no commit");
  return { type: "proposed", repo: repoOf(event), pull: number, head: head.sha };
}

function fromReview(event: ReviewEvent, self: Self): Translation {
  const { pull_request: pull, review, sender } = event;
  if (!isSelf(pull.user ?? ghost, self)) return nothing("the pull request is not Baton's");
  const author = review.user ?? ghost;
  if (isSelf(author, self)) return nothing("Baton wrote it itself");
  if (author.id !== sender.id) return nothing("the review is not its sender's");
  const body = review.body ?? "";
  if (body.includes(MARKER)) return nothing("the review carries Baton's marker");
  const verdict = review.state.toLowerCase();
  if (verdict !== "changes_requested" && verdict !== "commented") return nothing(`the review is ${verdict}`);
  const place = { repo: repoOf(event), subject: pullOf(pull) };
  return {
    type: "intent",
    intent: {
      ...place,
      door: "review",
      actor: actorOf(author, undefined),
      words: body,
      wantsChanges: verdict === "changes_requested",
    },
  };
}

function pullOf({ number, html_url, user }: Pull): Intent["subject"] {
  const author = user ?? ghost;
  return { kind: "pull", number, url: html_url, author: { login: author.login, id: author.id } };
}

function placeOf(event: IssueEvent | CommentEvent): Pick<Intent, "repo" | "subject"> {
  const { issue } = event;
  const author = issue.user ?? ghost;
  return {
    repo: repoOf(event),
    subject: {
      kind: issue.pull_request ? "pull" : "issue",
      number: issue.number,
      url: issue.html_url,
      author: { login: author.login, id: author.id },
    },
  };
}

/** True where nobody is assigned, and no label says that it repeats another. */
function isFree({ assignees, labels }: Issue): boolean {
  return (assignees ?? []).length === 0 && !isDuplicate((labels ?? []).map(({ name }) => name));
}

function textOf(issue: Issue): { title: string; body: string } {
  return { title: issue.title, body: issue.body ?? "" };
}

/** `agent` and `agent:<type>`, in any case. */
function labelType(label: string): { type: string | undefined } | undefined {
  const asked = /^agent(?::([a-z][a-z-]{0,39}))?$/i.exec(label.trim());
  return asked ? { type: asked[1]?.toLowerCase() } : undefined;
}
