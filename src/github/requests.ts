// How Baton asks GitHub: every request once, with a time limit; what may be asked again safely is asked again, a few times.
//
// Each request leaves by the door (`door.ts`), where it waits for its turn. Of the three kinds of failure (`failure.ts`) a limit
// is waited out when that is short, a read is repeated when it is unclear, and a write then may have happened and is looked up
// first (`once.ts`). A token that GitHub no longer accepts is replaced once: nothing was done with it. A repository that was
// renamed is asked for by its number, and then by the name it has now.
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { BatonError } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import { createMemoryThrottle, type Throttle } from "../store/throttle.ts";
import type { Octokit, OctokitFor, Timing } from "./client.ts";
import { createDoor, type Passing } from "./door.ts";
import { failureOf, GitHubFailure, limited, mintingFailure, statusOf } from "./failure.ts";

/** What every request is sent with: pass all of it on. Probot's retry plugin obeys `retries`. */
export interface RequestOptions {
  readonly retries: 0;
  /** The only way out: turns, time limits and new names are its business. */
  readonly fetch: typeof fetch;
}

export type Ask<T> = (octokit: Octokit, request: RequestOptions) => Promise<T>;
type Repo = Pick<RepoRef, "id" | "owner" | "name" | "installationId">;

/** Rejects with `fence-lost` when this process may not write for the run. */
export type Fence = (run: RunId) => Promise<void>;

export interface How {
  /** Aborts at once, but no write that was sent already. */
  readonly signal?: AbortSignal | undefined;
  /** The run a write belongs to: the fence is asked right before it is sent. */
  readonly run?: RunId | undefined;
  /** Rejects with what else forbids a write; asked right before it is sent. */
  readonly guard?: (() => Promise<void>) | undefined;
  /** The answer where GitHub sends a read on to another place than its API, which nothing is asked of here. Without it that is a failure. */
  readonly elsewhere?: ((to: URL) => Response) | undefined;
}

export interface Requests {
  /** Asks again after unclear failures, so only for what may be done twice. `what` completes "GitHub could not …". Throws `GitHubFailure`, `fence-lost`, `database-failed`. */
  read<T>(repo: Repo, what: string, ask: Ask<T>, how?: How): Promise<T>;
  /** Asks once; only a rate limit is waited out, and a dead token replaced: nothing was written then. Throws the same. */
  write<T>(repo: Repo, what: string, ask: Ask<T>, how?: How): Promise<T>;
  /** The name a repository has now, as far as it is known here. */
  nameOf(repo: Repo): { readonly owner: string; readonly name: string };
}

export interface RequestsOptions {
  readonly octokitFor: OctokitFor;
  readonly log: Log;
  readonly timing?: Timing;
  /** What all workers share of GitHub's limits. Default: this process alone. */
  readonly throttle?: Throttle | undefined;
  readonly fence?: Fence | undefined;
  /** Milliseconds one request may take. Default 20 s. */
  readonly timeoutMs?: number | undefined;
  /** Longest wait for a rate limit, in milliseconds; a longer one fails with `retryAt`. Default 90 s. */
  readonly patienceMs?: number | undefined;
  /** Milliseconds a permission to send holds before it is asked for again. Default 1 s. */
  readonly freshMs?: number | undefined;
  /** Milliseconds of a clock that never goes back, for tests. */
  readonly monotonic?: (() => number) | undefined;
}

/** The parameters that every route of a repository takes. */
export function place(repo: Pick<RepoRef, "owner" | "name">): { owner: string; repo: string } {
  return { owner: repo.owner, repo: repo.name };
}

const READ_PAUSES_MS = [300, 1_000, 3_000];
/** Limits met in one asking before it fails. */
const LIMITS = 3;
/** A name that worked this lately is the right one: what is not found under it is not there. */
const SURE_MS = 60_000;

const Named = z.object({ id: z.coerce.number(), name: z.string(), owner: z.object({ login: z.string() }) });

/** A redirect led to the same repository: it has another name. */
class Renamed extends Error {}

export const systemTiming: Timing = {
  now: () => Date.now(),
  pause: (milliseconds, signal) =>
    delay(milliseconds, undefined, { ref: false, ...(signal ? { signal } : {}) }).catch(() => undefined),
};

