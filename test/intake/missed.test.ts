// Deliveries that failed while Baton was away: swept up by whoever comes first, each once. A playground's list of deliveries, real HTTP, a real database.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createKeys } from "#src/cli/demo-keys.ts";
import { listen, type Listening } from "#src/cli/listen.ts";
import { silentLog } from "#src/core/log.ts";
import { createMissed, type MissedOptions } from "#src/intake/missed.ts";
import { openWebhooks, type AppWebhooks } from "#src/intake/probot-app.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { openDatabase, type Database } from "#src/store/database.ts";
import { createDeliveries, type Deliveries, type Delivery } from "#src/store/deliveries.ts";
import { createSweeps } from "#src/store/sweeps.ts";
import { preparedDump } from "#test/support/prepared-database.ts";
import "#test/support/described.ts";

const { publicKey, privateKey } = createKeys();
const secret = "the secret of the hook";
const nowhere = "http://127.0.0.1:9/api/github/webhooks";
const as = "maria";
const repo = "octo/tab";

let undo: AsyncDisposableStack;
let playground: Playground;
let database: Database;
let deliveries: Deliveries;
let webhooks: AppWebhooks;
let server: Listening;
let number: number;
/** What `keep` answered, by delivery. */
let kept: Map<string, string[]>;
/** Deliveries that cannot be kept: the database is away for them. */
let refused: (delivery: Delivery) => boolean;

beforeAll(async () => {
  database = await openDatabase({ memory: { copyOf: await preparedDump() }, log: silentLog });
});
afterAll(() => database[Symbol.asyncDispose]());

beforeEach(async () => {
  undo = new AsyncDisposableStack();
  kept = new Map();
  refused = () => false;
  playground = undo.use(
    await openPlayground({
      apps: [
        { id: 1, slug: "baton", publicKey, installationId: 1, permissions: { issues: "write", metadata: "read" } },
      ],
      users: [{ login: "octo", type: "Organization" }, { login: as }],
    }),
  );
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { a: "a\n" },
    labels: [],
    collaborators: { [as]: "admin" },
  });
  await database.query("TRUNCATE baton.deliveries, baton.sweeps, baton.redeliveries");
  deliveries = createDeliveries(database);
  webhooks = undo.use(
    await openWebhooks({
      appId: 1,
      privateKey,
      secrets: [secret],
      apiUrl: playground.apiUrl,
      deliveries: {
        async keep(delivery) {
          if (refused(delivery)) throw new Error("the database is away");
          const answer = await deliveries.keep(delivery);
          kept.set(delivery.id, [...(kept.get(delivery.id) ?? []), answer]);
          return answer;
        },
      },
      stored: () => Promise.resolve(),
      log: silentLog,
    }),
  );
  server = undo.use(
    await listen(
      {
        webhooks: (...given) => webhooks.handle(...given),
        ready: () => Promise.resolve(true),
        metrics: { text: () => Promise.resolve(""), contentType: "text/plain" },
      },
      { host: "127.0.0.1", port: 0 },
    ),
  );
  playground.deliverTo(nowhere, secret);
  ({ number } = await playground.openIssue({ repo, title: "t", body: "b", as, quiet: true }));
});
afterEach(() => undo.disposeAsync());

const here = () => playground.deliverTo(`${server.address}/api/github/webhooks`, secret);
const away = () => playground.deliverTo(nowhere, secret);
async function write(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) playground.comment({ repo, number, as, body: `comment ${index}` });
  await playground.settled();
}
const missed = (change: Partial<MissedOptions> = {}) =>
  createMissed({
    asApp: () => webhooks.asApp(),
    deliveries,
    sweeps: createSweeps(database),
    log: silentLog,
    everyMs: 0,
    paceMs: 0,
    patienceMs: 0,
    ...change,
  });
const signal = AbortSignal.timeout(120_000);
const sweepUp = async (change?: Partial<MissedOptions>) => {
  const swept = await missed(change)(signal);
  await playground.settled();
  return swept;
};
const asked = () =>
  playground.journal.filter(({ method, path }) => method === "POST" && path.endsWith("/attempts")).length;

