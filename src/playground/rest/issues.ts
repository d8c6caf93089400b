// Issues, comments, labels, assignees and reactions. A pull request is an issue here, as on GitHub.
import { Hono } from "hono";
import { z } from "zod";
import {
  addComment,
  deleteComment,
  editComment,
  editIssue,
  ensureLabel,
  findLabel,
  openIssue,
  react,
  reactionContents,
  setAssignees,
  setLabels,
} from "../issues.ts";
import { setLock } from "../lifecycle.ts";
import { commentShape, issueShape, labelShape, reactionShape } from "../shapes/issues.ts";
import { changed, type Comment, hasRole, type Issue, type Reaction, type Repository, type World } from "../state.ts";
import { accountOfActor, type Actor } from "../tokens.ts";
import {
  accounts,
  answer,
  bodyOf,
  bodyText,
  demand,
  doer,
  here,
  type Here,
  invalid,
  issueHere,
  issuePermissions,
  noContent,
  notFound,
  page,
  param,
  Refusal,
  type RestContext,
  type RestEnv,
  sorted,
} from "./exchange.ts";

const labelNames = z
  .array(z.union([z.string(), z.object({ name: z.string() })]))
  .transform((all) => all.map((one) => (typeof one === "string" ? one : one.name)));
const title = z.union([z.string(), z.int()]).transform(String);
const newIssue = z.strictObject({
  title,
  body: bodyText.nullish(),
  labels: labelNames.optional(),
  assignees: z.array(z.string()).optional(),
  assignee: z.string().nullish(),
});
const changedIssue = z.strictObject({
  title: title.optional(),
  body: bodyText.nullish(),
  state: z.enum(["open", "closed"]).optional(),
  state_reason: z.enum(["completed", "not_planned", "duplicate", "reopened"]).nullish(),
  labels: labelNames.optional(),
  assignees: z.array(z.string()).optional(),
});
const commentBody = z.strictObject({ body: bodyText });
const someLabels = z.union([z.strictObject({ labels: labelNames }), labelNames.transform((labels) => ({ labels }))]);
const newLabel = z.strictObject({
  name: z.string(),
  color: z
    .string()
    .regex(/^[0-9a-fA-F]{6}$/)
    .optional(),
  description: z.string().max(100).nullish(),
});
const newReaction = z.strictObject({ content: z.enum(reactionContents) });
const someAssignees = z.strictObject({ assignees: z.array(z.string()).default([]) });

/** May change what somebody else wrote, and labels, state and assignees: triage and up, and Apps that came this far. */
function mayTriage(actor: Actor, repo: Repository): boolean {
  return actor.type === "installation" || hasRole(repo, accountOfActor(actor), "triage");
}

function demandOwn(actor: Actor, repo: Repository, by: { readonly id: number }): void {
  if (
    accountOfActor(actor)?.id !== by.id &&
    !hasRole(repo, accountOfActor(actor), "write") &&
    actor.type !== "installation"
  )
    throw new Refusal(403, "Must have write access to Repository.");
}

const unblank = (resource: string, field: string, value: string) => {
  if (value.trim() === "") throw invalid(resource, field, "missing_field");
};

