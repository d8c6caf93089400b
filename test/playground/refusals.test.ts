// What the playground must say no to, with GitHub's status and words; and that its answers then still have GitHub's form.
import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkAnswer } from "#test/support/openapi.ts";
import { jwt, openTown, statusOf, type Town } from "./town.ts";

let town: Town;
let now = Date.now();
const at = { owner: "octo", repo: "tab" };
const vault = { owner: "octo", repo: "vault" };
let issue: { owner: string; repo: string; issue_number: number };
let main: string;

beforeAll(async () => {
  town = await openTown({ clock: { now: () => now } });
  const opened = await town.playground.openIssue({ repo: "octo/tab", title: "One", body: "Text", as: "maria" });
  issue = { ...at, issue_number: opened.number };
  main = (await town.playground.refs("octo/tab"))["refs/heads/main"] ?? "";
});
afterAll(async () => {
  await town[Symbol.asyncDispose]();
});

const last = () => town.playground.journal.at(-1);

describe("who is asking", () => {
  test.each([
    ["no known token", () => "ghp_nobody"],
    [
      "a JWT signed by another key",
      () =>
        jwt(
          {},
          generateKeyPairSync("rsa", { modulusLength: 2048 })
            .privateKey.export({ type: "pkcs8", format: "pem" })
            .toString(),
        ),
    ],
    ["a JWT that has ended", () => jwt({ exp: Math.floor(now / 1000) - 1 })],
    ["a JWT that lasts too long", () => jwt({ exp: Math.floor(Date.now() / 1000) + 3600 })],
    ["a JWT from the future", () => jwt({ iat: Math.floor(Date.now() / 1000) + 300 })],
    ["a JWT without an end", () => jwt({ exp: undefined })],
    ["a JWT of an App that is not here", () => jwt({ iss: "78" })],
    ["a JWT that names another algorithm", () => jwt({}, undefined, "HS256")],
    [
      "a JWT that says it needs no signature",
      () => `${Buffer.from('{"alg":"none"}').toString("base64url")}.${jwt().split(".")[1]}.x`,
    ],
  ])("%s is 401", async (_, token) => {
    const answer = await fetch(`${town.playground.apiUrl}/app`, { headers: { authorization: `bearer ${token()}` } });
    expect(answer.status).toBe(401);
  });

  test("an installation token ends after an hour, and is of no use where an App must speak itself", async () => {
    const token = town.as(await town.token());
    expect(await statusOf(token.rest.repos.get(at))).toBe(200);
    expect(await statusOf(token.rest.apps.getAuthenticated())).toBe(401);
    expect(await statusOf(token.rest.users.getAuthenticated())).toBe(403);
    now += 3_600_001;
    expect(await statusOf(token.rest.repos.get(at))).toBe(401);
    now = Date.now();
  });

  test("a JWT is of no use in a repository", async () => {
    expect(await statusOf(town.as(jwt()).rest.issues.get(issue))).toBe(404);
    expect(await statusOf(town.as(jwt()).rest.repos.get(at))).toBe(403);
  });

  test("tokens cannot be given more than the App has, nor repositories it does not cover, nor another installation", async () => {
    const app = town.as(jwt());
    const make = (more: Record<string, unknown>, id = 555) =>
      statusOf(app.request("POST /app/installations/{id}/access_tokens", { id, ...more }));
    expect(await make({ permissions: { administration: "write" } })).toBe(422);
    expect(await make({ permissions: { workflows: "write" } })).toBe(422);
    expect(await make({ repositories: ["nope"] })).toBe(422);
    expect(await make({ repository_ids: [1] })).toBe(422);
    expect(await make({ repos: ["tab"] })).toBe(422);
    expect(await make({}, 556)).toBe(404);
    expect(await make({ permissions: { issues: "write" }, repositories: ["tab"] })).toBe(201);
  });
});

