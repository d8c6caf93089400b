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

export type Verdict =
  | { readonly type: "again" }
  | { readonly type: "give-up"; readonly reason: "unreachable" | "too-long"; why: string };

/** Longer than this nobody waits inside a session. */
export const LONGEST_WAIT_MS = 60_000;

const passing = new Set(["overloaded_error", "api_error", "rate_limit_error", "timeout_error"]);

/** Whether the same request may work in a moment, or what to tell a person when it will not. */
export function judge(fault: Fault): Verdict {
  const said = fault.message;
  const giveUp = (why: string): Verdict => ({ type: "give-up", reason: "unreachable", why });
  if (isSpendCap(fault)) {
    return giveUp(
      `The model account has reached its spending limit or has no credit left (${said}). Raise it, then retry.`,
    );
  }
  if (fault.status === 401)
    return giveUp(`The model refused the API key (${said}). Check ANTHROPIC_API_KEY, then retry.`);
  if (fault.status === 403) return giveUp(`The API key may not use this model (${said}).`);
  if (fault.status === 404)
    return giveUp(`The model or the address is unknown (${said}). Check \`models\` and the base URL.`);
  if (fault.status === 413 || /prompt is too long|exceeds? (?:the )?context/i.test(said)) {
    return {
      type: "give-up",
      reason: "too-long",
      why: `The conversation no longer fits the model's context (${said}).`,
    };
  }
  const wait = fault.retryAfterMs ?? 0;
  if (wait > LONGEST_WAIT_MS) {
    return giveUp(
      `The model asks to wait ${Math.ceil(wait / 1_000)} s before the next request (${said}). Retry after that.`,
    );
  }
  if (fault.shouldRetry !== undefined) return fault.shouldRetry ? { type: "again" } : giveUp(rejected(fault));
  if (fault.status === undefined) {
    return fault.type === undefined || passing.has(fault.type) ? { type: "again" } : giveUp(rejected(fault));
  }
  return fault.status === 408 || fault.status === 409 || fault.status === 429 || fault.status >= 500
    ? { type: "again" }
    : giveUp(rejected(fault));
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
