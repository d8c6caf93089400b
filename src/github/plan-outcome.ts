// What became of a plan, for the pull request: who approved it, what each task's agent says it did, and what the work went on without. Pure.
import { taskStatuses, type TaskStatus } from "../engine/board.ts";
import type { Task } from "../engine/events.ts";
import { planAt, planOf, stageOrder, type Attempt, type Board, type State } from "../engine/state.ts";
import { mendingUnit, taskUnit } from "../engine/unit.ts";
import { count, stack, table } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { degradations } from "./stages.ts";

/** The plan and its tasks, for every fan-out over a plan's tasks; "" for a run without one. */
export function planOutcome(state: State, neutral: Neutral): string {
  const parts = stageOrder(state.workflow).flatMap((stage) => {
    const forEach = planOf(state, stage)?.for_each;
    const attempt = state.stages.get(stage)?.current;
    if (typeof forEach !== "string" || !attempt?.board) return [];
    const planner = forEach.replace(/\.tasks$/, "");
    const plan = planAt(state, planner);
    return [
      stack(
        plan &&
          `**The plan**${approvedBy(state, planner, neutral)}, as its writer puts it: ${neutral.line(plan.summary, 1_000)}`,
        taskTable(state, stage, attempt, attempt.board, neutral),
      ),
    ];
  });
  return parts.length === 0 ? "" : stack("### The plan, and what each task did", ...parts);
}

/** What the work went on without; "" when it lacks nothing. */
export function missingPart(state: State, neutral: Neutral): string {
  const missing = degradations(state);
  if (missing.length === 0) return "";
  const items = missing.map(
    ({ stage, degraded, why }) =>
      `- ${degraded ? "⚠️ partial" : "gone on without"}: **${stage}**, ${neutral.line(why, 300)}`,
  );
  return stack("**Not everything was done:**", items.join("\n"));
}

function approvedBy(state: State, planner: string, neutral: Neutral): string {
  const said = [...state.stages.values()]
    .flatMap(({ attempts }) =>
      attempts.flatMap((attempt) => (attempt.asked?.about === planner && attempt.said ? [attempt.said] : [])),
    )
    .at(-1);
  if (said?.type !== "plan.judged" || said.verdict !== "approved") return "";
  const who = neutral.code(said.by.login, 60);
  if (said.plan) return `, as ${who} wrote and approved it`;
  return said.words === "" ? `, approved by ${who}` : `, approved by ${who} with: ${neutral.line(said.words, 300)}`;
}

const words: Readonly<Record<TaskStatus, string>> = {
  done: "✅ done",
  failed: "❌ failed",
  skipped: "⏭️ not begun",
  "under way": "not finished",
  waiting: "not begun",
};

function taskTable(state: State, stage: string, { version }: Attempt, board: Board, neutral: Neutral): string {
  const statuses = taskStatuses(state, stage, board);
  const rows = board.tasks.map((task) => [
    `\`${task.id}\``,
    neutral.cell(task.title, 150),
    words[statuses.get(task.id) ?? "waiting"],
    whatItDid(state, stage, task, version, neutral),
  ]);
  return table(["Task", "What", "How it ended", "What its agent says"], rows);
}

function whatItDid(state: State, stage: string, { id }: Task, since: number, neutral: Neutral): string {
  const attempt = state.stages.get(taskUnit(stage, id))?.current;
  const made = attempt?.artifact?.value;
  const says = made && "summary" in made ? neutral.cell(made.summary, 300) : "";
  const failed = attempt?.failure ? neutral.cell(`${attempt.failure.code}: ${attempt.failure.message}`, 300) : "";
  const tries = attempt && attempt.number > 1 ? count(attempt.number, "attempt") : "";
  const mending = state.stages.get(mendingUnit(stage, id))?.current;
  const mended =
    mending?.artifact && mending.version > since ? planOf(state, mendingUnit(stage, id))?.agent : undefined;
  const merged = mended === undefined ? "" : `its merge met a conflict, mended by **${mended}**`;
  return [says, failed, tries, merged].filter((part) => part !== "").join(" · ") || "–";
}
