// Threads of a review over GraphQL, against the playground: which are resolved, resolving each once, and what happens where GitHub refuses.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import type { Log } from "#src/core/log.ts";
import { silentLog } from "#src/core/log.ts";
import type { RepoRef } from "#src/engine/events.ts";
import { createClient } from "#src/github/client.ts";
import { createOnce } from "#src/github/once.ts";
import { createGitHubReader } from "#src/github/reader.ts";
import { createRequests } from "#src/github/requests.ts";
import { readThreads, resolveThreads } from "#src/github/review-threads.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import "#test/support/described.ts";

const signal = new AbortController().signal;
let playground: Playground;
let repo: RepoRef;
let number = 0;

/** What one account can do; `log` hears why something was left. */
function as(token: string, log: Log = silentLog, apiUrl = playground.apiUrl) {
  const timing = new HandTiming({ impatient: true });
  const octokitFor = () => createClient({ token, apiUrl, log: silentLog });
  const requests = createRequests({ octokitFor, log, timing });
  const once = createOnce({ outbox: createMemoryOutbox(timing), log, timing });
  const run = newRunId();
  return {
    reader: createGitHubReader({ octokitFor, log, timing }),
    threads: () => readThreads(requests, repo, number),
    resolve: (first: readonly number[]) =>
      resolveThreads({ requests, once, log }, { repo, run, number, key: "a-commit" }, first, signal),
  };
}

const mutations = () =>
  playground.journal.filter(({ door, body }) => door === "graphql" && JSON.stringify(body).includes("mutation"));

beforeAll(async () => {
  playground = await openPlayground({
    users: [
      { login: "octo", type: "Organization" },
      { login: "maria", id: 7, tokens: ["maria-token"] },
      { login: "tim", id: 9, tokens: ["tim-token"] },
    ],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { "a.js": "1\n" },
    collaborators: { maria: "write", tim: "triage" },
  });
  await playground.push({ repo: "octo/tab", branch: "b", files: { "a.js": "2\n" }, message: "two", as: "maria" });
  repo = await as("maria-token").reader.repository("octo", "tab");
  const opened = await fetch(`${playground.apiUrl}/repos/octo/tab/pulls`, {
    method: "POST",
    headers: { authorization: "Bearer maria-token", "content-type": "application/json" },
    body: JSON.stringify({ title: "t", head: "b", base: "main" }),
  });
  if (opened.status !== 201) throw new Error(`no pull request: ${await opened.text()}`);
  number = playground.pulls("octo/tab")[0]?.number ?? 0;
  const remarks = Array.from({ length: 130 }, (_, index) => ({ path: "a.js", line: 1, body: `remark ${index}` }));
  playground.review({ repo: "octo/tab", number, as: "maria", state: "COMMENTED", body: "", remarks });
});

afterAll(async () => playground[Symbol.asyncDispose]());

describe("threads", () => {
  test("are read over all pages, each by the remark it begins with", async () => {
    const threads = await as("tim-token").threads();
    expect(threads).toHaveLength(130);
    const remarks = await as("tim-token").reader.remarks(repo, number);
    expect(threads.map(({ first }) => first)).toEqual(remarks.map(({ id }) => id));
    expect(threads.every(({ resolved, outdated }) => !resolved && !outdated)).toBe(true);
  });

  test("are resolved once each, and what people open again or resolved themselves is left", async () => {
    const maria = as("maria-token");
    const [one, two, three] = await maria.threads();
    if (!one || !two || !three) throw new Error("there are no threads");
    playground.resolve({ repo: "octo/tab", number, as: "tim", thread: three.first });
    await maria.resolve([one.first, three.first]);
    await maria.resolve([one.first, three.first]);
    expect(mutations()).toHaveLength(1);
    const now = await maria.threads();
    expect(now.filter(({ resolved }) => resolved)).toMatchObject([
      { first: one.first, resolvedBy: "maria" },
      { first: three.first, resolvedBy: "tim" },
    ]);
    await maria.resolve([]);
    expect(mutations()).toHaveLength(1);
  });

  test("stay open where GitHub refuses, which the log says", async () => {
    const told: string[] = [];
    const tim = as("tim-token", { ...silentLog, info: (message) => told.push(message) });
    const open = (await tim.threads()).find(({ resolved }) => !resolved);
    await tim.resolve([open?.first ?? 0]);
    expect(told).toContain("threads of the review are answered and stay open");
    expect((await tim.threads()).find(({ first }) => first === open?.first)?.resolved).toBe(false);
    playground.setFault(({ door }) =>
      door === "graphql" ? { status: 403, body: { message: "Forbidden" } } : undefined,
    );
    expect(await as("maria-token").reader.threads(repo, number)).toBeUndefined();
    playground.setFault(undefined);
  });

  test("wait for a limit that GitHub tells in an answer of 200", async () => {
    const errors = [{ type: "RATE_LIMITED", message: "API rate limit exceeded" }];
    playground.setFault(({ door }) => (door === "graphql" ? { status: 200, body: { data: null, errors } } : undefined));
    await expect(as("maria-token").threads()).rejects.toMatchObject({ kind: "limited", retryable: true });
    playground.setFault(undefined);
  });

  test("are asked for where GraphQL is: beside the REST API, whatever its address begins with", async () => {
    expect(playground.apiUrl).toMatch(/\/api\/v3$/);
    const { origin } = new URL(playground.url);
    expect((await fetch(`${origin}/api/v3/graphql`, { method: "POST", body: "{}" })).status).toBe(404);
    await using plain = await openPlayground({ prefix: "", users: [{ login: "octo", tokens: ["t"] }] });
    const client = await createClient({ token: "t", apiUrl: plain.apiUrl, log: silentLog });
    await expect(client.graphql("{ viewer { login } }")).rejects.toThrow("knows no such document");
    expect(plain.journal.at(-1)).toMatchObject({ door: "graphql", path: "/graphql" });
  });
});
