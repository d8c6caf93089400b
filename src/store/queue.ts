// The bell: BullMQ, on PostgreSQL, on PGlite inside this process, or on Redis. It carries no facts, only "look at this".
//
// A ring is *waiting* until somebody looks, *looking* while a handler runs, and gone afterwards.
//   ring while waiting   nothing: it will be looked at anyway, after whatever was written before the ring;
//   ring while looking   kept aside; when the handler has ended, it waits again: so no wake-up is lost,
//                        and no two processes look at the same thing at once;
//   handler throws       it waits again after a growing pause, a few times, then it is dropped (a sweep of the database finds it);
//   process dies         its lock runs out and another process takes the ring; in an embedded database, where nobody else is,
//                        the next start does it at once;
//   bell closes          handlers are told by their signal, and what they looked at waits again for the next process.
// The first three are BullMQ's deduplication with `keepLastIfActive`.
import { setTimeout as delay } from "node:timers/promises";
import type { BackendFactory, IQueueBackend, Job, PgPool, Queue } from "bullmq";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Bell, BellTopic } from "../engine/ports.ts";
import type { Database } from "./database.ts";

/** Tries of one ring, and the first pause between them; it doubles. */
const TRIES = 5;
const FIRST_PAUSE_MS = 500;
/** How long a process may be silent before its rings are given to another one, and how often that is looked for. */
const LOCK_MS = 1_500;
const LOCK_CHECK_MS = 250;
/** No number of crashes may make BullMQ give a ring up as failed: whether a run is hopeless is the engine's to say. */
const CRASHES = 1_000_000;
const REACH_REDIS_MS = 5_000;
/** A Redis that takes longer over one command hangs: its machine swaps, its network swallows packets. */
const ANSWER_MS = 2_000;
const SAME_ERROR_MS = 10_000;

interface Call {
  readonly id: string;
}
type BellQueue = Queue<Call, void, string, Call, void, string, IQueueBackend, unknown>;
type BellJob = Job<Call, void>;

export interface BellOptions {
  /** Where rings are kept, unless Redis is given. */
  readonly database: Database;
  /** `redis://…`: rings are kept there instead. */
  readonly redisUrl?: string | undefined;
  /** Keeps bells in one database or Redis apart; no colon. Default "baton". */
  readonly prefix?: string;
  /** Milliseconds that closing waits for handlers before it leaves them behind. Default 10,000. */
  readonly closeMs?: number;
  /** Milliseconds before a failed handler is tried again the first time. Default 500. */
  readonly pauseMs?: number;
  readonly log: Log;
}

/** A bell that is ready to be rung. Throws `database-failed` when its database or Redis cannot be reached. */
export async function openBell(options: BellOptions): Promise<Bell & AsyncDisposable> {
  const { database, redisUrl, prefix = "baton", closeMs = 10_000, pauseMs = FIRST_PAUSE_MS, log } = options;
  const { Queue, Worker, WaitingError } = await import("bullmq");
  const shared = redisUrl !== undefined || database.shared;
  const complain = onceInAWhile(log);
  const over = redisUrl === undefined ? (closing: Promise<void>) => closing : orCut;
  const backend = redisUrl === undefined ? await databaseBackend(database) : await redisBackend(redisUrl);
  // The backend brings its own connection; BullMQ only wants to see that one was thought of.
  const common = { connection: {}, prefix, streams: { events: { maxLen: 100 } } };

  const queue: BellQueue = new Queue(prefix, common, backend);
  queue.on("error", complain);
  await queue.waitUntilReady();

  /** What is being looked at in this process, whoever answers. */
  const looking = new Map<string, Promise<unknown>>();
  const answering = new Set<AsyncDisposable>();

  async function ring(topic: BellTopic, id: string): Promise<void> {
    try {
      await queue.add(
        topic,
        { id },
        {
          // `reschedule`: a ring during the pause after a failure is looked at now.
          deduplication: { id: `${topic}:${id}`, keepLastIfActive: true, reschedule: true },
          attempts: TRIES,
          backoff: { type: "exponential", delay: pauseMs },
          removeOnComplete: true,
          removeOnFail: true,
        },
      );
    } catch (error) {
      throw new BatonError("database-failed", `the bell could not be rung for ${topic} ${id}: ${messageOf(error)}`, {
        cause: error,
        retryable: true,
      });
    }
  }

  async function answer(
    handler: (topic: BellTopic, id: string, signal: AbortSignal) => Promise<void>,
    { parallel }: { parallel: number },
  ): Promise<AsyncDisposable> {
    const closing = new AbortController();
    const handlers = new Set<Promise<unknown>>();

    async function look(job: BellJob, token: string | undefined): Promise<void> {
      const { name: topic, data } = job;
      if (!isTopic(topic)) return log.error("a ring of an unknown kind was dropped", { topic, id: data.id });
      const key = `${topic}:${data.id}`;
      // BullMQ keeps one looker per ring, but a lock that ran out while the database was away breaks that.
      for (let other = looking.get(key); other !== undefined; other = looking.get(key)) await other;
      if (!closing.signal.aborted) {
        const handled = handler(topic, data.id, closing.signal);
        const settled = handled.catch(() => undefined);
        looking.set(key, settled);
        handlers.add(settled);
        try {
          await handled;
        } catch (error) {
          if (!closing.signal.aborted) throw error;
        } finally {
          looking.delete(key);
          handlers.delete(settled);
        }
      }
      if (!closing.signal.aborted) return;
      await job.moveToWait(token);
      throw new WaitingError();
    }

    const worker = new Worker<Call, void, string, IQueueBackend, number, unknown>(
      prefix,
      look,
      {
        ...common,
        concurrency: parallel,
        lockDuration: LOCK_MS,
        stalledInterval: LOCK_CHECK_MS,
        maxStalledCount: CRASHES,
        // An embedded database has one process: nobody can take its rings, so it need not hold on to them.
        skipLockRenewal: !shared,
        skipStalledCheck: !shared,
        runRetryDelay: 500,
      },
      backend,
    );
    worker.on("error", complain);
    worker.on("failed", (job, error) => {
      const fields = { topic: job?.name, id: job?.data.id, tries: job?.attemptsMade, error: messageOf(error) };
      if ((job?.attemptsMade ?? TRIES) < TRIES) log.warn("a handler failed and is tried again", fields);
      else log.error("a handler failed too often: left to the next sweep", fields);
    });
    await worker.waitUntilReady();

    const disposable: AsyncDisposable = {
      async [Symbol.asyncDispose]() {
        if (!answering.delete(disposable)) return;
        closing.abort(new Error("the bell is closing"));
        await worker.pause(true);
        await worker.getBackend().disconnectBlocking(false);
        const patience = new AbortController();
        await Promise.race([
          Promise.all(handlers),
          delay(closeMs, undefined, { signal: patience.signal }).catch(() => {}),
        ]);
        patience.abort();
        if (handlers.size > 0) log.warn("closing without waiting longer for handlers", { handlers: handlers.size });
        await over(worker.close(handlers.size > 0), worker.getBackend());
      },
    };
    answering.add(disposable);
    return disposable;
  }

  if (!shared) await takeUpAgain(queue, ring);
  return {
    ring,
    answer,
    async [Symbol.asyncDispose]() {
      await Promise.all([...answering].map((one) => one[Symbol.asyncDispose]()));
      await over(queue.close(), queue.getBackend());
    },
  };
}

