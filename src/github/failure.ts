// GitHub's no, or its silence: what kind it is, and what it means when it will not change by asking again.
//
// *Refused*: GitHub understood and said no (4xx), nothing was written. *Limited*: a rate limit; nothing was written, and `retryAt`
// says when asking again is allowed. *Unclear*: 5xx, a timeout, a broken connection; a write may have happened.
import { BatonError, messageOf } from "../core/errors.ts";

export type FailureKind = "refused" | "limited" | "unclear";

/** What became of the place a run writes to. Names are stable: runs end by them. */
export type Trouble =
  | "repository-gone"
  | "repository-archived"
  | "installation-suspended"
  | "installation-removed"
  | "issue-gone"
  | "issue-locked";

/** `status` is 0 when there was no answer. */
export class GitHubFailure extends BatonError {
  readonly kind: FailureKind;
  readonly status: number;
  /** GitHub's own words, with the details of a validation error. */
  readonly reason: string;
  /** Set when GitHub refused because of what became of the repository, the installation or the issue. */
  readonly trouble: Trouble | undefined;

  constructor(
    what: string,
    kind: FailureKind,
    status: number,
    reason: string,
    cause: unknown,
    more: { trouble?: Trouble | undefined; retryAt?: number | undefined } = {},
  ) {
    const code = status === 0 ? "" : ` (${status})`;
    super("github-failed", `GitHub could not ${what}${code}: ${reason}`, {
      cause,
      retryable: kind !== "refused",
      retryAt: more.retryAt,
    });
    this.kind = kind;
    this.status = status;
    this.reason = reason;
    this.trouble = more.trouble;
  }
}

/** True for a "no" with one of these statuses; without any, for every "no". */
export function isRefused(error: unknown, ...statuses: readonly number[]): error is GitHubFailure {
  return (
    error instanceof GitHubFailure &&
    error.kind === "refused" &&
    (statuses.length === 0 || statuses.includes(error.status))
  );
}

/** Waits for what takes something away: that it is gone already is fine. Throws whatever else it throws. */
export async function goneIsFine(taking: Promise<unknown>, statuses: readonly number[] = [404, 410]): Promise<void> {
  try {
    await taking;
  } catch (error) {
    if (!isRefused(error, ...statuses)) throw error;
  }
}

/** `until`: milliseconds since 1970. */
export function limited(what: string, until: number, cause?: unknown): GitHubFailure {
  const clock = new Date(until).toISOString().slice(11, 16);
  return new GitHubFailure(what, "limited", 429, `its rate limit is used up until ${clock} UTC`, cause, {
    retryAt: until,
  });
}

/** What anything thrown by a client means; `path` of the request, where one was sent. Limits are known before (`door.ts`). */
export function failureOf(what: string, error: unknown, path: string): GitHubFailure {
  if (error instanceof GitHubFailure) return error;
  const status = statusOf(error);
  // Octokit gives a connection that broke, and a fetch that was aborted, the status 500 and no response.
  if (status === 0) return new GitHubFailure(what, "unclear", 0, messageOf(error), error);
  const kind = status >= 500 || status === 408 ? "unclear" : "refused";
  const reason = reasonOf(error);
  const trouble = kind === "refused" ? troubleOf(status, reason, path) : undefined;
  return new GitHubFailure(what, kind, status, reason, error, { trouble });
}

/** The same for asking GitHub for an installation's token. */
export function mintingFailure(what: string, error: unknown): GitHubFailure {
  const { status, kind, reason } = failureOf(what, error, "");
  const trouble = kind === "refused" ? mintingTrouble(status, reason) : undefined;
  return new GitHubFailure(what, kind, status, reason, error, { trouble });
}

function mintingTrouble(status: number, reason: string): Trouble | undefined {
  if (/suspended/i.test(reason)) return "installation-suspended";
  if (status === 404) return "installation-removed";
  return status === 422 && /not exist or is not accessible/i.test(reason) ? "repository-gone" : undefined;
}

/** The words are GitHub's; a 404 about an issue counts once it is known that the repository is there. */
function troubleOf(status: number, reason: string, path: string): Trouble | undefined {
  if (/installation has been suspended/i.test(reason)) return "installation-suspended";
  if (/was archived|is archived/i.test(reason)) return "repository-archived";
  if (status === 451) return "repository-gone";
  if (/\bis locked\b/i.test(reason)) return "issue-locked";
  const aboutIssue = /\/issues\/\d+(?:\/(?:comments|labels))?$/.test(path);
  if (aboutIssue && status === 410 && !/disabled/i.test(reason)) return "issue-gone";
  return aboutIssue && status === 404 && !/label/i.test(reason) ? "issue-gone" : undefined;
}

/** The status GitHub answered with; 0 when it did not answer. */
export function statusOf(error: unknown): number {
  return isObject(error) && typeof error["status"] === "number" && isObject(error["response"]) ? error["status"] : 0;
}

/** GitHub's message with the details of its `errors`, which say what was really wrong. */
function reasonOf(error: unknown): string {
  const response = isObject(error) ? error["response"] : undefined;
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

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
