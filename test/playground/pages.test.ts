// The pages as people use them, in a real browser; and what their forms refuse.
import { chromium, type Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { needs } from "#test/support/needs.ts";
import { openTown, type Town } from "./town.ts";

let town: Town;
const repo = "octo/tab";
beforeEach(async () => {
  town = await openTown();
});
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

async function browse(visit: (page: Page) => Promise<void>): Promise<void> {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await visit(page);
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
}

describe.skipIf(!(await needs("chromium")))("in a browser", () => {
  test("a person opens an issue, comments, and sees the card come and change without losing a word", async () => {
    await browse(async (page) => {
      await page.goto(`${town.playground.url}/octo/tab/issues`);
      await page.getByRole("link", { name: "New issue" }).click();
      await page.getByLabel("Title").fill("Splitting loses a cent");
      await page.getByLabel("Description").fill("**Always.**\n\n- [x] seen twice");
      await page.getByRole("button", { name: "Create issue" }).click();
      await page.getByRole("heading", { name: "Splitting loses a cent #1" }).waitFor();
      expect(await page.locator("#description strong").textContent()).toBe("Always.");

      await page.getByLabel("Comment").fill("/agent fix");
      await page.getByRole("button", { name: "Comment" }).click();
      await page.getByText("/agent fix").waitFor();
      expect(town.playground.comments({ repo, number: 1 })).toMatchObject([
        { body: "/agent fix", by: { account: { login: "maria" } } },
      ]);

      await page.getByLabel("Comment").fill("half a sentence");
      const bot = town.as(await town.token());
      const at = { owner: "octo", repo: "tab" };
      const card = (words: string, more = "") =>
        `<!-- marker -->\n**${words}**${more}\n\n<details><summary>More</summary>\n\nfolded\n\n</details>`;
      const { data } = await bot.rest.issues.createComment({ ...at, issue_number: 1, body: card("Queued") });
      await page.getByText("Queued").waitFor();
      await page.getByText("More").click();
      await page.getByText("folded").waitFor();
      await bot.rest.issues.updateComment({ ...at, comment_id: data.id, body: card("Running") });
      await page.getByText("Running").waitFor();
      expect(await page.getByText("folded").isVisible()).toBe(true);
      expect(await page.getByText("Queued").count()).toBe(0);
      await bot.rest.issues.setLabels({ ...at, issue_number: 1, labels: ["bug"] });
      await page.locator("#side-labels").getByText("bug").waitFor();
      await bot.rest.issues.update({ ...at, issue_number: 1, state: "closed" });
      await page.locator("#state").getByText("Closed").waitFor();
      await page.getByRole("button", { name: "Reopen issue" }).waitFor();
      expect(await page.getByLabel("Comment").inputValue()).toBe("half a sentence");
      await bot.rest.issues.deleteComment({ ...at, comment_id: data.id });
      await expect.poll(() => page.getByText("Running").count()).toBe(0);
    });
  });

  test("who acts is chosen at the top; an outsider may comment, not sort", async () => {
    await town.playground.openIssue({ repo, title: "One", body: "", as: "maria" });
    await browse(async (page) => {
      await page.goto(`${town.playground.url}/octo/tab/issues/1`);
      expect(await page.getByRole("button", { name: "Add" }).count()).toBe(1);
      await page.getByLabel("acting as").selectOption({ label: "ott · outsider" });
      await page.getByPlaceholder("Say something as ott").fill("me too");
      expect(await page.getByRole("button", { name: "Add" }).count()).toBe(0);
      expect(await page.getByRole("button", { name: "Close issue" }).count()).toBe(0);
      await page.getByRole("button", { name: "Comment" }).click();
      await page.locator(".comment.mine").getByText("me too").waitFor();
      expect(town.playground.comments({ repo, number: 1 })[0]?.by.account.login).toBe("ott");
    });
  });

  test("a pull request shows its checks live, and its diff", async () => {
    const bot = town.as(await town.token());
    const at = { owner: "octo", repo: "tab" };
    const main = (await town.playground.refs(repo))["refs/heads/main"] ?? "";
    const tree = await bot.rest.git.createTree({
      ...at,
      base_tree: main,
      tree: [{ path: "src/split.js", mode: "100644", type: "blob", content: "export const split = '<b>fair</b>';\n" }],
    });
    const commit = await bot.rest.git.createCommit({
      ...at,
      message: "fix: split",
      tree: tree.data.sha,
      parents: [main],
    });
    await bot.rest.git.createRef({ ...at, ref: "refs/heads/fix", sha: commit.data.sha });
    await bot.rest.pulls.create({ ...at, title: "fix: split", head: "fix", base: "main", draft: true });
    await browse(async (page) => {
      await page.goto(`${town.playground.url}/octo/tab/pull/1`);
      expect(await page.locator("#state").innerText()).toContain("Draft");
      await bot.rest.checks.create({
        ...at,
        name: "Baton / verification",
        head_sha: commit.data.sha,
        conclusion: "success",
      });
      await page.getByText("All checks have passed").waitFor();
      await page.getByRole("link", { name: "Files changed 1" }).click();
      await page.locator("tr.add").getByText("export const split = '<b>fair</b>';").waitFor();
      await page.locator("tr.del").getByText("Math.floor").waitFor();
    });
  });
});

describe("pages without a browser", () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${town.playground.url}${path}`, { headers, redirect: "manual" });
  const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${town.playground.url}${path}`, {
      method: "POST",
      body: new URLSearchParams(form),
      headers,
      redirect: "manual",
    });
  const as = (login: string) => ({ cookie: `acting=${login}` });

  test("each address leads somewhere, others are 404", async () => {
    await town.playground.openIssue({ repo, title: "One", body: "x", as: "maria" });
    const sha = (await town.playground.refs(repo))["refs/heads/main"] ?? "";
    for (const path of [
      "/",
      "/octo/tab",
      "/octo/tab/issues",
      "/octo/tab/issues?state=closed",
      "/octo/tab/issues/new",
      "/octo/tab/issues/1",
      "/octo/tab/pulls",
      "/octo/tab/tree/main/src",
      "/octo/tab/blob/main/src/split.js",
      "/octo/tab/raw/main/README.md",
      `/octo/tab/commit/${sha}`,
      "/ui/style.css",
      "/ui/live.js",
      "/ui/avatar/7.svg",
    ])
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    for (const path of [
      "/octo/nope",
      "/octo/tab/issues/2",
      "/octo/tab/pull/2",
      "/octo/tab/blob/main/nope",
      "/octo/tab/commit/nope",
      "/nope",
      "/octo/tab.git/HEAD",
      "/ui/avatar/0.svg",
    ])
      expect([path, (await get(path)).status]).toEqual([path, 404]);
  });

  test("titles and names are text, never markup", async () => {
    await town.playground.openIssue({
      repo,
      title: "<img src=x onerror=alert(1)>",
      body: "",
      as: "maria",
      labels: ['"><script>'],
    });
    for (const path of ["/octo/tab/issues", "/octo/tab/issues/1"]) {
      const text = await (await get(path)).text();
      expect(text).not.toContain("<img src=x");
      expect(text).not.toContain("<script>");
    }
  });

  test("what is private is not there for an outsider", async () => {
    expect((await get("/octo/vault", as("maria"))).status).toBe(200);
    for (const path of ["/octo/vault", "/octo/vault/issues", "/octo/vault/raw/main/README.md"])
      expect((await get(path, as("ott"))).status).toBe(404);
    expect(await (await get("/", as("ott"))).text()).not.toContain("vault");
    expect((await post("/octo/vault/issues", { title: "x" }, as("ott"))).status).toBe(404);
  });

  test("a comment is written anew by whoever wrote it or may write here, and the App hears of it", async () => {
    await town.playground.openIssue({ repo, title: "One", body: "", as: "maria" });
    const { id } = town.playground.comment({ repo, number: 1, body: "first", as: "maria" });
    const path = `/octo/tab/issues/1/comments/${id}`;
    expect((await post(path, { body: "mine now" }, as("ott"))).status).toBe(403);
    expect((await post(path, { body: " " }, as("maria"))).status).toBe(403);
    expect((await post("/octo/tab/issues/1/comments/999999", { body: "x" }, as("maria"))).status).toBe(404);
    expect((await get(path, as("ott"))).status).toBe(404);
    expect(await (await get(path, as("maria"))).text()).toContain("\nfirst</textarea>");
    expect(town.playground.comments({ repo, number: 1 })[0]?.body).toBe("first");
    expect((await post(path, { body: "second\r\nline" }, as("maria"))).status).toBe(303);
    await town.playground.settled();
    const edited = town.playground.deliveries.filter(
      ({ event, action }) => `${event}.${action}` === "issue_comment.edited",
    );
    expect(edited.map(({ payload }) => payload)).toMatchObject([
      {
        changes: { body: { from: "first" } },
        comment: { id, body: "second\nline", user: { login: "maria" } },
        sender: { login: "maria" },
      },
    ]);
  });

  test("forms do what the role allows, and nothing for another site or another host", async () => {
    await town.playground.openIssue({ repo, title: "One", body: "", as: "maria" });
    expect((await post("/octo/tab/issues/1/labels", { add: "bug" }, as("ott"))).status).toBe(403);
    expect((await post("/octo/tab/issues/1/comments", { do: "close", body: "" }, as("ott"))).status).toBe(403);
    expect((await post("/octo/tab/issues", { title: " " }, as("ott"))).status).toBe(403);
    const comment = { do: "comment", body: "x" };
    expect((await post("/octo/tab/issues/1/comments", comment, { origin: "https://evil.example" })).status).toBe(403);
    expect((await post("/octo/tab/issues/1/comments", comment, { "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect(town.playground.issue({ repo, number: 1 })).toMatchObject({ labels: [], state: "open" });
    expect(town.playground.comments({ repo, number: 1 })).toEqual([]);
    expect((await post("/octo/tab/issues/1/labels", { add: "bug" }, as("teo"))).status).toBe(303);
    expect((await post("/octo/tab/issues/1/labels", { remove: "bug" }, as("teo"))).status).toBe(303);
    expect((await post("/octo/tab/issues/1/comments", { do: "close", body: "a\r\nb" }, as("teo"))).status).toBe(303);
    expect((await post("/octo/tab/issues/1/reactions", { content: "heart" }, as("ott"))).status).toBe(303);
    const { state, reactions } = town.playground.issue({ repo, number: 1 });
    expect([state, reactions.map(({ content }) => content)]).toEqual(["closed", ["heart"]]);
    expect(town.playground.comments({ repo, number: 1 })[0]?.body).toBe("a\nb");
    await town.playground.settled();
    expect(town.playground.deliveries.map(({ event, action }) => `${event} ${action ?? ""}`)).toEqual([
      "issues opened",
      "issues labeled",
      "issues unlabeled",
      "issue_comment created",
      "issues closed",
    ]);
  });

  test("choosing somebody leads back to the same site only", async () => {
    const choose = async (back: string) => (await post("/ui/act-as", { login: "ott", back })).headers.get("location");
    expect(await choose("/octo/tab/issues")).toBe("/octo/tab/issues");
    for (const back of ["//evil.example", "https://evil.example", "/\\evil.example"])
      expect(await choose(back)).toBe("/");
  });

  test("a pull request says who wants it merged, and then who merged it", async () => {
    const bot = town.as(await town.token());
    const at = { owner: "octo", repo: "tab" };
    const main = (await town.playground.refs(repo))["refs/heads/main"] ?? "";
    const base = await bot.rest.git.getCommit({ ...at, commit_sha: main });
    const commit = await bot.rest.git.createCommit({
      ...at,
      message: "fix: split",
      tree: base.data.tree.sha,
      parents: [main],
    });
    await bot.rest.git.createRef({ ...at, ref: "refs/heads/fix", sha: commit.data.sha });
    await bot.rest.pulls.create({ ...at, title: "fix: split", head: "fix", base: "main" });
    const said = async () => {
      const page = await (await get("/octo/tab/pull/1")).text();
      return /<b>([^<]+)<\/b> (merged|wants to merge) 1 commit/.exec(page)?.slice(1);
    };
    expect(await said()).toEqual(["conductor[bot]", "wants to merge"]);
    await town.playground.forcePush({ repo, branch: "main", to: "fix", as: "maria" });
    await town.playground.settled();
    expect(await said()).toEqual(["maria", "merged"]);
  });
});
