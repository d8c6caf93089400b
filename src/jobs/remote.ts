// Baton's server as a job sees it: the engine's ports over HTTP, for the one run that the job has. What may write to GitHub, and the
// database, stay on the server.
import { setTimeout as delay } from "node:timers/promises";
import { BatonError, messageOf } from "../core/errors.ts";
import { type RunId, sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Redact } from "../core/redact.ts";
import { appendOnce } from "../engine/append-once.ts";
import { type EventOf, type RecordedEvent, RunEvent } from "../engine/events.ts";
import type { Engine } from "../engine/engine.ts";
import type { Shelf } from "../workspace/shelf.ts";
import {
  answers,
  Appended,
  type Ask,
  BUNDLE_TYPE,
  Claimed,
  Events,
  jobLimits,
  type Release,
  START_HEADER,
} from "./protocol.ts";
import { createTransport, PAUSES_MS, read, type Transport } from "./transport.ts";

/** The publisher waits for GitHub's limits, and for others. */
const ASK_MS = 5 * 60_000;
/** Before news are asked for again, when asking failed. */
const AGAIN_MS = 2_000;

export interface RemoteRun extends AsyncDisposable {
  readonly run: RunId;
  /** The page of the job. */
  readonly page: string;
  readonly edges: Pick<Engine, "log" | "publisher" | "projection" | "history" | "subjects" | "jobPage">;
  readonly shelf: Shelf;
  /** Fires when the run is this job's no more. */
  readonly lost: AbortSignal;
  release(until: Release): Promise<void>;
}

export interface RemoteOptions {
  /** The server's own address. */
  readonly server: string;
  readonly run: RunId;
  /** A token of GitHub's for this server, right before it is used. */
  readonly identity: () => Promise<string>;
  /** Takes secrets that this job holds out of what it records: the server does not know them. */
  readonly redact?: Redact | undefined;
  readonly journal: Log;
}

/**
 * Claims the run for this job and shows the server that the job lives, until it is disposed. Throws `run-taken` when there is nothing to do,
 * and what the server says when it refuses.
 */
export async function openRemoteRun({
  server,
  run,
  identity,
  redact = String,
  journal,
}: RemoteOptions): Promise<RemoteRun> {
  const body = { run, identity: await identity() };
  const claimed = await read(await createTransport({ server })("claim", { body }), Claimed);
  const { token, page, leaseMs } = claimed;
  const ask = createTransport({ server, token });
  const over = new AbortController();
  const lost = new AbortController();
  const log = createRunLog(run, { ask, redact, journal }, over.signal);
  const beats = beating(ask, { everyMs: leaseMs / 4, journal, over: over.signal, lost });

  const asked = async (what: Ask, signal?: AbortSignal) => await ask("ask", { body: what, timeoutMs: ASK_MS, signal });

  /** Why the server did not take finished work in: then it cannot publish it either. */
  let notTaken: unknown;
  const published = async (what: Ask, signal: AbortSignal) => {
    try {
      return await asked(what, signal);
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "not-found" || notTaken === undefined) throw error;
      throw new BatonError("import-refused", `the server does not have the work: ${messageOf(notTaken)}`, {
        cause: error,
      });
    }
  };

  return {
    run,
    page,
    lost: lost.signal,
    edges: {
      log,
      jobPage: page,
      publisher: {
        async openPullRequest(_, signal) {
          const answer = await read(await published({ ask: "publish" }, signal), answers.publish);
          return answer.type === "refused"
            ? answer
            : { type: "opened", event: as(answer.event, "pull_request.opened") };
        },
        async publishReview(_, signal) {
          return await read(await published({ ask: "publish-review" }, signal), answers["publish-review"]);
        },
        async keep(_, { head, part, holds, gates }, signal) {
          const what: Ask = { ask: "keep", head, part, holds: [...holds], gates: [...gates] };
          return await read(await published(what, signal), answers.keep);
        },
        async removeKept(_, { branch }, signal) {
          return await read(await asked({ ask: "remove", branch }, signal), answers.remove);
        },
      },
      projection: {
        // The server shows what it is told.
        touch: () => undefined,
        settle: async () => void (await asked({ ask: "settle" })),
      },
      history: {
        stageTimes: async (_repo, _workflow, stage) =>
          (await read(await asked({ ask: "stage-times", stage }), answers["stage-times"])).milliseconds,
        estimate: async () => (await read(await asked({ ask: "estimate" }), answers.estimate)).estimate,
      },
      subjects: {
        async look(_, signal) {
          const { lost: found } = await read(await asked({ ask: "look" }, signal), answers.look);
          if (!found || found.type === "subject.lost" || found.type === "subject.closed") return found;
          throw unexpected(found);
        },
        lookBack: async (_, signal) =>
          (await read(await asked({ ask: "look-back" }, signal), answers["look-back"])).hindsight,
      },
    },
    shelf: {
      async put({ commit, start, bundle }) {
        const headers = { "content-type": BUNDLE_TYPE, [START_HEADER]: start };
        try {
          await ask(`work/${commit}`, { method: "PUT", bytes: bundle, headers, timeoutMs: ASK_MS });
          notTaken = undefined;
        } catch (error) {
          notTaken = error;
          throw error;
        }
      },
      async get(commit) {
        try {
          const response = await ask(`work/${commit}`, { method: "GET", timeoutMs: ASK_MS });
          const bundle = new Uint8Array(await response.arrayBuffer());
          return { commit, start: sha(response.headers.get(START_HEADER) ?? ""), bundle };
        } catch (error) {
          if (error instanceof BatonError && error.code === "not-found") return undefined;
          throw error;
        }
      },
    },
    async release(until) {
      await ask("release", { body: until });
      log.close();
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await Promise.all([beats, log[Symbol.asyncDispose]()]);
    },
  };
}

