// Check runs. Only Apps may write them, and only their own.
import { Hono } from "hono";
import { z } from "zod";
import { checkRunShape, checkSuiteId } from "../shapes/commits.ts";
import { appShape, nodeId } from "../shapes/accounts.ts";
import { encodePath } from "../shapes/pulls.ts";
import { type Account, changed, type CheckRun, type Doer, type Repository, timestamp, type World } from "../state.ts";
import { answer, bodyOf, here, notFound, page, param, Refusal, type RestContext, type RestEnv } from "./exchange.ts";
import { commitNamed } from "./repositories.ts";

const time = z.iso.datetime({ offset: true });
const conclusion = z.enum(["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"]);
const annotation = z.strictObject({
  path: z.string(),
  start_line: z.int(),
  end_line: z.int(),
  start_column: z.int().optional(),
  end_column: z.int().optional(),
  annotation_level: z.enum(["notice", "warning", "failure"]),
  message: z.string(),
  title: z.string().optional(),
  raw_details: z.string().optional(),
});
const text = z.string().max(65_535, "is too long (maximum is 65535 characters)");
const fields = {
  details_url: z.url().optional(),
  external_id: z.string().optional(),
  status: z.enum(["queued", "in_progress", "completed"]).optional(),
  started_at: time.optional(),
  conclusion: conclusion.optional(),
  completed_at: time.optional(),
  output: z
    .strictObject({
      title: z.string().optional(),
      summary: text.optional(),
      text: text.optional(),
      annotations: z.array(annotation).max(50).optional(),
    })
    .optional(),
  actions: z
    .array(
      z.strictObject({ label: z.string().max(20), description: z.string().max(40), identifier: z.string().max(20) }),
    )
    .max(3)
    .optional(),
};
const newRun = z.strictObject({ ...fields, name: z.string(), head_sha: z.string() });
const changedRun = z.strictObject({ ...fields, name: z.string().optional() });

export function checkRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();
  const base = "/repos/:owner/:repo/check-runs";

  const appHere = (c: RestContext) => {
    const { actor, repo } = here(c, world, "write", "checks", "write");
    if (actor.type !== "installation") throw new Refusal(403, "You must authenticate via a GitHub App.");
    return { repo, app: actor.app, by: { account: actor.app.bot, app: actor.app } };
  };

  rest.post(base, async (c) => {
    const { repo, app, by } = appHere(c);
    const asked = await bodyOf(c, newRun);
    const { sha } = await commitNamed(repo, asked.head_sha);
    const run: CheckRun = {
      id: world.newId(),
      app,
      headSha: sha,
      name: asked.name,
      status: "queued",
      conclusion: null,
      startedAt: timestamp(world),
      completedAt: null,
      externalId: "",
      detailsUrl: app.webhook ? new URL("/", app.webhook.url).href : world.url,
      title: null,
      summary: null,
      text: null,
      annotations: [],
      actions: [],
    };
    change(world, run, asked);
    await queueCheck(world, repo, run, by);
    if (run.status === "completed") await finishCheck(world, repo, run, by);
    return answer(c, checkRunShape(world, repo, run), 201);
  });

  rest.patch(`${base}/:id{[0-9]+}`, async (c) => {
    const { repo, app, by } = appHere(c);
    const run = repo.checkRuns.find(({ id }) => id === Number(param(c, "id")));
    if (!run) throw notFound();
    if (run.app !== app)
      throw new Refusal(
        403,
        "Invalid app_id `" + app.id + "` - check run can only be modified by the GitHub App that created it.",
      );
    const done = run.status === "completed";
    change(world, run, await bodyOf(c, changedRun));
    changed(world);
    if (run.status === "completed" && !done) await finishCheck(world, repo, run, by);
    return answer(c, checkRunShape(world, repo, run));
  });

  rest.get(`${base}/:id{[0-9]+}`, (c) => {
    const { repo } = here(c, world, "read", "checks");
    const run = repo.checkRuns.find(({ id }) => id === Number(param(c, "id")));
    if (!run) throw notFound();
    return answer(c, checkRunShape(world, repo, run));
  });

  rest.get(`${base}/:id{[0-9]+}/annotations`, (c) => {
    const { repo } = here(c, world, "read", "checks");
    const run = repo.checkRuns.find(({ id }) => id === Number(param(c, "id")));
    if (!run) throw notFound();
    const blob = `${world.url}/${repo.fullName}/blob/${run.headSha}`;
    const absent = { start_column: null, end_column: null, title: null, raw_details: null };
    const shapes = page(c, world, run.annotations).map((one) => ({
      ...absent,
      ...one,
      blob_href: `${blob}/${encodePath(one.path)}`,
    }));
    return answer(c, shapes);
  });

  rest.get("/repos/:owner/:repo/commits/:ref{.+}/check-runs", async (c) => {
    const { repo } = here(c, world, "read", "checks");
    const { sha } = await commitNamed(repo, param(c, "ref"));
    const { check_name: name, status, app_id: app, filter } = c.req.query();
    const found = repo.checkRuns.filter(
      (run) =>
        run.headSha === sha &&
        (name === undefined || run.name === name) &&
        (status === undefined || run.status === status) &&
        (app === undefined || String(run.app.id) === app),
    );
    // By default only the newest of each name and App.
    const latest = found.filter(
      (run, at) => !found.slice(at + 1).some((later) => later.name === run.name && later.app === run.app),
    );
    const listed = (filter === "all" ? found : latest).toReversed();
    const runs = page(c, world, listed).map((run) => checkRunShape(world, repo, run));
    return answer(c, { total_count: listed.length, check_runs: runs });
  });

  return rest;
}

