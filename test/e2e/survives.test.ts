// Baton as a server of its own process, killed and stopped in the middle of a run: the next one goes on, and nothing is done twice.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { execute } from "#src/core/exec.ts";
import { createKeys } from "#src/cli/demo-keys.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { createLeases } from "#src/workspace/lease.ts";
import { startBaton, type BatonProcess } from "#test/support/baton-process.ts";
import { needs } from "#test/support/needs.ts";
import { prepareDatabase } from "#test/support/prepared-database.ts";
import { quickSample } from "#test/support/sample.ts";

const sandbox = (await needs("bubblewrap")) ? "required" : "none";
const secret = "a-webhook-secret-for-tests";
const repo = "octo/tab";
const issue = { repo, number: 1 };

let home: string;
let playground: Playground;
let model: ScriptedModel;
let keys: ReturnType<typeof createKeys>;
/** While true the fixer's first reply does not come. */
let held: boolean;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "baton-survives-"));
  await prepareDatabase(join(home, "database"));
  keys = createKeys();
  const permissions = { issues: "write", pull_requests: "write", contents: "write", metadata: "read" } as const;
  playground = await openPlayground({
    apps: [{ id: 1, slug: "baton", publicKey: keys.publicKey, installationId: 1, permissions }],
    users: [{ login: "maria" }],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: await quickSample(),
    labels: ["bug"],
    collaborators: { maria: "maintain" },
  });
  held = true;
  const usual = sampleScript();
  model = await openScriptedModel({
    script: (call) =>
      held && call.agent === "fixer" && call.turn === 2 ? { fixer: [[{ text: "" }, { hang: "before" }]] } : usual(call),
  });
});

afterEach(async () => {
  await model[Symbol.asyncDispose]();
  await playground[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function start(): Promise<BatonProcess> {
  const baton = startBaton(["serve"], {
    PORT: "0",
    APP_ID: "1",
    PRIVATE_KEY: keys.privateKey,
    WEBHOOK_SECRET: secret,
    GITHUB_API_URL: playground.apiUrl,
    GITHUB_SERVER_URL: playground.url,
    ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
    ANTHROPIC_BASE_URL: model.url,
    BATON_HOME: home,
    BATON_SANDBOX: sandbox,
    LOG_LEVEL: "warn",
  });
  const [address] = await baton.says(/http:\/\/127\.0\.0\.1:\d+/);
  playground.deliverTo(`${address}/api/github/webhooks`, secret);
  return baton;
}

const calls = (agent: string) => model.calls.filter((call) => call.agent === agent).length;
const inFix = () =>
  vi.waitUntil(() => model.calls.some(({ agent, turn }) => agent === "fixer" && turn === 2), { timeout: 60_000 });
/** The pull request is open, the card says so, and so does the one comment of its own. */
const published = () =>
  vi.waitUntil(
    () =>
      playground.pulls(repo).length > 0 &&
      playground.comments(issue).length > 1 &&
      playground.comments(issue).some(({ body }) => body.includes("Succeeded")),
    { timeout: 60_000 },
  );

async function openIssue(): Promise<void> {
  await playground.openIssue({ repo, title: sampleIssues.first.title, body: sampleIssues.first.body, as: "maria" });
}

function expectOnce(): void {
  expect(playground.pulls(repo)).toHaveLength(1);
  const cards = playground.comments(issue).filter(({ body }) => body.includes("<!-- baton:status:"));
  expect(cards).toHaveLength(1);
  expect(playground.comments(issue)).toHaveLength(2);
  expect([calls("triager"), calls("reproducer"), calls("debugger"), calls("reviewer")]).toEqual([1, 4, 2, 2]);
  expect(model.unscripted).toEqual([]);
}

describe("a run", () => {
  // SIGTERM: cluster.test.ts in the middle of a turn, and the experiment S26 at boundaries all over a run.
  test("goes on after SIGKILL in the middle of a turn; no finished stage is paid for again", async () => {
    {
      await using first = await start();
      await openIssue();
      await inFix();
      first.kill("SIGKILL");
      expect(await first.exit).toBe(null);
    }
    expect(playground.pulls(repo)).toEqual([]);
    held = false;
    await using _second = await start();
    await published();
    await playground.settled();
    expectOnce();
    expect((await readdir(join(home, "workspaces"))).filter((name) => !name.startsWith("."))).toEqual([]);
  });

  test("that ended while GitHub was away is shown as ended by the next server", async () => {
    held = false;
    playground.setFault(({ method, body }) =>
      method === "PATCH" && JSON.stringify(body ?? "").includes("Succeeded") ? { status: 502 } : undefined,
    );
    {
      await using first = await start();
      await openIssue();
      await vi.waitUntil(() => playground.journal.some(({ method, faulty }) => method === "PATCH" && faulty), {
        timeout: 60_000,
      });
      first.kill("SIGKILL");
      await first.exit;
    }
    const card = () => playground.comments(issue).find(({ body }) => body.includes("<!-- baton:status:"))?.body ?? "";
    expect(card()).not.toContain("Succeeded");
    // As if it had died right behind the end: a clone is left, of which only the run's events know that nobody wants it.
    const run = /baton:status:(run-[0-9a-z-]+)/.exec(card())?.[1] ?? "";
    const leases = createLeases(home, execute, 600_000);
    await leases.park(await leases.take("workspaces", `${run}/fix`), Date.now());
    const clones = async () =>
      (await readdir(join(home, "workspaces"), { withFileTypes: true })).filter((one) => one.isDirectory());
    expect(await clones()).toHaveLength(1);
    playground.setFault(undefined);
    await using _second = await start();
    await published();
    expect(card()).toContain("Succeeded");
    expect(await clones()).toEqual([]);
  });

  test("whose webhook was kept but not worked begins at the next start, once", async () => {
    {
      await using first = await start();
      // The answer to the delivery comes after it was kept: killing at once leaves it to the next start.
      const kept = vi.waitUntil(
        () => playground.deliveries.some(({ event, status }) => event === "issues" && status === 202),
        { timeout: 20_000, interval: 1 },
      );
      await openIssue();
      await kept;
      first.kill("SIGKILL");
      await first.exit;
    }
    await using _second = await start();
    await inFix();
    await playground.settled();
    expect([calls("triager"), calls("reproducer"), calls("debugger")]).toEqual([1, 4, 2]);
    expect(playground.comments(issue).filter(({ body }) => body.includes("<!-- baton:status:"))).toHaveLength(1);
  });
});

test("a server says that it is alive and ready, and takes no delivery that is not signed", async () => {
  await using baton = await start();
  const [address] = await baton.says(/http:\/\/127\.0\.0\.1:\d+/);
  expect((await fetch(`${address}/healthz`)).status).toBe(200);
  expect((await fetch(`${address}/readyz`)).status).toBe(200);
  expect((await fetch(`${address}/nowhere`)).status).toBe(404);
  const forged = await fetch(`${address}/api/github/webhooks`, {
    method: "POST",
    body: "{}",
    headers: { "content-type": "application/json", "x-github-event": "issues", "x-github-delivery": "1" },
  });
  expect(forged.status).toBe(401);
});
