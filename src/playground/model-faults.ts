// Faults of the scripted model: by plan (rules that spoil some replies, the same ones again for the same seed), and by condition
// (what is so until somebody mends it: a model that is down, a spending cap, a revoked key, a small context).
import { z } from "zod";
import { createLot } from "./fault-plan.ts";
import type { ScriptedFailure, ScriptedTurn } from "./scripted-reply.ts";
import type { ScriptedCall } from "./scripted-script.ts";

export const modelFaultKinds = [
  /** 429, with and without `retry-after`. */
  "rate-limited",
  "rate-limited-untold",
  /** 529, 500. */
  "overloaded",
  "server-error",
  /** No answer, or no more of it, until the client leaves. */
  "timeout",
  "timeout-in-stream",
  /** The connection breaks before the answer, inside its text, inside the JSON of a tool call, before its end. */
  "reset",
  "cut-text",
  "cut-tool",
  "cut-end",
  /** An error event inside a stream that began with 200. */
  "error-in-stream",
  /** A tool call whose input is JSON of another shape; one whose input is no JSON. */
  "invalid-input",
  "malformed-input",
  /** A whole reply with nothing in it; one that ends at its token limit, inside a tool call where there is one; a refusal. */
  "empty",
  "max-tokens",
  "refusal",
  /** Too long: as an error, and as a stop reason. */
  "prompt-too-long",
  "context-exceeded",
  /** The true reply, later. */
  "slow",
] as const;
export type ModelFaultKind = (typeof modelFaultKinds)[number];

const rule = z.strictObject({
  /** One of these, drawn by lot. */
  kinds: z.array(z.enum(modelFaultKinds)).min(1),
  /** Default: all. */
  agents: z.array(z.string()).optional(),
  models: z.array(z.string()).optional(),
  /** How likely, 0 to 1; default 1. */
  probability: z.number().min(0).max(1).optional(),
  /** So many matching requests pass first. */
  skip: z.int().nonnegative().optional(),
  /** At most so many faults. */
  count: z.int().nonnegative().optional(),
  /** A request that failed by this rule is spared when it comes again. */
  oncePerRequest: z.boolean().optional(),
  /** Of `rate-limited`; default 1. */
  retryAfterSeconds: z.number().nonnegative().optional(),
  /** Of `slow`; default 500. */
  delayMs: z.int().nonnegative().optional(),
});
export const modelFaultPlanSchema = z.strictObject({ seed: z.int(), rules: z.array(rule).max(100) });
export type ModelFaultPlan = z.infer<typeof modelFaultPlanSchema>;
type Rule = z.infer<typeof rule>;

export const modelConditionsSchema = z.strictObject({
  /** These models answer 529. */
  down: z.array(z.string()).optional(),
  /** Whose cap: the tier's (429), one's own (400), or no credit left (400). */
  spendCap: z.enum(["tier", "own", "credit"]).optional(),
  /** The tier's cap is reached when so many tokens have been billed. */
  spendCapTokens: z.int().nonnegative().optional(),
  /** The only keys that are valid; default: every key. */
  keys: z.array(z.string()).optional(),
  /** Longer prompts are refused with 400. */
  contextTokens: z.int().positive().optional(),
  /** Before the first byte of every reply. */
  delayMs: z.int().nonnegative().optional(),
});
export type ModelConditions = z.infer<typeof modelConditionsSchema>;

export interface Struck {
  readonly kind: ModelFaultKind;
  readonly rule: Rule;
}

export interface PlannedModelFaults {
  /** What happens to this call, if anything; `hash` names its request. */
  strike(call: ScriptedCall, hash: string): Struck | undefined;
  /** For each rule: how many requests it was about, and what it did to them. */
  readonly counts: () => readonly { readonly matched: number; readonly faults: Readonly<Record<string, number>> }[];
}

/** Draws the lots of a plan; the first rule that strikes decides. */
export function planModelFaults({ seed, rules }: ModelFaultPlan): PlannedModelFaults {
  const states = rules.map((one, index) => ({
    rule: one,
    lot: createLot(seed + index * 7919),
    matched: 0,
    struck: 0,
    spared: new Set<string>(),
    faults: new Map<string, number>(),
  }));
  return {
    counts: () => states.map(({ matched, faults }) => ({ matched, faults: Object.fromEntries(faults) })),
    strike(call, hash) {
      for (const state of states) {
        const { rule: one, lot, faults } = state;
        if (one.agents?.includes(call.agent) === false || one.models?.includes(call.model) === false) continue;
        state.matched += 1;
        const [likely, which] = [lot(), lot()];
        if (state.matched <= (one.skip ?? 0) || state.struck >= (one.count ?? Infinity)) continue;
        if (likely >= (one.probability ?? 1)) continue;
        if (one.oncePerRequest === true) {
          if (state.spared.has(hash)) continue;
          state.spared.add(hash);
        }
        state.struck += 1;
        const kind = one.kinds[Math.floor(which * one.kinds.length)] ?? "overloaded";
        faults.set(kind, (faults.get(kind) ?? 0) + 1);
        return { kind, rule: one };
      }
      return undefined;
    },
  };
}

