// What becomes of the ground a run stands on, as the App sees it: everything that people can do to it in the playground.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKeys } from "#src/cli/demo-keys.ts";
import { systemClock } from "#src/core/clock.ts";
import { execute } from "#src/core/exec.ts";
import { sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent, type EventOf } from "#src/engine/events.ts";
import type { Subjects } from "#src/engine/subjects-port.ts";
import { createSubjects, nothingToLose } from "#src/github/subjects.ts";
import { openWebhooks } from "#src/intake/probot-app.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { createMemoryLog } from "#src/store/memory-log.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import { created } from "#test/support/engine-world.ts";
import "#test/support/described.ts";

const { publicKey, privateKey } = createKeys();
const permissions = { issues: "write", pull_requests: "write", contents: "write", metadata: "read" } as const;
const readOnly = { issues: "read", contents: "read", metadata: "read" } as const;
const repo = "octo/tab";
const as = "maria";

let playground: Playground;
let subjects: Subjects;
let run: EventOf<"run.created">;
let undo: AsyncDisposableStack;

beforeEach(async () => {
  undo = new AsyncDisposableStack();
  playground = undo.use(
    await openPlayground({
      apps: [{ id: 1, slug: "baton", publicKey, installationId: 1, permissions }],
      users: [
        { login: "octo", type: "Organization" },
        { login: as, id: 7 },
      ],
    }),
  );
  for (const name of ["tab", "other"])
    await playground.addRepository({
      owner: "octo",
      name,
      from: { "src/split.js": "floor\n" },
      labels: ["bug"],
      collaborators: { [as]: "admin" },
    });
  const { number } = await playground.openIssue({ repo, title: "Splitting loses a cent", body: "…", as });
  const webhooks = undo.use(
    await openWebhooks({
      appId: 1,
      privateKey,
      secrets: ["s"],
      apiUrl: playground.apiUrl,
      deliveries: { keep: () => Promise.resolve("kept") },
      stored: () => Promise.resolve(),
      log: silentLog,
    }),
  );
  const home = await mkdtemp(join(tmpdir(), "baton-subjects-"));
  undo.defer(() => rm(home, { recursive: true, force: true }));
  const { id } = playground.repository(repo);
  const workspaces = undo.use(
    await createWorkspaces({
      home,
      onHost: execute,
      inSandbox: () => Promise.reject(new Error("nothing runs here")),
      credential: async () =>
        (await webhooks.tokenFor(1, { repositoryId: id, permissions: { contents: "read", metadata: "read" } })).token,
    }),
  );
  subjects = createSubjects({
    self: { login: "baton[bot]", id: undefined, appId: 1 },
    runs: createMemoryLog({ clock: systemClock, parse: (json) => RunEvent.parse(json) }),
    visible: (text) => text.replaceAll(/<!--.*?-->/g, ""),
    octokitFor: ({ id: repositoryId }, rejected) =>
      webhooks.clientFor(1, { repositoryId, permissions: readOnly }, rejected),
    log: silentLog,
    workspaces,
  });
  run = created({
    repo: {
      id,
      owner: "octo",
      name: "tab",
      private: false,
      defaultBranch: "main",
      cloneUrl: `${playground.url}/octo/tab.git`,
      installationId: 1,
    },
    subject: { kind: "issue", number, url: `${playground.url}/${repo}/issues/${number}`, author: { login: as, id: 7 } },
    base: { branch: "main", commit: sha((await playground.refs(repo))["refs/heads/main"] ?? "") },
  });
});
afterEach(() => undo.disposeAsync());

const look = () => subjects.look(run, AbortSignal.timeout(20_000));
const at = () => ({ repo, number: run.subject.number, as });

