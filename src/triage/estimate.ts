// What sorting a backlog will cost, before anything is sent: from the length of the requests themselves, and from what earlier ones used. Pure.
import { BATCH_FACTOR, isPriced, noTokens, price } from "../agents/prices.ts";
import { microDollars, type MicroDollars } from "../core/ids.ts";
import type { Backlog } from "./backlog.ts";

export interface Estimate {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In batches: half of what the requests would cost alone. */
  readonly microDollars: MicroDollars;
  /** How it was reckoned, in words. */
  readonly how: string;
}

/** So many replies of this repository's own say more than the assumptions do. */
const ENOUGH = 20;
/** Bytes (UTF-8, JSON) of a request for one token of its prompt. English text has about four letters a token; other scripts have more bytes and fewer letters. */
const BYTES_PER_TOKEN = 3.5;
/** Tokens of one reply: a triage of 200 to 400, and some thought before it. */
const REPLY_TOKENS = 600;

/** `bytes`: how long each request is. What a prompt cache saves is not counted, so it rather costs less. */
export function estimate(bytes: readonly number[], model: string, measured: Backlog["measured"]): Estimate {
  const total = bytes.reduce((sum, one) => sum + one, 0);
  const own = measured.replies >= ENOUGH;
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = measured.used;
  const perToken = own
    ? measured.bytes / Math.max(1, inputTokens + cacheReadTokens + cacheWriteTokens)
    : BYTES_PER_TOKEN;
  const perReply = own ? outputTokens / measured.replies : REPLY_TOKENS;
  const usages = bytes.map((one) => ({
    ...noTokens,
    inputTokens: Math.ceil(one / perToken),
    outputTokens: Math.ceil(perReply),
  }));
  const basis = own
    ? `as ${measured.replies} earlier replies of this repository used`
    : "as English text usually has; this repository has no replies of its own yet";
  const unknown = isPriced(model) ? "" : `; the price of ${model} is not known, so the dearest known one is taken`;
  return {
    inputTokens: usages.reduce((sum, usage) => sum + usage.inputTokens, 0),
    outputTokens: usages.reduce((sum, usage) => sum + usage.outputTokens, 0),
    microDollars: microDollars(usages.reduce((sum, usage) => sum + price(model, usage, BATCH_FACTOR), 0)),
    how: `${(total / 1_000).toFixed(0)} kB of requests at ${perToken.toFixed(1)} bytes a token, and ${Math.ceil(perReply)} tokens a reply, ${basis}; at half price, without what the prompt cache saves${unknown}`,
  };
}