function change(world: World, run: CheckRun, asked: z.infer<typeof changedRun>): void {
  if (asked.conclusion !== undefined) {
    run.conclusion = asked.conclusion;
    run.status = "completed";
    run.completedAt = asked.completed_at ?? timestamp(world);
  } else if (asked.status === "completed") {
    throw new Refusal(422, "Invalid request.\n\nMissing `conclusion`: it is required when the status is `completed`.");
  } else if (asked.status !== undefined) {
    run.status = asked.status;
    run.conclusion = null;
    run.completedAt = null;
  }
  const { output } = asked;
  if (output && output.title === undefined && output.summary === undefined && run.title === null)
    throw new Refusal(422, 'Invalid request.\n\n"title", "summary" weren\'t supplied.');
  run.name = asked.name ?? run.name;
  run.startedAt = asked.started_at ?? run.startedAt;
  run.externalId = asked.external_id ?? run.externalId;
  run.detailsUrl = asked.details_url ?? run.detailsUrl;
  run.title = output?.title ?? run.title;
  run.summary = output?.summary ?? run.summary;
  run.text = output?.text ?? run.text;
  run.annotations.push(...(output?.annotations ?? []));
  run.actions = asked.actions ?? run.actions;
}

/** A new check run, of which the Apps are told. */
export async function queueCheck(world: World, repo: Repository, run: CheckRun, by: Doer): Promise<void> {
  repo.checkRuns.push(run);
  await tell(world, repo, run, by, "created");
}

/** Somebody presses a button of it; its App hears of that. */
export async function pressButton(world: World, repo: Repository, run: CheckRun, by: Account, identifier: string) {
  await tell(world, repo, run, { account: by }, "requested_action", { requested_action: { identifier } });
}

/** Somebody wants it to run again. It stays as it is until its App says something. */
export async function rerunCheck(world: World, repo: Repository, run: CheckRun, by: Account): Promise<void> {
  await tell(world, repo, run, { account: by }, "rerequested");
}

async function tell(
  world: World,
  repo: Repository,
  run: CheckRun,
  by: Doer,
  action: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  changed(world);
  const suite = await suiteShape(world, repo, run);
  const fields = { check_run: { ...checkRunShape(world, repo, run), check_suite: suite }, ...more };
  // That it is pressed, or to run again, only the App hears whose check it is.
  const only = action === "requested_action" || action === "rerequested" ? { only: run.app } : {};
  world.announce(repo, { event: "check_run", action, by: by.account, fields, ...only });
}

/** A finished run; and with the last of the App's runs on that commit its suite is finished too. */
export async function finishCheck(world: World, repo: Repository, run: CheckRun, by: Doer): Promise<void> {
  await tell(world, repo, run, by, "completed");
  const suite = repo.checkRuns.filter((other) => other.headSha === run.headSha && other.app === run.app);
  if (suite.some(({ status }) => status !== "completed")) return;
  const fields = { check_suite: await suiteShape(world, repo, run) };
  world.announce(repo, { event: "check_suite", action: "completed", by: by.account, fields });
}

export async function suiteShape(world: World, repo: Repository, run: CheckRun) {
  const commit = await commitNamed(repo, run.headSha);
  const runs = repo.checkRuns.filter((other) => other.headSha === run.headSha && other.app === run.app);
  const open = runs.some(({ status }) => status !== "completed");
  const worst = ["failure", "timed_out", "action_required", "cancelled", "neutral", "skipped", "success"].find((one) =>
    runs.some((other) => other.conclusion === one),
  );
  const branch = [...repo.issues.values()].find(({ pull }) => pull?.headSha === run.headSha)?.pull?.headRef ?? null;
  const id = checkSuiteId(run);
  const url = `${world.apiUrl}/repos/${repo.fullName}/check-suites/${id}`;
  return {
    id,
    node_id: nodeId("CS_", id),
    head_branch: branch,
    head_sha: run.headSha,
    status: open ? "in_progress" : "completed",
    conclusion: open ? null : (worst ?? null),
    url,
    before: null,
    after: run.headSha,
    pull_requests: [],
    app: appShape(world, run.app),
    created_at: run.startedAt,
    updated_at: timestamp(world),
    latest_check_runs_count: runs.length,
    check_runs_url: `${url}/check-runs`,
    head_commit: {
      id: run.headSha,
      tree_id: commit.tree,
      message: commit.message,
      timestamp: commit.committer.date,
      author: { name: commit.author.name, email: commit.author.email },
      committer: { name: commit.committer.name, email: commit.committer.email },
    },
  };
}
