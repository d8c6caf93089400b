// Takes away what Baton stands on while it works: the database, and the queue's Redis.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { openStore, type Store } from "#src/store/open-store.ts";
import { sampleScript } from "#src/playground/sample-script.ts";
import { temporaryUrl } from "#test/store/databases.ts";
import { created } from "#test/support/engine-world.ts";
import { allPublished, openGrounds } from "#test/support/grounds.ts";
import { numbersFrom } from "#test/support/numbers.ts";
import { between, check, type Experiment, type Options, type Outcome } from "./experiment.ts";
import { checkNothingLeft, checkPaidOnce, checkPublishedOnce, logsOf, type CallTimes } from "./once.ts";
import { openPostgresServer, type PostgresServer } from "./postgres-server.ts";
import { openRedisServer } from "./redis-server.ts";

const PARALLEL = 8;

/** Two workers of their own processes on a database that keeps going away, until every run has ended or the time is up. */
async function withoutPostgres({ seed, say }: Options, runs: number, minutes: number): Promise<Outcome> {
  const random = numbersFrom(seed);
  const wrong: string[] = [];
  await using server = await openPostgresServer();
  const ids = await fill(server.url, runs);
  const workers = [0, 1].map(() =>
    spawn(process.execPath, [join(import.meta.dirname, "scripted-worker-child.ts"), server.url, String(PARALLEL)], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {},
    }),
  );
  const exits = workers.map((worker) => once(worker, "close"));
  const begun = performance.now();
  let stops = 0;
  let left = runs;
  try {
    while (left > 0 && performance.now() - begun < minutes * 60_000) {
      await delay(between(random, runs > 1_000 ? 5_000 : 1_000, runs > 1_000 ? 20_000 : 3_000));
      await outage(server, between(random, 0, 2_000));
      stops += 1;
      left = await unfinished(server.url);
      if (stops % 10 === 0) say(`${stops} outages, ${left} of ${runs} runs to go`);
    }
    check(wrong, left === 0, `${left} runs had not ended after ${minutes} minutes`);
    const alive = workers.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    check(wrong, alive.length === workers.length, `${workers.length - alive.length} workers crashed`);
  } finally {
    for (const worker of workers) worker.kill("SIGTERM");
    await Promise.all(exits);
  }
  const seconds = Math.round((performance.now() - begun) / 1_000);
  await using store = await open(server.url);
  const right = await countRight(store, ids, wrong);
  return { counted: { runs, "right results": right, outages: stops, seconds }, wrong };
}

const open = (databaseUrl: string): Promise<Store> =>
  openStore({ databaseUrl, folder: "/nowhere", parse: (json) => RunEvent.parse(json), log: silentLog });

async function fill(url: string, runs: number) {
  await using store = await open(url);
  const ids = [];
  for (let number = 1; number <= runs; number += 1) {
    const repo = { ...created().repo, id: 1 + (number % 50), name: `tab-${number % 50}` };
    const first = created({ repo, subject: { ...created().subject, number } });
    await store.log.create(first);
    ids.push(first.runId);
  }
  return ids;
}

async function outage(server: PostgresServer, milliseconds: number): Promise<void> {
  await server.stop();
  await delay(milliseconds);
  await server.start();
}

async function unfinished(url: string): Promise<number> {
  await using store = await open(url);
  return (await store.log.unfinished()).length;
}

/** Runs that ended well, with every stage's result and every gate's verdict in the log exactly once. */
async function countRight(store: Store, ids: Awaited<ReturnType<typeof fill>>, wrong: string[]): Promise<number> {
  let right = 0;
  for (const run of ids) {
    const events = await store.log.read(run);
    const count = (type: RunEvent["type"]) => events.filter(({ event }) => event.type === type).length;
    const state = fold(events);
    const counts = [
      count("agent.finished"),
      count("gate.checked"),
      count("pull_request.opened"),
      count("run.finished"),
    ];
    if (state.finished?.outcome === "succeeded" && counts.join() === "4,5,1,1") right += 1;
    else if (wrong.length < 5) wrong.push(`${run}: ${state.finished?.outcome ?? "not ended"}, ${counts.join()}`);
  }
  check(wrong, right === ids.length, `${right} of ${ids.length} right`);
  return right;
}

/** Whole servers, real runs, and a Redis that is killed, emptied and away. */
async function withoutRedis({ seed, say }: Options, runs: number, awayMs: number): Promise<Outcome> {
  const random = numbersFrom(seed);
  const wrong: string[] = [];
  const times: CallTimes = new Map();
  const usual = sampleScript();
  await using redis = await openRedisServer();
  await using address = await temporaryUrl();
  await using grounds = await openGrounds({
    env: { DATABASE_URL: address.url, REDIS_URL: redis.url },
    script: (call) => {
      times.set(call.number, Date.now());
      return usual(call);
    },
  });
  await using first = await grounds.start();
  await using second = await grounds.start();
  const subjects = [];
  for (let number = 1; number <= runs; number += 1) {
    // Every time something else is wrong with Redis when an issue comes in.
    const act = ["flush", "restart", "none"][(number + between(random, 0, 2)) % 3];
    if (act === "flush") await redis.flush();
    if (act === "restart") await redis.stop();
    subjects.push(await grounds.open(`tab-${number}`));
    await delay(between(random, 0, 1_500));
    if (act === "restart") await redis.start();
    if (number % 3 === 0) await redis.flush();
    say(`issue ${number}, Redis: ${act ?? ""}`);
  }
  await redis.stop();
  subjects.push(await grounds.open("tab-away"));
  const away = performance.now();
  await allPublished(subjects, awayMs + 240_000);
  await delay(Math.max(0, awayMs - (performance.now() - away)));
  await redis.start();
  subjects.push(await grounds.open("tab-back"));
  await allPublished(subjects);
  await grounds.playground.settled();
  for (const process of [first, second]) {
    process.kill("SIGTERM");
    check(wrong, (await process.exit) === 0, `a process ended with ${await process.exit}`);
  }
  for (const subject of subjects) await checkPublishedOnce(grounds, subject, wrong);
  for (const [index, events] of (await logsOf(grounds, subjects, address.url)).entries()) {
    const calls = subjects[index]?.calls() ?? [];
    checkPaidOnce(events, calls, times, wrong);
  }
  await checkNothingLeft(grounds, wrong);
  return { counted: { runs: subjects.length, "Redis away s": awayMs / 1_000 }, wrong };
}

export const redisOutages: Experiment = {
  id: "S4",
  breaks: "Redis killed, flushed and away for 5 min while runs come in and are worked",
  passes: "every run ends from the database, none lost or done twice",
  minutes: 15,
  needs: ["bubblewrap", "postgres", "redis-server"],
  run: (options) => (options.size === "full" ? withoutRedis(options, 8, 300_000) : withoutRedis(options, 1, 4_000)),
};

export const postgresOutages: Experiment = {
  id: "S5",
  breaks: "PostgreSQL stopped for 0–2 s every 5–20 s under 5,000 scripted runs in two workers",
  passes: "5,000 right results: every stage's result in the log exactly once",
  minutes: 40,
  needs: ["postgres-server"],
  run: (options) => (options.size === "full" ? withoutPostgres(options, 5_000, 40) : withoutPostgres(options, 60, 2)),
};
