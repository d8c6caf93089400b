// What is read from GitHub: only what it says, and an error is never a yes.
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createClient, whoIs } from "#src/github/client.ts";
import { createGitHubReader } from "#src/github/reader.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { strictGitHub } from "#test/support/github-nock.ts";

const repoRef = { id: 1, owner: "octo", name: "tab", private: false, defaultBranch: "main", cloneUrl: "" };

function readerAt(apiUrl: string) {
  return createGitHubReader({
    octokitFor: () => createClient({ token: "maintainer-token", apiUrl, log: silentLog }),
    log: silentLog,
    timing: new HandTiming({ impatient: true }),
  });
}

async function openWorld(): Promise<Playground> {
  const playground = await openPlayground({
    users: [
      { login: "octo", type: "Organization" },
      { login: "maria", id: 7, tokens: ["maintainer-token"] },
      { login: "ada", id: 8 },
      { login: "tim", id: 9 },
    ],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { "README.md": "# Tab\n", ".github/baton.yml": "commands: { test: npm test }\n# größer\n" },
    labels: ["bug", "help wanted", ...Array.from({ length: 130 }, (_, index) => `area ${index}`)],
    collaborators: { maria: "admin", ada: "triage", tim: "maintain" },
  });
  return playground;
}

describe("against the playground", () => {
  test("repository, file, head, issue, labels, comments", async () => {
    await using playground = await openWorld();
    const reader = readerAt(playground.apiUrl);
    const repo = await reader.repository("octo", "tab");
    expect(repo).toMatchObject({ owner: "octo", name: "tab", private: false, defaultBranch: "main" });
    expect(await reader.file(repo, ".github/baton.yml")).toBe("commands: { test: npm test }\n# größer\n");
    expect(await reader.file(repo, ".github/none.yml")).toBeUndefined();
    expect(await reader.file(repo, ".github")).toBeUndefined();
    expect(await reader.ownersFile(repo, ".github/baton.yml")).toEqual({ type: "closed" });
    await playground.addRepository({ owner: "octo", name: ".github", from: { "a.yml": "protect: [a]\n" } });
    expect(await reader.ownersFile(repo, ".github/baton.yml")).toEqual({ type: "none" });
    expect(await reader.ownersFile(repo, "a.yml")).toEqual({ type: "found", text: "protect: [a]\n" });
    expect(await reader.head(repo, "main")).toBe((await playground.refs("octo/tab"))["refs/heads/main"]);
    await expect(reader.head(repo, "nowhere")).rejects.toMatchObject({ code: "github-failed", status: 404 });
    const issue = await playground.openIssue({
      repo: "octo/tab",
      title: "A title",
      body: "A body",
      as: "ada",
      labels: ["bug"],
    });
    expect(await reader.issue(repo, issue.number)).toMatchObject({
      title: "A title",
      body: "A body",
      author: { login: "ada", id: 8 },
      state: "open",
      locked: false,
      isPull: false,
      labels: ["bug"],
      assignees: [],
    });
    expect(await reader.issue(repo, 999)).toBeUndefined();
    expect((await reader.labels(repo)).length).toBeGreaterThan(130);
    const at = { repo: "octo/tab", number: issue.number };
    for (let number = 1; number <= 230; number += 1)
      playground.comment({ ...at, body: `comment ${number}`, as: "ada" });
    const comments = await reader.comments(repo, issue.number);
    expect(comments.map(({ body }) => body)).toEqual(
      Array.from({ length: 100 }, (_, index) => `comment ${index + 131}`),
    );
    expect(comments[0]).toMatchObject({ author: { login: "ada", id: 8 } });
    expect(comments[0]?.createdAt).toBeGreaterThan(0);
    expect(comments[0]?.updatedAt).toBe(comments[0]?.createdAt);
  });

  test("permission is what GitHub says now, of the account with that number", async () => {
    await using playground = await openWorld();
    const reader = readerAt(playground.apiUrl);
    expect(await reader.permission(repoRef, { login: "maria", id: 7 })).toBe("admin");
    expect(await reader.permission(repoRef, { login: "ada", id: 8 })).toBe("triage");
    expect(await reader.permission(repoRef, { login: "tim", id: 9 })).toBe("maintain");
    // Somebody who has taken the login of a former collaborator, and somebody nobody knows.
    expect(await reader.permission(repoRef, { login: "maria", id: 4_711 })).toBe("none");
    expect(await reader.permission(repoRef, { login: "nobody-knows", id: 4_712 })).toBe("none");
    expect(await reader.permission(repoRef, { login: "maria", id: 0 })).toBe("none");
    playground.setFault(() => ({ status: 500, body: { message: "broken" } }));
    await expect(reader.permission(repoRef, { login: "maria", id: 7 })).rejects.toMatchObject({
      code: "github-failed",
    });
  });

  test("knows whose token it has", async () => {
    await using playground = await openWorld();
    const client = await createClient({ token: "maintainer-token", apiUrl: playground.apiUrl, log: silentLog });
    expect(await whoIs(client)).toEqual({ login: "maria", id: 7, appId: undefined });
    playground.setFault(() => ({ status: 403, body: { message: "Resource not accessible by integration" } }));
    // Its number on github.com means somebody else here.
    expect(await whoIs(client)).toEqual({ login: "github-actions[bot]", id: undefined, appId: undefined });
  });
});

