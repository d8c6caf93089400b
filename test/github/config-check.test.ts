// The check run about a repository's files for Baton, by an App on the playground.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKeys } from "#src/cli/demo-keys.ts";
import { systemClock } from "#src/core/clock.ts";
import { sha, type Sha } from "#src/core/ids.ts";
import { silentLog, type Log } from "#src/core/log.ts";
import type { Publisher } from "#src/engine/ports.ts";
import type { OctokitFor } from "#src/github/client.ts";
import { createPublisher } from "#src/github/publisher.ts";
import type { TokenRequest } from "#src/intake/installation-tokens.ts";
import { openWebhooks, type AppWebhooks } from "#src/intake/probot-app.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import "#test/support/described.ts";

const name = "octo/tab";
const { publicKey, privateKey } = createKeys();
const others = { issues: "write", pull_requests: "write", contents: "write", metadata: "read" } as const;
const problem = (line: number) => `.github/baton.yml:${line}:3: unknown key "comands" — did you mean "commands"?`;

let undo: AsyncDisposableStack;
let playground: Playground;
let webhooks: AppWebhooks;
let repo: Parameters<Publisher["checkConfig"]>[0];
let commit: Sha;
const said: string[] = [];
const log: Log = { ...silentLog, info: (message) => void said.push(message) };

async function open(permissions: NonNullable<TokenRequest["permissions"]>): Promise<void> {
  undo = new AsyncDisposableStack();
  said.length = 0;
  playground = undo.use(
    await openPlayground({
      apps: [{ id: 1, slug: "baton", publicKey, installationId: 1, permissions }],
      users: [{ login: "octo", type: "Organization" }],
    }),
  );
  await playground.addRepository({ owner: "octo", name: "tab", from: { ".github/baton.yml": "comands: {}\n" } });
  commit = sha((await playground.refs(name))["refs/heads/main"] ?? "");
  const { id } = playground.repository(name);
  repo = { id, owner: "octo", name: "tab", private: false, defaultBranch: "main", cloneUrl: "", installationId: 1 };
  webhooks = undo.use(
    await openWebhooks({
      appId: 1,
      privateKey,
      secrets: ["a secret"],
      apiUrl: playground.apiUrl,
      deliveries: { keep: () => Promise.resolve("kept") },
      stored: () => Promise.resolve(),
      log: silentLog,
    }),
  );
}

/** The publisher of a process that remembers nothing. */
function publisher(): Publisher {
  const clients = (permissions: TokenRequest["permissions"]): OctokitFor => {
    return ({ id }, rejected) => webhooks.clientFor(1, { repositoryId: id, permissions }, rejected);
  };
  return createPublisher({
    octokitFor: clients(others),
    checksFor: clients({ checks: "write", metadata: "read" }),
    outbox: createMemoryOutbox(systemClock),
    workspaces: new GitWorkspaces(playground.url),
    redact: (text) => text,
    self: { login: "baton[bot]", id: undefined, appId: 1 },
    links: { serverUrl: playground.url },
    log,
  });
}

afterEach(() => undo[Symbol.asyncDispose]());

describe("with the permission", () => {
  beforeEach(() => open({ ...others, checks: "write" }));

  test("what is in order is a success, with what was left aside", async () => {
    const warning = '.github/baton/agents/artist.md:4:8: the tool "WebFetch" is ignored';
    await publisher().checkConfig(repo, commit, { problems: [], warnings: [warning] });
    expect(playground.checkRuns(name)).toEqual([
      expect.objectContaining({
        name: "Baton / config",
        headSha: commit,
        status: "completed",
        conclusion: "success",
        annotations: [expect.objectContaining({ path: ".github/baton/agents/artist.md", annotation_level: "warning" })],
      }),
    ]);
  });

  test("what is not is a failure with each problem at its line, once for each commit", async () => {
    const found = { problems: [problem(1)], warnings: [] };
    const mine = publisher();
    await mine.checkConfig(repo, commit, found);
    await mine.checkConfig(repo, commit, found);
    const [run, ...more] = playground.checkRuns(name);
    expect(more).toEqual([]);
    expect(run).toMatchObject({ conclusion: "failure", title: "1 problem to mend" });
    expect(run?.annotations).toEqual([
      {
        path: ".github/baton.yml",
        start_line: 1,
        end_line: 1,
        start_column: 3,
        end_column: 3,
        annotation_level: "failure",
        message: 'unknown key "comands" — did you mean "commands"?',
      },
    ]);
  });

  test("a problem in another repository is told, but has no line here", async () => {
    const elsewhere = 'octo/.github:.github/baton.yml:1:1: unknown key "comands" — did you mean "commands"?';
    await publisher().checkConfig(repo, commit, { problems: [elsewhere], warnings: [] });
    const [run] = playground.checkRuns(name);
    expect(run).toMatchObject({ conclusion: "failure", annotations: [], summary: expect.stringContaining("comands") });
  });

  test("asked to run again it says the same once more, on the same check run", async () => {
    const mine = publisher();
    await mine.checkConfig(repo, commit, { problems: [problem(1)], warnings: [] });
    const { id, summary } = { ...playground.checkRuns(name)[0] };
    expect(await mine.showChecksAgain(repo, commit)).toBe(1);
    expect(playground.checkRuns(name)).toMatchObject([{ id, summary, status: "completed", conclusion: "failure" }]);
    expect(playground.checkRuns(name)[0]?.annotations).toHaveLength(1);
  });

  test("more problems than one request takes come in several, and count up to a bound", async () => {
    const problems = Array.from({ length: 230 }, (_, index) => problem(index + 1));
    await publisher().checkConfig(repo, commit, { problems, warnings: [] });
    const [run] = playground.checkRuns(name);
    expect(run).toMatchObject({ conclusion: "failure", summary: expect.stringContaining("and 30 more") });
    expect(run?.annotations).toHaveLength(200);
  });
});

test("an App that may not write check runs writes none, says so in its log, and goes on with the rest", async () => {
  await open(others);
  const mine = publisher();
  await mine.checkConfig(repo, commit, { problems: [problem(1)], warnings: [] });
  expect(playground.checkRuns(name)).toEqual([]);
  expect(said).toEqual([expect.stringContaining("checks: write")]);
  await mine.showConfig(repo, { type: "broken", commit, problems: [problem(1)] });
  expect(playground.repository(name).issues.size).toBe(1);
});
