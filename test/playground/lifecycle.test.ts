// Subjects, repositories and installations that change or go while somebody works on them: what is answered afterwards, by REST
// and by git, and what is told.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { execute } from "#src/core/exec.ts";
import { checkAnswer, checkDelivery } from "#test/support/openapi.ts";
import { jwt, openTown, statusOf, type Town } from "./town.ts";

let town: Town;
const at = { owner: "octo", repo: "tab" };
const repo = "octo/tab";
const as = "maria";
beforeEach(async () => {
  town = await openTown();
  await town.playground.openIssue({ repo, title: "One", body: "Text", as, labels: ["bug"] });
});
/** What GitHub's description has against anything that was answered or told in a test. */
const complaints: string[] = [];
afterEach(async () => {
  await town.playground.settled();
  const { journal, deliveries } = town.playground;
  const answers = journal.filter(({ door }) => door === "rest");
  complaints.push(
    ...answers.flatMap((entry) => checkAnswer({ ...entry, body: entry.answer })),
    ...deliveries.flatMap((delivery) => checkDelivery(delivery)),
  );
  await town[Symbol.asyncDispose]();
});

const told = () => town.playground.deliveries.map(({ event, action }) => `${event} ${action ?? ""}`.trim());
/** What a stranger is answered, without following him where he is sent. */
const plain = async (path: string) => {
  const { status, headers } = await fetch(`${town.playground.apiUrl}${path}`, { redirect: "manual" });
  return [status, headers.get("location")];
};
const bot = async () => town.as(await town.token());

describe("an issue", () => {
  test("deleted: 410 from then on, to read and to write", async () => {
    const app = await bot();
    town.playground.comment({ repo, number: 1, body: "Hi", as });
    await town.playground.deleteIssue({ repo, number: 1, as });
    expect(await statusOf(app.rest.issues.get({ ...at, issue_number: 1 }))).toBe(410);
    expect(await statusOf(app.rest.issues.createComment({ ...at, issue_number: 1, body: "Hi" }))).toBe(410);
    expect((await app.rest.issues.listForRepo(at)).data).toEqual([]);
    expect((await app.rest.repos.get(at)).data.open_issues_count).toBe(0);
    expect(told().at(-1)).toBe("issues deleted");
    expect(() => town.playground.issue({ repo, number: 1 })).toThrow("no issue 1");
  });

  test("transferred: its address sends on to the new one, with its comments; nobody is sent where he may not look", async () => {
    await town.playground.addRepository({ owner: "octo", name: "other", from: { "a.txt": "a" } });
    town.playground.comment({ repo, number: 1, body: "Hi", as });
    const there = await town.playground.transferIssue({ repo, number: 1, as, to: "octo/other" });
    expect(there).toEqual({ repo: "octo/other", number: 1 });
    const app = await bot();
    expect(await plain("/repos/octo/tab/issues/1")).toEqual([
      301,
      expect.stringMatching(/\/repositories\/\d+\/issues\/1$/),
    ]);
    expect((await app.rest.issues.get({ ...at, issue_number: 1 })).data.repository_url).toMatch(/octo\/other$/);
    await app.rest.issues.createComment({ ...at, issue_number: 1, body: "Found you" });
    expect(town.playground.comments(there).map(({ body }) => body)).toEqual(["Hi", "Found you"]);
    expect(told()).toContain("issues transferred");
    const { number } = await town.playground.openIssue({ repo, title: "Two", body: "", as });
    await town.playground.transferIssue({ repo, number, as, to: "octo/vault" });
    expect(await plain(`/repos/octo/tab/issues/${number}`)).toEqual([404, null]);
  });

  test("locked: the App may not comment; unlocked: it may", async () => {
    const app = await bot();
    const comment = () => statusOf(app.rest.issues.createComment({ ...at, issue_number: 1, body: "Hi" }));
    await town.playground.lockIssue({ repo, number: 1, as });
    expect(await comment()).toBe(403);
    expect(await statusOf(town.as("ghp_teo").rest.issues.unlock({ ...at, issue_number: 1 }))).toBe(204);
    expect(await comment()).toBe(201);
    expect(told()).toEqual(expect.arrayContaining(["issues locked", "issues unlocked"]));
  });
});

