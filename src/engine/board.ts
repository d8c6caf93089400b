// What the task board of a fan-out lacks. Pure.
//
// The board is opened with its tasks. A wave begins with every task whose needs are done and whose claims do not overlap; its tasks are
// worked side by side, each from the same commit; when all have come to an end, git merges their commits in the order of the board, and
// what it cannot merge is mended by an agent before the rest goes in. Then the next wave begins where that ended. A task that failed
// fails what needs it, and nothing else. When no task is left that could begin, the board is closed.
import { nextWave } from "../workflows/waves.ts";
import { carriesCommit } from "../workflows/artifacts.ts";
import { finish, type Effect } from "./effect.ts";
import type { Task } from "./events.ts";
import {
  planAt,
  isDone,
  isFailedForGood,
  planOf,
  type Attempt,
  type Board,
  type StageState,
  type State,
  type UnitPlan,
} from "./state.ts";
import { mendingUnit, taskUnit } from "./unit.ts";

/** How a task stands. A task is done although it is not merged yet. */
export type TaskStatus = "waiting" | "under way" | "done" | "failed" | "skipped";

/** The status of every task of a board, in its order. */
export function taskStatuses(state: State, stage: string, board: Board): ReadonlyMap<string, TaskStatus> {
  const { done, failed, begun } = countTasks(state, stage, board);
  const { skipped } = nextWave(board.tasks, { done, failed });
  const lost = new Set(skipped.map(({ id }) => id));
  return new Map(
    board.tasks.map(({ id }) => [
      id,
      done.has(id)
        ? "done"
        : failed.has(id)
          ? "failed"
          : lost.has(id)
            ? "skipped"
            : begun.has(id)
              ? "under way"
              : "waiting",
    ]),
  );
}

function countTasks(state: State, stage: string, board: Board) {
  const done = new Set<string>();
  const failed = new Set<string>();
  const begun = new Set<string>();
  for (const { id } of board.tasks) {
    const unit = state.stages.get(taskUnit(stage, id));
    const plan = planOf(state, taskUnit(stage, id));
    if (!unit?.current || !plan) continue;
    begun.add(id);
    if (isDone(state, unit)) done.add(id);
    else if (isFailedForGood(unit, plan)) failed.add(id);
  }
  return { done, failed, begun };
}

/** What a unit lacks: `advance` of `advance.ts`. */
type Advance = (state: State, unit: StageState) => Effect[];

/** The next effects of a fan-out whose attempt has begun and whose board is not closed. */
export function advanceBoard(
  state: State,
  { name }: StageState,
  plan: UnitPlan,
  attempt: Attempt,
  advance: Advance,
): Effect[] {
  const of = { stage: name, attempt: attempt.number };
  const { board } = attempt;
  if (!board) return [{ type: "open", ...of, tasks: tasksOf(state, plan) }];
  if (board.conflict) return mend(state, name, board.conflict, advance);
  const { done, failed } = countTasks(state, name, board);
  const wave = board.waves.at(-1);
  if (wave && !wave.merged) {
    const open = wave.tasks.filter((id) => !done.has(id) && !failed.has(id));
    if (open.length > 0)
      return atOnce(open, plan.parallel).flatMap((id) => unitEffects(state, taskUnit(name, id), advance));
    const tasks = wave.tasks.filter((id) => done.has(id) && !board.merged.includes(id));
    return [{ type: "merge", ...of, wave: board.waves.length, tasks: carries(plan) ? tasks : [] }];
  }
  const next = nextWave(boardTasks(plan, board), { done, failed });
  if (next.wave.length > 0)
    return [{ type: "wave", ...of, wave: board.waves.length + 1, tasks: [...next.wave], base: board.head }];
  const ids = (has: (id: string) => boolean) => board.tasks.map(({ id }) => id).filter(has);
  return [
    {
      type: "close",
      ...of,
      done: ids((id) => done.has(id)),
      failed: ids((id) => failed.has(id)),
      skipped: ids((id) => !done.has(id) && !failed.has(id)),
      commit: board.head,
    },
  ];
}

function carries({ makes }: UnitPlan): boolean {
  return makes !== undefined && carriesCommit(makes);
}

/** How many waves of a board have begun, and how many there are in all when nothing fails from now on. */
export function waveCount(state: State, stage: string, board: Board): { readonly begun: number; readonly all: number } {
  const plan = planOf(state, stage);
  const begun = board.waves.length;
  if (!plan || board.closed) return { begun, all: begun };
  const { done, failed } = countTasks(state, stage, board);
  const ended = new Set([...done, ...(board.waves.at(-1)?.tasks ?? []).filter((id) => !failed.has(id))]);
  for (let all = begun; ; all += 1) {
    const { wave } = nextWave(boardTasks(plan, board), { done: ended, failed });
    if (wave.length === 0) return { begun, all };
    for (const id of wave) ended.add(id);
  }
}

/** The tasks with the claims that count. */
function boardTasks(plan: UnitPlan, { tasks }: Board): readonly Task[] {
  return carries(plan) && typeof plan.for_each === "string" ? tasks : apart(tasks);
}

/** Whoever only reads is in nobody's way, and names say nothing of paths. */
function apart(tasks: readonly Task[]): Task[] {
  return tasks.map((task) => ({ ...task, claims: [`.task/${task.id}`] }));
}

/** The first tasks of a wave that are not over: as many as may be under way at once. */
function atOnce(open: readonly string[], parallel: number | undefined): readonly string[] {
  return parallel === undefined ? open : open.slice(0, parallel);
}

function unitEffects(state: State, unit: string, advance: Advance): Effect[] {
  const stage = state.stages.get(unit);
  return stage ? advance(state, stage) : [];
}

function mend(state: State, name: string, { task, paths }: NonNullable<Board["conflict"]>, advance: Advance): Effect[] {
  const unit = state.stages.get(mendingUnit(name, task));
  if (!unit) throw new Error(`nothing mends the merge of ${task}`);
  const effects = advance(state, unit);
  // What two agents could not bring together is a person's to decide.
  return effects.map((effect) =>
    effect.type === "finish" && (effect.outcome === "failed" || effect.outcome === "needs-a-decision")
      ? finish(
          "needs-a-decision",
          "merge-conflict",
          `The work of ${task} and what was merged before it both changed ${paths.join(", ")}, and it could not be brought together. ${effect.message}`,
        )
      : effect,
  );
}

/** What the fan-out is over: the tasks of a plan, or one for each name. */
function tasksOf(state: State, { for_each }: UnitPlan): Task[] {
  if (typeof for_each === "string") return planAt(state, for_each.replace(/\.tasks$/, ""))?.tasks ?? [];
  return (for_each ?? []).map((id) => ({
    id,
    title: id,
    instructions: `Work the part of this stage that is called "${id}".`,
    needs: [],
    claims: [],
    acceptance: "As the stage asks.",
  }));
}
