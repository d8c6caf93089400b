// The front door: a storm of webhooks, and a downtime in which many failed.
import { join } from "node:path";
import { silentLog } from "#src/core/log.ts";
import { openDatabase, type Database } from "#src/store/database.ts";
import { temporaryUrl } from "#test/store/databases.ts";
import { openGrounds, person, type Grounds } from "#test/support/grounds.ts";
import { needs } from "#test/support/needs.ts";
import { until } from "#test/support/until.ts";
import { quantile, sendStorm, type Storm } from "#test/support/webhook-storm.ts";
import { createHash } from "node:crypto";
import { check, type Experiment } from "./experiment.ts";

const SECRET = "a-webhook-secret-for-tests";

/** Looks at what was kept, when no server has the database open any more. */
async function checkKept(database: Database, storm: Storm, wrong: string[]): Promise<void> {
  const rows = await database.query<{ id: string; payload: string }>("SELECT id, payload FROM baton.deliveries");
  const kept = new Map(rows.map(({ id, payload }) => [id, createHash("sha256").update(payload).digest("hex")]));
  const lost = [...storm.good].filter(([id, hash]) => kept.get(id) !== hash);
  check(wrong, lost.length === 0, `${lost.length} good deliveries are lost or changed`);
  const traces = [...storm.bad].filter((id) => kept.has(id));
  check(wrong, traces.length === 0, `${traces.length} bad deliveries left a row`);
  check(wrong, kept.size === storm.good.size, `${kept.size} rows for ${storm.good.size} good deliveries`);
}

export const webhookStorm: Experiment = {
  id: "S6",
  breaks: "10,000 webhooks in a minute, of them 20 % duplicates, 5 % badly signed, 1 % malformed, 2 % over 1 MB",
  passes: "none lost, none doubled, every bad one 401 or 400 and no row; 99 % answered within 500 ms",
  minutes: 10,
  async run({ size, seed, say }) {
    const wrong: string[] = [];
    const counted: Record<string, number | string> = {};
    const full = size === "full";
    for (const where of ["embedded", "PostgreSQL"] as const) {
      if (where === "PostgreSQL" && !(await needs("postgres"))) continue;
      await using undo = new AsyncDisposableStack();
      const url = where === "PostgreSQL" ? undo.use(await temporaryUrl()).url : undefined;
      const grounds = undo.use(await openGrounds(url === undefined ? {} : { env: { DATABASE_URL: url } }));
      const server = undo.use(await grounds.start({ hears: false }));
      const storm = await sendStorm({
        url: `${server.address}/api/github/webhooks`,
        secret: SECRET,
        count: full ? 10_000 : 500,
        seconds: full ? 60 : 6,
        seed,
      });
      server.kill("SIGTERM");
      await server.exit;
      await using database = await openDatabase({ url, folder: join(grounds.home, "database"), log: silentLog });
      await checkKept(database, storm, wrong);
      wrong.push(...new Set(storm.wrong));
      const p99 = quantile(storm.times, 0.99);
      check(wrong, !full || p99 < 500, `${where}: p99 was ${p99.toFixed(0)} ms`);
      say(`${where}: ${JSON.stringify(storm.answers)}`);
      counted[`${where}, seconds`] = storm.seconds.toFixed(1);
      counted[`${where}, kept`] = storm.good.size;
      counted[`${where}, refused`] = storm.bad.size;
      counted[`${where}, p50 ms`] = quantile(storm.times, 0.5).toFixed(1);
      counted[`${where}, p99 ms`] = p99.toFixed(1);
    }
    return { counted, wrong };
  },
};

async function writeComments(grounds: Grounds, repo: string, number: number, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1)
    grounds.playground.comment({ repo, number, as: person, body: `comment ${index}` });
  await grounds.playground.settled();
}

export const missedDeliveries: Experiment = {
  id: "S7",
  breaks: "200 deliveries fail while no server is there",
  passes: "all are taken within 5 minutes of the next start, none twice",
  minutes: 10,
  tested: "test/intake/missed.test.ts",
  async run({ size }) {
    const wrong: string[] = [];
    const count = size === "full" ? 200 : 20;
    await using grounds = await openGrounds();
    const { playground } = grounds;
    playground.deliverTo("http://127.0.0.1:9/api/github/webhooks", SECRET);
    await playground.addRepository({
      owner: "octo",
      name: "missed",
      from: { a: "a\n" },
      labels: [],
      collaborators: {},
    });
    const repo = "octo/missed";
    const { number } = await playground.openIssue({ repo, title: "t", body: "b", as: person, quiet: true });
    await writeComments(grounds, repo, number, count);
    const failed = new Set(playground.deliveries.map(({ id }) => id));
    check(wrong, failed.size === count, `${failed.size} of ${count} deliveries failed before the start`);
    await using server = await grounds.start();
    const begun = performance.now();
    const arrived = () => new Set(playground.deliveries.flatMap(({ id, status }) => (status === 202 ? [id] : [])));
    await until(() => [...failed].every((id) => arrived().has(id)), {
      milliseconds: 300_000,
      every: 100,
      what: () => `${arrived().size} of ${failed.size} deliveries were taken`,
    });
    const seconds = (performance.now() - begun) / 1_000;
    const asked = playground.journal.filter(({ method, path }) => method === "POST" && path.endsWith("/attempts"));
    check(wrong, asked.length === count, `${asked.length} redeliveries were asked for, for ${count} deliveries`);
    server.kill("SIGTERM");
    await server.exit;
    return {
      counted: { deliveries: count, "redeliveries asked for": asked.length, seconds: seconds.toFixed(1) },
      wrong,
    };
  },
};
