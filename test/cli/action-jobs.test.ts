// What a job hears that may write nothing: words reach the run at once, and are answered by the next job, once.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openActionBaton } from "#src/cli/action-baton.ts";
import { readActionEnv } from "#src/cli/action-env.ts";
import { beginJob } from "#src/cli/action-jobs.ts";
import { newsSince } from "#src/cli/action-news.ts";
import { createOwing } from "#src/cli/action-owing.ts";
import { jobRequests } from "#src/cli/action-place.ts";
import { silentLog } from "#src/core/log.ts";
import { readEnv } from "#src/env.ts";
import { openPlayground } from "#src/playground/playground.ts";
import { issueOfBranch } from "#src/github/branch.ts";
import { translate } from "#src/intake/translate.ts";
import { actionsApp, actionsBot, mintJobToken } from "#test/support/actions-identity.ts";
import { openTown, publicKey } from "#test/playground/town.ts";
import { prepareDatabase } from "#test/support/prepared-database.ts";
import { commentPayload, intakeWorld, MemoryDeliveries, self } from "#test/support/intake-world.ts";
import "#test/support/described.ts";

const never = new AbortController().signal;
/** What a job of Actions finds in its environment. */
const inJob = {
  GITHUB_ACTIONS: "true",
  GITHUB_REPOSITORY: "octo/tab",
  GITHUB_EVENT_NAME: "issues",
  GITHUB_EVENT_PATH: import.meta.filename,
  GITHUB_RUN_ID: "7",
  GITHUB_WORKFLOW_REF: "octo/tab/.github/workflows/baton.yml@refs/heads/main",
};

test("a stop is carried out by the job that may not answer, and answered by the next", async () => {
  const deliveries = new MemoryDeliveries();
  const first = intakeWorld({ deliveries });
  const parts = { deliveries, log: first.log, reader: first.reader };
  const send = async (id: string, words: string) => {
    await deliveries.keep({ id, name: "issue_comment", payload: JSON.stringify(commentPayload(words)) });
  };
  await send("comment-1", "/agent fix");
  await first.intake.handle("comment-1", AbortSignal.timeout(20_000));

  const owing = createOwing(deliveries);
  const working = intakeWorld({ ...parts, ...owing });
  for (const [id, words] of [
    ["comment-2", "/agent stop"],
    ["comment-3", "/agent status"],
  ] as const) {
    await send(id, words);
    await working.intake.handle(id, AbortSignal.timeout(20_000));
  }
  const stops = async () =>
    (await first.log.read((await first.only()).runId)).filter(({ event }) => event.type === "stop.requested").length;
  expect(await stops()).toBe(1);
  expect(await deliveries.pending()).toEqual(["comment-2", "comment-3"]);

  const next = intakeWorld(parts);
  for (const id of await deliveries.pending()) await next.intake.handle(id, AbortSignal.timeout(20_000));
  expect(await deliveries.pending()).toEqual([]);
  expect(await stops()).toBe(1);
  expect(next.publisher.acknowledged).toHaveLength(2);
  expect(next.publisher.kinds).toEqual(["status"]);
});

test("how often the workflow has started itself is counted anew when a person says something, and not when Baton does", async () => {
  await using undo = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "baton-again-"));
  undo.defer(() => rm(home, { recursive: true, force: true }));
  const playground = undo.use(
    await openPlayground({
      apps: [actionsApp],
      users: [actionsBot, { login: "maria", tokens: ["token-of-maria"] }],
    }),
  );
  await playground.addRepository({ owner: "octo", name: "tab", from: { a: "b" }, collaborators: { maria: "admin" } });
  const repo = "octo/tab";
  const { id } = playground.repository(repo);
  const { number } = await playground.openIssue({ repo, title: "A bug", body: "It is wrong.", as: "maria" });
  await prepareDatabase(join(home, "database"));
  const notes = { self: { slug: "github-actions", login: actionsBot.login }, since: 0, again: 2 };
  await writeFile(join(home, "notes.json"), JSON.stringify(notes));
  const event = join(home, "event.json");
  await writeFile(event, JSON.stringify({ repository: { id, full_name: repo, default_branch: "main" } }));
  const token = await mintJobToken(playground.apiUrl, id, { issues: "write", "pull-requests": "write" });
  const source = {
    ...inJob,
    GITHUB_EVENT_NAME: "workflow_dispatch",
    GITHUB_EVENT_PATH: event,
    BATON_MODE: "begin",
    BATON_SUBJECT: String(number),
    BATON_HOME: home,
    GITHUB_API_URL: playground.apiUrl,
    GITHUB_TOKEN: token,
  };
  const action = readActionEnv(source);
  const env = readEnv(["token"], source);
  await using baton = await openActionBaton(action, env, silentLog);
  const begin = () =>
    beginJob({ action, env, subject: number, baton, journal: silentLog, signal: never, print: () => undefined });
  await fetch(`${playground.apiUrl}/repos/${repo}/issues/${number}/comments`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ body: "Which of the two do you mean?" }),
  });
  expect(playground.comments({ repo, number }).map(({ body }) => body)).toHaveLength(1);
  await begin();
  expect(baton.notes.again).toBe(2);
  playground.comment({ repo, number, body: "The first one.", as: "maria" });
  await begin();
  expect(baton.notes.again).toBe(0);
});

