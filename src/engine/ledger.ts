// Who spent what: one line for each unit whose agent asked a model, all its attempts together. Pure.
import { addSpend, noSpend, type Spend } from "./events.ts";
import type { State } from "./state.ts";

export interface LedgerLine {
  /** "triage", or a unit: "build", "build:parser". */
  readonly unit: string;
  readonly spend: Spend;
}

/** The ledger of a run, in the order in which its units were known; its sum is `state.spend`. */
export function ledgerOf(state: State): LedgerLine[] {
  const units = [...state.stages.values()].map(({ name, attempts }) => ({
    unit: name,
    spend: attempts.reduce((sum, { spend }) => addSpend(sum, spend), noSpend),
  }));
  const triage = { unit: "triage", spend: state.routed?.spend ?? noSpend };
  return [triage, ...units].filter(({ spend }) => spend.turns > 0);
}
