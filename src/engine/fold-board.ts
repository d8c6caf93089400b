// The task board of a fan-out, folded from its events. A board is *open* from `tasks.opened`; a wave is *under way* from `wave.started`
// until `wave.merged` has taken in every task of it that was done; a conflict stays until the unit that mends it is done, whose commit
// is then where merging goes on; `tasks.closed` ends the board, and with it the work of the stage.
import { assertNever } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { EventOf } from "./events.ts";
import { startCommit } from "./commits.ts";
import { isDone, type Attempt, type Board, type State } from "./state.ts";
import { readUnit } from "./unit.ts";

type BoardEvent = EventOf<"tasks.opened" | "wave.started" | "wave.merged" | "tasks.closed">;

/** What a board event changes in the attempt it belongs to. */
export function boardChange(state: State, event: BoardEvent): Partial<Attempt> {
  const before = state.stages.get(event.stage)?.current?.board;
  switch (event.type) {
    case "tasks.opened":
      return { board: openBoard(event.tasks, startCommit(state, event.stage)) };
    case "wave.started":
      return before
        ? { board: { ...before, waves: [...before.waves, { tasks: event.tasks, base: event.base, merged: false }] } }
        : {};
    case "wave.merged":
      return before ? { board: merge(before, event) } : {};
    case "tasks.closed": {
      const { done, failed, skipped, commit } = event;
      return before ? { board: { ...before, closed: { done, failed, skipped } }, commit } : {};
    }
    default:
      return assertNever(event);
  }
}

function openBoard(tasks: Board["tasks"], head: Sha): Board {
  return { tasks, waves: [], merged: [], head, conflict: undefined, closed: undefined };
}

function merge(board: Board, { tasks, commit, conflict }: EventOf<"wave.merged">): Board {
  const waves = conflict ? board.waves : board.waves.with(-1, { ...lastOf(board), merged: true });
  return { ...board, waves, merged: [...board.merged, ...tasks], head: commit, conflict };
}

function lastOf(board: Board): Board["waves"][number] {
  const wave = board.waves.at(-1);
  if (!wave) throw new Error("a wave was merged that never began");
  return wave;
}

/** The board of the stage whose merge `unit` mends, once that is done: merging goes on from its commit. */
export function mendedBoard(state: State, unit: string): Board | undefined {
  const { stage: name, task, mends } = readUnit(unit);
  const board = state.stages.get(name)?.current?.board;
  const stage = state.stages.get(unit);
  if (!mends || task === undefined || board?.conflict?.task !== task || !stage || !isDone(state, stage))
    return undefined;
  const head = stage.current?.commit ?? board.conflict.marked;
  return { ...board, merged: [...board.merged, task], head, conflict: undefined };
}