export function issueRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();
  const base = "/repos/:owner/:repo/issues";
  const one = `${base}/:number{[0-9]+}`;

  rest.get(base, (c) => {
    const { repo } = here(c, world, "read", "issues");
    const state = c.req.query("state") ?? "open";
    const labels = (c.req.query("labels") ?? "").split(",").filter(Boolean);
    const { creator, assignee, since } = c.req.query();
    const found = [...repo.issues.values()].filter(
      (issue) =>
        (state === "all" || issue.state === state) &&
        labels.every((name) => issue.labels.some((label) => label.name.toLowerCase() === name.toLowerCase())) &&
        (creator === undefined || issue.by.account.login === creator) &&
        (assignee === undefined || assignee === "*" || issue.assignees.some(({ login }) => login === assignee)) &&
        (since === undefined || Date.parse(issue.updatedAt) >= Date.parse(since)),
    );
    return answer(
      c,
      page(c, world, sorted(c, found)).map((issue) => issueShape(world, repo, issue)),
    );
  });

  rest.post(base, async (c) => {
    const { actor, repo } = here(c, world, "write", "issues");
    const by = doer(actor);
    const asked = await bodyOf(c, newIssue);
    unblank("Issue", "title", asked.title);
    // "Labels are silently dropped otherwise": from those who may not set them.
    const trusted = mayTriage(actor, repo);
    const logins = [...(asked.assignees ?? []), ...(asked.assignee ? [asked.assignee] : [])];
    const assignees = trusted ? accounts(world, logins, "Issue", "assignees") : [];
    const labels = trusted ? (asked.labels ?? []) : [];
    const issue = await openIssue(world, repo, by, { title: asked.title, body: asked.body ?? null, labels, assignees });
    return answer(c, issueShape(world, repo, issue), 201);
  });

  rest.get(one, (c) => {
    const { repo, issue } = issueHere(c, world, "read");
    return answer(c, issueShape(world, repo, issue));
  });

  rest.patch(one, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write");
    const asked = await bodyOf(c, changedIssue);
    const by = doer(actor);
    if (!mayTriage(actor, repo) && by.account.id !== issue.by.account.id)
      throw new Refusal(403, "Must have triage access to Repository.");
    if (asked.title !== undefined) unblank("Issue", "title", asked.title);
    if (asked.labels && mayTriage(actor, repo)) await setLabels(world, repo, issue, by, asked.labels);
    if (asked.assignees && mayTriage(actor, repo))
      await setAssignees(world, repo, issue, by, accounts(world, asked.assignees, "Issue", "assignees"));
    await editIssue(world, repo, issue, by, {
      title: asked.title,
      body: asked.body,
      state: asked.state,
      stateReason: asked.state_reason ?? undefined,
    });
    return answer(c, issueShape(world, repo, issue));
  });

  rest.post(`${one}/assignees`, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write", "triage");
    const { assignees } = await bodyOf(c, someAssignees);
    const fresh = accounts(world, assignees, "Issue", "assignees");
    await setAssignees(world, repo, issue, doer(actor), [...new Set([...issue.assignees, ...fresh])]);
    return answer(c, issueShape(world, repo, issue), 201);
  });

  rest.delete(`${one}/assignees`, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write", "triage");
    const { assignees } = await bodyOf(c, someAssignees);
    await setAssignees(
      world,
      repo,
      issue,
      doer(actor),
      issue.assignees.filter(({ login }) => !assignees.includes(login)),
    );
    return answer(c, issueShape(world, repo, issue));
  });

  for (const locked of [true, false])
    rest.on(locked ? "PUT" : "DELETE", `${one}/lock`, async (c) => {
      const { actor, repo, issue } = issueHere(c, world, "write", "triage");
      await setLock(world, repo, issue, doer(actor), locked);
      return noContent();
    });

  comments(rest, world, base, one);
  labels(rest, world, one);
  reactions(rest, world, `${one}/reactions`, (c, level) => {
    const found = issueHere(c, world, level);
    return { ...found, on: found.issue };
  });
  reactions(rest, world, `${base}/comments/:id{[0-9]+}/reactions`, (c, level) => {
    const found = commentHere(c, world, level);
    return { ...found, on: found.comment };
  });
  return rest;
}

function commentHere(
  c: RestContext,
  world: World,
  level: "read" | "write",
): Here & { comment: Comment; issue: Issue | undefined } {
  const { actor, repo } = here(c, world, "read", "issues|pull_requests");
  const comment = repo.comments.get(Number(param(c, "id")));
  const issue = comment ? repo.issues.get(comment.issue) : undefined;
  demand(actor, repo, { level, permissions: issuePermissions(issue), role: "read" });
  if (!comment) throw notFound();
  return { actor, repo, comment, issue };
}

function comments(rest: Hono<RestEnv>, world: World, base: string, one: string): void {
  const recent = (c: RestContext, all: readonly Comment[]) => {
    const since = c.req.query("since");
    return since === undefined ? all : all.filter(({ updatedAt }) => Date.parse(updatedAt) >= Date.parse(since));
  };

  rest.get(`${one}/comments`, (c) => {
    const { repo, issue } = issueHere(c, world, "read");
    const found = page(c, world, recent(c, issue.comments));
    return answer(
      c,
      found.map((comment) => commentShape(world, repo, comment)),
    );
  });

  rest.post(`${one}/comments`, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write");
    const by = doer(actor);
    const { body } = await bodyOf(c, commentBody);
    unblank("IssueComment", "body", body);
    if (issue.locked && !hasRole(repo, by.account, "write"))
      throw new Refusal(403, "Unable to create comment because issue is locked.");
    return answer(c, commentShape(world, repo, addComment(world, repo, issue, by, body)), 201);
  });

  rest.get(`${base}/comments`, (c) => {
    const { repo } = here(c, world, "read", "issues|pull_requests");
    const found = sorted(c, recent(c, [...repo.comments.values()]), "asc");
    return answer(
      c,
      page(c, world, found).map((comment) => commentShape(world, repo, comment)),
    );
  });

  rest.get(`${base}/comments/:id{[0-9]+}`, (c) => {
    const { repo, comment } = commentHere(c, world, "read");
    return answer(c, commentShape(world, repo, comment));
  });

  rest.patch(`${base}/comments/:id{[0-9]+}`, async (c) => {
    const { actor, repo, comment } = commentHere(c, world, "write");
    const { body } = await bodyOf(c, commentBody);
    unblank("IssueComment", "body", body);
    demandOwn(actor, repo, comment.by.account);
    editComment(world, repo, comment, doer(actor), body);
    return answer(c, commentShape(world, repo, comment));
  });

  rest.delete(`${base}/comments/:id{[0-9]+}`, (c) => {
    const { actor, repo, comment } = commentHere(c, world, "write");
    demandOwn(actor, repo, comment.by.account);
    deleteComment(world, repo, comment, doer(actor));
    return noContent();
  });
}

