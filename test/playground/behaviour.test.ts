// Paging, rate limits, the journal, faults on purpose, and where the API lives.
import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openPlayground } from "#src/playground/playground.ts";
import { openTown, statusOf, type Town } from "./town.ts";

let town: Town;
const at = { owner: "octo", repo: "tab" };
beforeEach(async () => {
  town = await openTown();
});
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

describe("paging", () => {
  test("real Octokit walks all pages, forwards by the Link header", async () => {
    for (let n = 1; n <= 35; n += 1)
      await town.playground.openIssue({ repo: "octo/tab", title: `Issue ${n}`, body: "", as: "maria" });
    const maria = town.as("ghp_maria");
    const all = await maria.paginate(maria.rest.issues.listForRepo, { ...at, per_page: 10, direction: "asc" });
    expect(all.map(({ title }) => title)).toEqual(Array.from({ length: 35 }, (_, n) => `Issue ${n + 1}`));
    const pages = town.playground.journal.map(({ query }) => query["page"] ?? "1");
    expect(pages).toEqual(["1", "2", "3", "4"]);
    const first = await maria.rest.issues.listForRepo(at);
    expect(first.data).toHaveLength(30);
    expect(first.data[0]?.title).toBe("Issue 35");
    expect(first.headers.link).toBe(
      `<${town.playground.apiUrl}/repos/octo/tab/issues?page=2>; rel="next", <${town.playground.apiUrl}/repos/octo/tab/issues?page=2>; rel="last"`,
    );
    const second = await maria.rest.issues.listForRepo({ ...at, page: 2 });
    expect(second.data).toHaveLength(5);
    expect(second.headers.link).toMatch(/rel="prev".*rel="first"/);
    expect((await maria.rest.issues.listForRepo({ ...at, page: 9 })).data).toEqual([]);
    expect((await maria.rest.issues.listForRepo({ ...at, per_page: 5000 })).data).toHaveLength(35);
  });
});

describe("rate limits", () => {
  test("are told on each answer, and counted for each caller", async () => {
    const maria = town.as("ghp_maria");
    const left = async (client: Octokit) => Number((await client.rest.repos.get(at)).headers["x-ratelimit-remaining"]);
    expect([await left(maria), await left(maria)]).toEqual([4999, 4998]);
    expect(await left(town.as("ghp_teo"))).toBe(4999);
    const overview = await maria.rest.rateLimit.get();
    expect(overview.data.rate).toMatchObject({ limit: 5000, used: 2, remaining: 4998 });
    expect(overview.data.rate.reset).toBeGreaterThan(Date.now() / 1000);
  });
});

describe("the journal", () => {
  test("has who asked what and what was answered, refusals too", async () => {
    const bot = town.as(await town.token());
    await bot.rest.issues.create({ ...at, title: "One" });
    await statusOf(town.as("ghp_nobody").rest.repos.get(at));
    expect(town.playground.journal.map(({ method, path, actor, status }) => [method, path, actor, status])).toEqual([
      ["POST", "/app/installations/555/access_tokens", "app conductor", 201],
      ["POST", "/repos/octo/tab/issues", "conductor[bot]", 201],
      ["GET", "/repos/octo/tab", "unknown", 401],
    ]);
    expect(town.playground.journal[1]).toMatchObject({ body: { title: "One" }, answer: { number: 1 }, faulty: false });
  });
});

