// Pull requests.
import { Hono } from "hono";
import { z } from "zod";
import { changedFiles, commitsBetween, diffText } from "../git-diff.ts";
import { editIssue } from "../issues.ts";
import { addReview, openPull, requestReview, updateBranch } from "../pulls.ts";
import { linesOf } from "../../workspace/patch-lines.ts";
import { userShape } from "../shapes/accounts.ts";
import { commitShape } from "../shapes/commits.ts";
import { fileShape, pullShape, readPull, simplePullShape, startOfPull } from "../shapes/pulls.ts";
import { remarkShapes, reviewShape } from "../shapes/reviews.ts";
import { changed, hasRole, type PullRequest, type Repository, type World } from "../state.ts";
import { accountOfActor } from "../tokens.ts";
import {
  accounts,
  answer,
  bodyOf,
  bodyText,
  doer,
  here,
  invalid,
  notFound,
  page,
  param,
  Refusal,
  type RestContext,
  type RestEnv,
  sorted,
} from "./exchange.ts";
import { wants } from "./repositories.ts";

const newPull = z.strictObject({
  title: z.string(),
  head: z.string(),
  base: z.string(),
  body: bodyText.nullish(),
  draft: z.boolean().default(false),
  maintainer_can_modify: z.boolean().optional(),
});
const changedPull = z.strictObject({
  title: z.string().optional(),
  body: bodyText.nullish(),
  state: z.enum(["open", "closed"]).optional(),
  base: z.string().optional(),
  maintainer_can_modify: z.boolean().optional(),
});
const branchUpdate = z.strictObject({ expected_head_sha: z.string().optional() });
const reviewers = z.strictObject({
  reviewers: z.array(z.string()).default([]),
  team_reviewers: z.array(z.string()).default([]),
});

/** A review that is submitted at once; the playground keeps no pending ones, and takes remarks on single lines of the new side. */
const newReview = z.strictObject({
  event: z.enum(["APPROVE", "REQUEST_CHANGES", "COMMENT"]),
  body: bodyText.default(""),
  commit_id: z.string().optional(),
  comments: z
    .array(
      z.strictObject({
        path: z.string(),
        line: z.number().int().positive(),
        side: z.enum(["LEFT", "RIGHT"]).default("RIGHT"),
        body: bodyText.min(1),
      }),
    )
    .default([]),
});

async function isOfPull(repo: Repository, pull: PullRequest, commit: string): Promise<boolean> {
  const commits = await commitsBetween(repo.git, await startOfPull(repo, pull), pull.headSha);
  return commits.some(({ sha }) => sha === commit);
}

/** The lines on which GitHub takes remarks: those that its diff shows, by path. */
async function shownLines(repo: Repository, pull: PullRequest, commit: string) {
  const files = await changedFiles(repo.git, await startOfPull(repo, pull), commit);
  return linesOf(files.map(({ path, patch = "" }) => `diff --git\n+++ b/${path}\n${patch}`).join("\n"));
}

