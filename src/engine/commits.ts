// Which commits the units of a run start from, and which the run may still need. Pure.
import type { Sha } from "../core/ids.ts";
import { upstream, type Attempt, type State } from "./state.ts";
import { readUnit } from "./unit.ts";

/**
 * The commit a unit starts from: its own last one when it was sent back, was commanded again or merged what its agents did, else where
 * it comes from. What it did on ground that has moved since is not gone on with: it would leave out what is new there.
 */
export function startCommit(state: State, unit: string): Sha {
  const stage = state.stages.get(unit);
  if (stage?.child) {
    const { base, version } = stage.child;
    const last = stage.attempts.findLast(({ commit }) => commit !== undefined);
    return last?.commit !== undefined && last.version > version ? last.commit : base;
  }
  const { stage: name, task, mends } = readUnit(unit);
  const origin = originCommit(state, unit);
  const ofBoard = (task !== undefined || mends) && state.stages.get(name)?.current?.board !== undefined;
  if (!stage || ofBoard) return origin;
  const onIt = stage.attempts.filter((attempt) => attempt.origin === origin);
  // Nothing that was merged is lost.
  const goesOn = onIt.some(hasMerged) || ((stage.current?.reasons.length ?? 0) > 0 && carriesOn(state, name));
  const own = goesOn ? onIt.findLast(({ commit }) => commit !== undefined)?.commit : undefined;
  return own ?? origin;
}

/** What the agents of a unit merged last, where that stands on ground which has moved since: it is not in what the unit starts from. */
export function leftBehind(state: State, unit: string): Sha | undefined {
  const stage = state.stages.get(unit);
  if (!stage || stage.child) return undefined;
  const origin = originCommit(state, unit);
  const last = stage.attempts.findLast(hasMerged);
  // It has been brought along to another base.
  if (last?.commit !== undefined && stage.carried?.from === last.commit) return undefined;
  return last?.origin === origin ? undefined : last?.commit;
}

function hasMerged({ fleet, commit }: Attempt): boolean {
  return commit !== undefined && (fleet?.merged.size ?? 0) > 0;
}

/**
 * The commit a unit comes from, whatever it did since: where it was created, the base of a task's wave, the marked commit of a conflict,
 * the merge with another base, what people pushed, else where the nearest stage upstream left the code.
 */
export function originCommit(state: State, unit: string): Sha {
  const child = state.stages.get(unit)?.child;
  if (child) return child.base;
  const { stage: name, task, mends } = readUnit(unit);
  const board = state.stages.get(name)?.current?.board;
  if (board && mends && board.conflict) return board.conflict.marked;
  const wave =
    board && task !== undefined && !mends ? board.waves.findLast(({ tasks }) => tasks.includes(task)) : undefined;
  if (wave) return wave.base;
  const to = task === undefined ? state.stages.get(name)?.carried?.to : undefined;
  if (to) return to.commit;
  const { revision } = state;
  if (revision?.stage === name && revision.onto !== undefined) return revision.onto;
  return upstreamCommit(state, name);
}

/** Where the nearest stage upstream left the code, else where the run stands. */
export function upstreamCommit(state: State, name: string): Sha {
  for (const earlier of upstream(state.workflow, name).toReversed()) {
    const commit = state.stages.get(earlier)?.current?.commit;
    if (commit !== undefined) return commit;
  }
  return state.created.pull?.head ?? state.base.commit;
}

/** The commit a unit's gates judge: what its own agent left, else the code as it stood before it. */
export function headOf(state: State, unit: string): Sha {
  return state.stages.get(unit)?.current?.commit ?? startCommit(state, unit);
}

/** A stage that others send back to, or people, goes on from its own last commit; one that is done `again` starts clean. */
function carriesOn(state: State, name: string): boolean {
  if (state.revision?.stage === name) return true;
  return Object.values(state.workflow?.stages ?? {}).some(
    ({ otherwise }) => otherwise && "back_to" in otherwise && otherwise.back_to === name,
  );
}

/** Every commit that the run may still need: its base, and what its agents left. */
export function commitsOf(state: State): Sha[] {
  const stages = [...state.stages.values()];
  const left = stages.flatMap(({ attempts }) => attempts.flatMap(({ commit }) => commit ?? []));
  const merged = stages
    .flatMap(({ current }) => current?.board ?? [])
    .flatMap(({ head, conflict, waves }) => [
      head,
      ...(conflict ? [conflict.marked] : []),
      ...waves.map(({ base }) => base),
    ]);
  const conducted = stages.flatMap(({ child, current }) => [
    ...(child ? [child.base] : []),
    ...(current?.fleet ? [current.fleet.head] : []),
    ...(current?.fleet?.conflict ? [current.fleet.conflict.marked] : []),
  ]);
  const onto = state.revision?.onto === undefined ? [] : [state.revision.onto];
  const carried = stages.flatMap(({ carried: one }) => (one ? [one.from, ...(one.to ? [one.to.commit] : [])] : []));
  const pulled = state.created.pull ? [state.created.pull.head] : [];
  return [
    ...new Set([
      state.created.base.commit,
      state.base.commit,
      ...pulled,
      ...onto,
      ...left,
      ...merged,
      ...conducted,
      ...carried,
    ]),
  ];
}
