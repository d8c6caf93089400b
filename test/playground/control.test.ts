// The control endpoint, as a chaos script uses it whose playground runs in another process.
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { openTown, statusOf, type Town } from "./town.ts";

let town: Town;
const at = { owner: "octo", repo: "tab" };
beforeEach(async () => {
  town = await openTown({ control: true });
});
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

async function control(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`${town.playground.url}/_playground/${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const said: unknown = await answer.json();
  return { status: answer.status, said };
}
const create = (title: string) => statusOf(town.as("ghp_maria").rest.issues.create({ ...at, title }));

test("faults by plan, and what they did", async () => {
  const plan = { seed: 3, rules: [{ kinds: ["502-after"], methods: ["POST"], count: 1 }] };
  expect((await control("PUT", "faults", plan)).status).toBe(200);
  expect([await create("One"), await create("Two")]).toEqual([502, 201]);
  expect((await control("GET", "faults")).said).toEqual([{ matched: 2, faults: { "502-after": 1 } }]);
  expect((await control("GET", "ledger")).said).toMatchObject({ lostAnswers: 1, made: { issue: 2 } });
  await control("PUT", "faults", { ...plan, rules: [{ kinds: ["500"] }] });
  expect(await create("Three")).toBe(500);
  await control("DELETE", "faults");
  expect(await create("Three")).toBe(201);
  expect((await control("PUT", "faults", { seed: 1, rules: [{ kinds: ["gremlins"] }] })).status).toBe(400);
});

test("limits, windows and tokens", async () => {
  await control("PUT", "limits", { contentPerMinute: 1, secondaryMs: 60_000 });
  expect([await create("One"), await create("Two"), await create("Three")]).toEqual([201, 403, 403]);
  expect((await control("GET", "windows")).said).toMatchObject({
    inside: 1,
    windows: [{ caller: "maria", inside: 1 }],
  });
  expect((await control("GET", "windows?grace=60000")).said).toMatchObject({ inside: 0 });
  const token = await town.token();
  await control("PUT", "tokens", { expire: true });
  expect(await statusOf(town.as(token).rest.repos.get(at))).toBe(401);
});

test("acts of people, their news or none, and what is there afterwards", async () => {
  const issue = { repo: "octo/tab", number: 1, as: "maria" };
  const opened = { repo: "octo/tab", title: "One", body: "Text", as: "maria", labels: ["bug"] };
  expect((await control("POST", "acts/openIssue", opened)).said).toEqual({ repo: "octo/tab", number: 1 });
  await control("POST", "acts/comment", { ...issue, body: "/agent fix" });
  await control("POST", "acts/closeIssue", { ...issue, quiet: true });
  await control("PUT", "lost-news", { events: ["issues.reopened"] });
  await control("POST", "acts/reopenIssue", issue);
  await control("POST", "acts/push", { repo: "octo/tab", branch: "work", files: { "a.txt": "a" }, as: "maria" });
  await control("POST", "settled");
  const deliveries = z.array(z.looseObject({ event: z.string(), action: z.string().optional(), status: z.number() }));
  const told = deliveries.parse((await control("GET", "deliveries")).said);
  expect(told.map(({ event, action }) => `${event} ${action ?? ""}`.trim())).toEqual([
    "issues opened",
    "issues labeled",
    "issue_comment created",
    "push",
  ]);
  expect((await control("GET", "deliveries?failed=1")).said).toEqual([]);
  expect((await control("GET", "repositories/octo/tab")).said).toMatchObject({
    archived: false,
    issues: [{ number: 1, state: "open", labels: ["bug"], comments: [{ by: "maria", body: "/agent fix", edits: 0 }] }],
    refs: { "refs/heads/work": expect.any(String) },
  });
  expect((await control("GET", "duplicates?repo=octo/tab")).said).toEqual([]);
  expect((await control("POST", "acts/closeIssue", { ...issue, number: 99 })).said).toEqual({
    error: "octo/tab has no issue 99",
  });
});

test("the journal comes in pieces, with bodies where they are asked for", async () => {
  for (const title of ["One", "Two", "Three"]) await create(title);
  const piece = await control("GET", "journal?after=1&limit=1");
  expect(piece.said).toMatchObject([{ number: 2, route: "/repos/:owner/:repo/issues", done: 201 }]);
  expect(JSON.stringify(piece.said)).not.toContain("Two");
  expect(JSON.stringify((await control("GET", "journal?after=1&limit=1&bodies=1")).said)).toContain("Two");
});

test("is not there unless asked for, and never for a page in a browser", async () => {
  expect((await control("GET", "state", undefined, { origin: town.playground.url })).status).toBe(403);
  expect((await control("GET", "gremlins")).status).toBe(404);
  await using plain = await openTown();
  expect((await fetch(`${plain.playground.url}/_playground/state`)).status).toBe(404);
});