/** Closing says goodbye to Redis and waits for the answer; where none comes in time, the connection is cut. */
async function orCut(closing: Promise<void>, connection: Pick<IQueueBackend, "disconnect">): Promise<void> {
  const patience = new AbortController();
  const closed = closing.then(
    () => true,
    () => false,
  );
  const inTime = await Promise.race([closed, delay(ANSWER_MS, false, { signal: patience.signal }).catch(() => false)]);
  patience.abort();
  if (!inTime) await connection.disconnect();
}

/** What a killed process was looking at waits again. Only where no other process can be looking at it now. */
async function takeUpAgain(queue: BellQueue, ring: Bell["ring"]): Promise<void> {
  for (const job of await queue.getActive()) {
    // "0" is BullMQ's token of somebody who need not hold the lock.
    await job.moveToCompleted(undefined, "0", false);
    if (isTopic(job.name)) await ring(job.name, job.data.id);
  }
}

function isTopic(name: string): name is BellTopic {
  return name === "delivery" || name === "run";
}

async function databaseBackend({ pool, name }: Database): Promise<BackendFactory<IQueueBackend, unknown>> {
  const { createPostgresBackend, isPgPool, runMigrations } = await import("bullmq");
  if (!isPgPool(pool)) throw new Error(`the database at ${name} has no pool for BullMQ`);
  const client = await pool.connect();
  try {
    await runMigrations(client, "bullmq");
  } finally {
    client.release();
  }
  // Every queue and worker adds a listener for errors to the pool and leaves it there; the database hears them itself.
  const quiet: PgPool & { options: { keepAlive: boolean } } = {
    options: { keepAlive: true },
    query: (text, params) => pool.query(text, params),
    connect: () => pool.connect(),
    end: async () => {},
    on: () => quiet,
    removeAllListeners: () => quiet,
  };
  return (queue, options, more) => createPostgresBackend(queue, { ...options, connection: quiet }, more);
}

async function redisBackend(url: string): Promise<BackendFactory<IQueueBackend, unknown>> {
  await reach(url);
  const { createRedisBackend } = await import("bullmq");
  const retryStrategy = (times: number) => Math.min(50 * 2 ** times, 2_000);
  return (queue, options, more) =>
    createRedisBackend(
      queue,
      {
        ...options,
        connection: more?.withBlockingConnection
          ? { url, retryStrategy, maxRetriesPerRequest: null }
          : // Whoever rings must hear at once that Redis is away, and soon that it hangs, instead of waiting for it.
            { url, retryStrategy, maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: ANSWER_MS },
      },
      more,
    );
}

/** BullMQ would try for ever; a first connection that fails is told at once. */
async function reach(url: string): Promise<void> {
  const { Redis } = await import("ioredis");
  const probe = new Redis(url, { lazyConnect: true, connectTimeout: REACH_REDIS_MS, retryStrategy: () => null });
  let trouble: unknown;
  probe.on("error", (error) => (trouble = error));
  try {
    await probe.connect();
    await probe.ping();
  } catch (error) {
    const where = URL.canParse(url) ? `redis://${new URL(url).host}` : "its address";
    throw new BatonError("database-failed", `Redis at ${where} cannot be reached: ${messageOf(trouble ?? error)}`, {
      cause: error,
      retryable: true,
    });
  } finally {
    probe.disconnect();
  }
}

/** While a database is away BullMQ says so many times a second; once in ten seconds is enough. */
function onceInAWhile(log: Log): (error: Error) => void {
  const said = new Map<string, number>();
  return (error) => {
    const now = performance.now();
    if (now - (said.get(error.message) ?? -SAME_ERROR_MS) < SAME_ERROR_MS) return;
    said.set(error.message, now);
    log.warn("the queue has trouble", { error: messageOf(error) });
  };
}
