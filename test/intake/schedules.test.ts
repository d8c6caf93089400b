// Starts by the clock, from a config to a run: one for each time, none on top of another, and nothing where nobody can see it.
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createSchedules } from "#src/intake/schedules.ts";
import type { Due, Schedules } from "#src/store/schedules.ts";
import { Schedule, scheduleId } from "#src/workflows/schedules.ts";
import { created } from "#test/support/engine-world.ts";
import { intakeWorld, MemoryDeliveries } from "#test/support/intake-world.ts";

const repo = { ...created().repo, installationId: 5 };
const entry = Schedule.parse({ cron: "0 6 * * 1", workflow: "bug", instruction: "look closely" });
const id = scheduleId(entry);
const monday = Date.parse("2026-11-30T06:00:00Z");
const WEEK_MS = 7 * 86_400_000;
const file = ".github/baton.yml";
const config = `schedules: [{ cron: 0 6 * * 1, workflow: bug, instruction: look closely }]`;

/** A store of one start, and what is asked of it. */
function book(now: number, start: unknown = { repo, id, entry }) {
  const calls: unknown[] = [];
  let due: Due[] = [{ repoId: repo.id, id, start, dueAt: monday, now }];
  const schedules: Schedules = {
    set: (_, entries) => {
      calls.push(entries.map(({ id: name, dueAt }) => [name, new Date(dueAt).toISOString()]));
      return Promise.resolve();
    },
    due: () => Promise.resolve(due),
    move: (start, to) => {
      calls.push([start.dueAt, to]);
      due = [];
      return Promise.resolve();
    },
  };
  const deliveries = new MemoryDeliveries();
  const rung: string[] = [];
  const bell = { ring: async (_: string, name: string) => void rung.push(name) };
  const parts = { schedules, deliveries, bell, log: silentLog, clock: { now: () => now } };
  return { calls, rung, deliveries, parts, opened: createSchedules(parts) };
}

describe("the book", () => {
  test("writes down when each entry is due first, once for as long as nothing changes", async () => {
    const { opened, calls } = book(monday - 1);
    await opened.learn(repo, [entry]);
    await opened.learn(repo, [entry]);
    expect(calls).toEqual([[[id, "2026-11-30T06:00:00.000Z"]]]);
    await opened.learn({ ...repo, name: "renamed" }, [entry]);
    await opened.learn(repo, []);
    expect(calls).toHaveLength(3);
  });

  test("makes a delivery of what is due, and goes on behind now: what was missed comes once", async () => {
    const now = monday + 3 * WEEK_MS + 1;
    const { opened, calls, deliveries, rung } = book(now);
    expect(await opened.begin()).toBe(1);
    expect(calls).toEqual([[monday, monday + 4 * WEEK_MS]]);
    expect(rung).toEqual([`schedule-${repo.id}-${id}-${monday}`]);
    const kept = await deliveries.read(rung[0] ?? "");
    expect(JSON.parse(kept?.payload ?? "")).toEqual({ repo, id });
    expect(await opened.begin()).toBe(0);
  });

  test("passes over what it cannot read, so that it holds nobody up", async () => {
    const { opened, calls, rung } = book(monday, { of: "another version" });
    await opened.begin();
    expect(calls).toEqual([[monday, undefined]]);
    expect(rung).toEqual([]);
  });

  test("of two processes that begin it at the same moment the second keeps nothing new", async () => {
    const { opened, parts, deliveries, rung } = book(monday);
    await Promise.all([opened.begin(), createSchedules(parts).begin()]);
    expect(new Set(rung).size).toBe(1);
    expect(deliveries.kept.size).toBe(1);
  });
});