function labels(rest: Hono<RestEnv>, world: World, one: string): void {
  const all = "/repos/:owner/:repo/labels";
  const of = (repo: Repository, issue: Issue) => issue.labels.map((label) => labelShape(world, repo, label));

  rest.get(all, (c) => {
    const { repo } = here(c, world, "read", "issues|pull_requests");
    return answer(
      c,
      page(c, world, repo.labels).map((label) => labelShape(world, repo, label)),
    );
  });

  rest.post(all, async (c) => {
    const { repo } = here(c, world, "write", "issues|pull_requests", "write");
    const { name, color, description } = await bodyOf(c, newLabel);
    unblank("Label", "name", name);
    if (findLabel(repo, name)) throw invalid("Label", "name", "already_exists");
    const label = ensureLabel(world, repo, name, color?.toLowerCase(), description ?? undefined);
    return answer(c, labelShape(world, repo, label), 201);
  });

  rest.get(`${all}/:name`, (c) => {
    const { repo } = here(c, world, "read", "issues|pull_requests");
    const label = findLabel(repo, param(c, "name"));
    if (!label) throw notFound();
    return answer(c, labelShape(world, repo, label));
  });

  rest.get(`${one}/labels`, (c) => {
    const { repo, issue } = issueHere(c, world, "read");
    return answer(c, page(c, world, of(repo, issue)));
  });

  rest.post(`${one}/labels`, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write", "triage");
    const { labels: names } = await bodyOf(c, someLabels);
    await setLabels(world, repo, issue, doer(actor), [...issue.labels.map(({ name }) => name), ...names]);
    return answer(c, of(repo, issue));
  });

  rest.put(`${one}/labels`, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write", "triage");
    const { labels: names } = await bodyOf(c, someLabels);
    await setLabels(world, repo, issue, doer(actor), names);
    return answer(c, of(repo, issue));
  });

  rest.delete(`${one}/labels`, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write", "triage");
    await setLabels(world, repo, issue, doer(actor), []);
    return noContent();
  });

  rest.delete(`${one}/labels/:name`, async (c) => {
    const { actor, repo, issue } = issueHere(c, world, "write", "triage");
    const gone = issue.labels.find(({ name }) => name.toLowerCase() === param(c, "name").toLowerCase());
    if (!gone) throw new Refusal(404, "Label does not exist");
    await setLabels(
      world,
      repo,
      issue,
      doer(actor),
      issue.labels.filter((label) => label !== gone).map(({ name }) => name),
    );
    return answer(c, of(repo, issue));
  });
}

function reactions(
  rest: Hono<RestEnv>,
  world: World,
  base: string,
  find: (c: RestContext, level: "read" | "write") => Here & { on: { readonly reactions: Reaction[] } },
): void {
  rest.get(base, (c) => {
    const { on } = find(c, "read");
    const content = c.req.query("content");
    const found = on.reactions.filter((reaction) => content === undefined || reaction.content === content);
    return answer(
      c,
      page(c, world, found).map((reaction) => reactionShape(world, reaction)),
    );
  });

  rest.post(base, async (c) => {
    const { actor, on } = find(c, "write");
    const { content } = await bodyOf(c, newReaction);
    const { reaction, fresh } = react(world, on, doer(actor).account, content);
    return answer(c, reactionShape(world, reaction), fresh ? 201 : 200);
  });

  rest.delete(`${base}/:reaction{[0-9]+}`, (c) => {
    const { actor, on } = find(c, "write");
    const at = on.reactions.findIndex(({ id }) => id === Number(param(c, "reaction")));
    const reaction = on.reactions[at];
    if (!reaction) throw notFound();
    if (reaction.by.id !== doer(actor).account.id) throw new Refusal(403, "Must be the author of the reaction.");
    on.reactions.splice(at, 1);
    changed(world);
    return noContent();
  });
}
