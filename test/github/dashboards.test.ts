// Dashboards over real HTTP and a real database: opened once, changed only where they would say something else, at rest where people close them.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent, type RepoRef } from "#src/engine/events.ts";
import { createClient } from "#src/github/client.ts";
import { createDashboards, type ShowDashboards } from "#src/github/dashboards.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { createDashboardBook, type Dashboards } from "#src/store/dashboards.ts";
import { type Database, openDatabase } from "#src/store/database.ts";
import { openEventLog } from "#src/store/event-log.ts";
import type { EventLog } from "#src/engine/ports.ts";
import { createOutbox } from "#src/store/outbox.ts";
import { createSweeps } from "#src/store/sweeps.ts";
import { created } from "#test/support/engine-world.ts";
import { checkAnswer, checkRequest } from "#test/support/openapi.ts";

const signal = new AbortController().signal;
let undo: AsyncDisposableStack;
let playground: Playground;
let database: Database;
let log: EventLog;
let book: Dashboards;
let name: string;
let repo: RepoRef;
const warned: string[] = [];

beforeAll(async () => {
  undo = new AsyncDisposableStack();
  playground = undo.use(
    await openPlayground({
      users: [
        { login: "octo", type: "Organization" },
        { login: "baton", id: 3, tokens: ["t"] },
        { login: "maria", id: 7 },
      ],
    }),
  );
  database = undo.use(await openDatabase({ memory: true, log: silentLog }));
  log = undo.use(await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog }));
  book = createDashboardBook(database);
});
/** A repository for each test, and no other's dashboard. */
beforeEach(async () => {
  warned.length = 0;
  await database.query("DELETE FROM baton.dashboards", []);
  const short = `tab-${playground.repositories().length}`;
  name = `octo/${short}`;
  await playground.addRepository({
    owner: "octo",
    name: short,
    from: { "a.txt": "a\n" },
    labels: ["agent/triaged", "agent/failed"],
    collaborators: { baton: "write", maria: "write" },
  });
  repo = { ...created().repo, name: short, id: playground.repository(name).id };
});
afterAll(() => undo[Symbol.asyncDispose]());

/** A process that draws them. */
function painter(editEveryMs = 0): ShowDashboards {
  return createDashboards({
    dashboards: book,
    sweeps: createSweeps(database),
    log,
    outbox: createOutbox(database),
    octokitFor: () => createClient({ token: "t", apiUrl: playground.apiUrl, log: silentLog }),
    self: { login: "baton", id: 3, appId: undefined },
    redact: (text) => text.replaceAll("hunter2", "[redacted]"),
    links: { serverUrl: playground.url },
    journal: { ...silentLog, warn: (_, more) => void warned.push(JSON.stringify(more)) },
    editEveryMs,
  });
}

const dashboards = () =>
  [...playground.repository(name).issues.values()].filter(({ body }) => body?.startsWith("<!-- baton:dashboard:"));
const text = () => dashboards().at(-1)?.body ?? "";
const edits = () => dashboards().at(-1)?.edits.length ?? 0;
const writes = () => playground.journal.filter(({ method }) => method === "POST" || method === "PATCH").length;
const sort = (title: string) =>
  playground.openIssue({ repo: name, title, body: "…", as: "maria", labels: ["agent/triaged"] });
async function begin(number: number, ...events: RunEvent[]) {
  const first = created({ runId: newRunId(), repo, subject: { ...created().subject, number } });
  await log.create(first);
  await log.append(first.runId, 1, events);
  return first.runId;
}

