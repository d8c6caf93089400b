// The App publishes while things happen to its token, its installation, the repository and the issue: against the playground.
import { rm } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createKeys } from "#src/cli/demo-keys.ts";
import { systemClock } from "#src/core/clock.ts";
import { execute } from "#src/core/exec.ts";
import { onFaultPoint } from "#src/core/fault-points.ts";
import { sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import type { OctokitFor } from "#src/github/client.ts";
import { createProjection, type GitHubProjection } from "#src/github/projection.ts";
import { createPublisher } from "#src/github/publisher.ts";
import type { Publisher } from "#src/engine/ports.ts";
import { openWebhooks, type AppWebhooks } from "#src/intake/probot-app.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { bareRepository, writeCommit } from "#test/support/breaking-github.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { RunScript } from "#test/support/recorded-run.ts";

const { publicKey, privateKey } = createKeys();
const permissions = { issues: "write", pull_requests: "write", contents: "write", metadata: "read" } as const;

interface World extends AsyncDisposable {
  readonly playground: Playground;
  readonly webhooks: AppWebhooks;
  readonly publisher: Publisher;
  readonly projection: GitHubProjection;
  readonly script: RunScript;
  readonly at: { repo: string; number: number };
  /** The tokens that were asked for, and given back, so far. */
  minted(): number;
  revoked(): number;
}

let world: World | undefined;
afterEach(async () => {
  await world?.[Symbol.asyncDispose]();
  world = undefined;
});

async function openWorld(options: { tokenLifetimeMs?: number } = {}): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const playground = undo.use(
    await openPlayground({
      apps: [{ id: 1, slug: "baton", publicKey, installationId: 1, permissions }],
      users: [
        { login: "octo", type: "Organization" },
        { login: "maria", id: 7 },
      ],
      ...options,
    }),
  );
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { "src/split.js": "floor\n" },
    labels: ["bug"],
    collaborators: { maria: "admin" },
  });
  const { number } = await playground.openIssue({
    repo: "octo/tab",
    title: "Splitting loses a cent",
    body: "…",
    as: "maria",
  });
  const base = sha((await playground.refs("octo/tab"))["refs/heads/main"] ?? "");
  const folder = bareRepository();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  await execute(
    {
      argv: ["git", "fetch", "-q", `${playground.url}/octo/tab.git`, "main:refs/heads/main"],
      cwd: folder,
      env: { PATH: "/usr/bin:/bin" },
      timeoutMs: 20_000,
    },
    new AbortController().signal,
  );
  const head = writeCommit(folder, { "src/split.js": "floor and rest\n" }, [base]);
  const maria = { login: "maria", id: 7 };
  const { id } = playground.repository("octo/tab");
  const script = new RunScript({
    repo: {
      id,
      owner: "octo",
      name: "tab",
      private: false,
      defaultBranch: "main",
      cloneUrl: `${playground.url}/octo/tab.git`,
      installationId: 1,
    },
    base: { branch: "main", commit: base },
    subject: { kind: "issue", number, url: `${playground.url}/octo/tab/issues/${number}`, author: maria },
    request: { door: "label", by: maria, quote: "agent" },
  })
    .driven()
    .routed()
    .stage("reproduce", { commit: head })
    .stage("diagnose")
    .stage("fix", { commit: head })
    .stage("verify")
    .stage("review")
    .stage("publish");
  const webhooks = await openWebhooks({
    appId: 1,
    privateKey,
    secrets: ["secret"],
    apiUrl: playground.apiUrl,
    deliveries: { keep: () => Promise.resolve("kept") },
    stored: () => Promise.resolve(),
    log: silentLog,
  });
  undo.use(webhooks);
  const octokitFor: OctokitFor = ({ id: repositoryId }, rejected) =>
    webhooks.clientFor(1, { repositoryId, permissions }, rejected);
  const common = {
    octokitFor,
    outbox: createMemoryOutbox(systemClock),
    redact: (text: string) => text,
    self: { login: "baton[bot]", id: undefined, appId: 1 },
    links: { serverUrl: playground.url },
  };
  const publisher = createPublisher({ ...common, workspaces: new GitWorkspaces(folder), log: silentLog });
  const projection = undo.use(
    createProjection({
      ...common,
      log: { read: (_run, after = 0) => Promise.resolve(script.events.slice(after)) },
      journal: silentLog,
    }),
  );
  const count = (method: string, path: RegExp) =>
    playground.journal.filter((entry) => entry.method === method && path.test(entry.path)).length;
  const opened = undo.move();
  return (world = {
    playground,
    webhooks,
    publisher,
    projection,
    script,
    at: { repo: "octo/tab", number },
    minted: () => count("POST", /access_tokens$/),
    revoked: () => count("DELETE", /^\/installation\/token$/),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  });
}

