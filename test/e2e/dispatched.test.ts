// A server that decides and jobs of GitHub Actions that work, over real HTTP: the documented workflow, the action it names, the runner
// stand-in that plays it, and a server that holds no model's key and works nothing itself.
import { createServer } from "node:http";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBaton, type Baton } from "#src/baton.ts";
import { createKeys } from "#src/cli/demo-keys.ts";
import { listen } from "#src/cli/listen.ts";
import { silentLog } from "#src/core/log.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import type { RecordedEvent } from "#src/engine/events.ts";
import { readEnv, type Env } from "#src/env.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { actionsApp, actionsBot } from "#test/support/actions-identity.ts";
import { openActions, type ActionsRunner } from "#test/support/actions-runner.ts";
import { openModelExchange, type ModelExchange } from "#test/support/model-exchange.ts";
import { needs } from "#test/support/needs.ts";
import { quickSample } from "#test/support/sample.ts";
import { until } from "#test/support/until.ts";

const repo = "octo/tab";
const root = join(import.meta.dirname, "../..");
const workflow = ".github/workflows/baton.yml";
const secret = "a-webhook-secret-for-tests";
const audience = "https://api.anthropic.com";
const modelKey = "the-key-of-the-model-for-tests";
const patience = { milliseconds: 120_000 };

let undo: AsyncDisposableStack;
let playground: Playground;
let model: ScriptedModel;
let exchange: ModelExchange;
let actions: ActionsRunner;
let baton: Baton;
/** The server, which is stopped by disposing it, and started again. */
let serving: AsyncDisposableStack;
let serve: (change?: Partial<Env>) => Promise<void>;
/** Where a server and its jobs may work. */
const sandbox = (await needs("bubblewrap")) ? "required" : "none";
let port = 0;
/** The documented workflow, for this server and this model. */
let text = "";
/** While true the fixer's second reply does not come. */
let held = false;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = server.address();
  server.close();
  await once(server, "close");
  return typeof at === "object" && at !== null ? at.port : 0;
}

beforeAll(async () => {
  undo = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "baton-dispatched-"));
  undo.defer(() => rm(home, { recursive: true, force: true, maxRetries: 3 }));
  const { publicKey, privateKey } = createKeys();
  const permissions = {
    actions: "write",
    checks: "write",
    issues: "write",
    pull_requests: "write",
    contents: "write",
    metadata: "read",
  } as const;
  playground = undo.use(
    await openPlayground({
      apps: [{ id: 1, slug: "baton", publicKey, installationId: 1, permissions }, actionsApp],
      users: [{ login: "maria" }, actionsBot],
    }),
  );
  const usual = sampleScript();
  model = undo.use(
    await openScriptedModel({
      script: (call) =>
        held && call.agent === "fixer" && call.turn === 2
          ? { fixer: [[{ text: "" }, { hang: "before" }]] }
          : usual(call),
    }),
  );
  exchange = undo.use(
    await openModelExchange(model.url, { issuer: () => actions.issuer.url, audience, rule: "fdrl_1" }),
  );
  port = await freePort();
  const server = `http://127.0.0.1:${port}`;
  const documented = await readFile(join(root, "docs/actions/dispatched.yml"), "utf8");
  text = documented
    .replace("https://SERVER", server)
    .replace(/^( +)server: .*$/m, `$&\n$1anthropic-base-url: ${model.url}`);
  for (const [name, from] of Object.entries({ tab: { ...(await quickSample()), [workflow]: text }, own: { a: "b" } }))
    await playground.addRepository({
      owner: "octo",
      name,
      from,
      labels: ["bug", "enhancement"],
      collaborators: { maria: "maintain" },
    });
  actions = undo.use(
    await openActions({
      playground,
      repo,
      workflow,
      actions: { "OWNER/baton/dispatched@v1": join(root, "dispatched") },
      secrets: { ANTHROPIC_API_KEY: modelKey },
      env: { BATON_SANDBOX: sandbox, LOG_LEVEL: "warn" },
    }),
  );
  const env = {
    ...readEnv([], {}),
    app: { id: 1, privateKey, webhookSecrets: [secret] },
    apiUrl: playground.apiUrl,
    serverUrl: playground.url,
    dispatch: { which: "always", server, issuer: actions.issuer.url } as const,
    home,
    secrets: [secret, privateKey],
  };
  serve = async (change = {}) => {
    await using starting = new AsyncDisposableStack();
    baton = starting.use(await openBaton({ ...env, ...change }, silentLog, "all", { jobLeaseMs: 4_000 }));
    starting.use(await listen(baton, { host: "127.0.0.1", port }));
    serving = starting.move();
  };
  await serve();
  undo.defer(async () => serving.disposeAsync());
  playground.deliverTo(`${server}/api/github/webhooks`, secret, "baton");
}, 60_000);
afterAll(async () => undo.disposeAsync());

