// Rate limits on every kind of request: a server that counts which requests come while it wants to be left alone.
import type { RequestsOptions } from "#src/github/requests.ts";
import type { Timing } from "#src/github/client.ts";
import type { Outbox } from "#src/store/outbox.ts";
import type { Call, Fault } from "./breaking-github.ts";
import { numbersFrom } from "./numbers.ts";
import { kindOf, openPlay, readKinds, writeKinds } from "./publishing-play.ts";

export const requestKinds = [...writeKinds, ...readKinds];

/** How GitHub says "not now", and how long it means it. `blindMs`: what a limit without a time lasts here. */
export const limits: readonly {
  readonly name: string;
  readonly say: (now: number, seconds: number, blindMs: number) => { fault: Fault; until: number };
}[] = [
  {
    name: "429 with retry-after",
    say: (now, seconds) => said(429, "Too many requests", { "retry-after": String(seconds) }, now + seconds * 1_000),
  },
  {
    name: "secondary, with retry-after",
    say: (now, seconds) => said(403, secondary, { "retry-after": String(seconds) }, now + seconds * 1_000),
  },
  {
    name: "primary, with its reset",
    say: (now, seconds) => {
      const reset = Math.ceil(now / 1_000) + seconds;
      const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) };
      return said(403, "API rate limit exceeded for installation", headers, reset * 1_000);
    },
  },
  { name: "secondary, without a time", say: (now, _, blindMs) => said(403, secondary, {}, now + blindMs) },
  { name: "429 without a time", say: (now, _, blindMs) => said(429, "Too many requests", {}, now + blindMs) },
];

const secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";

function said(status: number, message: string, headers: Record<string, string>, until: number) {
  return { fault: { when: "before", status, message, headers } as const, until };
}

export interface LimitsResult {
  readonly plays: number;
  readonly requests: number;
  readonly limits: number;
  /** By kind of request and limit. */
  readonly table: Readonly<Record<string, number>>;
  /** Requests that came while GitHub wanted to be left alone. */
  readonly forbidden: readonly string[];
  /** Requests that had left before anybody could know: within `underWayMs` of the limit. */
  readonly underWay: number;
  readonly doubled: readonly string[];
  readonly amiss: readonly string[];
}

export interface LimitsOptions {
  readonly rounds: number;
  readonly seed: number;
  /** A clock of a play. */
  readonly timing: () => Timing;
  /** What the workers of a play share: one after the other for each worker, and the outbox. */
  readonly share: (timing: Timing) => Promise<{ outbox: Outbox; workers: readonly Partial<RequestsOptions>[] }>;
  /** Longest time GitHub names, in seconds. */
  readonly seconds: number;
  readonly blindMs: number;
  /** Kinds of request limited in one play; all by default. */
  readonly perPlay?: number;
  /** Milliseconds after a limit in which another worker's request may still arrive. Default 0. */
  readonly underWayMs?: number;
}

/**
 * In each round every kind of request meets every limit once, in five plays (fewer kinds with `perPlay`, drawn by the seed). The
 * first worker does the play; the others answer people meanwhile.
 */
export async function playLimits(options: LimitsOptions): Promise<LimitsResult> {
  const { rounds, seed, seconds, blindMs, perPlay = requestKinds.length, underWayMs = 0 } = options;
  const random = numbersFrom(seed);
  const table: Record<string, number> = {};
  const forbidden: string[] = [];
  const doubled: string[] = [];
  const amiss: string[] = [];
  let [requests, met, underWay] = [0, 0, 0];
  for (let play = 0; play < rounds * limits.length; play += 1) {
    const timing = options.timing();
    const { outbox, workers } = await options.share(timing);
    await using stage = await openPlay(timing, { outbox });
    const order = requestKinds.map(({ name }, index) => ({ name, index, at: random() }));
    const plan = new Map(
      order
        .toSorted((a, b) => a.at - b.at)
        .slice(0, perPlay)
        .map(({ name, index }) => [name, limits[(index + play) % limits.length]]),
    );
    let window = { from: 0, until: 0 };
    stage.github.faults = (call: Call) => {
      requests += 1;
      const now = timing.now();
      if (now < window.until) {
        if (now - window.from < underWayMs) underWay += 1;
        else forbidden.push(`play ${play}: ${call.method} ${call.path}, ${window.until - now} ms before the end`);
      }
      const kind = kindOf(call, requestKinds);
      const limit = kind === undefined ? undefined : plan.get(kind);
      if (kind === undefined || !limit) return undefined;
      plan.delete(kind);
      met += 1;
      table[`${kind}: ${limit.name}`] = (table[`${kind}: ${limit.name}`] ?? 0) + 1;
      const { fault, until } = limit.say(now, 1 + Math.floor(random() * seconds), blindMs);
      window = { from: now, until: Math.max(until, window.until) };
      return fault;
    };
    await using undo = new AsyncDisposableStack();
    const [first, ...others] = workers.map((own) => undo.use(stage.worker(own)));
    if (!first) throw new Error("a play needs a worker");
    const failed = (what: string) => (error: unknown) => void amiss.push(`play ${play}, ${what}: ${String(error)}`);
    const answering = Promise.all(
      others.map(async (worker) => {
        for (const step of stage.steps.filter(({ name }) => name.startsWith("answer")))
          await stage.perform(step, worker, 20).catch(failed(step.name));
      }),
    );
    for (const step of stage.steps)
      if (others.length === 0 || !step.name.startsWith("answer"))
        await stage.perform(step, first, 20).catch(failed(step.name));
    await answering;
    const wrong = stage.wrong();
    doubled.push(...wrong.doubled.map((what) => `play ${play}: ${what}`));
    amiss.push(...wrong.amiss.map((what) => `play ${play}: ${what}`));
  }
  return { plays: rounds * limits.length, requests, limits: met, table, forbidden, underWay, doubled, amiss };
}
