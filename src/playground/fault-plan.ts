// Faults by plan: rules that say which requests fail, how, and how often. The same seed and the same requests fail the same way.
import { z } from "zod";
import type { Fault, FaultedRequest, FaultHook } from "./journal.ts";

/** What goes wrong. `-after`: the work was done, and only its answer is lost. */
export const faultKinds = [
  "502",
  "502-after",
  "500",
  "timeout",
  "timeout-after",
  "reset",
  "reset-after",
  "slow",
  "primary-limit",
  "secondary-limit",
  "secondary-limit-untold",
  "unauthorized",
] as const;
export type FaultKind = (typeof faultKinds)[number];

const rule = z.strictObject({
  /** One of these, drawn by lot. */
  kinds: z.array(z.enum(faultKinds)).min(1),
  /** Default: both. */
  door: z.enum(["rest", "graphql", "git"]).optional(),
  /** Of these only: `["POST", "PATCH"]`. */
  methods: z.array(z.string()).optional(),
  /** A regular expression on the path without the prefix. */
  path: z.string().max(500).optional(),
  /** A login, `app slug` or "anonymous". */
  actor: z.string().optional(),
  /** How likely, 0 to 1; default 1. */
  probability: z.number().min(0).max(1).optional(),
  /** So many matching requests pass first. */
  skip: z.int().nonnegative().optional(),
  /** At most so many faults. */
  count: z.int().nonnegative().optional(),
  /** A request that failed by this rule is spared when it comes again: each one fails once. */
  oncePerRequest: z.boolean().optional(),
  /** Of `slow`; default 2,000. */
  delayMs: z.int().nonnegative().optional(),
  /** How long a limit holds; default 60. */
  seconds: z.number().positive().optional(),
  /** Of limits; default 403. */
  status: z.union([z.literal(403), z.literal(429)]).optional(),
});
export const faultPlanSchema = z.strictObject({ seed: z.int(), rules: z.array(rule).max(100) });
export type FaultPlan = z.infer<typeof faultPlanSchema>;
export type FaultRule = z.infer<typeof rule>;

export interface PlannedFaults {
  readonly hook: FaultHook;
  /** For each rule: how many requests it was about, and what it did to them. */
  readonly counts: () => readonly { readonly matched: number; readonly faults: Readonly<Record<string, number>> }[];
}

/** A number from 0 to 1 that follows from the seed (mulberry32). */
export function createLot(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The hook that carries out a plan; the first rule that strikes decides. */
export function planFaults({ seed, rules }: FaultPlan): PlannedFaults {
  const states = rules.map((one, index) => {
    const path = one.path === undefined ? undefined : new RegExp(one.path);
    return { rule: one, path, lot: createLot(seed + index * 7919), matched: 0, struck: 0, spared: new Set<string>() };
  });
  const faults = rules.map((): Record<string, number> => ({}));
  return {
    counts: () => states.map(({ matched }, index) => ({ matched, faults: { ...faults[index] } })),
    hook(request) {
      for (const [index, state] of states.entries()) {
        const { rule: one } = state;
        if (!concerns(one, state.path, request)) continue;
        state.matched += 1;
        const [likely, which] = [state.lot(), state.lot()];
        if (state.matched <= (one.skip ?? 0) || state.struck >= (one.count ?? Infinity)) continue;
        if (likely >= (one.probability ?? 1)) continue;
        const key =
          one.oncePerRequest === true ? `${request.method} ${request.path} ${JSON.stringify(request.body)}` : "";
        if (key !== "" && state.spared.has(key)) continue;
        if (key !== "") state.spared.add(key);
        state.struck += 1;
        const kind = one.kinds[Math.floor(which * one.kinds.length)] ?? "502";
        const counted = faults[index];
        if (counted) counted[kind] = (counted[kind] ?? 0) + 1;
        return faultOf(kind, one);
      }
      return undefined;
    },
  };
}

function concerns(one: FaultRule, path: RegExp | undefined, request: FaultedRequest): boolean {
  return (
    (one.door === undefined || one.door === request.door) &&
    (one.methods?.includes(request.method) ?? true) &&
    (path?.test(request.path) ?? true) &&
    (one.actor === undefined || one.actor === request.actor)
  );
}

function faultOf(kind: FaultKind, { delayMs = 2_000, seconds = 60, status = 403 }: FaultRule): Fault {
  switch (kind) {
    case "502":
    case "502-after":
      return { status: 502, body: { message: "Server Error" }, afterEffect: kind === "502-after" };
    case "500":
      return { status: 500, body: { message: "Internal Server Error" } };
    case "timeout":
    case "timeout-after":
      return { hang: true, afterEffect: kind === "timeout-after" };
    case "reset":
    case "reset-after":
      return { reset: true, afterEffect: kind === "reset-after" };
    case "slow":
      return { delayMs };
    case "primary-limit":
      return { limit: "primary", seconds, status };
    case "secondary-limit":
      return { limit: "secondary", seconds, status };
    case "secondary-limit-untold":
      return { limit: "secondary", seconds, status, told: false };
    case "unauthorized":
      return { status: 401, body: { message: "Bad credentials", documentation_url: "https://docs.github.com/rest" } };
    default:
      return kind satisfies never;
  }
}