test("with an App's token it acts as that App, whose pull requests start CI; without the App's name it says what is missing", async () => {
  const permissions = { contents: "write", issues: "write", metadata: "read", pull_requests: "write" } as const;
  await using town = await openTown({
    apps: [{ id: 77, slug: "conductor", publicKey, installationId: 555, permissions }],
  });
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "baton-app-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const at = { repo: "octo/tab", number: 0 };
  const { id } = town.playground.repository(at.repo);
  ({ number: at.number } = await town.playground.openIssue({ ...at, title: "A bug", body: "Wrong.", as: "maria" }));
  const event = join(folder, "event.json");
  await writeFile(event, JSON.stringify({ repository: { id, full_name: at.repo, default_branch: "main" } }));
  const open = async (more: Readonly<Record<string, string>>) => {
    const home = await mkdtemp(join(folder, "home-"));
    await prepareDatabase(join(home, "database"));
    const source = {
      ...inJob,
      GITHUB_EVENT_NAME: "workflow_dispatch",
      GITHUB_EVENT_PATH: event,
      BATON_MODE: "begin",
      BATON_SUBJECT: String(at.number),
      BATON_HOME: home,
      BATON_JOB_TOKEN: "the-token-of-the-job",
      GITHUB_API_URL: town.playground.apiUrl,
      GITHUB_TOKEN: await town.token(),
      ...more,
    };
    const [action, env] = [readActionEnv(source), readEnv(["token"], source)];
    return { action, env, baton: await openActionBaton(action, env, silentLog) };
  };
  await expect(open({})).rejects.toThrow(/the input token is an App's.*give it as app-slug/);
  const { action, env, baton } = await open({ BATON_APP_SLUG: "conductor" });
  await using _ = baton;
  expect(baton.notes.self.login).toBe("conductor[bot]");
  expect(baton.links.startsNoChecks).toBeUndefined();
  town.playground.comment({ ...at, body: "/agent status", as: "maria" });
  await baton.keepNotes({ ...baton.notes, since: 0 });
  // What it has answered it knows again, and its own words are nobody's command.
  for (let times = 0; times < 2; times += 1)
    await beginJob({ action, env, subject: at.number, baton, journal: silentLog, signal: never, print: () => {} });
  expect(town.playground.comments(at).map(({ by }) => by.account.login)).toEqual(["maria", "conductor[bot]"]);
});

test("without an App's installation a comment counts only where Baton works with a token", async () => {
  const { installation: _, ...payload } = commentPayload("/agent fix");
  const closed = intakeWorld();
  expect(await closed.send("issue_comment", payload)).toContain("names no installation");
  const open = intakeWorld({ byToken: true });
  expect(await open.send("issue_comment", payload)).toContain("started");
});

test("what was said since a moment are the deliveries that GitHub would have sent, each once", async () => {
  await using playground = await openPlayground({ users: [{ login: "maria", tokens: ["token-of-maria"] }] });
  await playground.addRepository({ owner: "octo", name: "tab", from: { a: "b" }, collaborators: { maria: "admin" } });
  const repo = "octo/tab";
  const { number } = await playground.openIssue({ repo, title: "A bug", body: "It is wrong.", as: "maria" });
  const at = { repo, number };
  playground.comment({ ...at, body: "/agent fix", as: "maria" });
  const known = playground.comment({ ...at, body: "/agent pause", as: "maria" });
  playground.comment({ ...at, body: "/agent stop", as: "passer-by" });
  const requests = await jobRequests("token-of-maria", playground.apiUrl, silentLog);
  const parts = {
    requests,
    repo: { id: playground.repository(repo).id, owner: "octo", name: "tab" },
    known: (ids: readonly string[]) => Promise.resolve(new Set(ids.filter((id) => id === `comment-${known.id}`))),
  };
  const news = await newsSince(parts, { at: Date.parse(known.createdAt), issue: number, pull: undefined });
  const intents = news.map(({ name, payload }) => translate(name, JSON.parse(payload), self));
  expect(intents).toMatchObject([
    { type: "intent", intent: { door: "comment", actor: { person: { login: "maria" } } } },
    { type: "intent", intent: { door: "comment", actor: { person: { login: "passer-by" } } } },
  ]);
  expect(await newsSince(parts, { at: Date.now() + 60_000, issue: number, pull: undefined })).toEqual([]);
});

test("a branch says which issue it is of", () => {
  expect(issueOfBranch("baton/issue-12-a-lost-cent")).toBe(12);
  expect(issueOfBranch("baton/setup-7")).toBe(7);
  for (const name of ["main", "baton/issue-", "baton/issue-12x", "x/baton/issue-12", "baton/issue-0"])
    expect(issueOfBranch(name)).toBeUndefined();
});

test("outside of a job, and with inputs that cannot be, it says what to do", () => {
  expect(() => readActionEnv({})).toThrow(/inside a job of GitHub Actions only.*baton run/);
  const job = { ...inJob, BATON_MODE: "work", BATON_SUBJECT: "" };
  expect(readActionEnv(job)).toMatchObject({ workflow: ".github/workflows/baton.yml", subject: undefined });
  expect(() => readActionEnv({ ...job, BATON_MODE: "deploy" })).toThrow(/BATON_MODE must be one of begin, work/);
  expect(() => readActionEnv({ ...job, BATON_SUBJECT: "12; rm" })).toThrow(/BATON_SUBJECT must be the number/);
  const rule = { ...job, ANTHROPIC_FEDERATION_RULE_ID: "fdrl_1" };
  expect(() => readActionEnv(rule)).toThrow(/without `organization`/);
  expect(() => readActionEnv({ ...rule, ANTHROPIC_ORGANIZATION_ID: "o" })).toThrow(/id-token: write/);
});