const TOO_LONG = "prompt is too long: 200001 tokens > 200000 maximum";
const THOUGHT = "Let me look at this step by step, and begin with what is known about it so far.";

/** The turn with the fault in it. */
export function spoil(
  { kind, rule: { retryAfterSeconds = 1, delayMs = 500 } }: Struck,
  turn: ScriptedTurn,
): ScriptedTurn {
  const text = turn.text ?? THOUGHT;
  const [tool = { name: "bash", input: { command: "echo this command arrived whole and may be run" } }] =
    turn.tools ?? [];
  const json = JSON.stringify(tool.input ?? {});
  switch (kind) {
    case "rate-limited":
      return { fail: { ...limited, headers: { "retry-after": String(retryAfterSeconds) } } };
    case "rate-limited-untold":
      return { fail: limited };
    case "overloaded":
      return { fail: overloaded };
    case "server-error":
      return { fail: { status: 500, message: "Internal server error" } };
    case "timeout":
      return { hang: "before" };
    case "timeout-in-stream":
      return { ...turn, text, hang: "middle" };
    case "reset":
      return { cut: "before" };
    case "cut-text":
      return { text, cut: "middle" };
    case "cut-tool":
      return { ...turn, tools: [tool], cut: "middle" };
    case "cut-end":
      return { ...turn, text, cut: "end" };
    case "error-in-stream":
      return { ...turn, text, streamError: { type: "overloaded_error", message: "Overloaded" } };
    case "invalid-input":
      return { text, tools: [{ name: tool.name, input: { surprise: ["of", { another: "shape" }] } }] };
    case "malformed-input":
      return { text, tools: [{ name: tool.name, rawInput: json.slice(0, Math.max(1, json.length - 2)) }] };
    case "empty":
      return {};
    case "max-tokens":
      return turn.tools?.length
        ? {
            text,
            tools: [{ name: tool.name, rawInput: json.slice(0, Math.ceil(json.length / 2)) }],
            stopReason: "max_tokens",
          }
        : { text: text.slice(0, Math.ceil(text.length / 2)), stopReason: "max_tokens" };
    case "refusal":
      return { stopReason: "refusal" };
    case "prompt-too-long":
      return { fail: { status: 400, message: TOO_LONG } };
    case "context-exceeded":
      return { text, stopReason: "model_context_window_exceeded" };
    case "slow":
      return { ...turn, delayMs };
    default:
      return kind satisfies never;
  }
}

const overloaded: ScriptedFailure = { status: 529, message: "Overloaded" };
const limited: ScriptedFailure = {
  status: 429,
  message: "This request would exceed your organization's rate limit. Please try again later.",
};

/** As the API words them; the tier's cap is told by its code, and has no `retry-after`. */
const spendCaps: Readonly<Record<NonNullable<ModelConditions["spendCap"]>, ScriptedFailure>> = {
  tier: {
    status: 429,
    message:
      "Your organization has reached its monthly spend limit. API usage is paused until the first of next month.",
    code: "enforced_spend_limit_reached",
  },
  own: {
    status: 400,
    message: "You have reached your specified API usage limits. You will regain access on 2099-01-01 at 00:00 UTC.",
  },
  credit: {
    status: 400,
    message:
      "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
  },
};

/** Why no request like this is answered under these conditions; undefined when it is. */
export function refusalBy(
  { keys, spendCap, spendCapTokens, down, contextTokens }: ModelConditions,
  asked: { readonly key: string; readonly model: string; readonly inputTokens: number; readonly billedTokens: number },
): { readonly cause: string; readonly failure: ScriptedFailure } | undefined {
  if (keys?.includes(asked.key) === false)
    return { cause: "key", failure: { status: 401, message: "invalid x-api-key" } };
  const cap = spendCap ?? (asked.billedTokens >= (spendCapTokens ?? Infinity) ? "tier" : undefined);
  if (cap) return { cause: "spend cap", failure: spendCaps[cap] };
  if (down?.includes(asked.model)) return { cause: "down", failure: overloaded };
  if (asked.inputTokens <= (contextTokens ?? Infinity)) return undefined;
  const message = `prompt is too long: ${asked.inputTokens} tokens > ${contextTokens ?? 0} maximum`;
  return { cause: "context", failure: { status: 400, message } };
}
