// Deliveries and the outbox: what was kept stays, once, as it was kept first.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { newRunId } from "#src/core/ids.ts";
import type { Database } from "#src/store/database.ts";
import { createDeliveries, type Deliveries } from "#src/store/deliveries.ts";
import { createMemoryOutbox, createOutbox, type Outbox } from "#src/store/outbox.ts";
import { databases } from "./databases.ts";

const inDatabases = databases.filter(({ here }) => here);

describe.each(inDatabases)("deliveries in $name", ({ open }) => {
  let opened: { database: Database } & AsyncDisposable;
  let deliveries: Deliveries;
  beforeAll(async () => {
    opened = await open();
    deliveries = createDeliveries(opened.database);
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
  });

  test("are kept once, and the first one stays", async () => {
    const payload = '{"title":"\\u0000 日本語 🙂"}';
    expect(await deliveries.keep({ id: "once", name: "issues", payload })).toBe("kept");
    expect(await deliveries.keep({ id: "once", name: "push", payload: "{}" })).toBe("known");
    const kept = await deliveries.read("once");
    expect(kept).toMatchObject({ id: "once", name: "issues", payload, handledAt: undefined });
    expect(Math.abs((kept?.receivedAt ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test("are kept by one of many who keep the same one at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => deliveries.keep({ id: "race", name: "issues", payload: "{}" })),
    );
    expect(answers.filter((answer) => answer === "kept")).toHaveLength(1);
  });

  test("wait, oldest first, until they are handled; a handled one is still known", async () => {
    const mine = async () => (await deliveries.pending()).filter((id) => id.startsWith("wait"));
    for (const id of ["wait-b", "wait-a", "wait-c"]) await deliveries.keep({ id, name: "issues", payload: "{}" });
    expect(await mine()).toEqual(["wait-b", "wait-a", "wait-c"]);
    await deliveries.handled("wait-a", "a run was started");
    expect(await mine()).toEqual(["wait-b", "wait-c"]);
    const first = (await deliveries.read("wait-a"))?.handledAt;
    expect(first).toBeGreaterThan(0);
    await deliveries.handled("wait-a", "again");
    expect((await deliveries.read("wait-a"))?.handledAt).toBe(first);
    expect(await deliveries.keep({ id: "wait-a", name: "issues", payload: "{}" })).toBe("known");
  });

  test("say no about one that was never kept", async () => {
    expect(await deliveries.read("nowhere")).toBeUndefined();
    await expect(deliveries.handled("nowhere", "")).rejects.toMatchObject({ code: "not-found" });
  });
});

const outboxes: readonly { name: string; open: () => Promise<{ outbox: Outbox } & AsyncDisposable> }[] = [
  {
    name: "memory",
    open: async () => ({ outbox: createMemoryOutbox(systemClock), async [Symbol.asyncDispose]() {} }),
  },
  ...inDatabases.map(({ name, open }) => ({
    name,
    async open() {
      const opened = await open();
      return {
        outbox: createOutbox(opened.database),
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    },
  })),
];

describe.each(outboxes)("the outbox in $name", ({ open }) => {
  let opened: { outbox: Outbox } & AsyncDisposable;
  let outbox: Outbox;
  beforeAll(async () => {
    opened = await open();
    outbox = opened.outbox;
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
  });

  test("gives a second try the first payload, and counts it", async () => {
    const run = newRunId();
    const payload = { body: 'NUL \0, half \ud800, "quotes"', list: [1, null, { deep: true }] };
    const first = await outbox.record({ key: "comment:1", run, kind: "comment", payload });
    expect(first).toEqual({
      key: "comment:1",
      run,
      kind: "comment",
      payload,
      result: undefined,
      tries: 1,
      doneAt: undefined,
      overtaken: false,
    });
    expect(await outbox.record({ key: "comment:1", run: undefined, kind: "label", payload: "other" })).toEqual({
      ...first,
      tries: 2,
    });
    expect(await outbox.read("comment:1")).toMatchObject({ payload, tries: 2 });
  });

  test("counts every one of many tries made at once", async () => {
    const record = () => outbox.record({ key: "race", run: undefined, kind: "comment", payload: 0 });
    const tries = (await Promise.all(Array.from({ length: 20 }, record))).map((entry) => entry.tries);
    expect(tries.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test("remembers what came of a write, the first time it is told", async () => {
    await outbox.record({ key: "pull:1", run: undefined, kind: "pull", payload: {} });
    await outbox.done("pull:1", { number: 13 });
    await outbox.done("pull:1", { number: 14 });
    const entry = await outbox.read("pull:1");
    expect(entry?.result).toEqual({ number: 13 });
    expect(entry?.doneAt).toBeGreaterThan(0);
    const again = await outbox.record({ key: "pull:1", run: undefined, kind: "pull", payload: {} });
    expect(again).toMatchObject({ result: { number: 13 }, tries: 2 });
  });

  test("takes a result of nothing", async () => {
    await outbox.record({ key: "y", run: undefined, kind: "label", payload: null });
    await outbox.done("y", undefined);
    expect((await outbox.read("y"))?.doneAt).toBeGreaterThan(0);
  });

  test("closes what was refused until it is recorded again, and nothing that was done", async () => {
    const record = (key: string) => outbox.record({ key, run: undefined, kind: "reply", payload: 0 });
    await record("refused");
    await record("had");
    await outbox.done("had", 1);
    for (const key of ["refused", "had", "nowhere"]) await outbox.refused(key);
    expect(await outbox.read("refused")).toMatchObject({ overtaken: true, doneAt: undefined });
    expect(await outbox.read("had")).toMatchObject({ overtaken: false, result: 1 });
    expect(await record("refused")).toMatchObject({ overtaken: false, tries: 2 });
  });

  test("a later write of a lane overtakes what is open in it, and nothing else", async () => {
    const [run, other] = [newRunId(), newRunId()];
    const name = (key: string) => `${run}:${key}`;
    const record = (key: string, of = run, lane?: string) =>
      outbox.record({ key: name(key), run: of, kind: "x", payload: 0, lane });
    await record("done", run, "card");
    await outbox.done(name("done"), 1);
    await record("open", run, "card");
    await record("lane", run, "pull-request");
    await record("run", other, "card");
    await record("loose");
    await record("last", run, "card");
    const overtaken = async () => {
      const keys = ["done", "open", "lane", "run", "loose", "last"];
      const entries = await Promise.all(keys.map((key) => outbox.read(name(key))));
      return keys.filter((_, index) => entries[index]?.overtaken);
    };
    expect(await overtaken()).toEqual(["open"]);
    // Recorded again it is the latest.
    expect(await record("open", run, "card")).toMatchObject({ tries: 2, overtaken: false });
    expect(await overtaken()).toEqual(["last"]);
  });

  test("many that overtake each other at once all come through", async () => {
    const run = newRunId();
    const keys = Array.from({ length: 12 }, (_, index) => `${run}:${index % 3}`);
    await Promise.all(keys.map((key) => outbox.record({ key, run, kind: "x", payload: 0, lane: "card" })));
    const entries = await Promise.all([0, 1, 2].map((index) => outbox.read(`${run}:${index}`)));
    expect(entries.filter((entry) => entry?.overtaken === false)).toHaveLength(1);
  });

  test("has so many places an hour for comments on a subject, for all who ask at once together", async () => {
    const subject = "7#1";
    const reserve = (key: string, most = 4, alike = false, kind = "reply") =>
      outbox.reserve({ key: `${subject}:${key}`, kind, payload: 0, subject }, { most, alike });
    // What a run says counts, and so does what is still under way.
    await outbox.record({ key: `${subject}:card`, run: newRunId(), kind: "card", payload: 0, subject });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => reserve(`${index}`)));
    expect(answers.filter(({ type }) => type === "reserved")).toHaveLength(3);
    const full = answers.find((answer) => answer.type === "full");
    expect(full?.times).toHaveLength(4);
    expect(full?.times).toEqual(full?.times.toSorted((a, b) => b - a));
    expect(Math.abs((full?.times[0] ?? 0) - Date.now())).toBeLessThan(60_000);
    // Whoever has a place keeps it; what GitHub refused gives it back.
    const [mine = ""] = Array.from({ length: 10 }, (_, index) => `${index}`).filter(
      (index) => answers[Number(index)]?.type === "reserved",
    );
    expect(await reserve(mine)).toEqual({ type: "reserved" });
    expect(await reserve("more")).toMatchObject({ type: "full" });
    await outbox.refused(`${subject}:${mine}`);
    expect(await reserve("more")).toEqual({ type: "reserved" });
    expect(await reserve(mine)).toMatchObject({ type: "full" });
    // Another subject has places of its own, and of another kind there is none yet.
    expect(await outbox.reserve({ key: "other", kind: "reply", payload: 0, subject: "7#2" }, { most: 1 })).toEqual({
      type: "reserved",
    });
    expect(await reserve("notice", 1, true, "notice")).toEqual({ type: "reserved" });
    expect(await reserve("again", 1, true, "notice")).toMatchObject({ type: "full" });
    // A place is no try: the write that follows is the first.
    expect(
      await outbox.record({ key: `${subject}:more`, run: undefined, kind: "reply", payload: 0, subject }),
    ).toMatchObject({ tries: 1, doneAt: undefined });
  });

  test("says no about a write that was never recorded", async () => {
    expect(await outbox.read("nowhere")).toBeUndefined();
    await expect(outbox.done("nowhere", 1)).rejects.toMatchObject({ code: "not-found" });
  });
});
