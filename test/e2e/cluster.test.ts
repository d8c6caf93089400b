// Several processes on one database: one takes webhooks in and works nothing, others work runs; and how each of them stops.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createKeys } from "#src/cli/demo-keys.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { temporaryUrl } from "#test/store/databases.ts";
import { startBaton, type BatonProcess } from "#test/support/baton-process.ts";
import { needs } from "#test/support/needs.ts";
import { quickSample } from "#test/support/sample.ts";

const postgres = await needs("postgres");
const sandbox = (await needs("bubblewrap")) ? "required" : "none";
const secret = "a-webhook-secret-for-tests";
const repo = "octo/tab";
const issue = { repo, number: 1 };
const patience = { timeout: 90_000, interval: 50 };

let undo: AsyncDisposableStack;
let home: string;
let databaseUrl: string;
let playground: Playground;
let model: ScriptedModel;
let keys: ReturnType<typeof createKeys>;
/** The agent whose second reply does not come. */
let held: "fixer" | "reproducer" | undefined;
/** While true the reproducer's second reply is a command that takes a minute. */
let slow: boolean;

beforeEach(async () => {
  undo = new AsyncDisposableStack();
  home = await mkdtemp(join(tmpdir(), "baton-cluster-"));
  undo.defer(() => rm(home, { recursive: true, force: true }));
  databaseUrl = postgres ? undo.use(await temporaryUrl()).url : "";
  keys = createKeys();
  const permissions = { issues: "write", pull_requests: "write", contents: "write", metadata: "read" } as const;
  playground = undo.use(
    await openPlayground({
      apps: [{ id: 1, slug: "baton", publicKey: keys.publicKey, installationId: 1, permissions }],
      users: [{ login: "maria" }],
    }),
  );
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: await quickSample(),
    labels: ["bug"],
    collaborators: { maria: "maintain" },
  });
  held = undefined;
  slow = false;
  const usual = sampleScript();
  model = undo.use(
    await openScriptedModel({
      script: (call) => {
        if (call.turn === 2 && call.agent === held) return { [held]: [[{ text: "" }, { hang: "before" }]] };
        if (call.turn === 2 && call.agent === "reproducer" && slow)
          return { reproducer: [[{ text: "" }, { tools: [{ name: "bash", input: { command: "sleep 60" } }] }]] };
        return usual(call);
      },
    }),
  );
});
afterEach(async () => undo.disposeAsync());

function start(name: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): BatonProcess {
  return startBaton(args, {
    HOST: "127.0.0.1",
    PORT: "0",
    APP_ID: "1",
    PRIVATE_KEY: keys.privateKey,
    GITHUB_API_URL: playground.apiUrl,
    GITHUB_SERVER_URL: playground.url,
    DATABASE_URL: databaseUrl,
    BATON_HOME: join(home, name),
    LOG_LEVEL: "warn",
    ...more,
  });
}
/** Neither a model's key nor a sandbox that works: it needs none. */
const front = () => start("front", ["serve", "--no-worker"], { WEBHOOK_SECRET: secret, BATON_SANDBOX: "required" });
/** No webhook secret: it receives none. */
const worker = (name: string) =>
  start(name, ["worker"], {
    ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
    ANTHROPIC_BASE_URL: model.url,
    BATON_SANDBOX: sandbox,
  });

async function addressOf(baton: BatonProcess): Promise<string> {
  return (await baton.says(/http:\/\/127\.0\.0\.1:\d+/))[0];
}
const figure = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
const published = () =>
  vi.waitUntil(
    () =>
      playground.pulls(repo).length > 0 && playground.comments(issue).some(({ body }) => body.includes("Succeeded")),
    patience,
  );
const within = (name: "fixer" | "reproducer") =>
  vi.waitUntil(() => model.calls.some(({ agent, turn }) => agent === name && turn === 2), patience);
const openIssue = () =>
  playground.openIssue({ repo, title: sampleIssues.first.title, body: sampleIssues.first.body, as: "maria" });