const signal = new AbortController().signal;

/** Runs `what` before the `at`-th write from now on. */
function beforeWrite(at: number, what: () => Promise<void> | void): Disposable {
  let writes = 0;
  return onFaultPoint(async (point) => {
    if (point === "github.before-write" && (writes += 1) === at) await what();
  });
}

describe("a token", () => {
  test.each([1, 2, 3, 4])(
    "that ends before the %s. write of publishing is replaced; everything is there once",
    async (at) => {
      const w = await openWorld();
      using _ = beforeWrite(at, () => w.playground.expireTokens());
      const answer = await w.publisher.openPullRequest(w.script.state, signal);
      expect(answer).toMatchObject({ type: "opened" });
      expect(w.minted()).toBe(2);
      expect(await w.playground.duplicates()).toEqual([]);
      expect(w.playground.pulls("octo/tab")).toHaveLength(1);
      await w.webhooks[Symbol.asyncDispose]();
      expect(w.revoked()).toBe(1);
    },
  );

  test("of a run that takes longer than tokens live is renewed ahead, and none is ever used when it has ended", async () => {
    // Ten minutes and a moment: each token is at its last minutes soon after it was made.
    const w = await openWorld({ tokenLifetimeMs: 600_200 });
    await w.projection.settle(w.script.state.runId);
    await expect
      .poll(
        async () => {
          await w.publisher.removeLabel(w.script.state.created.repo, w.script.state.created.subject, "none");
          return w.minted();
        },
        { timeout: 10_000, interval: 20 },
      )
      .toBeGreaterThan(2);
    expect(w.playground.journal.filter(({ status }) => status === 401)).toEqual([]);
  });
});

test("a repository that is renamed in the middle is published to under its new name", async () => {
  const w = await openWorld();
  await w.projection.settle(w.script.state.runId);
  using _ = beforeWrite(3, () => w.playground.renameRepository({ repo: "octo/tab", name: "table", as: "maria" }));
  const answer = await w.publisher.openPullRequest(w.script.state, signal);
  if (answer.type !== "opened") throw new Error(answer.message);
  w.script.add(answer.event).finished("succeeded", "verified", "Draft pull request opened.");
  await w.projection.settle(w.script.state.runId);
  expect(w.playground.pulls("octo/table")).toHaveLength(1);
  const bodies = w.playground.comments({ repo: "octo/table", number: w.at.number }).map(({ body }) => body);
  expect(bodies).toHaveLength(2);
  expect(bodies[0]).toContain("### ✅ Succeeded");
  expect(await w.playground.duplicates()).toEqual([]);
});

describe("what became of the place to write to, by its name", () => {
  test.each([
    ["repository-archived", (w: World) => w.playground.archiveRepository({ repo: "octo/tab", as: "maria" })],
    ["installation-suspended", (w: World) => w.playground.suspendInstallation({ as: "maria" })],
    ["repository-gone", (w: World) => w.playground.deleteRepository({ repo: "octo/tab", as: "maria" })],
    ["repository-gone", (w: World) => w.playground.removeFromInstallation({ repo: "octo/tab", as: "maria" })],
    ["installation-removed", (w: World) => w.playground.deleteInstallation({ as: "maria" })],
    ["issue-gone", (w: World) => w.playground.deleteIssue({ ...w.at, as: "maria" })],
    ["issue-locked", (w: World) => w.playground.lockIssue({ ...w.at, as: "maria" })],
  ] as const)("%s", async (trouble, happen) => {
    const w = await openWorld();
    await happen(w);
    const { repo, subject } = w.script.state.created;
    await expect(
      w.publisher.reply(repo, subject, "key", { kind: "nothing-running", quote: "x", next: "y" }),
    ).rejects.toMatchObject({
      kind: "refused",
      trouble,
    });
  });
});
