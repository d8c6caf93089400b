// How people read a fan-out: how far its waves are, each task with its state and one line, and what its agents could not bring together.
import { taskStatuses, waveCount, type TaskStatus } from "../engine/board.ts";
import type { Task } from "../engine/events.ts";
import { planOf, type Attempt, type Board, type StageState, type State } from "../engine/state.ts";
import { stuckFor } from "../engine/locks.ts";
import type { Lock } from "../engine/talk-state.ts";
import { isBelow, mendingUnit, taskUnit } from "../engine/unit.ts";
import { count } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";

/** Tasks of one fan-out that are shown; of the others only how many there are. */
const MAX_TASKS = 12;
/** Which of more tasks are shown first. */
const weight: Readonly<Record<TaskStatus, number>> = { failed: 0, "under way": 1, skipped: 2, waiting: 3, done: 4 };

type LineOf = (unit: StageState, attempt: Attempt) => string;

/** How far a fan-out is, in one line: "wave 2 of 3 · 4 of 7 tasks done". */
export function boardText(state: State, stage: string, board: Board, neutral: Neutral): string {
  const { begun, all } = waveCount(state, stage, board);
  const lost = lostOf(board);
  const done = board.closed?.done.length ?? [...taskStatuses(state, stage, board).values()].filter(isDone).length;
  const tasks = `${done} of ${count(board.tasks.length, "task")} done`;
  const onFailure = planOf(state, stage)?.on_failure;
  const partial = lost !== undefined && onFailure === "degrade" ? `partial: ${lost}` : lost;
  const waves = all < 2 || begun === 0 ? "" : board.closed ? `${all} waves` : `wave ${begun} of ${all}`;
  return [partial ?? "", waves, tasks, conflictText(state, stage, board, neutral)]
    .filter((part) => part !== "")
    .join(" · ");
}

const isDone = (status: TaskStatus) => status === "done";

function conflictText(state: State, stage: string, { conflict }: Board, neutral: Neutral): string {
  if (!conflict) return "";
  const paths = conflict.paths.slice(0, 3).map((path) => neutral.code(path, 120));
  const left = conflict.paths.length - paths.length;
  const where = `${paths.join(", ")}${left > 0 ? ` and ${left} more` : ""}`;
  const who = planOf(state, mendingUnit(stage, conflict.task))?.agent ?? "an agent";
  return `the work of \`${conflict.task}\` and what was merged before it both changed ${where}: **${who}** mends that`;
}

/** A line for each task of an attempt's board, and for each merge that was mended. */
export function taskLines(
  state: State,
  stage: string,
  { board, version }: Attempt,
  lineOf: LineOf,
  neutral: Neutral,
): string[] {
  if (!board) return [];
  const statuses = taskStatuses(state, stage, board);
  const statusOf = ({ id }: Task) => statuses.get(id) ?? "waiting";
  // Who cannot go on by itself is not among those that are only counted.
  const isStuck = ({ id }: Task) => stuckAt(state, taskUnit(stage, id)).length > 0;
  const ranked = board.tasks.map((task) => ({ task, rank: isStuck(task) ? -1 : weight[statusOf(task)] }));
  const shown = new Set(
    ranked
      .toSorted((a, b) => a.rank - b.rank)
      .slice(0, MAX_TASKS)
      .map(({ task }) => task),
  );
  const hidden = board.tasks.filter((task) => !shown.has(task));
  const lines = board.tasks
    .filter((task) => shown.has(task))
    .map((task) => {
      const status = statusOf(task);
      const { unit, attempt } = unitOf(state, taskUnit(stage, task.id));
      // A list of names says all with its names.
      const title = task.title === task.id ? "" : neutral.line(task.title, 120);
      const text = status === "waiting" || status === "skipped" ? whyNot(task, statuses, status) : "";
      const result = unit && attempt ? lineOf(unit, attempt) : "";
      return [`${signOf(state, status)} \`${task.id}\``, title, text, result].filter((part) => part !== "").join(" · ");
    });
  const merges = board.tasks.flatMap(({ id }) => {
    const { unit, attempt } = unitOf(state, mendingUnit(stage, id));
    // What was mended for an earlier board is not of this one.
    if (!unit || !attempt || attempt.version < version) return [];
    const sign = board.conflict?.task === id ? signOf(state, "under way") : "✅";
    return [`${sign} merge of \`${id}\` · ${lineOf(unit, attempt)}`];
  });
  return [...lines, ...(hidden.length === 0 ? [] : [andMore(hidden.map(statusOf))]), ...merges.slice(-MAX_TASKS)];
}