describe.skipIf(!postgres)("processes on one database", () => {
  test("one takes webhooks in, another works the run; both say how it stands, and whoever is left shows its end", async () => {
    // The card can be made, and not edited.
    playground.plan({ seed: 1, rules: [{ kinds: ["502"], methods: ["PATCH"], path: "/issues/comments/" }] });
    await using serving = front();
    const door = await addressOf(serving);
    playground.deliverTo(`${door}/api/github/webhooks`, secret);
    await openIssue();
    const metrics = async (address: string) => (await fetch(`${address}/metrics`)).text();
    await vi.waitUntil(async () => figure(await metrics(door), "baton_runs_due") === 1, patience);
    const before = await metrics(door);
    expect(figure(before, "baton_workers_alive")).toBe(0);
    expect(figure(before, "baton_oldest_due_seconds")).toBeGreaterThan(0);
    expect(model.calls).toEqual([]);

    await using working = worker("one");
    const other = await addressOf(working);
    expect(await (await fetch(`${other}/readyz`)).text()).toBe("ready\n");
    const delivery = await fetch(`${other}/api/github/webhooks`, { method: "POST", body: "{}" });
    expect(delivery.status).toBe(405);
    await vi.waitUntil(async () => /baton_runs_finished\{outcome="succeeded"\} 1/.test(await metrics(door)), patience);
    const after = await metrics(other);
    expect(figure(after, "baton_workers_alive")).toBe(1);
    expect(figure(after, "baton_runs_due")).toBe(0);
    expect(figure(after, "baton_claim_wait_seconds_count")).toBeGreaterThan(0);
    expect(figure(after, "baton_model_spend_dollars_total")).toBeGreaterThan(0);
    expect(figure(after, "process_resident_memory_bytes")).toBeGreaterThan(1_000_000);

    await using list = start("one", ["runs", "--json"]);
    expect(await list.exit, list.stderr()).toBe(0);
    expect(JSON.parse(list.stdout())).toMatchObject([{ state: "succeeded", subject: 1, workflow: "bug" }]);

    working.kill("SIGKILL");
    await working.exit;
    expect(playground.comments(issue).some(({ body }) => body.includes("Succeeded"))).toBe(false);
    playground.plan(undefined);
    await published();
    expect(playground.pulls(repo)).toHaveLength(1);
    expect(model.unscripted).toEqual([]);
  });

  test("a worker that is stopped in the middle of a turn is followed by another one at once", async () => {
    held = "fixer";
    await using serving = front();
    playground.deliverTo(`${await addressOf(serving)}/api/github/webhooks`, secret);
    await using first = worker("one");
    await addressOf(first);
    await openIssue();
    await within("fixer");
    await using second = worker("two");
    await addressOf(second);
    held = undefined;
    const asked = performance.now();
    first.kill("SIGTERM");
    expect(await first.exit).toBe(0);
    expect(performance.now() - asked).toBeLessThan(30_000);
    await published();
    expect(playground.pulls(repo)).toHaveLength(1);
    const calls = (agent: string) => model.calls.filter((call) => call.agent === agent).length;
    expect([calls("triager"), calls("reproducer"), calls("debugger")]).toEqual([1, 4, 2]);
  });

  test("a worker stops within thirty seconds although a tool is at work, and at once when told twice", async () => {
    slow = true;
    await using serving = front();
    playground.deliverTo(`${await addressOf(serving)}/api/github/webhooks`, secret);
    await using first = worker("one");
    await addressOf(first);
    await openIssue();
    await within("reproducer");
    const asked = performance.now();
    first.kill("SIGTERM");
    expect(await first.exit).toBe(0);
    expect(performance.now() - asked).toBeLessThan(30_000);

    const before = model.calls.length;
    await using second = worker("one");
    await addressOf(second);
    await vi.waitUntil(() => model.calls.length > before, patience);
    second.kill("SIGTERM");
    await second.says(/Stopping/);
    const again = performance.now();
    second.kill("SIGTERM");
    expect(await second.exit).toBe(130);
    expect(performance.now() - again).toBeLessThan(2_000);
  });
});

describe("alone", () => {
  test.each([
    ["worker", ["worker"]],
    ["serve --no-worker", ["serve", "--no-worker"]],
  ])("%s says what it lacks", async (_, args) => {
    await using baton = start("alone", args, { DATABASE_URL: "", WEBHOOK_SECRET: secret, ANTHROPIC_API_KEY: "any" });
    expect(await baton.exit).toBe(2);
    expect(baton.stderr()).toMatch(/^DATABASE_URL is missing: several processes share one PostgreSQL/m);
  });

  test("a server with an embedded database tells `baton runs` about it, and nobody else may ask", async () => {
    held = "reproducer";
    const more = {
      WEBHOOK_SECRET: secret,
      DATABASE_URL: "",
      ANTHROPIC_API_KEY: "any-key",
      ANTHROPIC_BASE_URL: model.url,
      BATON_SANDBOX: sandbox,
    };
    await using baton = start("embedded", ["serve"], more);
    playground.deliverTo(`${await addressOf(baton)}/api/github/webhooks`, secret);
    await openIssue();
    await within("reproducer");
    await using list = start("embedded", ["runs"], more);
    expect(await list.exit, list.stderr()).toBe(0);
    expect(list.stdout()).toMatch(/run-\w+\s+octo\/tab#1\s+working\s+reproduce/);
    const [id = ""] = /run-\w+/.exec(list.stdout()) ?? [];
    await using story = start("embedded", ["runs", "show", id], more);
    expect(await story.exit, story.stderr()).toBe(0);
    expect(story.stdout()).toContain("not finished");
    baton.kill("SIGKILL");
    await baton.exit;
    // The socket of a dead server is in nobody's way; now the folder itself is read.
    await using later = start("embedded", ["runs"], more);
    expect(await later.exit, later.stderr()).toBe(0);
    expect(later.stdout()).toContain(id);
  });
});
