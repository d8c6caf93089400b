// The door through which every request to GitHub leaves: one at a time asks for its turn, is let through, and its answer is
// watched for limits. Nothing lies between the last permission and the sending, so a request that was held up asks again.
import { BatonError, messageOf } from "../core/errors.ts";
import { faultPoint } from "../core/fault-points.ts";
import type { Log } from "../core/log.ts";
import type { RequestKind, Throttle } from "../store/throttle.ts";
import type { Timing } from "./client.ts";
import { isObject, limited } from "./failure.ts";

export interface DoorOptions {
  readonly throttle: Throttle;
  readonly log: Log;
  readonly timing: Timing;
  /** Milliseconds one request may take. */
  readonly timeoutMs: number;
  /** Longest wait for turns of one asking, in milliseconds. */
  readonly patienceMs: number;
  /** Milliseconds that a permission to send holds. */
  readonly freshMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

export interface Passage {
  readonly what: string;
  /** The installation, 0 for a token's account. */
  readonly holder: number;
  /** Aborts what waits for its turn, and reads. */
  readonly signal: AbortSignal | undefined;
  /** Rejects with what forbids a write; asked right before it is sent. */
  readonly guard: (() => Promise<void>) | undefined;
  /** Where the request really goes: a repository may have another name by now. */
  readonly address: (url: URL) => URL;
  /** What a redirect means: an address to ask instead, or an answer. */
  readonly redirected: (method: string, to: string, from: URL) => URL | Response;
}

/** One asking on its way: give `fetch` to the client; afterwards the rest says what happened. */
export interface Passing {
  readonly fetch: typeof fetch;
  /** Why nothing (more) was sent: thrown on as it is. */
  readonly stopped: { readonly by: unknown } | undefined;
  /** GitHub said that a limit is used up, and when it ends (milliseconds since 1970, by this machine's clock). */
  readonly limitedUntil: number | undefined;
  /** The path of the last request; "" before the first. */
  readonly path: string;
}

export type Door = (passage: Passage) => Passing;

/** Redirects followed for one asking. */
const HOPS = 3;
/** How often a permission that grew old is asked for again. */
const PERMISSIONS = 10;
/** Limits that GitHub names end within an hour; anything longer is a mistake. */
const LONGEST_MS = 7_200_000;
/** What GitHub's documentation asks for where an answer names no time. */
const UNSAID_MS = 60_000;

export function createDoor(options: DoorOptions): Door {
  const { throttle, log, timing, timeoutMs, patienceMs, freshMs, monotonic } = options;

  /** Resolves when the request may be sent at once. */
  async function permission(passage: Passage, kind: RequestKind, isWrite: boolean): Promise<void> {
    let waited = 0;
    for (let tries = 0; tries < PERMISSIONS;) {
      passage.signal?.throwIfAborted();
      const begun = monotonic();
      const wait = await throttle.turn(passage.holder, kind);
      if (wait > 0) {
        const until = timing.now() + wait;
        waited += wait;
        if (waited > patienceMs) throw limited(passage.what, until);
        log.warn("waiting for GitHub's rate limit", { until: new Date(until).toISOString() });
        await timing.pause(wait, passage.signal);
        continue;
      }
      if (isWrite) {
        await passage.guard?.();
        await faultPoint("github.before-write");
      }
      // A process that was frozen meanwhile may have lost its turn and its run.
      if (monotonic() - begun <= freshMs) return;
      tries += 1;
    }
    throw new BatonError(
      "database-failed",
      `GitHub was not asked to ${passage.what}: the database took longer than ${freshMs} ms to allow it, ${PERMISSIONS} times. Look at its load`,
      { retryable: true },
    );
  }

  /** Tells all workers what the answer says about limits. Gives the milliseconds until a used-up one ends. */
  async function watch(holder: number, response: Response, body: string): Promise<number | undefined> {
    const { headers } = response;
    const now = Date.parse(headers.get("date") ?? "") || timing.now();
    const ends = isLimit(response.status, headers, body) ? (limitMs(headers, now) ?? "unsaid") : undefined;
    try {
      if (ends !== undefined) {
        await throttle.close(holder, ends === "unsaid" ? undefined : ends);
        return await throttle.turn(holder, "edit");
      }
      const remaining = countOf(headers.get("x-ratelimit-remaining"));
      const reset = resetMs(headers, now);
      if (remaining === undefined || reset === undefined) return undefined;
      if ((headers.get("x-ratelimit-resource") ?? "core") !== "core") return undefined;
      const reserve = Math.min(50, Math.ceil((countOf(headers.get("x-ratelimit-limit")) ?? 5_000) / 50));
      // The last requests are kept for cards, which say until when Baton waits; a few for what is on its way already.
      if (remaining <= reserve / 10) await throttle.close(holder, reset);
      else if (remaining <= reserve) await throttle.spare(holder, reset);
    } catch (error) {
      // The answer counts all the same; without the database nobody gets a turn anyway.
      log.warn("GitHub's limit could not be written down", { error: messageOf(error) });
    }
    return ends === "unsaid" ? UNSAID_MS : ends;
  }

  return (passage) => {
    let stopped: { by: unknown } | undefined;
    let limitedUntil: number | undefined;
    let path = "";

    async function send(url: URL, init: RequestInit): Promise<Response> {
      const method = init.method ?? "GET";
      const isWrite = method !== "GET" && method !== "HEAD";
      path = url.pathname;
      try {
        await permission(passage, kindOf(method, path), isWrite);
      } catch (error) {
        stopped = { by: error };
        throw error;
      }
      const late = AbortSignal.timeout(timeoutMs);
      // A write that was sent is heard to its end: given up, it would have happened all the same, and nobody would know of it.
      const signal = passage.signal && !isWrite ? AbortSignal.any([passage.signal, late]) : late;
      const response = await fetch(url, { ...init, redirect: "manual", signal });
      // Read to its end here: a client would take an answer that breaks off for a short one.
      const bytes = await response.arrayBuffer();
      const text = isJson(response) ? new TextDecoder().decode(bytes) : "";
      if (response.ok && text !== "") JSON.parse(text);
      if (isWrite) {
        try {
          await faultPoint("github.after-write");
        } catch (error) {
          stopped = { by: error };
          throw error;
        }
      }
      const ends = await watch(passage.holder, response, text);
      if (ends !== undefined) limitedUntil = timing.now() + ends;
      const { status, statusText, headers } = response;
      return new Response(bytes.byteLength === 0 ? null : bytes, { status, statusText, headers });
    }

    async function pass(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
      let url = passage.address(new URL(input instanceof Request ? input.url : input));
      for (let hops = 0; hops < HOPS; hops += 1) {
        const response = await send(url, init);
        const location = response.headers.get("location");
        if (response.status < 300 || response.status > 399 || response.status === 304 || location === null)
          return response;
        let next: URL | Response;
        try {
          next = passage.redirected(init.method ?? "GET", location, url);
        } catch (error) {
          stopped = { by: error };
          throw error;
        }
        if (next instanceof Response) return next;
        url = next;
      }
      throw new Error(`GitHub redirected ${HOPS} times`);
    }

    return {
      fetch: pass,
      get stopped() {
        return stopped;
      },
      get limitedUntil() {
        return limitedUntil;
      },
      get path() {
        return path;
      },
    };
  };
}

/**
 * GitHub counts what creates content and does not list it (docs.github.com, "About secondary rate limits"): every POST is
 * taken for it but those for git's blobs and trees, which nobody sees, and GraphQL's, with which Baton creates nothing.
 */
function kindOf(method: string, path: string): RequestKind {
  if (method === "PATCH" && /\/issues\/comments\/\d+$/.test(path)) return "edit";
  return method === "POST" && !/\/git\/(?:blobs|trees)$|\/graphql$/.test(path) ? "content" : "other";
}

/** docs.github.com "Rate limits for the REST API": 403 or 429, with retry-after, or x-ratelimit-remaining 0, or a message naming a secondary limit. */
function isLimit(status: number, headers: Headers, body: string): boolean {
  if (status === 429) return true;
  if (status !== 403) return false;
  return (
    headers.has("retry-after") ||
    headers.get("x-ratelimit-remaining") === "0" ||
    /secondary rate limit|abuse detection/i.test(messageIn(body))
  );
}

/** Milliseconds until GitHub wants to be asked again; undefined when it does not say. */
function limitMs(headers: Headers, now: number): number | undefined {
  const after = countOf(headers.get("retry-after"));
  const reset = headers.get("x-ratelimit-remaining") === "0" ? resetMs(headers, now) : undefined;
  if (after === undefined) return reset;
  return Math.min(LONGEST_MS, Math.max(1, after, (reset ?? 0) / 1_000) * 1_000);
}

/** By the clock of the answer itself, so that this machine's does not matter. Its date is a whole second, rounded down. */
function resetMs(headers: Headers, now: number): number | undefined {
  const reset = countOf(headers.get("x-ratelimit-reset"));
  return reset === undefined ? undefined : Math.min(LONGEST_MS, Math.max(1_000, reset * 1_000 - now));
}

function countOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}

function isJson(response: Response): boolean {
  return /^application\/(?:[\w.+-]*\+)?json\b/i.test(response.headers.get("content-type") ?? "");
}

function messageIn(body: string): string {
  try {
    const json: unknown = JSON.parse(body);
    return isObject(json) && typeof json["message"] === "string" ? json["message"] : "";
  } catch {
    return "";
  }
}