describe("a repository", () => {
  test("renamed: its id and the old name lead to it, by REST and by git; the App keeps it", async () => {
    const { id } = town.playground.repository(repo);
    await town.playground.renameRepository({ repo, name: "bill", as });
    const app = await bot();
    expect((await app.rest.repos.get(at)).data.full_name).toBe("octo/bill");
    expect((await app.request("GET /repositories/{id}", { id })).data).toMatchObject({ full_name: "octo/bill" });
    await app.rest.issues.createComment({ ...at, issue_number: 1, body: "Still here" });
    expect(town.playground.comments({ repo: "octo/bill", number: 1 }).map(({ body }) => body)).toEqual(["Still here"]);
    expect(town.playground.deliveries.at(-1)?.payload).toMatchObject({ repository: { id, full_name: "octo/bill" } });
    const renamed = town.playground.deliveries.find(({ action }) => action === "renamed")?.payload;
    expect(renamed).toMatchObject({ changes: { repository: { name: { from: "tab" } } } });
    const folder = await mkdtemp(join(tmpdir(), "baton-renamed-"));
    const clone = await execute(
      {
        argv: ["git", "clone", "--quiet", `${town.playground.url}/octo/tab.git`, join(folder, "tab")],
        cwd: folder,
        env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/nonexistent", GIT_TERMINAL_PROMPT: "0" },
        timeoutMs: 20_000,
      },
      new AbortController().signal,
    );
    await rm(folder, { recursive: true });
    expect(clone.exitCode).toBe(0);
    await town.playground.addRepository({ owner: "octo", name: "tab", from: { "b.txt": "b" } });
    expect((await app.rest.repos.get(at)).data.id).not.toBe(id);
    await expect(town.playground.renameRepository({ repo, name: "bill", as })).rejects.toThrow("taken");
  });

  test("renamed and private: strangers learn nothing", async () => {
    await town.playground.renameRepository({ repo: "octo/vault", name: "safe", as });
    expect(await plain("/repos/octo/vault")).toEqual([404, null]);
    expect(await statusOf(town.as("ghp_maria").rest.repos.get({ owner: "octo", repo: "vault" }))).toBe(200);
  });

  test("archived: read only", async () => {
    const app = await bot();
    await town.playground.archiveRepository({ repo, as });
    expect((await app.rest.repos.get(at)).data.archived).toBe(true);
    await expect(app.rest.issues.createComment({ ...at, issue_number: 1, body: "Hi" })).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining("Repository was archived so is read-only."),
    });
    const push = await fetch(`${town.playground.url}/octo/tab.git/info/refs?service=git-receive-pack`, {
      headers: { authorization: `Basic ${Buffer.from("maria:ghp_maria").toString("base64")}` },
    });
    expect(push.status).toBe(403);
    await town.playground.unarchiveRepository({ repo, as });
    expect(await statusOf(app.rest.issues.createComment({ ...at, issue_number: 1, body: "Hi" }))).toBe(201);
    expect(told()).toEqual(expect.arrayContaining(["repository archived", "repository unarchived"]));
  });

  test("deleted: as if it had never been", async () => {
    const app = await bot();
    const { id } = town.playground.repository(repo);
    await town.playground.deleteRepository({ repo, as });
    expect(await statusOf(app.rest.repos.get(at))).toBe(404);
    expect(await statusOf(app.request("GET /repositories/{id}", { id }))).toBe(404);
    expect(told().at(-1)).toBe("repository deleted");
  });
});