describe("a start", () => {
  const world = (text = config) => {
    const at = intakeWorld();
    at.reader.files[file] = text;
    const start = (dueAt = monday) => at.send("baton.schedule", { repo, id }, `schedule-${dueAt}`);
    return Object.assign(at, { start });
  };

  test("is worked on an issue of its own, by the workflow of the config, and nobody is called by name", async () => {
    const at = world();
    expect(await at.start()).toContain("started");
    expect(at.publisher.scheduled).toEqual([["bug", 0]]);
    const [run] = await at.runs(40);
    expect(run?.created).toMatchObject({
      wanted: "work",
      workflow: "bug",
      request: { door: "schedule", by: { id: 0 }, quote: "schedule 0 6 * * 1 UTC" },
      input: { title: "edited since", body: "", instruction: "look closely" },
    });
    expect(at.publisher.replies).toEqual([]);
  });

  test("is worked on the issue that the config names, with its text", async () => {
    const named = Schedule.parse({ ...entry, issue: 12 });
    const at = world(config.replace("workflow", "issue: 12, workflow"));
    await at.send("baton.schedule", { repo, id: scheduleId(named) });
    expect((await at.only()).created.input.title).toBe("edited since");
    expect(at.publisher.scheduled).toEqual([]);
  });

  test("comes once, however often its delivery is handled", async () => {
    const at = world();
    await at.start();
    expect(await at.again(`schedule-${monday}`)).toContain("started before");
    expect(await at.runs(40)).toHaveLength(1);
  });

  test.each<[string, (at: ReturnType<typeof world>) => void, string]>([
    ["the entry is gone", (at) => (at.reader.files[file] = ""), "no longer asks"],
    ["the config is broken", (at) => (at.reader.files[file] = "schedules: 3"), "broken"],
    [
      "the issue is closed",
      ({ reader }) => (reader.found = { ...issueOf(reader), state: "closed" }),
      "the issue is closed",
    ],
    ["the issue is locked", ({ reader }) => (reader.found = { ...issueOf(reader), locked: true }), "locked"],
    [
      "it is to be left alone",
      ({ reader }) => (reader.found = { ...issueOf(reader), labels: ["agent/ignored"] }),
      "alone",
    ],
    ["an earlier pull request is open", ({ reader }) => reader.askedFor.push(77), "#77"],
  ])("does not come when %s, and nothing is said about it", async (_, change, why) => {
    const at = world();
    change(at);
    expect(await at.start()).toContain(why);
    expect(await at.runs(40)).toEqual([]);
    expect(at.publisher.replies).toEqual([]);
  });

  test("does not come while an earlier one is at work", async () => {
    const at = world();
    await at.start();
    expect(await at.start(monday + WEEK_MS)).toContain("is at work");
    expect(await at.runs(40)).toHaveLength(1);
    expect(at.publisher.replies).toEqual([]);
  });

  test("of a workflow that does not exist is told on its issue, once", async () => {
    const unknown = { ...entry, workflow: "bgu" };
    const at = world(config.replace("bug", "bgu"));
    for (const which of ["one", "two"]) await at.send("baton.schedule", { repo, id: scheduleId(unknown) }, which);
    expect(at.publisher.only("invalid-flags").problems.join()).toContain("bgu");
  });

  test("opens another issue where its own was deleted, a few times", async () => {
    const at = world();
    at.reader.found = undefined;
    expect(await at.start()).toContain("was deleted");
    expect(at.publisher.scheduled.map(([, deleted]) => deleted)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("what configs say", () => {
  test("is learned with each read, and kept while the config is broken", async () => {
    const at = intakeWorld();
    const push = {
      ref: "refs/heads/main",
      after: "b".repeat(40),
      forced: true,
      commits: [],
      sender: { login: "maria", id: 7 },
    };
    const payload = {
      ...push,
      installation: { id: 5 },
      repository: {
        id: 1,
        name: "tab",
        owner: { login: "octo" },
        private: false,
        default_branch: "main",
        clone_url: "https://github.com/octo/tab.git",
      },
    };
    at.reader.files[file] = config;
    expect(await at.send("push", payload)).toContain("the config was read");
    expect(at.learned).toEqual([[entry]]);
    at.reader.files[file] = "schedules: 3";
    expect(await at.send("push", payload)).toContain("the config is broken");
    expect(at.learned).toHaveLength(1);
    delete at.reader.files[file];
    await at.send("push", payload);
    expect(at.learned.at(-1)).toEqual([]);
  });
});

function issueOf({ found }: ReturnType<typeof intakeWorld>["reader"]) {
  if (!found) throw new Error("the staged issue is gone");
  return found;
}
