// How Baton asks GitHub: every request once, with a time limit; what may be asked again safely is asked again, a few times.
//
// A failure is one of three kinds. *Refused*: GitHub understood and said no (4xx), nothing was written. *Limited*: a primary or
// secondary rate limit; nothing was written and nobody asks again before the time GitHub names. *Unclear*: 5xx, a timeout, a
// broken connection; a read is repeated, a write may have happened and is looked up first (`once.ts`).
import { setTimeout as delay } from "node:timers/promises";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Octokit, OctokitFor, Timing } from "./client.ts";

/** What every request is sent with. Probot's retry plugin obeys `retries`. */
export interface RequestOptions {
  readonly retries: 0;
  readonly signal: AbortSignal;
}

export type Ask<T> = (octokit: Octokit, request: RequestOptions) => Promise<T>;
type Repo = Pick<RepoRef, "id" | "owner" | "name" | "installationId">;

export interface Requests {
  /** Asks again after unclear failures, so only for what may be done twice. `what` completes "GitHub could not …". Throws `GitHubFailure`. */
  read<T>(repo: Repo, what: string, ask: Ask<T>, signal?: AbortSignal): Promise<T>;
  /** Asks once; only a rate limit is waited out. Throws `GitHubFailure`. */
  write<T>(repo: Repo, what: string, ask: Ask<T>, signal?: AbortSignal): Promise<T>;
}

export interface RequestsOptions {
  readonly octokitFor: OctokitFor;
  readonly log: Log;
  readonly timing?: Timing;
  /** Milliseconds one request may take. Default 20 s. */
  readonly timeoutMs?: number;
  /** Longest wait for a rate limit, in milliseconds; a longer one fails with `retryable`. Default 90 s. */
  readonly patienceMs?: number;
}

/** GitHub's no, or its silence. `status` is 0 when there was no answer. */
export class GitHubFailure extends BatonError {
  readonly kind: "refused" | "limited" | "unclear";
  readonly status: number;
  /** GitHub's own words, with the details of a validation error. */
  readonly reason: string;

  constructor(what: string, kind: GitHubFailure["kind"], status: number, reason: string, cause: unknown) {
    const code = status === 0 ? "" : ` (${status})`;
    super("github-failed", `GitHub could not ${what}${code}: ${reason}`, { cause, retryable: kind !== "refused" });
    this.kind = kind;
    this.status = status;
    this.reason = reason;
  }
}

/** The parameters that every route of a repository takes. */
export function place(repo: Pick<RepoRef, "owner" | "name">): { owner: string; repo: string } {
  return { owner: repo.owner, repo: repo.name };
}

/** True for a "no" with that status. */
export function isRefused(error: unknown, ...statuses: readonly number[]): error is GitHubFailure {
  return (
    error instanceof GitHubFailure &&
    error.kind === "refused" &&
    (statuses.length === 0 || statuses.includes(error.status))
  );
}

const READ_PAUSES_MS = [300, 1_000, 3_000];

export const systemTiming: Timing = {
  now: () => Date.now(),
  pause: (milliseconds, signal) =>
    delay(milliseconds, undefined, { ref: false, ...(signal ? { signal } : {}) }).catch(() => undefined),
};

