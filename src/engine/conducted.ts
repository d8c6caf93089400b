// Agents that an agent conducts: what they lack, how each stands, and what money there is for them. Pure.
//
// An agent that conducts and those it created work side by side, each a unit of its own with its own effects: so they are interrupted,
// resumed and paid for like every other.
import { dollars, microDollars, type MicroDollars } from "../core/ids.ts";
import type { Effect } from "./effect.ts";
import type { FleetState, ChildStatus } from "./fleet-state.ts";
import { isLiving } from "./fold-fleet.ts";
import { isUnderWay, planOf, used, type Attempt, type StageState, type State } from "./state.ts";
import { childUnit, isBelow } from "./unit.ts";

/** What an agent that was created, and is under way, lacks: the part of `advance.ts` that is the same for all agents. */
type Work = (unit: StageState, attempt: Attempt) => Effect;

/** What the agents lack that the agent of `unit` conducts in this attempt, and those they conduct in turn. */
export function conductEffects(state: State, unit: string, { fleet }: Attempt, work: Work): Effect[] {
  return (fleet?.agents ?? []).flatMap((id): Effect[] => {
    const stage = state.stages.get(childUnit(unit, id));
    if (!stage?.child || !isLiving(state, stage.name)) return [];
    if (stage.child.pending !== undefined)
      return [{ type: "start", stage: stage.name, attempt: stage.attempts.length + 1, reasons: [] }];
    const { current } = stage;
    if (!current || !isUnderWay(current)) return [];
    const effect = work(stage, current);
    // One that must begin again has none to conduct any more.
    return effect.type === "start" ? [effect] : [effect, ...conductEffects(state, stage.name, current, work)];
  });
}

/** How the agent of this unit stands, which another one created. */
export function statusOf(state: State, unit: string): ChildStatus {
  const stage = state.stages.get(unit);
  if (!stage?.child || !isLiving(state, unit)) return "deleted";
  const { child, current } = stage;
  if (child.pending !== undefined || (current && isUnderWay(current))) return "executing";
  if (child.commands === 0) return "created";
  return current?.failure && current.failure.code !== "cancelled" ? "errored" : "idle";
}

/** The fleet of the attempt that the agent of `unit` is in. */
export function fleetOf(state: State, unit: string): FleetState | undefined {
  return state.stages.get(unit)?.current?.fleet;
}

/** True while one it created has something to do: then it is taken to wait for it. */
export function isWaitingForOthers(state: State, unit: string): boolean {
  return (fleetOf(state, unit)?.agents ?? []).some((id) => statusOf(state, childUnit(unit, id)) === "executing");
}

/** Agents of the run that were created and are there. */
export function livingAgents(state: State): number {
  return [...state.stages.values()].filter(({ name, child }) => child && isLiving(state, name)).length;
}

/** How many agents stand between the agent of `unit` and its stage; 0 for one that no agent created. */
export function depthOf(state: State, unit: string): number {
  const child = state.stages.get(unit)?.child;
  return child ? 1 + depthOf(state, child.parent) : 0;
}

/** What the agent of `unit` and all below it have spent since the event of version `since`. */
export function spentBelow(state: State, unit: string, since: number): MicroDollars {
  const attempts = [...state.stages.values()]
    .filter(({ name }) => name === unit || isBelow(name, unit))
    .flatMap((stage) => stage.attempts.filter(({ version }) => version >= since));
  return microDollars(attempts.reduce((sum, { spend }) => sum + spend.microDollars, 0));
}

/** What the agent of `unit` may still spend: what the run has left, and of what it and each agent above it was given. */
export function moneyLeft(state: State, unit: string): MicroDollars {
  const ofRun = (state.budget?.microDollars ?? 0) - used(state, 0).microDollars;
  return microDollars(Math.min(ofRun, ...allowances(state, unit)));
}

function allowances(state: State, unit: string): number[] {
  const stage = state.stages.get(unit);
  if (stage?.child) {
    const { microDollars: given, version, parent } = stage.child;
    return [...(given === undefined ? [] : [given - spentBelow(state, unit, version)]), ...allowances(state, parent)];
  }
  const budget = planOf(state, unit)?.budget;
  return budget === undefined || !stage?.current
    ? []
    : [dollars(budget) - spentBelow(state, unit, stage.current.since)];
}