/** What stands in front of a server that is away. */
async function inItsPlace(): Promise<AsyncDisposable & { readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>");
  }).listen(port, "127.0.0.1");
  await once(proxy, "listening");
  return {
    asked,
    async [Symbol.asyncDispose]() {
      const closed = once(proxy, "close");
      proxy.close();
      proxy.closeAllConnections();
      await closed;
    },
  };
}

async function openIssue(): Promise<number> {
  const { title, body } = sampleIssues.first;
  return (await playground.openIssue({ repo, title, body, as: "maria" })).number;
}

/** The run about an issue, when it has ended and all of it is shown. */
async function ended(number: number): Promise<{ state: State; events: RecordedEvent[]; card: string }> {
  const line = await until(
    async () =>
      (await baton.store.log.list({ limit: 10 })).find(
        ({ subject, finishedAt }) => subject === number && finishedAt !== undefined,
      ),
    { ...patience, what: () => JSON.stringify(actions.runs.flatMap(({ jobs }) => jobs.map(({ log }) => log))) },
  );
  await actions.idle();
  await baton.engine.projection.settle(line.run);
  const events = await baton.store.log.read(line.run);
  const state = fold(events);
  const card =
    playground.comments({ repo, number }).find(({ body }) => body.includes(`<!-- baton:status:${state.runId} -->`))
      ?.body ?? "";
  return { state, events, card };
}