describe("an installation", () => {
  test("loses a repository: its tokens are of no use there, and nothing more is told of it", async () => {
    const app = await bot();
    const narrow = () => town.token({ repository_ids: [town.playground.repository(repo).id] });
    await town.playground.removeFromInstallation({ repo, as });
    expect(await statusOf(app.rest.issues.createComment({ ...at, issue_number: 1, body: "Hi" }))).toBe(403);
    await expect(narrow()).rejects.toMatchObject({ status: 422 });
    expect(await statusOf(town.as(jwt()).rest.apps.getRepoInstallation(at))).toBe(404);
    expect(told().at(-1)).toBe("installation_repositories removed");
    town.playground.comment({ repo, number: 1, body: "Hi", as });
    expect(told().at(-1)).toBe("installation_repositories removed");
  });

  test("suspended: no token, no use of those there are, no news; afterwards all again", async () => {
    const app = await bot();
    await town.playground.suspendInstallation({ as });
    await expect(town.token()).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining("This installation has been suspended"),
    });
    expect(await statusOf(app.rest.issues.get({ ...at, issue_number: 1 }))).toBe(403);
    town.playground.comment({ repo, number: 1, body: "Unheard", as });
    expect(told().at(-1)).toBe("installation suspend");
    await town.playground.unsuspendInstallation({ as });
    expect(await statusOf(app.rest.issues.get({ ...at, issue_number: 1 }))).toBe(200);
    expect(told().at(-1)).toBe("installation unsuspend");
  });

  test("deleted: 404 for tokens, 401 with old ones", async () => {
    const app = await bot();
    await town.playground.deleteInstallation({ as });
    await expect(town.token()).rejects.toMatchObject({ status: 404 });
    expect(await statusOf(app.rest.issues.get({ ...at, issue_number: 1 }))).toBe(401);
    expect((await town.as(jwt()).rest.apps.listInstallations()).data).toEqual([]);
    expect(told().at(-1)).toBe("installation deleted");
  });
});

describe("branches", () => {
  test("a person pushes, forces and deletes, the default branch too; pull requests follow", async () => {
    const { playground } = town;
    const sha = await playground.push({ repo, branch: "work", files: { "a.txt": "1\n" }, as });
    expect((await playground.refs(repo))["refs/heads/work"]).toBe(sha);
    const app = await bot();
    await app.rest.pulls.create({ ...at, title: "Work", head: "work", base: "main" });
    const forced = await playground.push({ repo, branch: "work", onto: "main", files: { "b.txt": "2\n" }, as });
    expect((await app.rest.pulls.get({ ...at, pull_number: 2 })).data.head.sha).toBe(forced);
    expect(await playground.file(repo, "work", "a.txt")).toBeUndefined();
    await playground.push({ repo, branch: "main", files: { "README.md": null }, as });
    await playground.forcePush({ repo, branch: "main", to: "work", as });
    expect((await playground.refs(repo))["refs/heads/main"]).toBe(forced);
    await playground.deleteBranch({ repo, branch: "main", as });
    expect((await playground.refs(repo))["refs/heads/main"]).toBeUndefined();
    const pushes = playground.deliveries.filter(({ event }) => event === "push").map(({ payload }) => payload);
    expect(pushes).toMatchObject([
      { created: true, forced: false, pusher: { name: "maria" } },
      { forced: true },
      { forced: false },
      { forced: true, ref: "refs/heads/main" },
      { deleted: true, ref: "refs/heads/main" },
    ]);
    await expect(playground.deleteBranch({ repo, branch: "nope", as })).rejects.toThrow("no branch nope");
  });
});

describe("news that get lost", () => {
  test("one act, or all of a kind", async () => {
    await town.playground.closeIssue({ repo, number: 1, as, quiet: true });
    expect(town.playground.issue({ repo, number: 1 }).state).toBe("closed");
    expect(told()).not.toContain("issues closed");
    town.playground.loseNews(({ action }) => action === "reopened");
    await town.playground.reopenIssue({ repo, number: 1, as });
    await town.playground.closeIssue({ repo, number: 1, as });
    expect(told().slice(-1)).toEqual(["issues closed"]);
    expect(told()).not.toContain("issues reopened");
  });
});

test("GitHub's description has nothing against any answer or webhook above", () => {
  expect(complaints).toEqual([]);
});