describe("what an App's token may do", () => {
  test("reads with read, and writes nothing", async () => {
    const reader = town.as(
      await town.token({ permissions: { issues: "read", contents: "read", pull_requests: "read", checks: "read" } }),
    );
    expect(await statusOf(reader.rest.issues.get(issue))).toBe(200);
    const writes = [
      reader.rest.issues.create({ ...at, title: "x" }),
      reader.rest.issues.update({ ...issue, title: "x" }),
      reader.rest.issues.createComment({ ...issue, body: "x" }),
      reader.rest.issues.addLabels({ ...issue, labels: ["bug"] }),
      reader.rest.issues.createLabel({ ...at, name: "x" }),
      reader.rest.issues.addAssignees({ ...issue, assignees: ["maria"] }),
      reader.rest.reactions.createForIssue({ ...issue, content: "eyes" }),
      reader.rest.git.createBlob({ ...at, content: "x" }),
      reader.rest.git.createTree({ ...at, tree: [] }),
      reader.rest.git.createCommit({ ...at, message: "x", tree: main }),
      reader.rest.git.createRef({ ...at, ref: "refs/heads/x", sha: main }),
      reader.rest.git.updateRef({ ...at, ref: "heads/main", sha: main }),
      reader.rest.git.deleteRef({ ...at, ref: "heads/main" }),
      reader.rest.pulls.create({ ...at, title: "x", head: "x", base: "main" }),
      reader.rest.checks.create({ ...at, name: "x", head_sha: main }),
    ];
    expect(await Promise.all(writes.map(statusOf))).toEqual(writes.map(() => 403));
    expect(last()?.answer).toMatchObject({ message: "Resource not accessible by integration" });
    expect(town.playground.issue({ repo: "octo/tab", number: issue.issue_number })).toMatchObject({
      title: "One",
      labels: [],
    });
  });

  test("each permission opens its own doors only", async () => {
    const only = async (name: string) => town.as(await town.token({ permissions: { [name]: "write" } }));
    const contents = await only("contents");
    expect(await statusOf(contents.rest.git.createBlob({ ...at, content: "x" }))).toBe(201);
    expect(await statusOf(contents.rest.issues.get(issue))).toBe(403);
    expect(await statusOf(contents.rest.pulls.list(at))).toBe(403);
    expect(await statusOf(contents.rest.checks.listForRef({ ...at, ref: "main" }))).toBe(403);
    const issues = await only("issues");
    expect(await statusOf(issues.rest.issues.createComment({ ...issue, body: "x" }))).toBe(201);
    expect(await statusOf(issues.rest.repos.getContent({ ...at, path: "README.md" }))).toBe(403);
    expect(await statusOf(issues.rest.git.createBlob({ ...at, content: "x" }))).toBe(403);
    const pulls = await only("pull_requests");
    expect(await statusOf(pulls.rest.issues.createComment({ ...issue, body: "x" }))).toBe(403);
  });

  test("a token for one repository does not see the private other one, and writes nothing in a public other one", async () => {
    const tab = town.as(await town.token({ repositories: ["tab"] }));
    expect(await statusOf(tab.rest.repos.get(vault))).toBe(404);
    expect(await statusOf(tab.rest.issues.create({ ...vault, title: "x" }))).toBe(404);
    const closed = town.as(await town.token({ repositories: ["vault"] }));
    expect(await statusOf(closed.rest.repos.get(at))).toBe(200);
    expect(await statusOf(closed.rest.issues.createComment({ ...issue, body: "x" }))).toBe(403);
  });

  test("no workflow file changes without the workflows permission: by tree, by ref, moved or deleted", async () => {
    const bot = town.as(await town.token());
    const entry = { mode: "100644", type: "blob" } as const;
    const tree = (path: string, sha?: null) =>
      statusOf(
        bot.rest.git.createTree({
          ...at,
          base_tree: main,
          tree: [{ ...entry, path, ...(sha === null ? { sha } : { content: "x" }) }],
        }),
      );
    expect(await tree(".github/workflows/evil.yml")).toBe(404);
    expect(await tree(".github/workflows/ci.yml", null)).toBe(404);
    expect(await tree(".github/other.yml")).toBe(201);
    // A tree that was put together from subtrees, so that no path names the folder: stopped at the ref.
    const blob = await bot.rest.git.createBlob({ ...at, content: "evil" });
    const inner = await bot.rest.git.createTree({ ...at, tree: [{ ...entry, path: "ci.yml", sha: blob.data.sha }] });
    const workflows = await bot.rest.git.createTree({
      ...at,
      tree: [{ path: "workflows", mode: "040000", type: "tree", sha: inner.data.sha }],
    });
    const whole = await bot.rest.git.createTree({
      ...at,
      tree: [{ path: ".github", mode: "040000", type: "tree", sha: workflows.data.sha }],
    });
    const commit = await bot.rest.git.createCommit({ ...at, message: "evil", tree: whole.data.sha, parents: [main] });
    expect(await statusOf(bot.rest.git.createRef({ ...at, ref: "refs/heads/evil", sha: commit.data.sha }))).toBe(403);
    expect(await statusOf(bot.rest.git.updateRef({ ...at, ref: "heads/main", sha: commit.data.sha }))).toBe(403);
    expect(
      await statusOf(town.as("ghp_maria").rest.git.createRef({ ...at, ref: "refs/heads/hers", sha: commit.data.sha })),
    ).toBe(201);
  });
});