describe("deliveries that failed", () => {
  test("200 of them are taken after a downtime, none twice, in the order in which they were made", async () => {
    await write(200);
    here();
    const begun = performance.now();
    expect(await sweepUp()).toEqual({ missed: 200, asked: 200 });
    expect(performance.now() - begun).toBeLessThan(60_000);
    expect(kept.size).toBe(200);
    expect([...kept.values()].every((answers) => answers.length === 1 && answers[0] === "kept")).toBe(true);
    const texts = await Promise.all(
      (await deliveries.pending()).slice(0, 3).map(async (id) => (await deliveries.read(id))?.payload),
    );
    expect(texts.map((text) => /"body":"(comment \d)"/.exec(text ?? "")?.[1])).toContain("comment 0");
    expect(await sweepUp()).toEqual({ missed: 0, asked: 0 });
    expect(asked()).toBe(200);
  });

  test("are asked for by one of several processes", async () => {
    await write(30);
    here();
    const all = await Promise.all([1, 2, 3].map(() => sweepUp({ everyMs: 60_000 })));
    expect(all.filter((swept) => swept !== undefined)).toEqual([{ missed: 30, asked: 30 }]);
    expect(asked()).toBe(30);
    expect(await sweepUp({ everyMs: 60_000 })).toBeUndefined();
  });

  test("but were kept all the same are left alone, and so are those that arrived", async () => {
    here();
    await write(3);
    away();
    await write(2);
    const [lost] = playground.deliveries.filter(({ error }) => error !== undefined);
    // Answered too late: GitHub calls it failed, and it is kept.
    await deliveries.keep({ id: lost?.id ?? "", name: "issue_comment", payload: "{}" });
    here();
    expect(await sweepUp()).toEqual({ missed: 1, asked: 1 });
    expect(kept.size).toBe(4);
  });

  test("and fail again are asked for a few times, then given up; later ones are not held up by them", async () => {
    await write(1);
    here();
    refused = () => true;
    for (let round = 0; round < 3; round += 1) expect(await sweepUp({ tries: 3 })).toEqual({ missed: 1, asked: 1 });
    expect(await sweepUp({ tries: 3 })).toEqual({ missed: 1, asked: 0 });
    refused = () => false;
    away();
    await write(1);
    here();
    expect(await sweepUp({ tries: 3 })).toEqual({ missed: 2, asked: 1 });
    expect(kept.size).toBe(1);
  });

  test("are not asked for again while they may still be on their way", async () => {
    await write(1);
    expect(await sweepUp({ patienceMs: 60_000 })).toEqual({ missed: 1, asked: 1 });
    expect(await sweepUp({ patienceMs: 60_000 })).toEqual({ missed: 1, asked: 0 });
  });

  test("and a GitHub that fails in the middle: the next sweep goes on", async () => {
    await write(10);
    here();
    let posts = 0;
    const asApp: MissedOptions["asApp"] = async () => {
      const octokit = await webhooks.asApp();
      return {
        request: Object.assign(
          (...given: Parameters<typeof octokit.request>) => {
            if (String(given[0]).startsWith("POST") && (posts += 1) > 4)
              return Promise.reject(new Error("GitHub is away"));
            return octokit.request(...given);
          },
          { ...octokit.request },
        ),
      };
    };
    await expect(sweepUp({ asApp })).rejects.toThrow("GitHub is away");
    expect(kept.size).toBe(4);
    expect(await sweepUp()).toEqual({ missed: 6, asked: 6 });
    expect(kept.size).toBe(10);
    expect([...kept.values()].every((answers) => answers.length === 1)).toBe(true);
  });

  test("a later sweep reads only what is new, with some overlap", async () => {
    here();
    await write(250);
    await sweepUp();
    const pages = () =>
      playground.journal.filter(({ method, path }) => method === "GET" && path.startsWith("/app/hook/deliveries"))
        .length;
    expect(pages()).toBe(3);
    // All of it happened within the overlap, so it is read again, and nothing of it is asked for.
    expect(await sweepUp()).toEqual({ missed: 0, asked: 0 });
    expect(asked()).toBe(0);
  });
});

describe("a sweep", () => {
  test("is one process's until it is silent; whoever lost it stops, and its end is not believed", async () => {
    const sweeps = createSweeps(database);
    const first = await sweeps.claim("x", 1);
    await expect.poll(() => sweeps.claim("x", 60_000)).toBeDefined();
    expect(await first?.hold()).toBe(false);
    await first?.done(5_000);
    await database.query("UPDATE baton.sweeps SET next_at = now()");
    expect((await sweeps.claim("x", 1))?.sweptTo).toBeUndefined();
  });

  test("knows up to where the last one was done", async () => {
    const sweeps = createSweeps(database);
    await (await sweeps.claim("y", 0))?.done(1_700_000_000_000);
    expect((await sweeps.claim("y", 60_000))?.sweptTo).toBe(1_700_000_000_000);
    expect(await sweeps.claim("y", 60_000)).toBeUndefined();
  });
});
