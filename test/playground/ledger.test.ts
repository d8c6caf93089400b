// What the playground counts: who asked what, what was made (told or not), and what is there twice.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTown, statusOf, type Town } from "./town.ts";

let town: Town;
const at = { owner: "octo", repo: "tab" };
beforeEach(async () => {
  town = await openTown();
  await town.playground.openIssue({ repo: "octo/tab", title: "One", body: "", as: "maria" });
});
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

const comment = (token: string, body: string) =>
  statusOf(town.as(token).rest.issues.createComment({ ...at, issue_number: 1, body }));

test("requests by route, actor, status and subject; what was made, told or not", async () => {
  const { playground } = town;
  const token = await town.token();
  await comment(token, "<!-- conductor:card:r1 --> At work");
  playground.plan({ seed: 1, rules: [{ kinds: ["502-after"], methods: ["POST"] }] });
  await comment(token, "<!-- conductor:reply:c9 --> Lost");
  playground.plan(undefined);
  await statusOf(town.as("ghp_maria").rest.issues.get({ ...at, issue_number: 7 }));
  expect(playground.ledger()).toMatchObject({
    requests: 4,
    byRoute: {
      "POST /app/installations/:id/access_tokens": 1,
      "POST /repos/:owner/:repo/issues/:number/comments": 2,
      "GET /repos/:owner/:repo/issues/:number": 1,
    },
    byActor: { "app conductor": 1, "conductor[bot]": 2, maria: 1 },
    byStatus: { 201: 2, 502: 1, 404: 1 },
    bySubject: { "octo/tab#1": 2, "octo/tab#7": 1 },
    byFault: { "502 after": 1 },
    made: { comment: 2 },
    lostAnswers: 1,
    content: { total: 2, perMinute: 2, perHour: 2 },
  });
  const [, first, second, third] = playground.journal;
  expect(first).toMatchObject({ done: 201, made: { kind: "comment", subject: 1, marks: ["conductor:card:r1"] } });
  expect(first?.token).toMatch(/^[0-9a-f]{8}$/);
  expect(second?.token).toBe(first?.token);
  expect(third?.token).not.toBe(first?.token);
});

describe("duplicates", () => {
  test("a comment with the same mark, by the same account, on the same issue; and no other", async () => {
    const token = await town.token();
    await comment(token, "<!-- conductor:card:r1 --> One");
    await comment(token, "<!-- conductor:card:r2 --> Two");
    await comment(token, "No mark");
    await comment(token, "No mark");
    await comment("ghp_maria", "<!-- conductor:card:r1 --> quoted");
    expect(await town.playground.duplicates()).toEqual([]);
    await comment(token, "Again <!-- conductor:card:r1 -->");
    expect(await town.playground.duplicates("octo/tab")).toMatchObject([
      {
        kind: "comment",
        repo: "octo/tab",
        key: "#1 conductor[bot] conductor:card:r1",
        items: [expect.any(Number), expect.any(Number)],
      },
    ]);
  });

  test("pull requests with the same mark or head, commits with the same content on branches", async () => {
    const { playground } = town;
    const files = { "a.txt": "a\n" };
    const push = (branch: string) =>
      playground.push({ repo: "octo/tab", branch, onto: "main", files, message: "Same", as: "maria" });
    await push("one");
    expect(await playground.duplicates()).toEqual([]);
    await push("two");
    const { pulls } = town.as("ghp_maria").rest;
    const body = "<!-- conductor:pull:r1 -->";
    await pulls.create({ ...at, title: "One", head: "one", base: "main", body });
    await pulls.create({ ...at, title: "Two", head: "two", base: "main", body });
    await pulls.update({ ...at, pull_number: 2, state: "closed" });
    await pulls.create({ ...at, title: "Three", head: "one", base: "main" });
    const found = await playground.duplicates();
    // The same second makes the two commits one and the same; then there is nothing to find but the pull requests.
    expect(found.filter(({ kind }) => kind === "pull request")).toMatchObject([
      { key: "one", items: [2, 4] },
      { key: "conductor:pull:r1", items: [2, 3] },
    ]);
    await playground.push({ repo: "octo/tab", branch: "three", onto: "main", files, message: "Same", as: "teo" });
    expect((await playground.duplicates()).map(({ kind }) => kind)).toContain("branch commit");
  });
});

test("old entries lose their bodies, not their place", async () => {
  await using small = await openTown({ journalBodies: 1 });
  for (const title of ["One", "Two"]) await small.as("ghp_maria").rest.issues.create({ ...at, title });
  expect(small.playground.journal).toMatchObject([
    { number: 1, body: undefined, answer: undefined, status: 201 },
    { number: 2, body: { title: "Two" }, answer: { number: 2 } },
  ]);
});