export function createRequests(options: RequestsOptions): Requests {
  const { octokitFor, log, timing = systemTiming, timeoutMs = 20_000, patienceMs = 90_000 } = options;
  /** Until when GitHub wants to be left alone, by installation: its limits are per installation, or per token. */
  const closedUntil = new Map<number, number>();

  async function waitForLimit(repo: Repo, what: string, signal: AbortSignal | undefined): Promise<void> {
    const until = closedUntil.get(repo.installationId ?? 0) ?? 0;
    const wait = until - timing.now();
    if (wait <= 0) return;
    if (wait > patienceMs) throw limited(what, until, undefined);
    log.warn("waiting for GitHub's rate limit", { until: new Date(until).toISOString() });
    await timing.pause(wait, signal);
  }

  async function attempt<T>(repo: Repo, what: string, ask: Ask<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let waits = 0; ; waits += 1) {
      await waitForLimit(repo, what, signal);
      signal?.throwIfAborted();
      try {
        const octokit = await octokitFor(repo);
        const limit = AbortSignal.timeout(timeoutMs);
        return await ask(octokit, { retries: 0, signal: signal ? AbortSignal.any([signal, limit]) : limit });
      } catch (error) {
        signal?.throwIfAborted();
        const failure = failureOf(what, error, timing.now());
        if (failure.kind !== "limited") throw failure;
        closedUntil.set(repo.installationId ?? 0, limitEnd(error, timing.now()));
        if (waits >= 2) throw failure;
      }
    }
  }

  return {
    write: attempt,
    async read(repo, what, ask, signal) {
      for (const pause of [...READ_PAUSES_MS, undefined]) {
        try {
          return await attempt(repo, what, ask, signal);
        } catch (error) {
          if (pause === undefined || !(error instanceof GitHubFailure) || error.kind !== "unclear") throw error;
          log.debug("asking GitHub again", { what, error: error.reason });
          await timing.pause(pause, signal);
          signal?.throwIfAborted();
        }
      }
      throw new Error("unreachable");
    },
  };
}

function limited(what: string, until: number, cause: unknown): GitHubFailure {
  const clock = new Date(until).toISOString().slice(11, 16);
  return new GitHubFailure(what, "limited", 429, `its rate limit is used up until ${clock} UTC`, cause);
}

function failureOf(what: string, error: unknown, now: number): GitHubFailure {
  if (error instanceof GitHubFailure) return error;
  if (!isObject(error) || typeof error["status"] !== "number") {
    return new GitHubFailure(what, "unclear", 0, messageOf(error), error);
  }
  const { status } = error;
  // Octokit gives a connection that broke, and a fetch that was aborted, the status 500 and no response.
  if (!isObject(error["response"])) return new GitHubFailure(what, "unclear", 0, messageOf(error), error);
  if (isLimit(status, error)) return limited(what, limitEnd(error, now), error);
  const kind = status >= 500 || status === 408 ? "unclear" : "refused";
  return new GitHubFailure(what, kind, status, reasonOf(error), error);
}

/** docs.github.com "Rate limits for the REST API": 403 or 429, with retry-after, or x-ratelimit-remaining 0, or a message naming a secondary limit. */
function isLimit(status: number, error: Record<string, unknown>): boolean {
  if (status === 429) return true;
  if (status !== 403) return false;
  const headers = headersOf(error);
  return (
    headers["retry-after"] !== undefined ||
    headers["x-ratelimit-remaining"] === "0" ||
    /secondary rate limit|abuse detection/i.test(reasonOf(error))
  );
}

/** Milliseconds since 1970 before which nothing may be asked: what the headers say, else the minute that GitHub's documentation asks for. */
function limitEnd(error: unknown, now: number): number {
  const headers = isObject(error) ? headersOf(error) : {};
  const after = Number(headers["retry-after"]);
  if (Number.isFinite(after) && headers["retry-after"] !== undefined) return now + Math.max(1, after) * 1_000;
  const reset = Number(headers["x-ratelimit-reset"]) * 1_000;
  if (headers["x-ratelimit-remaining"] === "0" && Number.isFinite(reset)) return Math.max(reset, now + 1_000);
  return now + 60_000;
}

function headersOf(error: Record<string, unknown>): Record<string, unknown> {
  const { response } = error;
  return isObject(response) && isObject(response["headers"])
    ? Object.fromEntries(Object.entries(response["headers"]).map(([name, value]) => [name, String(value)]))
    : {};
}

/** GitHub's message with the details of its `errors`, which say what was really wrong. */
function reasonOf(error: Record<string, unknown>): string {
  const { response } = error;
  const data = isObject(response) && isObject(response["data"]) ? response["data"] : {};
  const message = typeof data["message"] === "string" ? data["message"] : messageOf(error);
  const details = Array.isArray(data["errors"]) ? data["errors"].map(detail).filter((text) => text !== "") : [];
  return [message, ...details].join("; ").slice(0, 500);
}

function detail(item: unknown): string {
  if (typeof item === "string") return item;
  if (!isObject(item)) return "";
  return ["message", "field", "code"].flatMap((name) => (typeof item[name] === "string" ? [item[name]] : [])).join(" ");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
