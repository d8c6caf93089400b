// The order of work on a task board. Pure.
//
// A task may begin when all it needs is done. A wave is every task that may begin, as long as its path claims overlap with none of a task
// before it in the wave; what is left over begins in a later one. A task that failed fails what needs it, directly or through others, and
// nothing else. The same tasks give the same waves, whatever objects they are.
import { cyclesIn } from "./cycles.ts";
import { nearest } from "./nearest.ts";
import { quote } from "./source-file.ts";
import { overlaps } from "./path-claims.ts";

/** Nobody mends more than this at once. */
const MAX_LISTED = 20;

/** What the order of work depends on. */
interface Task {
  readonly id: string;
  /** Ids of the tasks that must be done before. */
  readonly needs: readonly string[];
  /** The paths it will change, as `path-claims.ts` reads them. */
  readonly claims: readonly string[];
}

/** What keeps tasks from being a board, in words for whoever wrote the plan; empty when nothing does. */
export function taskProblems(tasks: readonly Task[]): string[] {
  const ids = tasks.map(({ id }) => id);
  const known = new Set(ids);
  const counts = Map.groupBy(ids, (id) => id);
  const twice = [...counts].flatMap(([id, { length }]) =>
    length === 1 ? [] : [`${length} tasks have the id ${quote(id)} — give each its own`],
  );
  const needs = tasks.flatMap((task) =>
    [...new Set(task.needs)].flatMap((need) => {
      if (need === task.id) return [`task ${quote(task.id)} needs itself — take ${quote(need)} out of its needs`];
      return known.has(need) ? [] : [unknownNeed(task.id, need, ids)];
    }),
  );
  const graph = new Map(tasks.map((task) => [task.id, task.needs.filter((need) => need !== task.id)]));
  const circles = cyclesIn(graph).map(
    (cycle) => `tasks need each other in a circle: ${cycle.join(" → ")} — take one of these needs out`,
  );
  const problems = [...twice, ...needs, ...circles];
  const left = problems.length - MAX_LISTED;
  if (left <= 0) return problems;
  return [
    ...problems.slice(0, MAX_LISTED),
    `and ${left} more problem${left === 1 ? "" : "s"} — mend these first, then check again`,
  ];
}

function unknownNeed(id: string, need: string, ids: readonly string[]): string {
  const others = ids.filter((other) => other !== id);
  const near = nearest(need, others);
  const choice = others.length === 0 ? "take it out" : `choose of ${others.slice(0, 12).join(", ")}, or take it out`;
  const advice = near === undefined ? choice : `did you mean ${quote(near)}?`;
  return `task ${quote(id)} needs ${quote(need)}, which is not a task — ${advice}`;
}

/** How far a board has come. A task in both counts as failed. */
interface Ended {
  readonly done: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

/** What begins next, and what never will. Both in the order of the tasks. */
interface Next {
  /** Ids. Empty when everything has ended or is skipped. */
  readonly wave: readonly string[];
  /** Tasks that cannot run any more, all of them each time, with the reason: `needs "a", which failed`. */
  readonly skipped: readonly { readonly id: string; readonly because: string }[];
}

/**
 * The next wave, when no task is under way. Whatever the tasks and what has ended, each of the others is in the wave, waits for one that is
 * in it or for what comes of it, or is skipped: so a board always comes to its end, also one with `taskProblems`.
 */
export function nextWave(tasks: readonly Task[], { done, failed }: Ended): Next {
  const open = new Map(tasks.flatMap((task) => (done.has(task.id) || failed.has(task.id) ? [] : [[task.id, task]])));
  const isDone = (id: string) => done.has(id) && !failed.has(id);
  const possible = possibleOf(open, isDone);
  const skipped = [...open.values()]
    .filter(({ id }) => !possible.has(id))
    .map(({ id, needs }) => ({
      id,
      because: reason(needs, failed, open, (need) => isDone(need) || possible.has(need)),
    }));
  const wave: Task[] = [];
  for (const task of open.values()) {
    if (!possible.has(task.id) || !task.needs.every(isDone)) continue;
    if (!wave.some(({ claims }) => overlaps(claims, task.claims))) wave.push(task);
  }
  return { wave: wave.map(({ id }) => id), skipped };
}

/** The open tasks that will run if all goes well: every need of theirs is done, or is such a task. */
function possibleOf(open: ReadonlyMap<string, Task>, isDone: (id: string) => boolean): ReadonlySet<string> {
  const possible = new Set<string>();
  const missing = new Map([...open].map(([id, { needs }]) => [id, new Set(needs.filter((need) => !isDone(need)))]));
  const neededBy = Map.groupBy(
    [...missing].flatMap(([id, needs]) => [...needs].map((need) => ({ id, need }))),
    ({ need }) => need,
  );
  const reached = [...missing].filter(([, needs]) => needs.size === 0).map(([id]) => id);
  // The list grows while it is gone through.
  for (const id of reached) {
    possible.add(id);
    for (const dependant of neededBy.get(id) ?? []) {
      const needs = missing.get(dependant.id);
      if (needs?.delete(id) === true && needs.size === 0) reached.push(dependant.id);
    }
  }
  return possible;
}

/** Why a task is skipped: the need that failed rather than one that is skipped itself. */
function reason(
  needs: readonly string[],
  failed: ReadonlySet<string>,
  open: ReadonlyMap<string, Task>,
  isPossible: (id: string) => boolean,
): string {
  const lost = needs.filter((need) => !isPossible(need));
  const first = lost.find((need) => failed.has(need));
  if (first !== undefined) return `needs ${quote(first)}, which failed`;
  const unknown = lost.find((need) => !open.has(need));
  if (unknown !== undefined) return `needs ${quote(unknown)}, which is not a task`;
  return `needs ${quote(lost[0])}, which was skipped`;
}

/** All waves if every task succeeds, as a plan is drawn. Tasks that can never run are in none. */
export function waves(tasks: readonly Task[]): readonly (readonly string[])[] {
  const done = new Set<string>();
  const found: (readonly string[])[] = [];
  for (;;) {
    const { wave } = nextWave(tasks, { done, failed: new Set() });
    if (wave.length === 0) return found;
    found.push(wave);
    for (const id of wave) done.add(id);
  }
}
