// The one file that knows @octokit/rest: a client for a token. The App's clients come from Probot; the rest of github/ takes either.
import type { Octokit as Core } from "@octokit/core";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";

/** As much of an Octokit as Baton uses: typed requests, and GraphQL. Probot's and @octokit/rest's both fit. */
export type Octokit = Pick<Core, "request" | "graphql">;

/**
 * The client that may act on a repository: the App's installation, or the token's for every one. `rejected`: one given
 * earlier, whose token GitHub no longer accepts; another client with a new token is wanted, the same one when there is none.
 */
export type OctokitFor = (
  repo: Pick<RepoRef, "id" | "owner" | "name" | "installationId">,
  rejected?: Octokit,
) => Promise<Octokit>;

/** Who Baton is on GitHub: how it knows its own comments and commits. */
export interface Self {
  /** "baton[bot]" for an App, the token's account otherwise. */
  readonly login: string;
  /** Undefined when GitHub would not say. */
  readonly id: number | undefined;
  readonly appId: number | undefined;
}

/** An account in one of GitHub's answers; an id may be too large for a number by its type, never in fact. */
export interface Author {
  readonly login?: string | undefined;
  readonly id?: number | bigint | undefined;
}

/** True when GitHub says that this account, or this App, wrote something. */
export function isSelf(
  self: Self,
  author: Author | null | undefined,
  app?: { readonly id?: number | bigint } | null,
): boolean {
  if (self.appId !== undefined && app?.id !== undefined && Number(app.id) === self.appId) return true;
  if (!author) return false;
  if (self.id !== undefined) return author.id !== undefined && Number(author.id) === self.id;
  return author.login?.toLowerCase() === self.login.toLowerCase();
}

export interface ClientOptions {
  readonly token: string;
  /** "https://api.github.com", or an Enterprise Server's or the playground's. */
  readonly apiUrl: string;
  readonly log: Log;
}

/** A client that sends each request once: retries and rate limits are the business of `requests.ts`. */
export async function createClient({ token, apiUrl, log }: ClientOptions): Promise<Octokit> {
  const { Octokit } = await import("@octokit/rest");
  return new Octokit({
    auth: token,
    baseUrl: apiUrl.replace(/\/+$/, ""),
    userAgent: "baton",
    log: {
      debug: (message: string) => log.debug(message),
      info: (message: string) => log.debug(message),
      warn: (message: string) => log.warn(message),
      error: (message: string) => log.debug(message),
    },
  });
}

/**
 * The account behind a token. The token of an Actions job may not ask; its account is known (api.github.com/users/github-actions[bot]),
 * on github.com by its number too: each Enterprise Server has another one.
 */
export async function whoIs(octokit: Octokit, request: { readonly fetch?: typeof fetch } = {}): Promise<Self> {
  try {
    const { data } = await octokit.request("GET /user", { request });
    return { login: data.login, id: Number(data.id), appId: undefined };
  } catch (error) {
    if (isObject(error) && error["status"] === 403)
      return { login: "github-actions[bot]", id: isDotCom(octokit) ? 41_898_282 : undefined, appId: undefined };
    throw error;
  }
}

function isDotCom({ request }: Octokit): boolean {
  return new URL(request.endpoint.DEFAULTS.baseUrl).host === "api.github.com";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Time as github/ needs it: a clock and a wait, so that tests never sleep. */
export interface Timing extends Clock {
  /** Resolves after so many milliseconds, at once when `signal` fires; never rejects. Does not keep the process alive. */
  pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
