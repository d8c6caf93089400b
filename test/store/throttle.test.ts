// GitHub's limits as all workers share them: the same rules in memory and in both databases, and between two processes' connections.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { silentLog } from "#src/core/log.ts";
import { openDatabase, type Database } from "#src/store/database.ts";
import { createMemoryThrottle, createThrottle, type Throttle, type ThrottleOptions } from "#src/store/throttle.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { databases, postgresHere, temporaryUrl } from "./databases.ts";

interface Opened extends AsyncDisposable {
  readonly throttle: (options?: ThrottleOptions) => Throttle;
}

const kinds: readonly { name: string; open: () => Promise<Opened> }[] = [
  {
    name: "memory",
    open: async () => {
      return { throttle: (options) => createMemoryThrottle(systemClock, options), async [Symbol.asyncDispose]() {} };
    },
  },
  ...databases
    .filter(({ here }) => here)
    .map(({ name, open }) => ({
      name,
      async open() {
        const opened = await open();
        return {
          throttle: (options?: ThrottleOptions) => createThrottle(opened.database, options),
          [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
        };
      },
    })),
];

let holders = 100;
const newHolder = () => (holders += 1);

describe.each(kinds)("the throttle in $name", ({ open }) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
  });

  test("lets everybody through until something is known", async () => {
    const throttle = opened.throttle();
    const holder = newHolder();
    for (const kind of ["content", "edit", "other"] as const) expect(await throttle.turn(holder, kind)).toBe(0);
  });

  test("closed: nobody, for as long as was said; another installation is not touched", async () => {
    const throttle = opened.throttle();
    const [holder, other] = [newHolder(), newHolder()];
    await throttle.close(holder, 90_000);
    await throttle.close(holder, 1_000);
    for (const kind of ["content", "edit", "other"] as const) {
      const wait = await throttle.turn(holder, kind);
      expect(wait).toBeGreaterThan(80_000);
      expect(wait).toBeLessThanOrEqual(90_000);
    }
    expect(await throttle.turn(other, "content")).toBe(0);
  });

  test("open again when the time is over", async () => {
    const throttle = opened.throttle();
    const holder = newHolder();
    await throttle.close(holder, 300);
    const closed = await throttle.turn(holder, "other");
    expect(closed).toBeGreaterThan(0);
    await expect.poll(() => throttle.turn(holder, "other"), { interval: 5 }).toBe(0);
  });

  test("spared: edits alone", async () => {
    const throttle = opened.throttle();
    const holder = newHolder();
    await throttle.spare(holder, 60_000);
    await throttle.spare(holder, 10);
    expect(await throttle.turn(holder, "edit")).toBe(0);
    expect(await throttle.turn(holder, "other")).toBeGreaterThan(50_000);
    expect(await throttle.turn(holder, "content")).toBeGreaterThan(50_000);
  });

  test("without a time from GitHub each closing in a row lasts twice as long, and answers that come late add nothing", async () => {
    const throttle = opened.throttle({ blindMs: 200 });
    const holder = newHolder();
    const wait = () => throttle.turn(holder, "other");
    await throttle.close(holder, undefined);
    await throttle.close(holder, undefined);
    expect(await wait()).toBeLessThanOrEqual(200);
    for (const longest of [400, 800]) {
      await expect.poll(wait, { interval: 2 }).toBe(0);
      await throttle.close(holder, undefined);
      const now = await wait();
      expect(now).toBeGreaterThan(longest / 2);
      expect(now).toBeLessThanOrEqual(longest);
    }
  });

  test("content has a limit for the minute and one for the hour, which edits and reads do not have", async () => {
    const [minute, hour] = [opened.throttle({ perMinute: 3 }), opened.throttle({ perMinute: 100, perHour: 4 })];
    for (const [throttle, count, least, most] of [
      [minute, 3, 50_000, 61_000],
      [hour, 4, 3_500_000, 3_605_000],
    ] as const) {
      const holder = newHolder();
      for (let index = 0; index < count; index += 1) expect(await throttle.turn(holder, "content")).toBe(0);
      const wait = await throttle.turn(holder, "content");
      expect(wait).toBeGreaterThan(least);
      expect(wait).toBeLessThanOrEqual(most);
      expect(await throttle.turn(holder, "edit")).toBe(0);
      expect(await throttle.turn(holder, "other")).toBe(0);
    }
  });

  test("80 in a minute and no more, however many ask at once", async () => {
    const throttle = opened.throttle();
    const holder = newHolder();
    const turns = await Promise.all(Array.from({ length: 120 }, () => throttle.turn(holder, "content")));
    expect(turns.filter((wait) => wait === 0)).toHaveLength(80);
  });
});

test("an hour of content in memory: a place becomes free when the first one is an hour old", async () => {
  const timing = new HandTiming();
  const throttle = createMemoryThrottle(timing, { perHour: 2 });
  await throttle.turn(0, "content");
  timing.forward(600_000);
  await throttle.turn(0, "content");
  timing.forward(3_000_000);
  expect(await throttle.turn(0, "content")).toBe(5_000);
  timing.forward(5_000);
  expect(await throttle.turn(0, "content")).toBe(0);
  expect(await throttle.turn(0, "content")).toBe(600_000 - 5_000 + 5_000);
});

test.skipIf(!postgresHere)("two processes share it through one database", async () => {
  await using at = await temporaryUrl();
  const stores: Database[] = [];
  try {
    for (let index = 0; index < 2; index += 1) stores.push(await openDatabase({ url: at.url, log: silentLog }));
    const [one, two] = stores.map((database) => createThrottle(database));
    if (!one || !two) throw new Error("unreachable");
    const turns = await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : two).turn(5, "content")),
    );
    expect(turns.filter((wait) => wait === 0)).toHaveLength(80);
    await one.close(5, 30_000);
    expect(await two.turn(5, "edit")).toBeGreaterThan(20_000);
  } finally {
    for (const database of stores) await database[Symbol.asyncDispose]();
  }
});
