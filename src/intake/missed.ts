// Deliveries that never arrived: GitHub sends each once, and says afterwards which ones failed. Those that nobody kept are asked for again.
//
// One process of all does it at a time. A delivery counts as missed when every attempt at it has failed and its id is not among
// those kept; whichever way it comes again, it is kept once (`store/deliveries.ts`). What is older than a day is left: words
// of that age are not carried out any more (`handle.ts`).
import { setTimeout as delay } from "node:timers/promises";
import type { Octokit } from "@octokit/core";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Deliveries } from "../store/deliveries.ts";
import type { Sweep, Sweeps } from "../store/sweeps.ts";

export interface MissedOptions {
  /** A client that acts as the App itself. */
  readonly asApp: () => Promise<Pick<Octokit, "request">>;
  readonly deliveries: Pick<Deliveries, "known">;
  readonly sweeps: Sweeps;
  readonly log: Log;
  /** Milliseconds between two sweeps of all processes together. Default 2 min. */
  readonly everyMs?: number;
  /** Milliseconds between two requests for a redelivery. Default 350: GitHub counts 5 points for each, of 900 a minute. */
  readonly paceMs?: number;
  /** Milliseconds a delivery that was asked for may take to arrive before it is asked for again. Default 90 s. */
  readonly patienceMs?: number;
  /** How often one delivery is asked for. Default 5. */
  readonly tries?: number;
}

/** What a sweep found: deliveries that failed and were not kept, and how many of them were asked for again. */
export interface Swept {
  readonly missed: number;
  readonly asked: number;
}

const DAY_MS = 86_400_000;
/** Deliveries under way during the last sweep had no outcome then; they are looked at again. */
const OVERLAP_MS = 15 * 60_000;
const PAGES = 1_000;
const KNOWN_AT_ONCE = 1_000;
/** Redeliveries asked for between two signs of life. */
const HOLD_EVERY = 20;
const REQUEST_MS = 20_000;

interface Missed {
  readonly guid: string;
  /** Of its latest attempt. */
  readonly id: number;
}

/**
 * Sweeps once, if it is time and nobody else does: undefined otherwise. The function throws when GitHub or the database does not
 * answer; the next sweep then covers the same time again.
 */
export function createMissed(options: MissedOptions): (signal: AbortSignal) => Promise<Swept | undefined> {
  const { asApp, deliveries, sweeps, log } = options;
  const { everyMs = 120_000, paceMs = 350, patienceMs = 90_000, tries = 5 } = options;

  /** Everything that failed since the last sweep, oldest first, and the time of the newest delivery. */
  async function failed(
    sweep: Sweep,
    signal: AbortSignal,
  ): Promise<{ failed: readonly Missed[]; newest: number | undefined } | undefined> {
    const octokit = await asApp();
    const latest = new Map<string, number>();
    const arrived = new Set<string>();
    let newest: number | undefined;
    let since = Number.NEGATIVE_INFINITY;
    let cursor: string | undefined;
    for (let page = 0; page < PAGES; page += 1) {
      if (!(await sweep.hold())) return undefined;
      const { data, headers } = await octokit.request("GET /app/hook/deliveries", {
        per_page: 100,
        ...(cursor === undefined ? {} : { cursor }),
        request: { signal: patiently(signal) },
      });
      for (const item of data) {
        const at = Date.parse(item.delivered_at);
        if (newest === undefined) {
          newest = at;
          since = Math.max(at - DAY_MS, (sweep.sweptTo ?? 0) - OVERLAP_MS);
        }
        if (at < since) continue;
        if (item.status_code >= 200 && item.status_code < 400) arrived.add(item.guid);
        else if (!latest.has(item.guid)) latest.set(item.guid, Number(item.id));
      }
      cursor = nextCursor(headers.link);
      const last = data.at(-1);
      if (cursor === undefined || last === undefined || Date.parse(last.delivered_at) < since) break;
    }
    const open = [...latest].filter(([guid]) => !arrived.has(guid)).map(([guid, id]) => ({ guid, id }));
    return { failed: open.toReversed(), newest };
  }

  async function ask({ guid, id }: Missed, signal: AbortSignal): Promise<boolean> {
    if (!(await sweeps.mayAsk(guid, { tries, patienceMs }))) return false;
    const octokit = await asApp();
    try {
      await octokit.request("POST /app/hook/deliveries/{delivery_id}/attempts", {
        delivery_id: id,
        request: { signal: patiently(signal) },
      });
      return true;
    } catch (error) {
      // GitHub will not send this one again; the others it may.
      if (!isRefused(error)) throw error;
      log.warn("GitHub does not send a delivery again", { delivery: guid, error: messageOf(error) });
      return false;
    }
  }

  return async (signal) => {
    const sweep = await sweeps.claim("missed-deliveries", everyMs);
    if (!sweep) return undefined;
    const found = await failed(sweep, signal);
    if (!found) return undefined;
    const missed: Missed[] = [];
    for (let at = 0; at < found.failed.length; at += KNOWN_AT_ONCE) {
      const some = found.failed.slice(at, at + KNOWN_AT_ONCE);
      const kept = await deliveries.known(some.map(({ guid }) => guid));
      missed.push(...some.filter(({ guid }) => !kept.has(guid)));
    }
    let asked = 0;
    for (const [index, one] of missed.entries()) {
      signal.throwIfAborted();
      if (index % HOLD_EVERY === 0 && !(await sweep.hold())) return { missed: missed.length, asked };
      if (!(await ask(one, signal))) continue;
      asked += 1;
      await delay(paceMs, undefined, { signal, ref: false });
    }
    await sweep.done(found.newest);
    if (missed.length > 0) log.info("asked GitHub for deliveries that never arrived", { missed: missed.length, asked });
    return { missed: missed.length, asked };
  };
}

function patiently(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]);
}

/** The cursor of the next page, from a `link` header. */
function nextCursor(link: string | undefined): string | undefined {
  const next = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
  return next === undefined ? undefined : (URL.parse(next)?.searchParams.get("cursor") ?? undefined);
}

/** That delivery is gone, or too old. */
function isRefused(error: unknown): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    "status" in error &&
    (error.status === 400 || error.status === 404 || error.status === 422)
  );
}
