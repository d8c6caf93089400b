// What calls cost and which model works for which tier.
import { describe, expect, test } from "vitest";
import { atLeast, modelIds } from "#src/agents/models.ts";
import { BATCH_FACTOR, isPriced, noTokens, price } from "#src/agents/prices.ts";

const million = 1_000_000;

describe("prices", () => {
  test.each([
    ["claude-opus-5-5", 4, 20, 0.2],
    ["claude-sonnet-5-5", 2, 10, 0.1],
  ])("%s: input %d, output %d, cache read %d dollars a million", (model, input, output, read) => {
    expect(price(model, { ...noTokens, inputTokens: million })).toBe(input * million);
    expect(price(model, { ...noTokens, outputTokens: million })).toBe(output * million);
    expect(price(model, { ...noTokens, cacheReadTokens: million })).toBe(read * million);
    expect(price(model, { ...noTokens, cacheWriteTokens: million })).toBe(1.25 * input * million);
  });

  test("haiku costs five times as much when the whole prompt has more than 100,000 tokens, whatever part was cached", () => {
    const usage = { inputTokens: 0, outputTokens: 1_000, cacheReadTokens: 100_000, cacheWriteTokens: 0 };
    expect(price("claude-haiku-5-5", usage)).toBe(1_000 + 500);
    expect(price("claude-haiku-5-5", { ...usage, inputTokens: 1 })).toBe(Math.ceil(0.5 + 5_000 + 2_500));
  });

  test("a dated id is priced as its family, an unknown model as the dearest", () => {
    expect(price("claude-sonnet-5-5-20261001", { ...noTokens, outputTokens: million })).toBe(10 * million);
    expect(isPriced("claude-sonnet-5-5-20261001")).toBe(true);
    expect(isPriced("claude-sonnet-5-50")).toBe(false);
    expect(price("somebody-else", { ...noTokens, outputTokens: million })).toBe(50 * million);
    expect(isPriced("somebody-else")).toBe(false);
  });

  test("in a batch everything costs half: input, output, the cache, and long prompts", () => {
    const usage = { inputTokens: million, outputTokens: million, cacheReadTokens: million, cacheWriteTokens: million };
    for (const model of ["claude-opus-5-5", "claude-haiku-5-5", "somebody-else"])
      expect(price(model, usage, BATCH_FACTOR)).toBe(price(model, usage) / 2);
    expect(price("claude-haiku-5-5", { ...noTokens, inputTokens: 3 }, BATCH_FACTOR)).toBe(1);
  });

  test("nothing but nothing is free, and no binary dust is charged", () => {
    expect(price("claude-haiku-5-5", noTokens)).toBe(0);
    expect(price("claude-haiku-5-5", { ...noTokens, cacheReadTokens: 1 })).toBe(1);
    expect(price("claude-haiku-5-5", { ...noTokens, inputTokens: 30 })).toBe(3);
  });
});

describe("tiers", () => {
  test("are raised to what was asked for, and never lowered", () => {
    expect(atLeast("fast", "deep")).toBe("deep");
    expect(atLeast("deep", "fast")).toBe("deep");
    expect(atLeast("balanced", undefined)).toBe("balanced");
  });

  test("have their usual models, and a repository's own with fallbacks", () => {
    expect(modelIds("fast", {})).toEqual(["claude-haiku-5-5"]);
    expect(modelIds("balanced", {})).toEqual(["claude-sonnet-5-5"]);
    expect(modelIds("deep", {})).toEqual(["claude-opus-5-5"]);
    expect(modelIds("deep", { deep: "mine" })).toEqual(["mine"]);
    expect(modelIds("deep", { deep: ["mine", "yours"] })).toEqual(["mine", "yours"]);
  });
});
