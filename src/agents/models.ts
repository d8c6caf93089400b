// Which model works for which tier. A repository may name its own, with fallbacks for when the first is out of reach.
import type { RepoConfig } from "../workflows/repo-config.ts";
import { modelTiers, type ModelTier } from "../workflows/names.ts";

export type ModelIds = readonly [string, ...string[]];

const usual: Readonly<Record<ModelTier, string>> = {
  fast: "claude-haiku-5-5",
  balanced: "claude-sonnet-5-5",
  deep: "claude-opus-5-5",
};

/** The stronger of two tiers. */
export function atLeast(tier: ModelTier, least: ModelTier | undefined): ModelTier {
  return least !== undefined && modelTiers.indexOf(least) > modelTiers.indexOf(tier) ? least : tier;
}

/** The model of a tier and what to fall back on, in this order. */
export function modelIds(tier: ModelTier, configured: RepoConfig["models"]): ModelIds {
  const own = configured[tier];
  const [first = usual[tier], ...rest] = own === undefined ? [] : typeof own === "string" ? [own] : own;
  return [first, ...rest];
}