describe("a run that jobs of GitHub Actions work", () => {
  test("ends in a draft pull request though its first job is lost and its server starts again under the second, by jobs that may only read, and nothing finished is paid for again", async () => {
    held = true;
    const inFix = () => model.calls.some(({ agent, turn }) => agent === "fixer" && turn === 2);
    actions.killOnce("work", () => {
      if (inFix()) held = false;
      return inFix();
    });
    const number = await openIssue();
    const seconds = () => model.calls.filter(({ agent, turn }) => agent === "fixer" && turn === 2).length;
    await until(() => seconds() === 2, {
      ...patience,
      what: "the second job does not come to where the first was lost",
    });
    await serving.disposeAsync();
    {
      // Away for longer than its lease, and while it has something to record.
      await using away = await inItsPlace();
      await until(() => away.asked.includes("POST /api/jobs/events"), patience);
      await until(() => away.asked.filter((what) => what === "POST /api/jobs/beat").length > 4, patience);
    }
    await serve();
    const { state, events, card } = await ended(number);
    const jobs = actions.runs.flatMap((run) => run.jobs);
    const [lost, job] = jobs;
    expect(state.finished, job?.log).toMatchObject({ outcome: "succeeded" });
    expect(jobs.map(({ result }) => result)).toEqual(["failure", "success"]);
    expect(playground.pulls(repo)).toHaveLength(1);
    expect(await playground.duplicates(repo)).toEqual([]);
    const calls = (agent: string) => model.calls.filter((call) => call.agent === agent).length;
    expect([calls("triager"), calls("reproducer"), calls("debugger")]).toEqual([1, 4, 2]);
    expect(seconds()).toBe(2);
    expect(firstDifference(events)).toBeUndefined();

    const pages = actions.runs.map(({ run }) => `${playground.url}/octo/tab/actions/runs/${run.id}`);
    expect(events.flatMap(({ event }) => (event.type === "run.driven" ? [event.job] : []))).toEqual(pages);
    expect(card).toContain(`worked in [a job of Actions](${pages[1]})`);
    expect(job?.summary).toContain("Succeeded");
    expect(job?.log).toContain("Draft pull request opened");
    expect(lost?.log).toContain("fix");
    for (const { log, permissions, token } of jobs) {
      expect(permissions).toEqual({ contents: "read", "id-token": "write" });
      for (const hidden of [modelKey, ...actions.issuer.given]) expect(log).not.toContain(hidden);
      // Its token has fetched the code, and done nothing else.
      const asked = playground.journal.filter((entry) => JSON.stringify(entry).includes(token));
      expect(asked.length).toBeGreaterThan(0);
      expect(asked.filter(({ door }) => door !== "git")).toEqual([]);
    }
  }, 170_000);

  test("asks the model without a key where the workflow names a rule, and ends at once when a person stops it meanwhile", async () => {
    const federated = text
      .replace(/anthropic-api-key: .*$/m, "federation-rule: fdrl_1\n          organization: org-1")
      .replace(model.url, exchange.url);
    expect(federated).not.toContain("ANTHROPIC_API_KEY");
    await playground.push({ repo, as: "maria", branch: "main", files: { [workflow]: federated } });
    held = true;
    const before = model.calls.length;
    const number = await openIssue();
    const inFix = () => model.calls.slice(before).some(({ agent, turn }) => agent === "fixer" && turn === 2);
    await until(inFix, patience);
    playground.comment({ repo, number, body: "/agent stop", as: "maria" });
    const { state, card } = await ended(number);
    expect(state.finished).toMatchObject({ outcome: "cancelled", code: "stopped" });
    expect(card).toContain("Cancelled");
    const [job] = actions.runs.at(-1)?.jobs ?? [];
    expect(job, job?.log).toMatchObject({ result: "success", log: expect.stringContaining("has ended") });

    expect(exchange.exchanges[0]).toMatchObject({ organization_id: "org-1", federation_rule_id: "fdrl_1" });
    expect(exchange.refused).toEqual([]);
    for (const hidden of [...exchange.given, ...actions.issuer.given]) expect(job?.log).not.toContain(hidden);
  }, 170_000);

  test("is one whose repository asks for them, where the operator lets repositories say; the server works the others itself", async () => {
    const asks = { [workflow]: text, ".github/baton.yml": "runsOn:\n  workflow: baton.yml\n" };
    await playground.push({ repo, as: "maria", branch: "main", files: asks });
    await serving.disposeAsync();
    await serve({
      dispatch: { which: "asked", server: `http://127.0.0.1:${port}`, issuer: actions.issuer.url },
      model: { apiKey: "the-key-of-the-server", baseURL: model.url },
      sandbox,
    });
    const before = actions.runs.length;
    const about = { title: "Hm", body: "What is this for?", as: "maria" };
    const asked = await playground.openIssue({ repo, ...about });
    const other = await playground.openIssue({ repo: "octo/own", ...about });
    const drivenBy = async (name: string, number: number) => {
      const line = (await baton.store.log.list({ limit: 10 })).find(
        (one) => one.repo.name === name && one.subject === number && one.dueAt === undefined,
      );
      const events = line && (await baton.store.log.read(line.run));
      return events?.flatMap(({ event }) => (event.type === "run.driven" ? [event.job] : []));
    };
    const byJob = await until(async () => await drivenBy("tab", asked.number), patience);
    expect(await until(async () => await drivenBy("own", other.number), patience)).toEqual([undefined]);
    await actions.idle();
    const [run, ...more] = actions.runs.slice(before);
    expect(more).toEqual([]);
    expect(byJob).toEqual([`${playground.url}/octo/tab/actions/runs/${run?.run.id}`]);
  }, 170_000);
});