interface RunLog extends AsyncDisposable, Pick<Engine["log"], "append" | "read" | "at" | "follow"> {
  /** From now on it gives what it knows, and asks no more. */
  close(): void;
}

/** The run's log: what was read stays here, what comes new is asked for with patience. */
function createRunLog(
  run: RunId,
  { ask, redact, journal }: { ask: Transport; redact: Redact; journal: Log },
  over: AbortSignal,
): RunLog {
  const known: RecordedEvent[] = [];
  const followers = new Set<(run: RunId) => void>();
  let following: Promise<void> | undefined;

  const take = (events: readonly RecordedEvent[]) => {
    for (const event of events) if (event.version === known.length + 1) known.push(event);
  };
  const fetchAfter = async (after: number, wait = 0, signal?: AbortSignal) => {
    const path = `events?after=${after}&wait=${wait}`;
    const timeoutMs = wait + 60_000;
    return (await read(await ask(path, { method: "GET", timeoutMs, signal }), Events)).events;
  };

  async function follow(): Promise<void> {
    let seen = known.length;
    while (!over.aborted) {
      try {
        const events = await fetchAfter(seen, jobLimits.waitMs, over);
        take(events);
        const latest = events.at(-1)?.version;
        if (latest === undefined) continue;
        seen = latest;
        for (const follower of followers) follower(run);
      } catch (error) {
        if (over.aborted) return;
        if (error instanceof BatonError && error.code === "fence-lost") return;
        journal.warn("could not ask what is new", { run, error: messageOf(error) });
        await delay(AGAIN_MS, undefined, { signal: over }).catch(() => undefined);
      }
    }
  }

  let closed = false;
  const log: RunLog = {
    async append(_, expected, events) {
      const once = async (_run: RunId, at: number, what: readonly RunEvent[]) =>
        await read(await ask("events", { body: { expected: at, events: what }, once: true }), Appended);
      const clean = events.map((event) => RunEvent.parse(redacted(event, redact)));
      return await appendOnce({ ...log, append: once }, run, expected, clean, patiently);
    },
    async read(_, after = 0) {
      if (!closed) take(await fetchAfter(known.length));
      return known.slice(after);
    },
    async at(_, versions) {
      if (versions.some((version) => version > known.length)) await log.read(run);
      return known.filter(({ version }) => versions.includes(version));
    },
    follow(listener) {
      const follower = (which: RunId) => listener(which);
      followers.add(follower);
      following ??= follow();
      return { [Symbol.dispose]: () => void followers.delete(follower) };
    },
    close() {
      closed = true;
    },
    async [Symbol.asyncDispose]() {
      await following;
    },
  };
  return log;
}

/** String by string: a pattern that spans several must not eat what stands between them. */
function redacted(value: unknown, redact: Redact): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((item) => redacted(item, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redacted(item, redact)]));
}

/** A server that starts again is waited for. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "database-failed" || !error.retryable) throw error;
      await delay(pause);
    }
  }
  return await work();
}

/** Shows that the job lives, until it is over or its run is another's. */
async function beating(
  ask: Transport,
  { everyMs, journal, over, lost }: { everyMs: number; journal: Log; over: AbortSignal; lost: AbortController },
): Promise<void> {
  while (!over.aborted) {
    await delay(everyMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    try {
      await ask("beat", { once: true, timeoutMs: everyMs, signal: over });
    } catch (error) {
      if (over.aborted) return;
      if (error instanceof BatonError && error.code === "fence-lost") return lost.abort(error);
      journal.warn("could not show the server that this job lives", { error: messageOf(error) });
    }
  }
}

function as<Type extends RunEvent["type"]>(event: RunEvent, type: Type): EventOf<Type> {
  if (is(event, type)) return event;
  throw unexpected(event);
}

function is<Type extends RunEvent["type"]>(event: RunEvent, type: Type): event is EventOf<Type> {
  return event.type === type;
}

function unexpected(event: RunEvent): BatonError {
  return new BatonError("database-failed", `Baton's server answered with "${event.type}" where that is no answer`);
}
