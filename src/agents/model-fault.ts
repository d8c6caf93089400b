// What went wrong with a model request and what to do about it. Pure: the policy of retries can be read and tested as a table.

/** A failed request, as plain values. */
export interface Fault {
  /** The HTTP status; undefined for a broken connection and for an error inside a stream that began with 200. */
  readonly status: number | undefined;
  /** The API's word for it: "overloaded_error", "rate_limit_error" …; undefined when no answer came. */
  readonly type: string | undefined;
  /** The API's code for the exact cause: "enforced_spend_limit_reached" … */
  readonly code: string | undefined;
  readonly message: string;
  /** How long the API asks to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The API's own word on whether to try again. */
  readonly shouldRetry: boolean | undefined;
}

/**
 * What a failed request means for its conversation: `limited` for longer than a try waits, `away`, no `account` to pay with,
 * `rejected` as it is, `too-long`.
 */
export type GiveUp = "limited" | "away" | "account" | "rejected" | "too-long";

export type Verdict =
  | { readonly type: "again" }
  /** `waitMs`: how long the API asks to wait. */
  | { readonly type: "give-up"; readonly reason: GiveUp; readonly why: string; readonly waitMs?: number };

/** Longer than this nobody waits inside a session. */
const LONGEST_WAIT_MS = 60_000;
/** Longer than this nobody believes that he must wait. */
const LONGEST_LIMIT_MS = 24 * 3_600_000;

const passing = new Set(["overloaded_error", "api_error", "rate_limit_error", "timeout_error"]);

/** Whether the same request may work in a moment, or what to tell a person when it will not; `then` says what comes of mending it. */
export function judge(fault: Fault, then = "the run goes on by itself"): Verdict {
  const said = fault.message;
  const giveUp = (reason: GiveUp, why: string): Verdict => ({ type: "give-up", reason, why });
  if (isSpendCap(fault)) {
    return giveUp(
      "account",
      `The model account has reached its spending limit or has no credit left (${said}). Raise the limit or add credit; ${then}.`,
    );
  }
  if (fault.status === 401)
    return giveUp(
      "account",
      `The model refused the API key (${said}). Put a valid one into ANTHROPIC_API_KEY and start Baton again; ${then}.`,
    );
  if (fault.status === 403)
    return giveUp(
      "account",
      `The API key may not use this model (${said}). Give it the right, or name another model under \`models\`; ${then}.`,
    );
  if (fault.status === 404)
    return giveUp("rejected", `The model or the address is unknown (${said}). Check \`models\` and the base URL.`);
  if (fault.status === 413 || /prompt is too long|exceeds? (?:the )?context/i.test(said))
    return giveUp("too-long", `The conversation no longer fits the model's context (${said}).`);
  const wait = fault.retryAfterMs ?? 0;
  if (wait > LONGEST_WAIT_MS) {
    const why = `The model asks to wait ${Math.ceil(wait / 1_000)} s before the next request (${said}).`;
    return { type: "give-up", reason: "limited", why, waitMs: Math.min(wait, LONGEST_LIMIT_MS) };
  }
  return mayPass(fault) ? { type: "again" } : giveUp(isServers(fault) ? "away" : "rejected", rejected(fault));
}

/** What it means that the last of `tries` tries failed with a fault that might have passed. */
export function givenUp(fault: Fault, tries: number): Extract<Verdict, { type: "give-up" }> {
  const why = `The model could not be reached in ${tries} tries; the last one said: ${fault.message}`;
  const limited = fault.status === 429 || fault.type === "rate_limit_error";
  return { type: "give-up", reason: limited ? "limited" : "away", why };
}

function mayPass({ status, type, shouldRetry }: Fault): boolean {
  if (shouldRetry !== undefined) return shouldRetry;
  if (status === undefined) return type === undefined || passing.has(type);
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function isServers({ status, type }: Fault): boolean {
  return status === undefined ? type === undefined || passing.has(type) : status === 429 || status >= 500;
}

function rejected({ status, message }: Fault): string {
  return `The model rejected the request${status === undefined ? "" : ` with ${status}`} (${message}).`;
}

/** A spending limit also comes as a 429; waiting does not help. */
function isSpendCap({ status, type, code, message }: Fault): boolean {
  return (
    status === 402 ||
    type === "billing_error" ||
    /spend_limit|billing|credit/.test(code ?? "") ||
    /spend(?:ing)? (?:limit|cap)|credit balance|usage limits?\b/i.test(message)
  );
}

/** Milliseconds before try number `next` (2, 3 …): what the API asks for, else exponential with jitter, never above a minute. */
export function pauseMs(fault: Fault, next: number, firstPauseMs: number, random: () => number): number {
  const own = firstPauseMs * 2 ** (next - 2) * (0.5 + random() / 2);
  return Math.min(LONGEST_WAIT_MS, Math.max(fault.retryAfterMs ?? 0, own));
}
