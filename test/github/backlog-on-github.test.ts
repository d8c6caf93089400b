// What a backlog reads from GitHub and sets there: a list in pages, and labels once for each answer of the model.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { gather, type Gathered } from "#src/cli/backlog-desk.ts";
import { setFoundLabels } from "#src/cli/backlog-labels.ts";
import { systemClock } from "#src/core/clock.ts";
import { silentLog } from "#src/core/log.ts";
import type { RepoRef } from "#src/engine/events.ts";
import { createClient } from "#src/github/client.ts";
import { limited } from "#src/github/failure.ts";
import { createGitHubReader } from "#src/github/reader.ts";
import { createTriageLabels } from "#src/github/triage-labels.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { openFileOutbox } from "#src/store/file-outbox.ts";
import { createMemoryThrottle } from "#src/store/throttle.ts";
import { guess } from "#src/triage/heuristics.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { openAnsweringServer } from "#test/support/answering-server.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { checkAnswer, checkRequest } from "#test/support/openapi.ts";
import { until } from "#test/support/until.ts";

const triage = guess({ title: "sum crashes", body: "" });
let playground: Playground;
let repo: RepoRef;
let folder: string;

const octokitFor = () => createClient({ token: "maintainer-token", apiUrl: playground.apiUrl, log: silentLog });
const readerAt = (apiUrl: string) =>
  createGitHubReader({
    octokitFor: () => createClient({ token: "maintainer-token", apiUrl, log: silentLog }),
    log: silentLog,
    timing: new HandTiming({ impatient: true }),
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-labels-"));
  playground = await openPlayground({
    users: [
      { login: "maria", id: 7, tokens: ["maintainer-token"] },
      { login: "ada", id: 8 },
    ],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { "README.md": "# Tab\n" },
    labels: ["bug", "help wanted"],
    collaborators: { maria: "admin", ada: "read" },
  });
  for (let number = 1; number <= 230; number += 1)
    await playground.openIssue({ repo: "octo/tab", title: `issue ${number}`, body: "x", as: "ada", labels: ["bug"] });
  await playground.closeIssue({ repo: "octo/tab", number: 229, as: "maria" });
  await playground.lockIssue({ repo: "octo/tab", number: 228, as: "maria" });
  playground.comment({ repo: "octo/tab", number: 227, as: "ada", body: "hm" });
  repo = await readerAt(playground.apiUrl).repository("octo", "tab");
});
afterAll(async () => {
  await playground[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => playground.setFault(undefined));

/** What GitHub's description has against what was asked and answered since. */
const amiss = (since: number) =>
  playground.journal
    .slice(since)
    .flatMap((entry) => [
      ...checkRequest(entry),
      ...(entry.status === 0 || entry.faulty ? [] : checkAnswer({ ...entry, body: entry.answer })),
    ]);

describe("the open issues", () => {
  test("newest first, page by page, as GitHub describes it", async () => {
    const since = playground.journal.length;
    const { issues, more } = await readerAt(playground.apiUrl).openIssues(repo, { most: 10_000 });
    expect(more).toBe(false);
    expect(issues.map(({ number }) => number)).toEqual(
      Array.from({ length: 230 }, (_, index) => 230 - index).filter((number) => number !== 229),
    );
    expect(issues[1]).toMatchObject({
      number: 228,
      locked: true,
      isPull: false,
      labels: ["bug"],
      comments: 0,
      author: { login: "ada", id: 8 },
    });
    expect(issues[2]).toMatchObject({ title: "issue 227", body: "x", comments: 1 });
    expect(playground.journal.slice(since)).toHaveLength(3);
    expect(amiss(since)).toEqual([]);
  });

  test("no more than asked for, and whether there are others; only what was changed since", async () => {
    const reader = readerAt(playground.apiUrl);
    const since = playground.journal.length;
    expect(await reader.openIssues(repo, { most: 100 })).toMatchObject({ more: true, issues: { length: 100 } });
    expect(await reader.openIssues(repo, { most: 229 })).toMatchObject({ more: false, issues: { length: 229 } });
    expect(await reader.openIssues(repo, { most: 50, since: Date.parse("2999-01-01") })).toEqual({
      issues: [],
      more: false,
    });
    expect(amiss(since)).toEqual([]);
  });

  test("an issue that is opened meanwhile moves the others on: none comes twice", async () => {
    let opened = false;
    playground.setFault(async ({ query }) => {
      if (query["page"] !== "2" || opened) return undefined;
      opened = true;
      await playground.openIssue({ repo: "octo/tab", title: "new", body: "x", as: "ada" });
      return undefined;
    });
    const { issues } = await readerAt(playground.apiUrl).openIssues(repo, { most: 10_000 });
    expect(new Set(issues.map(({ number }) => number)).size).toBe(issues.length);
    expect(issues.length).toBe(229);
    await playground.closeIssue({ repo: "octo/tab", number: 231, as: "maria" });
  });

  test("what GitHub does not tell is no list", async () => {
    playground.setFault(({ query }) =>
      query["page"] === "2" ? { status: 500, body: { message: "broken" } } : undefined,
    );
    await expect(readerAt(playground.apiUrl).openIssues(repo, { most: 1_000 })).rejects.toMatchObject({
      code: "github-failed",
    });
  });
});

test("a list that names its next page by a cursor is followed, and not for ever", async () => {
  const page = (query: string) => ({
    status: 200,
    headers: { link: `<https://api.github.com/repositories/1/issues?${query}>; rel="next"` },
    data: [],
  });
  await using server = await openAnsweringServer(Date.now, [page("state=open&after=abc"), page("state=open")]);
  const found = await readerAt(server.url).openIssues(repo, { most: 1_000 });
  expect(found).toEqual({ issues: [], more: false });
  const asked = server.asked.map(({ route }) => new URLSearchParams(route.split("?")[1]).get("after"));
  expect(asked).toEqual([null, "abc"]);
});

test("comments are read past a limit of GitHub's, however long, and what was read before is not read again", async () => {
  const asked: number[] = [];
  const read: number[] = [];
  const pauses: number[] = [];
  const told: string[] = [];
  const real = readerAt(playground.apiUrl);
  const reader: typeof real = {
    ...real,
    async comments(at, number) {
      asked.push(number);
      if (number === 227 && pauses.length === 0) throw limited("read the comments", Date.now() + 100_000);
      const comments = await real.comments(at, number);
      read.push(number);
      return comments;
    },
  };
  const stop = new AbortController();
  const desk = {
    reader,
    repo,
    self: { login: "maria", id: 7, appId: undefined },
    labels: [],
    config: defaultRepoConfig,
    signal: stop.signal,
  };
  const author = { login: "ada", id: 8 };
  const numbers = [5, 6, 7, 8, 9, 227];
  const plain = { title: "", body: "", author, locked: false, isPull: false, url: "", labels: [], comments: 1 };
  const chosen = numbers.map((number) => ({ ...plain, number }));
  const waits = {
    print: (text: string) => told.push(text),
    pause: async (milliseconds: number) => {
      await until(() => read.includes(9));
      pauses.push(milliseconds);
    },
  };
  const gathered: Gathered[] = [];
  for await (const one of gather(desk, chosen, waits)) gathered.push(one);
  expect(gathered.map(({ listed }) => listed.number)).toEqual(numbers);
  expect(gathered.at(-1)?.issue.input.comments).toMatchObject([{ body: "hm" }]);
  expect(asked).toEqual([...numbers, 227]);
  expect(pauses).toHaveLength(1);
  expect(Math.abs((pauses[0] ?? 0) - 100_000)).toBeLessThan(5_000);
  expect(told).toEqual([expect.stringMatching(/rate limit is used up until .*Ctrl-C is safe/)]);

  pauses.length = 0;
  const stopped = { ...waits, pause: () => Promise.resolve(stop.abort(new Error("enough"))) };
  const first = gather(desk, chosen.slice(5), stopped).next();
  await expect(first).rejects.toThrow("enough");
});

describe("labels for what was sorted", () => {
  const open = async (name: string) => {
    const outbox = await openFileOutbox(join(folder, name), systemClock);
    const labels = createTriageLabels({
      octokitFor,
      outbox,
      log: silentLog,
      timing: new HandTiming({ impatient: true }),
    });
    return { labels, [Symbol.asyncDispose]: () => outbox[Symbol.asyncDispose]() };
  };
  const namesOf = (number: number) =>
    playground
      .issue({ repo: "octo/tab", number })
      .labels.map(({ name }) => name)
      .toSorted();
  const posts = (since: number) =>
    playground.journal.slice(since).filter(({ method, path }) => method === "POST" && path.endsWith("/labels"));

  test("are set once for each answer, also by the next process; another answer sets its own", async () => {
    const since = playground.journal.length;
    const set = async (id: string, labels: readonly string[]) => {
      await using place = await open("once");
      return await place.labels.set(repo, { number: 1, known: ["bug", "help wanted"] }, id, labels);
    };
    expect(await set("a", ["help wanted"])).toBe("set");
    expect(namesOf(1)).toEqual(["agent/triaged", "bug", "help wanted"]);
    await playground.label({ repo: "octo/tab", number: 1, as: "maria", remove: ["agent/triaged", "help wanted"] });
    expect(await set("a", ["help wanted"])).toBe("was-set");
    expect(namesOf(1)).toEqual(["bug"]);
    expect(await set("b", [])).toBe("set");
    expect(namesOf(1)).toEqual(["agent/triaged", "bug"]);
    // The state label is made once, with its colour.
    expect(posts(since).map(({ path }) => path.split("/").at(-2))).toEqual(["tab", "1", "1"]);
    expect(amiss(since)).toEqual([]);
  });

  test("where the answer was lost it is looked for before it is set again", async () => {
    {
      await using place = await open("lost");
      playground.setFault(({ method, path }) =>
        method === "POST" && path.endsWith("/2/labels") ? { reset: true, afterEffect: true } : undefined,
      );
      await expect(place.labels.set(repo, { number: 2, known: ["agent/triaged"] }, "a", [])).resolves.toBe("set");
    }
    playground.setFault(undefined);
    expect(namesOf(2)).toEqual(["agent/triaged", "bug"]);
  });

  test("an issue that is gone is told so; a no is thrown", async () => {
    await using place = await open("gone");
    await playground.deleteIssue({ repo: "octo/tab", number: 3, as: "maria" });
    expect(await place.labels.set(repo, { number: 3, known: ["agent/triaged"] }, "a", [])).toBe("gone");
    playground.setFault(() => ({ status: 403, body: { message: "Resource not accessible" } }));
    await expect(place.labels.set(repo, { number: 4, known: ["agent/triaged"] }, "a", [])).rejects.toMatchObject({
      status: 403,
    });
  });

  test("a limit of GitHub's is waited out, however long; what cannot be set is told, and the others are set", async () => {
    await using place = await openFileOutbox(join(folder, "limited"), systemClock);
    const turns = [100_000, 0];
    const throttle = { ...createMemoryThrottle(systemClock), turn: () => Promise.resolve(turns.shift() ?? 0) };
    const pauses: number[] = [];
    const told: string[] = [];
    playground.setFault(({ path }) =>
      path.endsWith("/6/labels") ? { status: 422, body: { message: "Validation Failed" } } : undefined,
    );
    const line = (number: number) => ({
      id: "a",
      number,
      title: "",
      url: "",
      triage: { ...triage, labels: [] },
      agent: { verdict: "yes" as const, why: "" },
      labels: [],
      changed: false,
    });
    const done = await setFoundLabels(
      { octokitFor, throttle, repo, labels: ["agent/triaged"] },
      place,
      [5, 6, 7].map(line),
      {
        print: (text) => told.push(text),
        signal: new AbortController().signal,
        pause: async (milliseconds) => void pauses.push(milliseconds),
      },
    );
    expect(done.map(({ labelled }) => labelled)).toEqual(["set", "failed", "set"]);
    expect(pauses).toHaveLength(1);
    expect(Math.abs((pauses[0] ?? 0) - 100_000)).toBeLessThan(5_000);
    expect(told).toEqual([
      expect.stringContaining("its rate limit is used up until"),
      expect.stringContaining("The labels of #6 could not be set"),
    ]);
    expect([5, 6, 7].map((number) => namesOf(number).includes("agent/triaged"))).toEqual([true, false, true]);
  });
});
