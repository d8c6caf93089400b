// What a unit is given of the results before it. Pure.
//
// It gets what was handed in upstream. A stage that mediates or picks stands in the place of another: those behind it get its artifact
// instead, but for a stage that names the other in its own needs. Where `reads` asks for a kind of artifact, every one of that kind that
// was handed in when the attempt began is given too, whoever made it: `fold.ts` keeps them with the attempt, so that they stay the same.
// Whoever is sent back is given what it is sent back for.
import { mediatedBy, picksOf, readPath } from "../workflows/mediation.ts";
import { valueAt } from "../workflows/expression.ts";
import { carriesCommit, Excerpt, type Artifact } from "../workflows/artifacts.ts";
import { valuesOf } from "./conditions.ts";
import { planOf, stageOrder, upstream, type State } from "./state.ts";
import { readUnit, taskUnit } from "./unit.ts";

export interface Handed {
  readonly stage: string;
  readonly artifact: Artifact;
}

/** What was handed in upstream: of a fan-out, each task's own; for a task, of the fan-out it belongs to what it needs. */
export function inputsOf(state: State, unit: string): Handed[] {
  // Whoever created it tells it what it needs.
  if (state.stages.get(unit)?.child) return [];
  const { stage, task: id, mends } = readUnit(unit);
  const before = shownTo(state, stage).flatMap((name) => unitsOf(state, name));
  const board = state.stages.get(stage)?.current?.board;
  const needs = board?.tasks.find((task) => task.id === id)?.needs ?? [];
  const beside = mends && id !== undefined ? [...(board?.merged ?? []), id] : needs;
  const given = handedIn(state, [...before, ...beside.map((need) => taskUnit(stage, need))]);
  const known = new Set(given.map(({ stage: from }) => from));
  const told = state.stages.get(unit)?.current?.told ?? [];
  const own = sentBack(state, unit);
  return [
    ...given,
    ...told.filter(({ stage: from }) => !known.has(from)),
    ...(own ? [{ stage: unit, artifact: own }] : []),
  ];
}

/** What the unit is sent back for, where no commit holds it: its agent begins in a new conversation and would have to guess at it. */
function sentBack(state: State, unit: string): Artifact | undefined {
  const makes = planOf(state, unit)?.makes;
  if (makes === undefined || carriesCommit(makes)) return undefined;
  // Attempts that failed stand between it and now; one without reasons began anew.
  let artifact: Artifact | undefined;
  for (const attempt of state.stages.get(unit)?.attempts ?? []) {
    if (attempt.reasons.length === 0) artifact = undefined;
    if (attempt !== state.stages.get(unit)?.current) artifact = attempt.artifact ?? artifact;
  }
  return artifact;
}

/** What an attempt that begins now is told because its stage reads that kind of artifact. */
export function broadcastTo(state: State, unit: string): Handed[] {
  const { reads = [] } = planOf(state, unit) ?? {};
  if (reads.length === 0) return [];
  const own = readUnit(unit).stage;
  const units = stageOrder(state.workflow).flatMap((name) => (name === own ? [] : unitsOf(state, name)));
  return handedIn(state, units).filter(({ artifact }) => reads.some((type) => type === artifact.name));
}

/** What a stage that picks hands on. */
export function excerptOf(state: State, stage: string): Excerpt {
  const plan = planOf(state, stage) ?? {};
  const values = valuesOf(state);
  const parts = picksOf(plan).map((path) => {
    const read = readPath(path);
    const value = read ? valueAt(read, values) : undefined;
    return { path, value: value === undefined ? null : JSON.parse(JSON.stringify(value)) };
  });
  return Excerpt.parse({ of: mediatedBy(plan) ?? stage, parts });
}

/** The stages upstream whose results a stage gets: without those in whose place another stands. */
function shownTo({ workflow, stages }: State, stage: string): string[] {
  const before = upstream(workflow, stage);
  const needs = workflow?.stages[stage]?.needs ?? [];
  const replaced = new Set(
    before.flatMap((name) => {
      const plan = workflow?.stages[name];
      // One that was passed over has nothing to give in another's place.
      return plan && stages.get(name)?.current?.artifact ? (mediatedBy(plan) ?? []) : [];
    }),
  );
  return before.filter((name) => !replaced.has(name) || needs.includes(name));
}

/** A stage, and its tasks where it is a fan-out. */
function unitsOf(state: State, stage: string): string[] {
  const tasks = state.stages.get(stage)?.current?.board?.tasks ?? [];
  return [stage, ...tasks.map((task) => taskUnit(stage, task.id))];
}

function handedIn(state: State, units: readonly string[]): Handed[] {
  return units.flatMap((stage) => {
    const artifact = state.stages.get(stage)?.current?.artifact;
    return artifact ? [{ stage, artifact }] : [];
  });
}