/** Who of a unit and the agents below it, however deep, has waited too often for a lock; `who` is empty for the unit itself. */
export function stuckAt(state: State, unit: string): { readonly who: string; readonly lock: Lock }[] {
  const below = [...state.stages.keys()].filter((one) => isBelow(one, unit));
  return [unit, ...below].flatMap((one) => {
    const lock = stuckFor(state, one);
    return lock ? [{ who: one.slice(unit.length + 1), lock }] : [];
  });
}

function unitOf(state: State, name: string): { unit: StageState | undefined; attempt: Attempt | undefined } {
  const unit = state.stages.get(name);
  return { unit, attempt: unit?.current ?? (state.finished ? unit?.attempts.at(-1) : undefined) };
}

function signOf({ finished, paused, waiting }: State, status: TaskStatus): string {
  switch (status) {
    case "done":
      return "✅";
    case "failed":
      return "❌";
    case "skipped":
      return "⏭️";
    case "under way":
      return finished ? "⏹️" : paused ? "⏸️" : waiting ? "🕓" : "🔄";
    default:
      return "⬜";
  }
}

/** What a task waits for, or what took its chance. */
function whyNot({ needs }: Task, statuses: ReadonlyMap<string, TaskStatus>, status: "waiting" | "skipped"): string {
  if (status === "skipped") {
    const lost = needs.find((need) => statuses.get(need) === "failed" || statuses.get(need) === "skipped");
    return lost === undefined
      ? "cannot begin"
      : `not begun, because \`${lost}\` ${statuses.get(lost) === "failed" ? "failed" : "was not begun"}`;
  }
  const open = needs.filter((need) => statuses.get(need) !== "done" && statuses.has(need));
  return open.length === 0 ? "" : `after ${open.map((need) => `\`${need}\``).join(", ")}`;
}

/** "and 8 more: 5 done, 3 waiting". */
function andMore(statuses: readonly TaskStatus[]): string {
  const counts = [...Map.groupBy(statuses, (status) => status)].map(([status, { length }]) => `${length} ${status}`);
  return `and ${statuses.length} more: ${counts.join(", ")}`;
}

/** What came of no use, of a fan-out that has come to its end: "1 of 2 tasks failed (code)"; undefined when everything is done. */
export function lostTasks(state: State, stage: string, attempt: Attempt | undefined): string | undefined {
  const { board } = attempt ?? {};
  if (!board || !state.stages.has(stage)) return undefined;
  return lostOf(board);
}

function lostOf({ closed, tasks }: Board): string | undefined {
  if (!closed) return undefined;
  const { failed, skipped } = closed;
  const names = (ids: readonly string[]) => ids.map((id) => `\`${id}\``).join(", ");
  const parts = [
    ...(failed.length > 0 ? [`${failed.length} of ${count(tasks.length, "task")} failed (${names(failed)})`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} not begun because of that (${names(skipped)})`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** Tasks whose work is kept, of a fan-out that is not done. */
export function keptTasks(state: State, stage: string, { board }: Attempt): string[] {
  if (!board) return [];
  return [...taskStatuses(state, stage, board)].flatMap(([id, status]) => (status === "done" ? [id] : []));
}