export function createRequests(options: RequestsOptions): Requests {
  const { octokitFor, log, timing = systemTiming, fence } = options;
  const { throttle = createMemoryThrottle(timing), timeoutMs = 20_000, patienceMs = 90_000, freshMs = 1_000 } = options;
  const { monotonic = () => performance.now() } = options;
  const door = createDoor({ throttle, log, timing, timeoutMs, patienceMs, freshMs, monotonic });
  /** Names of repositories that were renamed, by their number. */
  const names = new Map<number, { owner: string; name: string }>();
  /** When a repository last answered under its name. */
  const answered = new Map<number, number>();

  const nameOf = (repo: Repo) => names.get(repo.id) ?? { owner: repo.owner, name: repo.name };

  function passing(repo: Repo, what: string, { signal, run, guard, elsewhere }: How): Passing {
    return door({
      what,
      holder: repo.installationId ?? 0,
      signal,
      guard: async () => {
        await guard?.();
        if (run !== undefined) await fence?.(run);
      },
      address: (url) => addressed(url, repo, nameOf(repo)),
      redirected(method, to, from) {
        const target = new URL(to, from);
        const id = /\/repositories\/(\d+)(?:\/|$)/.exec(target.pathname)?.[1];
        if (repo.id > 0 && id !== undefined) {
          if (Number(id) === repo.id) throw new Renamed();
          const message = "This was moved to another repository";
          return Response.json({ message }, { status: 410 });
        }
        const isRead = method === "GET" || method === "HEAD";
        if (target.origin === from.origin && isRead) return target;
        // Never from a sealed line to an open one.
        if (elsewhere && isRead && (target.protocol === "https:" || from.protocol === "http:"))
          return elsewhere(target);
        throw new GitHubFailure(
          what,
          "refused",
          301,
          "it answers with another address, which Baton does not follow",
          to,
        );
      },
    });
  }

  /** The name a repository has now. Undefined when it is gone; throws what else GitHub says. */
  async function findName(octokit: Octokit, repo: Repo, what: string, how: How): Promise<"same" | "new" | undefined> {
    const door = passing(repo, what, { signal: how.signal });
    try {
      const request = { retries: 0, fetch: door.fetch } as const;
      const { data } = await octokit.request("GET /repositories/{id}", { id: repo.id, request });
      const found = Named.parse(data);
      const known = nameOf(repo);
      answered.set(repo.id, timing.now());
      if (known.owner === found.owner.login && known.name === found.name) return "same";
      names.set(repo.id, { owner: found.owner.login, name: found.name });
      log.info("the repository has another name now", { id: repo.id, name: `${found.owner.login}/${found.name}` });
      return "new";
    } catch (error) {
      if (door.stopped) throw door.stopped.by;
      if (statusOf(error) === 404 || statusOf(error) === 451) return undefined;
      throw door.limitedUntil === undefined ? failureOf(what, error, "") : limited(what, door.limitedUntil, error);
    }
  }

  async function client(repo: Repo, what: string, rejected?: Octokit): Promise<Octokit> {
    try {
      return await octokitFor(repo, rejected);
    } catch (error) {
      throw error instanceof BatonError ? error : mintingFailure(what, error);
    }
  }

  const attempt: Requests["write"] = async (repo, what, ask, how = {}) => {
    const { signal } = how;
    let octokit = await client(repo, what);
    let renewed = false;
    let looked = false;
    for (let limits = 1; ;) {
      signal?.throwIfAborted();
      const way = passing(repo, what, how);
      try {
        const answer = await ask(octokit, { retries: 0, fetch: way.fetch });
        answered.set(repo.id, timing.now());
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const renamed = way.stopped?.by instanceof Renamed;
        if (way.stopped && !renamed) throw way.stopped.by;
        if (way.limitedUntil !== undefined) {
          if (limits >= LIMITS) throw limited(what, way.limitedUntil, error);
          limits += 1;
          continue;
        }
        const failure = failureOf(what, error, way.path);
        if (failure.status === 401 && !renewed) {
          renewed = true;
          const fresh = await client(repo, what, octokit);
          if (fresh === octokit) throw failure;
          octokit = fresh;
          continue;
        }
        const lost = renamed || failure.status === 404 || isForbidden(failure);
        const sure = failure.status === 404 && timing.now() - (answered.get(repo.id) ?? -SURE_MS) < SURE_MS;
        if (!lost || looked || repo.id <= 0 || (sure && !renamed)) throw failure;
        looked = true;
        const name = await findName(octokit, repo, what, how);
        if (name === "new") continue;
        if (name === "same") throw failure;
        throw new GitHubFailure(what, "refused", failure.status, failure.reason, error, { trouble: "repository-gone" });
      }
    }
  };

  return {
    write: attempt,
    nameOf,
    async read(repo, what, ask, how) {
      for (const pause of [...READ_PAUSES_MS, undefined]) {
        try {
          return await attempt(repo, what, ask, how);
        } catch (error) {
          if (pause === undefined || !(error instanceof GitHubFailure) || error.kind !== "unclear") throw error;
          log.debug("asking GitHub again", { what, error: error.reason });
          await timing.pause(pause, how?.signal);
          how?.signal?.throwIfAborted();
        }
      }
      throw new Error("unreachable");
    },
  };
}

/** Somebody else's repository may have the name by now: the token is for the number. */
function isForbidden({ status, reason }: GitHubFailure): boolean {
  return status === 403 && /not accessible by/i.test(reason);
}

/** The address with the repository's name of now. */
function addressed(url: URL, repo: Repo, now: { readonly owner: string; readonly name: string }): URL {
  if (now.owner === repo.owner && now.name === repo.name) return url;
  const path = ({ owner, name }: { owner: string; name: string }) =>
    `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;
  const at = url.pathname.indexOf(path(repo));
  const end = at + path(repo).length;
  if (at === -1 || (end < url.pathname.length && url.pathname[end] !== "/")) return url;
  const mended = new URL(url);
  mended.pathname = url.pathname.slice(0, at) + path(now) + url.pathname.slice(end);
  return mended;
}