export function pullRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();
  const base = "/repos/:owner/:repo/pulls";
  const one = `${base}/:number{[0-9]+}`;

  const pullHere = (c: RestContext, level: "read" | "write") => {
    const { actor, repo } = here(c, world, level, "pull_requests");
    const issue = repo.issues.get(Number(param(c, "number")));
    if (!issue?.pull) throw notFound();
    return { actor, repo, issue, pull: issue.pull };
  };

  rest.get(base, (c) => {
    const { repo } = here(c, world, "read", "pull_requests");
    const state = c.req.query("state") ?? "open";
    const { head, base: into } = c.req.query();
    const found = repo.pulls.filter(
      ({ pull, state: now }) =>
        pull !== undefined &&
        (state === "all" || now === state) &&
        // As on GitHub: a head without its owner is no filter at all.
        (!head?.includes(":") || head === `${repo.owner.login}:${pull.headRef}`) &&
        (into === undefined || into === pull.baseRef),
    );
    return answer(
      c,
      page(c, world, sorted(c, found)).flatMap((issue) =>
        issue.pull ? [simplePullShape(world, repo, issue, issue.pull)] : [],
      ),
    );
  });

  rest.post(base, async (c) => {
    const { actor, repo } = here(c, world, "write", "pull_requests");
    const asked = await bodyOf(c, newPull);
    if (asked.title.trim() === "") throw invalid("PullRequest", "title", "missing_field");
    const { title, head, base: into, draft } = asked;
    const opened = await openPull(world, repo, doer(actor), {
      title,
      head,
      base: into,
      draft,
      body: asked.body ?? null,
    });
    if (opened.type === "refused") {
      if (opened.field !== undefined) throw invalid("PullRequest", opened.field, "invalid");
      throw new Refusal(422, "Validation Failed", {
        errors: [{ resource: "PullRequest", code: "custom", message: opened.message }],
      });
    }
    return answer(c, await pullShape(world, repo, opened.issue, opened.pull), 201);
  });

  rest.get(one, async (c) => {
    const { repo, issue, pull } = pullHere(c, "read");
    if (wants(c, "diff")) {
      const text = await diffText(repo.git, await startOfPull(repo, pull), pull.headSha);
      return c.body(text, 200, { "content-type": "application/vnd.github.diff; charset=utf-8" });
    }
    return answer(c, await readPull(world, repo, issue, pull));
  });

  rest.put(`${one}/update-branch`, async (c) => {
    const { actor, repo, issue, pull } = pullHere(c, "write");
    const { expected_head_sha: expected = pull.headSha } = await bodyOf(c, branchUpdate);
    const refuse = (message: string) => new Refusal(422, message);
    if (expected !== pull.headSha) throw refuse(`expected head sha didn’t match current head ref.`);
    const updated = await updateBranch(world, repo, pull, doer(actor));
    if (updated !== undefined) throw refuse(updated);
    const { url } = simplePullShape(world, repo, issue, pull);
    return answer(c, { message: "Updating pull request branch.", url }, 202);
  });

  rest.patch(one, async (c) => {
    const { actor, repo, issue, pull } = pullHere(c, "write");
    const asked = await bodyOf(c, changedPull);
    const by = doer(actor);
    if (
      actor.type !== "installation" &&
      by.account.id !== issue.by.account.id &&
      !hasRole(repo, accountOfActor(actor), "triage")
    )
      throw new Refusal(403, "Must have triage access to Repository.");
    if (asked.base !== undefined && asked.base !== pull.baseRef)
      throw new Refusal(422, `The playground keeps a pull request's base; it is ${pull.baseRef}.`);
    const { title, body, state } = asked;
    if (state === "open" && pull.mergedAt !== null)
      throw new Refusal(422, "Validation Failed", {
        errors: [{ resource: "PullRequest", code: "custom", message: "Cannot reopen a merged pull request" }],
      });
    await editIssue(world, repo, issue, by, { title, body, state });
    return answer(c, await pullShape(world, repo, issue, pull));
  });

  rest.get(`${one}/files`, async (c) => {
    const { repo, pull } = pullHere(c, "read");
    const files = await changedFiles(repo.git, await startOfPull(repo, pull), pull.headSha);
    return answer(
      c,
      page(c, world, files).map((file) => fileShape(world, repo, pull.headSha, file)),
    );
  });

  rest.get(`${one}/commits`, async (c) => {
    const { repo, pull } = pullHere(c, "read");
    const commits = await commitsBetween(repo.git, await startOfPull(repo, pull), pull.headSha);
    return answer(
      c,
      page(c, world, commits).map((commit) => commitShape(world, repo, commit)),
    );
  });

  rest.get(`${one}/reviews`, (c) => {
    const { repo, issue, pull } = pullHere(c, "read");
    return answer(
      c,
      page(c, world, pull.reviews).map((review) => reviewShape(world, repo, issue, review)),
    );
  });

  rest.post(`${one}/reviews`, async (c) => {
    const { actor, repo, issue, pull } = pullHere(c, "write");
    const { event, body, comments, commit_id: commit = pull.headSha } = await bodyOf(c, newReview);
    const by = doer(actor);
    if (event !== "COMMENT" && by.account.id === issue.by.account.id)
      throw new Refusal(422, "Unprocessable Entity", { errors: ["Can not review your own pull request"] });
    if (event !== "APPROVE" && body.trim() === "")
      throw new Refusal(422, "Unprocessable Entity", { errors: ["Body can't be blank"] });
    if (!(await isOfPull(repo, pull, commit)))
      throw new Refusal(422, "Unprocessable Entity", { errors: ["Commit is not part of the pull request"] });
    const shown = await shownLines(repo, pull, commit);
    for (const { path, line, side } of comments) {
      const pieces = shown.get(path);
      if (!pieces) throw new Refusal(422, "Unprocessable Entity", { errors: ["Path could not be resolved"] });
      if (side !== "RIGHT" || !pieces.some(({ from, to }) => from <= line && line <= to))
        throw new Refusal(422, "Unprocessable Entity", { errors: ["Line could not be resolved"] });
    }
    const state = ({ APPROVE: "APPROVED", REQUEST_CHANGES: "CHANGES_REQUESTED", COMMENT: "COMMENTED" } as const)[event];
    const remarks = comments.map(({ path, line, body: text }) => ({ path, line, body: text }));
    const review = addReview(world, repo, issue, pull, by, { state, body, commit, remarks });
    return answer(c, reviewShape(world, repo, issue, review));
  });

  rest.get(`${one}/comments`, (c) => {
    const { repo, issue, pull } = pullHere(c, "read");
    return answer(c, page(c, world, remarkShapes(world, repo, issue, pull)));
  });

  rest.post(`${one}/comments/:id/replies`, async (c) => {
    const { actor, repo, issue, pull } = pullHere(c, "write");
    const { body } = await bodyOf(c, z.strictObject({ body: bodyText }));
    const first = pull.reviews.flatMap(({ remarks }) => remarks).find(({ id }) => String(id) === param(c, "id"));
    if (!first) throw notFound();
    if (first.replyTo !== undefined) throw new Refusal(422, "in_reply_to can not be a reply to a reply");
    const { path, line, id } = first;
    const remarks = [{ path, line, body, replyTo: id }];
    const { id: review } = addReview(world, repo, issue, pull, doer(actor), { state: "COMMENTED", body: "", remarks });
    const shape = remarkShapes(world, repo, issue, pull).find((one) => one.pull_request_review_id === review);
    return answer(c, shape, 201);
  });

  rest.get(`${one}/requested_reviewers`, (c) => {
    const { pull } = pullHere(c, "read");
    return answer(c, { users: pull.reviewers.map((account) => userShape(world, account)), teams: [] });
  });

  rest.post(`${one}/requested_reviewers`, async (c) => {
    const { actor, repo, issue, pull } = pullHere(c, "write");
    const people = accounts(world, (await bodyOf(c, reviewers)).reviewers, "PullRequest", "reviewers");
    const author = people.find(({ id }) => id === issue.by.account.id);
    if (author) throw new Refusal(422, "Review cannot be requested from pull request author.");
    const stranger = people.find((person) => !repo.roles.has(person.id) && person.id !== repo.owner.id);
    if (stranger)
      throw new Refusal(
        422,
        `Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the ${repo.fullName} repository.`,
      );
    await requestReview(world, repo, issue, pull, doer(actor), people);
    return answer(c, simplePullShape(world, repo, issue, pull), 201);
  });

  rest.delete(`${one}/requested_reviewers`, async (c) => {
    const { repo, issue, pull } = pullHere(c, "write");
    const people = accounts(world, (await bodyOf(c, reviewers)).reviewers, "PullRequest", "reviewers");
    for (const person of people.filter((account) => pull.reviewers.includes(account)))
      pull.reviewers.splice(pull.reviewers.indexOf(person), 1);
    changed(world);
    return answer(c, simplePullShape(world, repo, issue, pull));
  });

  return rest;
}