describe("nothing is lost", () => {
  test("while all is well, and when the base moves on", async () => {
    expect(await look()).toBeUndefined();
    await playground.push({ repo, as, branch: "main", files: { "more.js": "more\n" } });
    expect(await look()).toBeUndefined();
  });

  test("when the repository is renamed: it is followed by its number", async () => {
    await playground.renameRepository({ repo, as, name: "table" });
    expect(await look()).toBeUndefined();
    await playground.addRepository({
      owner: "octo",
      name: "tab",
      from: { a: "another\n" },
      labels: [],
      collaborators: {},
    });
    expect(await look()).toBeUndefined();
  });

  test("by a run about a text and a folder", async () => {
    const local = { ...run, subject: { ...run.subject, kind: "local" as const, number: 0 } };
    expect(await subjects.look(local, AbortSignal.timeout(5_000))).toBeUndefined();
    expect(await nothingToLose.look(run, AbortSignal.timeout(5_000))).toBeUndefined();
  });
});

describe("lost", () => {
  const cases: Record<string, { does: () => Promise<unknown>; loss: string; words: RegExp }> = {
    "the issue is deleted": { does: () => playground.deleteIssue(at()), loss: "issue-gone", words: /no longer there/ },
    "the issue is transferred": {
      does: () => playground.transferIssue({ ...at(), to: "octo/other" }),
      loss: "issue-transferred",
      words: /moved to another repository/,
    },
    "the issue is locked": { does: () => playground.lockIssue(at()), loss: "issue-locked", words: /is locked/ },
    "the repository is deleted": {
      does: () => playground.deleteRepository({ repo, as }),
      loss: "repository-gone",
      words: /no longer there/,
    },
    "the repository is archived": {
      does: () => playground.archiveRepository({ repo, as }),
      loss: "repository-archived",
      words: /archived/,
    },
    "the installation is suspended": {
      does: () => playground.suspendInstallation({ as }),
      loss: "installation-suspended",
      words: /suspended/,
    },
    "the installation is removed": {
      does: () => playground.deleteInstallation({ as }),
      loss: "installation-removed",
      words: /not installed/,
    },
    "the base is force-pushed": {
      does: async () => {
        await playground.push({ repo, as, branch: "elsewhere", files: { "x.js": "x\n" } });
        await playground.push({ repo, as, branch: "unrelated", files: { "src/split.js": "other\n" } });
        const root = await playground.push({ repo, as, branch: "main", files: { "y.js": "y\n" } });
        run = { ...run, base: { branch: "main", commit: sha(root) } };
        await playground.forcePush({ repo, as, branch: "main", to: "elsewhere" });
      },
      loss: "base-rewritten",
      words: /The branch main was rewritten/,
    },
    "the base is deleted": {
      does: async () => {
        await playground.push({ repo, as, branch: "release", files: { "x.js": "x\n" } });
        run = { ...run, base: { ...run.base, branch: "release" } };
        await playground.deleteBranch({ repo, as, branch: "release" });
      },
      loss: "base-gone",
      words: /The branch release.* is gone/,
    },
  };

  test.each(Object.keys(cases))("%s", async (name) => {
    const { does, loss, words } = cases[name] ?? {};
    await does?.();
    expect(await look()).toEqual({ type: "subject.lost", loss, message: expect.stringMatching(words ?? /$^/) });
    // Said again as often as it is asked.
    expect(await look()).toMatchObject({ loss });
  });

  test("the repository is taken from the installation", async () => {
    await look();
    await playground.removeFromInstallation({ repo, as });
    // Whoever has a token still reads what is public; none is made any more.
    playground.expireTokens();
    expect(await look()).toMatchObject({ type: "subject.lost", loss: "repository-gone" });
  });

  test("a closed issue is news of its own, with whoever closed it", async () => {
    await playground.closeIssue(at());
    expect(await look()).toMatchObject({ type: "subject.closed", by: { login: as } });
    await playground.reopenIssue(at());
    expect(await look()).toBeUndefined();
  });

  test("GitHub's silence is no answer", async () => {
    await look();
    playground.plan({ seed: 1, rules: [{ kinds: ["502"], methods: ["GET"], probability: 1 }] });
    await expect(look()).rejects.toThrow(/could not/);
  });
});