test("one issue is opened, offers what is sorted, and is changed in silence as things change", async () => {
  const { number } = await sort("The key is hunter2");
  await book.learn(repo.id, repo, true);
  const paint = painter();
  await Promise.all([paint(signal), painter()(signal)]);
  await paint(signal);
  expect(dashboards()).toHaveLength(1);
  expect(dashboards()[0]).toMatchObject({ title: "Baton dashboard", state: "open" });
  expect(text()).toContain(`- [ ] [#${number}](${playground.url}/${name}/issues/${number}) The key is \\[redacted] · `);
  expect(await book.offered(repo.id)).toEqual([`start:${number}`]);
  const before = [writes(), edits()];
  await book.spoil(repo.id);
  await paint(signal);
  expect([writes(), edits()]).toEqual(before);
  const run = await begin(number);
  await paint(signal);
  expect(text()).toContain("### Queued (1)");
  expect(text()).not.toContain("- [ ]");
  await log.append(run, 1, [{ type: "run.finished", outcome: "failed", code: "x", message: "…" }]);
  await playground.label({ repo: name, number, add: ["agent/failed"], remove: ["agent/triaged"], as: "maria" });
  await paint(signal);
  expect(await book.offered(repo.id)).toEqual([`retry:${run}`]);
  expect(text()).toMatch(/### Failed in the last 7 days \(1\)\n\n- \[ \] \[#\d+\]/);
  expect([edits(), playground.comments({ repo: name, number: dashboards()[0]?.number ?? 0 })]).toEqual([2, []]);
});

test("what people write into it is put back", async () => {
  await sort("A wish");
  await book.learn(repo.id, repo, true);
  const paint = painter();
  await paint(signal);
  const drawn = text();
  const number = dashboards()[0]?.number ?? 0;
  await playground.editIssue({ repo: name, number, body: drawn.replace("- [ ]", "- [x]"), as: "maria" });
  await book.spoil(repo.id);
  await paint(signal);
  expect(text()).toBe(drawn);
});

test("edits come no closer than the pause, and the last state is shown behind it", async () => {
  await book.learn(repo.id, repo, true);
  const [one, another] = [painter(30_000), painter(30_000)];
  await one(signal);
  await begin(12);
  for (const paint of [one, another, one]) await paint(signal);
  expect(text()).toContain("Nothing waits for you, nothing is under way");
  await database.query("UPDATE baton.sweeps SET next_at = clock_timestamp()", []);
  await another(signal);
  expect(text()).toContain("### Queued (1)");
  expect(edits()).toBe(1);
});

test("closed by a person it rests, opened again it goes on", async () => {
  const { number } = await sort("A wish");
  await book.learn(repo.id, repo, true);
  const paint = painter();
  await paint(signal);
  const at = { repo: name, number: dashboards()[0]?.number ?? 0, as: "maria" };
  await playground.closeIssue(at);
  await begin(number);
  const before = writes();
  await paint(signal);
  expect([writes(), dashboards()[0]?.state, await book.offered(repo.id)]).toEqual([before, "closed", []]);
  await playground.reopenIssue(at);
  await book.spoil(repo.id);
  await paint(signal);
  expect(text()).toContain("### Queued (1)");
});

test("a config that wants it no longer has it closed, and one that wants it again opened", async () => {
  await book.learn(repo.id, repo, true);
  const paint = painter();
  await paint(signal);
  await book.learn(repo.id, repo, false);
  await paint(signal);
  expect(dashboards()[0]).toMatchObject({ state: "closed", body: expect.stringContaining("asks for no dashboard") });
  expect(await book.due()).toEqual([]);
  await book.learn(repo.id, repo, true);
  await paint(signal);
  expect(dashboards()).toHaveLength(1);
  expect(dashboards()[0]).toMatchObject({ state: "open", body: expect.stringContaining("Nothing waits for you") });
});

test("deleted it is opened anew; where GitHub says no it is left for an hour", async () => {
  await book.learn(repo.id, repo, true);
  const paint = painter();
  await paint(signal);
  await playground.deleteIssue({ repo: name, number: dashboards()[0]?.number ?? 0, as: "maria" });
  await book.spoil(repo.id);
  await paint(signal);
  expect(text()).toContain("<!-- baton:dashboard:1 -->");
  playground.setRole(name, "baton", "none");
  await playground.archiveRepository({ repo: name, as: "octo" });
  await begin(12);
  await paint(signal);
  expect(warned).toHaveLength(1);
  await paint(signal);
  expect(warned).toHaveLength(1);
});

test("every request and answer of all this is as GitHub describes it", () => {
  const entries = playground.journal.filter(({ door }) => door === "rest");
  expect(entries.length).toBeGreaterThan(0);
  expect(entries.flatMap((entry) => checkRequest(entry))).toEqual([]);
  expect(entries.flatMap((entry) => checkAnswer({ ...entry, body: entry.answer }))).toEqual([]);
});
