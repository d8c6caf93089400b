// What every bell must do, wherever its rings are kept: the same cases for PGlite, PostgreSQL, Redis, and none of them.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { messageOf } from "#src/core/errors.ts";
import { silentLog } from "#src/core/log.ts";
import type { Bell, BellTopic } from "#src/engine/ports.ts";
import { type Database, openDatabase } from "#src/store/database.ts";
import { createLocalBell } from "#src/store/local-bell.ts";
import { openBell, type BellOptions } from "#src/store/queue.ts";
import { createSteadyBell } from "#src/store/steady-bell.ts";
import { needs } from "#test/support/needs.ts";
import { databases, emptyRedis } from "./databases.ts";
import { soon } from "#test/support/until.ts";
import { preparedDump } from "#test/support/prepared-database.ts";

const redisUrl = "redis://127.0.0.1:6379";

interface Place extends AsyncDisposable {
  /** Undefined where rings are kept in this process only. */
  readonly database: Database | undefined;
  readonly redisUrl?: string;
}

const family = `baton-test-${randomUUID().slice(0, 8)}`;

const embedded = await openDatabase({ memory: { copyOf: await preparedDump() }, log: silentLog });
afterAll(async () => {
  await embedded[Symbol.asyncDispose]();
});

const places: readonly { name: string; here: boolean; open: () => Promise<Place> }[] = [
  { name: "PGlite", here: true, open: async () => ({ database: embedded, async [Symbol.asyncDispose]() {} }) },
  ...databases.filter(({ name }) => name !== "PGlite"),
  { name: "this process", here: true, open: async () => ({ database: undefined, async [Symbol.asyncDispose]() {} }) },
  {
    name: "Redis",
    here: await needs("redis"),
    open: async () => ({
      database: embedded,
      redisUrl,
      [Symbol.asyncDispose]: () => emptyRedis(redisUrl, family),
    }),
  },
];

/** A door that a handler waits at. */
class Door {
  readonly #opened = Promise.withResolvers<void>();
  waiting = 0;
  async pass(): Promise<void> {
    this.waiting++;
    await this.#opened.promise;
  }
  open(): void {
    this.#opened.resolve();
  }
}

/** A Redis of this test's own, to be taken away and given back. It keeps nothing: back means empty. */
class PrivateRedis implements AsyncDisposable {
  readonly url: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  constructor(port: number) {
    this.#port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  static async start(): Promise<PrivateRedis> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    server.close();
    await once(server, "close");
    const redis = new PrivateRedis(address.port);
    await redis.restart();
    return redis;
  }