describe("what people may do", () => {
  test("nobody in particular reads what is public, and that is all", async () => {
    const nobody = town.as(undefined);
    expect(await statusOf(nobody.rest.issues.get(issue))).toBe(200);
    expect(await statusOf(nobody.rest.repos.get(vault))).toBe(404);
    expect(await statusOf(nobody.rest.issues.createComment({ ...issue, body: "x" }))).toBe(401);
    expect(await statusOf(nobody.rest.issues.create({ ...at, title: "x" }))).toBe(401);
  });

  test("an outsider may speak, but not sort, push or see what is private", async () => {
    const ott = town.as("ghp_ott");
    expect(await statusOf(ott.rest.issues.createComment({ ...issue, body: "me too" }))).toBe(201);
    const made = await ott.rest.issues.create({ ...at, title: "Mine", labels: ["bug"], assignees: ["maria"] });
    expect(made.data).toMatchObject({ labels: [], assignees: [], author_association: "NONE" });
    expect(await statusOf(ott.rest.issues.update({ ...at, issue_number: made.data.number, title: "Still mine" }))).toBe(
      200,
    );
    expect(await statusOf(ott.rest.issues.update({ ...issue, title: "Mine now" }))).toBe(403);
    expect(await statusOf(ott.rest.issues.addLabels({ ...issue, labels: ["bug"] }))).toBe(403);
    expect(await statusOf(ott.rest.git.createBlob({ ...at, content: "x" }))).toBe(403);
    expect(await statusOf(ott.rest.repos.getCollaboratorPermissionLevel({ ...at, username: "maria" }))).toBe(403);
    expect(await statusOf(ott.rest.repos.get(vault))).toBe(404);
    const comment = await town.as("ghp_maria").rest.issues.createComment({ ...issue, body: "hers" });
    expect(await statusOf(ott.rest.issues.updateComment({ ...at, comment_id: comment.data.id, body: "his" }))).toBe(
      403,
    );
    expect(await statusOf(ott.rest.issues.deleteComment({ ...at, comment_id: comment.data.id }))).toBe(403);
  });

  test("triage sorts, and pushes nothing; a person writes no check runs", async () => {
    const teo = town.as("ghp_teo");
    expect(await statusOf(teo.rest.issues.addLabels({ ...issue, labels: ["bug"] }))).toBe(200);
    expect(await statusOf(teo.rest.git.createBlob({ ...at, content: "x" }))).toBe(403);
    expect(await statusOf(town.as("ghp_maria").rest.checks.create({ ...at, name: "x", head_sha: main }))).toBe(403);
  });

  test("a reaction is taken back only by who gave it", async () => {
    const given = await town.as("ghp_maria").rest.reactions.createForIssue({ ...issue, content: "heart" });
    const taken = (who: string) =>
      statusOf(town.as(who).rest.reactions.deleteForIssue({ ...issue, reaction_id: given.data.id }));
    expect(await taken("ghp_ott")).toBe(403);
    expect(await taken("ghp_maria")).toBe(204);
    expect(await taken("ghp_maria")).toBe(404);
  });
});

