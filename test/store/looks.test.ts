// Which pull requests are to be looked at though nobody tells of their checks.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { createDeliveries } from "#src/store/deliveries.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { createLooks, lookName } from "#src/store/looks.ts";
import { created } from "#test/support/engine-world.ts";
import { databases } from "./databases.ts";

const HOUR_MS = 3_600_000;
const head = sha("b".repeat(40));
const by = { login: "maria", id: 7 };
const opened: RunEvent = {
  type: "pull_request.opened",
  number: 5,
  url: "u",
  branch: "baton/issue-1-x",
  head,
  title: "t",
};
const ended: RunEvent = { type: "run.finished", outcome: "succeeded", code: "verified", message: "…" };
const judged = (verdict: "waiting" | "green" | "again"): RunEvent => ({
  type: "checks.judged",
  head,
  verdict,
  own: [],
  onBase: [],
  flaky: [],
  open: [],
  stopped: [],
  again: [],
});

test.each(databases.filter(({ here }) => here))(
  "in $name a look is due behind an opening and behind checks that wait, until somebody has looked",
  async ({ open }) => {
    await using undo = new AsyncDisposableStack();
    const { database } = undo.use(await open());
    const log = undo.use(await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog }));
    const looks = createLooks(database);
    const first = created();
    await log.create(first);
    let version = 1;
    const append = async (...events: RunEvent[]) => {
      expect(await log.append(first.runId, version, events)).toMatchObject({ type: "appended" });
      version += events.length;
    };
    const due = async () => (await looks.due(0, HOUR_MS)).map((one) => one.version);

    await append(opened);
    // Its run is not over yet.
    expect(await due()).toEqual([]);
    await append(ended);
    expect(await due()).toEqual([2]);
    // Not before its time, and not when that is long over.
    expect(await looks.due(HOUR_MS, 2 * HOUR_MS)).toEqual([]);
    expect(await looks.due(-HOUR_MS, -HOUR_MS / 2)).toEqual([]);
    await append(judged("waiting"));
    expect(await due()).toEqual([4]);
    await createDeliveries(database).keep({ id: lookName({ run: first.runId, version: 4 }), name: "x", payload: "{}" });
    expect(await due()).toEqual([]);
    await append(judged("again"));
    expect(await due()).toEqual([5]);
    await append(judged("green"));
    expect(await due()).toEqual([]);
    await append(opened, { type: "pull_request.closed", by, merged: true });
    expect(await due()).toEqual([]);
  },
);

test.each(databases.filter(({ here }) => here))(
  "in $name the pull requests that go into a branch are found, of each run once, until they are closed",
  async ({ open }) => {
    await using undo = new AsyncDisposableStack();
    const { database } = undo.use(await open());
    const log = undo.use(await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog }));
    const looks = createLooks(database);
    const repo = { id: 1, owner: "octo", name: "tab" };
    const play = async (first: ReturnType<typeof created>, ...events: RunEvent[]) => {
      await log.create(first);
      await log.append(first.runId, 1, events);
      return first.runId;
    };
    const subject = (number: number) => ({ ...created().subject, number });
    const base = { branch: "next", commit: head };
    const closed: RunEvent = { type: "pull_request.closed", by, merged: false };
    const open1 = await play(created({ subject: subject(1) }), opened, ended, { ...opened, head: sha("c".repeat(40)) });
    await play(created({ subject: subject(2) }), opened, ended, closed);
    await play(created({ subject: subject(3) }), ended);
    const onNext = await play(created({ subject: subject(4), base }), opened, ended);
    await play(created({ subject: subject(5), repo: { ...created().repo, id: 2, name: "other" } }), opened, ended);
    expect(await looks.open(repo, "main")).toEqual([{ run: open1, branch: opened.branch }]);
    expect(await looks.open(repo, "next")).toEqual([{ run: onNext, branch: opened.branch }]);
    expect(await looks.open(repo, "gone")).toEqual([]);
  },
);

describe("the name of a look", () => {
  test("is one for each event of each run", () => {
    const { runId: run } = created();
    expect(new Set([lookName({ run, version: 1 }), lookName({ run, version: 2 })]).size).toBe(2);
  });
});
