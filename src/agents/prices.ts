// What model calls cost. Prices are Anthropic's list prices as of 2026-11; the unit is micro-dollars per token,
// which is the same number as dollars per million tokens.
import { microDollars, type MicroDollars } from "../core/ids.ts";

/** Tokens of one reply. `inputTokens` leaves out what was read from or written to the prompt cache. */
export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

interface Price {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
}

/** A write to the 5-minute prompt cache costs this much of an input token. */
const CACHE_WRITE_FACTOR = 1.25;
const LONG_PROMPT_TOKENS = 100_000;
/** What a request costs in a batch, of what it costs alone: input, output and cache alike (docs.claude.com, "Batch processing"). */
export const BATCH_FACTOR = 0.5;

/** By model family; `long` is the price of a request whose prompt has more than 100,000 tokens. */
const prices: Readonly<Record<string, { readonly usual: Price; readonly long?: Price }>> = {
  "claude-opus-5-5": { usual: { input: 4, output: 20, cacheRead: 0.2 } },
  "claude-sonnet-5-5": { usual: { input: 2, output: 10, cacheRead: 0.1 } },
  "claude-haiku-5-5": {
    usual: { input: 0.1, output: 0.5, cacheRead: 0.01 },
    long: { input: 0.5, output: 2.5, cacheRead: 0.05 },
  },
  // No price for reading its cache is known here: it is counted as input, so that a budget is never overrun.
  "claude-fable-5-1": { usual: { input: 10, output: 50, cacheRead: 10 } },
};

const dearest = "claude-fable-5-1";

function family(model: string): string | undefined {
  return Object.keys(prices).find((name) => model === name || model.startsWith(`${name}-`));
}

/** True when the price of `model` is known; otherwise it is counted as the dearest known one. */
export function isPriced(model: string): boolean {
  return family(model) !== undefined;
}

/** What one reply of `model` cost, rounded up; `factor` is `BATCH_FACTOR` for one that came in a batch. */
export function price(model: string, usage: TokenUsage, factor = 1): MicroDollars {
  const entry = prices[family(model) ?? dearest];
  if (!entry) throw new Error(`the table of prices lacks ${dearest}`);
  const prompt = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  const { input, output, cacheRead } = prompt > LONG_PROMPT_TOKENS ? (entry.long ?? entry.usual) : entry.usual;
  const exact =
    usage.inputTokens * input +
    usage.outputTokens * output +
    usage.cacheReadTokens * cacheRead +
    usage.cacheWriteTokens * input * CACHE_WRITE_FACTOR;
  // Binary fractions leave dust such as 12.000000000000002, which must not count as another micro-dollar.
  return microDollars(Math.ceil(Number((exact * factor).toFixed(6))));
}

export const noTokens: TokenUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

export function addTokens(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  };
}