describe("against GitHub's own words", () => {
  const github = strictGitHub();
  const reader = readerAt("https://api.github.com");
  const user = (login: string, id: number) => ({
    ...Object.fromEntries(
      [
        "avatar_url",
        "events_url",
        "followers_url",
        "following_url",
        "gists_url",
        "html_url",
        "organizations_url",
        "received_events_url",
        "repos_url",
        "starred_url",
        "subscriptions_url",
        "url",
      ].map((name) => [name, "https://api.github.com/x"]),
    ),
    gravatar_id: "",
    node_id: "x",
    site_admin: false,
    type: "User",
    login,
    id,
  });

  test.each([
    ["write", "write", "write"],
    ["write", "maintain", "maintain"],
    ["read", "triage", "triage"],
    // A custom role counts for what it is built on; a role that claims more than the permission does not count.
    ["write", "release-manager", "write"],
    ["read", "admin", "read"],
    ["none", "none", "none"],
    ["sorcerer", "sorcerer", "none"],
  ])("permission %s with role %s is %s", async (permission, role, expected) => {
    github.expect({
      method: "GET",
      path: "/repos/octo/tab/collaborators/maria/permission",
      status: 200,
      answer: { permission, role_name: role, user: { ...user("maria", 7), role_name: role } },
    });
    expect(await reader.permission(repoRef, { login: "maria", id: 7 })).toBe(expected);
  });

  test("an issue that was deleted is no issue", async () => {
    github.expect({
      method: "GET",
      path: "/repos/octo/tab/issues/3",
      status: 410,
      answer: { message: "This issue was deleted", documentation_url: "https://docs.github.com" },
    });
    expect(await reader.issue(repoRef, 3)).toBeUndefined();
  });
});

test("finds the open pull requests that close an issue, whatever words they use, and Baton's own that were asked for in it", async () => {
  await using playground = await openWorld();
  const reader = readerAt(playground.apiUrl);
  const base = (await playground.refs("octo/tab"))["refs/heads/main"];
  const client = await createClient({ token: "maintainer-token", apiUrl: playground.apiUrl, log: silentLog });
  const place = { owner: "octo", repo: "tab" };
  const bodies = [
    "Closes #5",
    "fixed: octo/tab#5",
    `Resolves ${playground.url}/octo/tab/issues/5`,
    "closes #55",
    "see #5",
    "fixes other/repo#5",
    "encloses #5",
    "Asked for in #5 · made",
    "Asked for in #5 · by somebody else",
    "Asked for in #55 · made",
  ];
  const numbers: number[] = [];
  for (const [index, body] of bodies.entries()) {
    const head = body.endsWith("made") ? `baton/b${index}` : `b${index}`;
    const { data: commit } = await client.request("POST /repos/{owner}/{repo}/git/commits", {
      ...place,
      message: `${index}`,
      tree: (
        await client.request("GET /repos/{owner}/{repo}/git/commits/{commit_sha}", { ...place, commit_sha: base ?? "" })
      ).data.tree.sha,
      parents: [base ?? ""],
    });
    await client.request("POST /repos/{owner}/{repo}/git/refs", {
      ...place,
      ref: `refs/heads/${head}`,
      sha: commit.sha,
    });
    const { data } = await client.request("POST /repos/{owner}/{repo}/pulls", {
      ...place,
      title: `${index}`,
      body,
      head,
      base: "main",
    });
    numbers.push(data.number);
  }
  const { id } = await reader.repository("octo", "tab");
  const about = await reader.pullRequestsAbout({ ...repoRef, id }, 5);
  expect(about.closing.toSorted((a, b) => a - b)).toEqual(numbers.slice(0, 3));
  expect(about.askedFor).toEqual(numbers.slice(7, 8));
});