  async restart(): Promise<void> {
    const child = spawn("redis-server", [
      "--port",
      String(this.#port),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--dir",
      tmpdir(),
    ]);
    this.#child = child;
    for await (const chunk of child.stdout) if (String(chunk).includes("Ready to accept connections")) break;
    child.stdout.resume();
  }

  async stop(): Promise<void> {
    if (this.#child?.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  /** From now on it takes connections and commands, and answers none. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Where there is one process. */
const alone = ["PGlite", "this process"];
/** Where rings outlive their process, in a table that can be looked at. */
const tables = ["PGlite", "PostgreSQL"];

/** A bell that ends its answering when it is disposed of. */
function closing(bell: Bell): Bell & AsyncDisposable {
  const answering = new AsyncDisposableStack();
  return {
    ring: (topic, id) => bell.ring(topic, id),
    answer: async (handler, options) => answering.use(await bell.answer(handler, options)),
    [Symbol.asyncDispose]: () => answering.disposeAsync(),
  };
}

describe.each(places.filter(({ here }) => here))("the bell on $name", ({ name, open }) => {
  let place: Place;
  let bells = 0;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(async () => {
    await place[Symbol.asyncDispose]();
  });

  /** Another case's rings are not heard: each has a prefix of its own. */
  const nextPrefix = () => `${family}-${bells++}`;
  async function bell(options: Partial<BellOptions> = {}): Promise<Bell & AsyncDisposable> {
    const { database, redisUrl: url } = place;
    if (!database) return closing(createLocalBell(silentLog, { pauseMs: 20, ...options }));
    return openBell({ database, redisUrl: url, log: silentLog, prefix: nextPrefix(), pauseMs: 20, ...options });
  }

  test("is looked at when it was rung before anybody answered", async () => {
    await using one = await bell();
    await one.ring("delivery", "d-1");
    await one.ring("run", "r-1");
    const looked: string[] = [];
    await one.answer(async (topic, id) => void looked.push(`${topic} ${id}`), { parallel: 1 });
    await expect.poll(() => looked, soon).toEqual(["delivery d-1", "run r-1"]);
  });

  test("is looked at once for many rings that wait", async () => {
    await using one = await bell();
    await Promise.all(Array.from({ length: 20 }, () => one.ring("run", "same")));
    await one.ring("delivery", "same");
    await one.ring("run", "last");
    const looked: string[] = [];
    await one.answer(async (topic, id) => void looked.push(`${topic} ${id}`), { parallel: 1 });
    await expect.poll(() => looked, soon).toEqual(["run same", "delivery same", "run last"]);
  });

  test("is looked at again, after the look, when it was rung during one", async () => {
    await using one = await bell();
    const door = new Door();
    let looks = 0;
    let at = 0;
    let most = 0;
    await one.answer(
      async () => {
        most = Math.max(most, ++at);
        if (++looks === 1) await door.pass();
        at--;
      },
      { parallel: 4 },
    );
    await one.ring("run", "r");
    await expect.poll(() => door.waiting, soon).toBe(1);
    for (let i = 0; i < 5; i++) await one.ring("run", "r");
    await one.ring("run", "other");
    await expect.poll(() => looks, soon).toBe(2);
    door.open();
    await expect.poll(() => looks, soon).toBe(3);
    await one.ring("run", "end");
    await expect.poll(() => looks, soon).toBe(4);
    expect(most).toBe(2);
  });

  test("loses no wake-up, and never looks at one thing twice at once, with two processes looking", async () => {
    const prefix = nextPrefix();
    await using one = await bell({ prefix });
    // A second bell stands for another process, where there may be one.
    await using other = alone.includes(name) ? undefined : await bell({ prefix });
    const written = new Map<string, number>();
    const seen = new Map<string, number>();
    const at = new Set<string>();
    const clashes: string[] = [];
    const handler = async (_: BellTopic, id: string) => {
      if (at.has(id)) clashes.push(id);
      at.add(id);
      const value = written.get(id) ?? 0;
      await delay(Math.random() * 4);
      seen.set(id, Math.max(value, seen.get(id) ?? 0));
      at.delete(id);
    };
    await one.answer(handler, { parallel: 3 });
    await other?.answer(handler, { parallel: 3 });
    await Promise.all(
      ["a", "b", "c", "d"].map(async (id) => {
        for (let i = 1; i <= 40; i++) {
          written.set(id, i);
          await one.ring("run", id);
          await delay(Math.random() * 5);
        }
      }),
    );
    await expect.poll(() => Object.fromEntries(seen), soon).toEqual({ a: 40, b: 40, c: 40, d: 40 });
    expect(clashes).toEqual([]);
  });

  test("looks at no more than `parallel` things at once, and at that many", async () => {
    await using one = await bell();
    const door = new Door();
    let done = 0;
    let most = 0;
    let at = 0;
    await one.answer(
      async () => {
        most = Math.max(most, ++at);
        await door.pass();
        at--;
        done++;
      },
      { parallel: 3 },
    );
    for (let i = 0; i < 9; i++) await one.ring("run", `r${i}`);
    await expect.poll(() => door.waiting, soon).toBe(3);
    door.open();
    await expect.poll(() => done, soon).toBe(9);
    expect(most).toBe(3);
  });

  test("tries a failing handler again, a few times and no more, and hears the next ring", async () => {
    await using one = await bell();
    let looks = 0;
    let works = false;
    await one.answer(
      async () => {
        looks++;
        if (!works) throw new Error("GitHub is away");
      },
      { parallel: 1 },
    );
    await one.ring("run", "r");
    await expect.poll(() => looks, soon).toBe(5);
    await one.ring("run", "end");
    await expect.poll(() => looks, soon).toBe(10);
    works = true;
    await one.ring("run", "r");
    await expect.poll(() => looks, soon).toBe(11);
  });

  test("is looked at now, not after the pause, when it is rung after a failure", async () => {
    await using one = await bell({ pauseMs: 60_000 });
    const failed = new Door();
    let looks = 0;
    await one.answer(
      async () => {
        if (++looks === 1) {
          await failed.pass();
          throw new Error("not yet");
        }
      },
      { parallel: 1 },
    );
    await one.ring("run", "r");
    await expect.poll(() => failed.waiting, soon).toBe(1);
    failed.open();
    // Whether a ring still meets the look or already the pause after it: one of them brings the next look.
    await expect
      .poll(async () => {
        await one.ring("run", "r");
        return looks;
      }, soon)
      .toBeGreaterThan(1);
  });

  test.runIf(name !== "this process")(
    "tells handlers that it closes, waits for them, and lets the next process look again",
    async () => {
      const prefix = nextPrefix();
      const looked: string[] = [];
      {
        await using one = await bell({ prefix });
        await one.answer(
          async (_, id, signal) => {
            looked.push(id);
            if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
            looked.push(`${id} parked`);
          },
          { parallel: 2 },
        );
        await one.ring("run", "a");
        await expect.poll(() => looked, soon).toEqual(["a"]);
      }
      expect(looked).toEqual(["a", "a parked"]);
      await using next = await bell({ prefix });
      await next.answer(async (_, id) => void looked.push(`${id} again`), { parallel: 2 });
      await expect.poll(() => looked, soon).toEqual(["a", "a parked", "a again"]);
    },
  );

  test.runIf(name !== "this process")(
    "closes in time when a handler does not end, and what it looked at is looked at again",
    async () => {
      const prefix = nextPrefix();
      const one = await bell({ prefix, closeMs: 100 });
      const door = new Door();
      await one.answer(async () => door.pass(), { parallel: 1 });
      await one.ring("run", "stuck");
      await expect.poll(() => door.waiting, soon).toBe(1);
      const begun = performance.now();
      await one[Symbol.asyncDispose]();
      expect(performance.now() - begun).toBeLessThan(2_000);

      await using next = await bell({ prefix });
      let looks = 0;
      await next.answer(async () => void looks++, { parallel: 1 });
      // Nobody rings: a lock that nobody renews any more runs out.
      await expect.poll(() => looks, soon).toBe(1);
      door.open();
    },
  );

  test.runIf(tables.includes(name))(
    "waits with a second look while its lock runs out under the first one",
    async () => {
      const prefix = nextPrefix();
      await using one = await bell({ prefix });
      const door = new Door();
      let most = 0;
      let at = 0;
      let done = 0;
      await one.answer(
        async () => {
          most = Math.max(most, ++at);
          await door.pass();
          at--;
          done++;
        },
        { parallel: 2 },
      );
      await one.ring("run", "r");
      await expect.poll(() => door.waiting, soon).toBe(1);
      // What another process's check for silent ones does, after the database was away for longer than the lock lasts.
      const running = () =>
        place.database?.query(
          "SELECT id FROM bullmq.job WHERE queue = $1 AND state = 'active' AND lock_token IS NOT NULL",
          [prefix],
        );
      await place.database?.query(
        "UPDATE bullmq.job SET state = 'waiting', lock_token = NULL, locked_until_ms = NULL WHERE queue = $1",
        [prefix],
      );
      await place.database?.query("SELECT pg_notify('bullmq_jobs', $1)", [prefix]);
      await expect.poll(running, soon).toHaveLength(1);
      door.open();
      await expect.poll(() => done, soon).toBe(2);
      expect(most).toBe(1);
    },
  );

  test.runIf(name === "PostgreSQL")("is never given up as hopeless, however often its looker has died", async () => {
    const prefix = nextPrefix();
    const one = await bell({ prefix, closeMs: 50 });
    const door = new Door();
    await one.answer(async () => door.pass(), { parallel: 1 });
    await one.ring("run", "r");
    await expect.poll(() => door.waiting, soon).toBe(1);
    await place.database?.query("UPDATE bullmq.job SET stalled_count = 900 WHERE queue = $1", [prefix]);
    await one[Symbol.asyncDispose]();
    await using next = await bell({ prefix });
    let looks = 0;
    await next.answer(async () => void looks++, { parallel: 1 });
    await expect.poll(() => looks, soon).toBe(1);
    door.open();
  });

  test.runIf(name === "this process")(
    "waits for handlers only a while when answering ends, and looks again at what they looked at",
    async () => {
      await using one = await bell({ closeMs: 100 });
      const door = new Door();
      const looked: string[] = [];
      const answering = await one.answer(
        async (_, id, signal) => {
          looked.push(id);
          if (id === "stuck") return door.pass();
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
        { parallel: 2 },
      );
      await one.ring("run", "a");
      await one.ring("run", "stuck");
      await expect.poll(() => looked.toSorted(), soon).toEqual(["a", "stuck"]);
      await answering[Symbol.asyncDispose]();
      await one.answer(async (_, id) => void looked.push(`${id} again`), { parallel: 2 });
      await expect.poll(() => looked, soon).toContain("a again");
      expect(looked).not.toContain("stuck again");
      door.open();
      await expect.poll(() => looked, soon).toContain("stuck again");
    },
  );

  test("stops looking when only the answering is closed, and still takes rings", async () => {
    await using one = await bell();
    const looked: string[] = [];
    const answering = await one.answer(async (_, id) => void looked.push(id), { parallel: 1 });
    await one.ring("run", "a");
    await expect.poll(() => looked, soon).toEqual(["a"]);
    await answering[Symbol.asyncDispose]();
    await one.ring("run", "b");
    await one.answer(async (_, id) => void looked.push(`${id} by the next`), { parallel: 1 });
    await expect.poll(() => looked, soon).toEqual(["a", "b by the next"]);
  });
});

describe("a bell without its Redis", async () => {
  test("cannot be opened, and says which Redis it wanted, without the password", async () => {
    await expect(
      openBell({ database: embedded, redisUrl: "redis://:secret-password@127.0.0.1:1", log: silentLog }),
    ).rejects.toMatchObject({
      code: "database-failed",
      retryable: true,
      message: expect.stringMatching(/^Redis at redis:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/),
    });
  });

  test.runIf(await needs("redis"))("says so at once when it is rung, and works again when Redis is back", async () => {
    await using server = await PrivateRedis.start();
    await using one = await openBell({ database: embedded, redisUrl: server.url, log: silentLog });
    const looked: string[] = [];
    await one.answer(async (_, id) => void looked.push(id), { parallel: 1 });
    await one.ring("run", "before");
    await expect.poll(() => looked, soon).toEqual(["before"]);

    await server.stop();
    await expect
      .poll(() => one.ring("run", "away").then(() => "rung", messageOf), soon)
      .toMatch(/could not be rung for run away/);
    const begun = performance.now();
    await expect(one.ring("run", "away")).rejects.toMatchObject({ code: "database-failed", retryable: true });
    expect(performance.now() - begun).toBeLessThan(1_000);

    await server.restart();
    await expect.poll(() => one.ring("run", "after").then(() => "rung", messageOf), soon).toBe("rung");
    await expect.poll(() => looked, soon).toContain("after");
  });

  test.runIf(await needs("redis-server"))(
    "that hangs is given up like one that is away, by who rings and by who closes",
    async () => {
      await using server = await PrivateRedis.start();
      const looked: string[] = [];
      {
        await using queue = await openBell({ database: embedded, redisUrl: server.url, log: silentLog });
        const bell = createSteadyBell(queue, silentLog);
        await using _answering = await bell.answer(async (_, id) => void looked.push(id), { parallel: 1 });
        await bell.ring("delivery", "before");
        await expect.poll(() => looked, soon).toEqual(["before"]);
        server.freeze();
        await bell.ring("delivery", "meanwhile");
        await expect.poll(() => looked, soon).toEqual(["before", "meanwhile"]);
      }
      server.thaw();
      await using queue = await openBell({ database: embedded, redisUrl: server.url, log: silentLog });
      await queue.answer(async (_, id) => void looked.push(id), { parallel: 1 });
      await queue.ring("delivery", "after");
      await expect.poll(() => looked, soon).toContain("after");
    },
  );
});
