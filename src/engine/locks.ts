// Locks on paths: who is in whose way. Pure.
//
// A lock is asked for, waits in line, is granted, and is released. It waits for every lock asked for before it, by another agent, whose
// paths might be the same (`path-claims.ts`): so no two agents ever hold the same path, and among those that want it, who asked first is
// first. What the tasks claim that are under way counts as held: of a wave until it is merged, of a board while its agent is at work. An
// agent does not wait for itself, nor for claims of an agent that it works for. A lock ends with its agent's attempt.
import { overlaps } from "../workflows/path-claims.ts";
import { carriesCommit } from "../workflows/artifacts.ts";
import { statusOf } from "./conducted.ts";
import { isLiving } from "./fold-fleet.ts";
import { isUnderWay, planOf, type State } from "./state.ts";
import type { Lock } from "./talk-state.ts";
import { childUnit, isBelow, readUnit, taskUnit } from "./unit.ts";

/** Paths that a task under way claims. */
export interface Claim {
  /** Whose it is. */
  readonly unit: string;
  readonly paths: readonly string[];
  /** The fan-out in whose present wave it is. */
  readonly waveOf: string | undefined;
}

/** Whether its agent is still in the attempt in which it asked. */
export function isHeld(state: State, { unit, within }: Pick<Lock, "unit" | "within">): boolean {
  const current = state.stages.get(unit)?.current;
  return current?.version === within && isUnderWay(current) && isLiving(state, unit) && !state.finished;
}

/** Locks held and waited for, in the order in which they were asked for. */
export function locksOf(state: State): Lock[] {
  return state.talk.locks.filter((lock) => isHeld(state, lock));
}

/** What tasks under way claim. */
export function claimsOf(state: State): Claim[] {
  return [...state.stages.values()].flatMap(({ name, current }) => {
    if (!current || !isLiving(state, name)) return [];
    const { board, fleet } = current;
    const wave = board && !board.closed ? board.waves.at(-1) : undefined;
    const plan = planOf(state, name);
    const claiming = plan?.makes !== undefined && carriesCommit(plan.makes) && typeof plan.for_each === "string";
    const tasks = claiming && wave && !wave.merged ? wave.tasks : [];
    const ofWave = tasks.flatMap((id): Claim[] => {
      const unit = taskUnit(name, id);
      const paths = board?.tasks.find((task) => task.id === id)?.claims ?? [];
      return state.stages.get(unit)?.current?.failure ? [] : [{ unit, paths, waveOf: name }];
    });
    const lines = isUnderWay(current) ? (fleet?.board ?? []) : [];
    const ofBoard = lines.flatMap(({ task, status, agent }): Claim[] => {
      if (status !== "under way" || agent === undefined || task.claims.length === 0) return [];
      const unit = childUnit(name, agent);
      return statusOf(state, unit) === "executing" ? [{ unit, paths: task.claims, waveOf: undefined }] : [];
    });
    return [...ofWave, ...ofBoard];
  });
}

/** The units a lock waits for; empty when it may be granted. `lock` need not be in line yet: then it stands behind all others. */
export function behind(state: State, lock: Pick<Lock, "unit" | "paths" | "number">): string[] {
  const meets = (paths: readonly string[]) => overlaps(lock.paths, paths);
  const before = locksOf(state).filter(
    ({ unit, number, paths }) => number < lock.number && unit !== lock.unit && meets(paths),
  );
  const { stage, mends } = readUnit(lock.unit);
  const claimed = claimsOf(state).filter(
    ({ unit, paths, waveOf }) =>
      unit !== lock.unit &&
      !isBelow(lock.unit, unit) &&
      // Whoever mends a merge has the work of the whole wave.
      !(mends && waveOf === stage) &&
      meets(paths),
  );
  return [...new Set([...before, ...claimed].map(({ unit }) => unit))];
}

/** The task of the same wave that claims such a path: it is not given back before both are done, so waiting for it would never end. */
export function claimedBeside(state: State, { unit, paths }: Pick<Lock, "unit" | "paths">): string | undefined {
  const { stage, task, mends } = readUnit(unit);
  if (task === undefined || mends) return undefined;
  const own = taskUnit(stage, task);
  return claimsOf(state).find((claim) => claim.waveOf === stage && claim.unit !== own && overlaps(paths, claim.paths))
    ?.unit;
}

/** Who would wait for whom in a circle if this lock were waited for, from its own unit back to it. */
export function circle(state: State, lock: Pick<Lock, "unit" | "paths" | "number">): string[] | undefined {
  const waiting = locksOf(state).filter(({ until, number }) => until === undefined && number !== lock.number);
  const seen = new Set<string>();
  const search = (unit: string, path: readonly string[]): string[] | undefined => {
    if (unit === lock.unit) return [...path, unit];
    if (seen.has(unit)) return undefined;
    seen.add(unit);
    for (const next of waiting.filter((other) => other.unit === unit).flatMap((other) => behind(state, other))) {
      const found = search(next, [...path, unit]);
      if (found) return found;
    }
    return undefined;
  };
  for (const next of behind(state, lock)) {
    const found = search(next, [lock.unit]);
    if (found) return found;
  }
  return undefined;
}

/** Locks whose time is over. */
export function expired(state: State, now: number): Lock[] {
  return locksOf(state).filter(({ until }) => until !== undefined && until <= now);
}

/** Locks that wait for nothing and are not granted yet, in their order. */
export function grantable(state: State): Lock[] {
  return locksOf(state).filter((lock) => lock.until === undefined && behind(state, lock).length === 0);
}

/** The lock for which this agent has waited too often. */
export function stuckFor(state: State, unit: string): Lock | undefined {
  return locksOf(state).find((lock) => lock.unit === unit && lock.escalated && lock.until === undefined);
}