describe("faults on purpose", () => {
  const issues = () => [...town.playground.repository("octo/tab").issues.values()].map(({ title }) => title);

  test("a 502 before or after the work was done; everything else goes on", async () => {
    const maria = town.as("ghp_maria");
    town.playground.setFault(({ method, body }) =>
      method === "POST" &&
      typeof body === "object" &&
      body !== null &&
      "title" in body &&
      typeof body.title === "string" &&
      body.title !== "Well"
        ? { status: 502, body: "Bad Gateway", afterEffect: body.title === "Done, but lost" }
        : undefined,
    );
    expect(await statusOf(maria.rest.issues.create({ ...at, title: "Not done" }))).toBe(502);
    expect(await statusOf(maria.rest.issues.create({ ...at, title: "Done, but lost" }))).toBe(502);
    expect(await statusOf(maria.rest.issues.create({ ...at, title: "Well" }))).toBe(201);
    expect(issues()).toEqual(["Done, but lost", "Well"]);
    expect(town.playground.journal.map(({ faulty, status }) => [faulty, status])).toEqual([
      [true, 502],
      [true, 502],
      [false, 201],
    ]);
    town.playground.setFault(undefined);
    expect(await statusOf(maria.rest.issues.create({ ...at, title: "Healed" }))).toBe(201);
  });

  test("a cut connection, before or after the work was done", async () => {
    const maria = town.as("ghp_maria");
    town.playground.setFault(() => "reset");
    await expect(maria.rest.issues.create({ ...at, title: "Cut" })).rejects.toThrow(
      /fetch failed|other side closed|ECONNRESET/,
    );
    expect(issues()).toEqual([]);
    town.playground.setFault(() => ({ reset: true, afterEffect: true }));
    await expect(maria.rest.issues.create({ ...at, title: "Done, then cut" })).rejects.toThrow(
      /fetch failed|other side closed|ECONNRESET/,
    );
    expect(issues()).toEqual(["Done, then cut"]);
    expect(town.playground.journal.map(({ status }) => status)).toEqual([0, 0]);
  });

  test("a secondary rate limit with its headers", async () => {
    const headers = { "retry-after": "60", "x-ratelimit-remaining": "0" };
    town.playground.setFault(() => ({
      status: 403,
      headers,
      body: { message: "You have exceeded a secondary rate limit" },
    }));
    const answer = await fetch(`${town.playground.apiUrl}/repos/octo/tab`);
    expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("x-ratelimit-remaining")]).toEqual([
      403,
      "60",
      "0",
    ]);
    expect(await answer.json()).toEqual({ message: "You have exceeded a secondary rate limit" });
  });
});

describe("the address", () => {
  test("a port that is taken is told", async () => {
    const port = Number(new URL(town.playground.url).port);
    await expect(openPlayground({ port })).rejects.toMatchObject({
      code: "invalid-usage",
      message: expect.stringMatching(new RegExp(`^port ${port} .* --port$`)),
    });
  });
});

describe("the prefix", () => {
  test("none: the API and the pages share the address", async () => {
    await using bare = await openTown({ prefix: "" });
    expect(bare.playground.apiUrl).toBe(bare.playground.url);
    expect((await bare.as("ghp_maria").rest.repos.get(at)).data.full_name).toBe("octo/tab");
    const page = await fetch(`${bare.playground.url}/`);
    expect(page.headers.get("content-type")).toContain("text/html");
  });
});

describe("an Enterprise Server as it comes", () => {
  test("has its API under /api/v3 and nowhere else, pages and git at the root, and no limits", async () => {
    await using ghes = await openTown({ limits: { off: true, requests: 1 } });
    const { url, apiUrl } = ghes.playground;
    expect(apiUrl).toBe(`${url}/api/v3`);
    const asked = await ghes.as("ghp_maria").rest.repos.get(at);
    expect(asked.headers).not.toHaveProperty("x-ratelimit-limit");
    expect(asked.data).toMatchObject({ clone_url: `${url}/octo/tab.git`, html_url: `${url}/octo/tab` });
    await expect(ghes.as("ghp_maria").rest.rateLimit.get()).rejects.toMatchObject({
      status: 404,
      response: { data: { message: "Rate limiting is not enabled." } },
    });
    expect((await fetch(`${url}/repos/octo/tab`)).status).toBe(404);
    expect((await fetch(`${url}/octo/tab.git/info/refs?service=git-upload-pack`)).status).toBe(200);
  });
});

describe("a folder as the first commit", () => {
  test("is taken with its folders, without .git and node_modules", async () => {
    const folder = new URL("../../src/playground/sample", import.meta.url).pathname;
    await town.playground.addRepository({ owner: "octo", name: "sample", from: folder, labels: ["bug", "agent"] });
    expect(await town.playground.file("octo/sample", "main", "package.json")).toContain('"tab"');
    expect(town.playground.repository("octo/sample").labels.map(({ name }) => name)).toEqual(["bug", "agent"]);
    await expect(town.playground.addRepository({ owner: "octo", name: "sample", from: {} })).rejects.toThrow("already");
    await expect(town.playground.addRepository({ owner: "octo", name: "../x", from: {} })).rejects.toThrow(
      "owner/name",
    );
  });
});