describe("what does not fit", () => {
  const bot = async () => town.as(await town.token());
  /** A request the client's types would not let through. */
  const raw = async (route: string, more: Record<string, unknown>) =>
    await statusOf((await bot()).request(route, more));

  test("bodies: not JSON, too long, unknown keys, missing and wrong fields", async () => {
    const client = await bot();
    const send = (route: string, more: Record<string, unknown>) =>
      statusOf(client.request(route, { ...issue, ...more }));
    const comment = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
    expect(await send(comment, { body: "x".repeat(65_536) })).toBe(201);
    expect(await send(comment, { body: "x".repeat(65_537) })).toBe(422);
    expect(last()?.answer).toMatchObject({ errors: [{ field: "body", message: expect.stringContaining("65536") }] });
    expect(await send(comment, { body: "" })).toBe(422);
    expect(await send(comment, {})).toBe(422);
    expect(await send("POST /repos/{owner}/{repo}/issues", { title: "x", body: "x".repeat(65_537) })).toBe(422);
    expect(await send("POST /repos/{owner}/{repo}/issues", { title: " " })).toBe(422);
    expect(await send("POST /repos/{owner}/{repo}/issues", { title: "x", assignees: ["nobody"] })).toBe(422);
    expect(await send("PATCH /repos/{owner}/{repo}/issues/{issue_number}", { state: "ajar" })).toBe(422);
    const url = `${town.playground.apiUrl}/repos/octo/tab/issues`;
    const broken = await fetch(url, { method: "POST", body: "{", headers: { authorization: "token ghp_maria" } });
    expect(broken.status).toBe(400);
  });

  test("labels: unknown fields, taken names, wrong colours; not on the issue", async () => {
    const client = await bot();
    const label = (more: Record<string, unknown>) => raw("POST /repos/{owner}/{repo}/labels", { ...at, ...more });
    expect(await label({ name: "fresh", colour: "ff0000" })).toBe(422);
    expect(last()?.answer).toMatchObject({ message: expect.stringContaining('"colour" is not a permitted key') });
    expect(await label({ name: "BUG" })).toBe(422);
    expect(last()?.answer).toMatchObject({ errors: [{ code: "already_exists", field: "name", resource: "Label" }] });
    expect(await label({ name: "fresh", color: "#ff0000" })).toBe(422);
    expect(await statusOf(client.rest.issues.removeLabel({ ...issue, name: "never" }))).toBe(404);
    expect(await raw("POST /repos/{owner}/{repo}/issues/{issue_number}/reactions", { ...issue, content: "tada" })).toBe(
      422,
    );
  });

  test("git: dangerous paths, objects and refs that are not there, refs that are, no fast forward", async () => {
    const client = await bot();
    const tree = (entry: Record<string, unknown>) =>
      statusOf(
        client.request("POST /repos/{owner}/{repo}/git/trees", {
          ...at,
          base_tree: main,
          tree: [{ mode: "100644", type: "blob", ...entry }],
        }),
      );
    for (const path of [".git/config", "a/../b", "/etc/passwd", "a//b", "x/.GIT/hooks", ""])
      expect([path, await tree({ path, content: "x" })]).toEqual([path, 422]);
    expect(await tree({ path: "nope.txt", sha: null })).toBe(422);
    expect(await tree({ path: "a", sha: "1".repeat(40) })).toBe(422);
    expect(await tree({ path: "a" })).toBe(422);
    expect(await tree({ path: "a", content: "x", mode: "100777" })).toBe(422);
    const ref = (name: string, sha = main) => statusOf(client.rest.git.createRef({ ...at, ref: name, sha }));
    expect(await ref("heads/x")).toBe(422);
    expect(await ref("refs/heads/a..b")).toBe(422);
    expect(await ref("refs/pull/1/head")).toBe(422);
    expect(await ref("refs/heads/main")).toBe(422);
    expect(await ref("refs/heads/x", "1".repeat(40))).toBe(422);
    expect(await statusOf(client.rest.git.updateRef({ ...at, ref: "heads/nope", sha: main }))).toBe(422);
    expect(await statusOf(client.rest.git.deleteRef({ ...at, ref: "heads/main" }))).toBe(422);
    expect(await statusOf(client.rest.git.createCommit({ ...at, message: "x", tree: main }))).toBe(422);
    expect(await statusOf(client.rest.repos.getCommit({ ...at, ref: "nope" }))).toBe(422);
  });

  test("pull requests: no such branch, nothing to merge, one is open already, reviewers from outside", async () => {
    const client = await bot();
    const open = (head: string, base = "main") => statusOf(client.rest.pulls.create({ ...at, title: "x", head, base }));
    expect(await open("nope")).toBe(422);
    expect(last()?.answer).toMatchObject({ errors: [{ resource: "PullRequest", field: "head", code: "invalid" }] });
    await client.rest.git.createRef({ ...at, ref: "refs/heads/same", sha: main });
    expect(await open("same")).toBe(422);
    expect(last()?.answer).toMatchObject({ errors: [{ message: "No commits between main and same" }] });
    const tree = await client.rest.git.createTree({
      ...at,
      base_tree: main,
      tree: [{ path: "n", mode: "100644", type: "blob", content: "n" }],
    });
    const commit = await client.rest.git.createCommit({ ...at, message: "n", tree: tree.data.sha, parents: [main] });
    await client.rest.git.createRef({ ...at, ref: "refs/heads/new", sha: commit.data.sha });
    expect(await open("new", "nope")).toBe(422);
    expect(await open("octo:new")).toBe(201);
    expect(await open("new")).toBe(422);
    expect(last()?.answer).toMatchObject({ errors: [{ message: "A pull request already exists for octo:new." }] });
    const pull_number = town.playground.pulls("octo/tab").at(-1)?.number ?? 0;
    expect(await statusOf(client.rest.pulls.requestReviewers({ ...at, pull_number, reviewers: ["ott"] }))).toBe(422);
    expect(await statusOf(client.rest.pulls.requestReviewers({ ...at, pull_number, reviewers: ["nobody"] }))).toBe(422);
    expect(await statusOf(client.rest.pulls.get({ ...at, pull_number: issue.issue_number }))).toBe(404);
  });

  test("check runs: completed without a conclusion, of a commit that is not there", async () => {
    const client = await bot();
    const run = (more: Record<string, unknown>) =>
      statusOf(client.request("POST /repos/{owner}/{repo}/check-runs", { ...at, name: "x", head_sha: main, ...more }));
    expect(await run({ status: "completed" })).toBe(422);
    expect(await run({ head_sha: "1".repeat(40) })).toBe(422);
    expect(await run({ conclusion: "splendid" })).toBe(422);
  });

  test("addresses that are not there", async () => {
    const client = await bot();
    expect(await statusOf(client.rest.repos.get({ owner: "octo", repo: "nope" }))).toBe(404);
    expect(await statusOf(client.rest.issues.get({ ...at, issue_number: 999 }))).toBe(404);
    expect(await statusOf(client.rest.issues.getComment({ ...at, comment_id: 999 }))).toBe(404);
    expect(await statusOf(client.request("GET /repos/octo/tab/milestones"))).toBe(404);
    expect(await statusOf(client.rest.users.getByUsername({ username: "nobody" }))).toBe(404);
  });
});

describe("every refusal above", () => {
  test("has the form GitHub describes", () => {
    const refused = town.playground.journal.filter(({ status }) => status >= 400);
    expect(refused.length).toBeGreaterThan(60);
    expect(refused.flatMap((entry) => checkAnswer({ ...entry, body: entry.answer }))).toEqual([]);
  });
});
