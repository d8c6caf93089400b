// What a run asks, for a terminal: its plan with the waves, what it may cost, its questions. Models wrote the words: what could steer a
// terminal is made visible.
import { formatDollars, microDollars } from "../core/ids.ts";
import { duration } from "../github/markdown.ts";
import type { OpenAsk } from "../engine/asks.ts";
import { planAt, used, type State } from "../engine/state.ts";
import type { Plan } from "../workflows/artifacts.ts";
import { taskProblems, waves } from "../workflows/waves.ts";
import { harmlessText } from "./harmless.ts";

/** Lines to print. */
export function viewOfAsk(state: State, { asked }: OpenAsk): string[] {
  const plan = planAt(state, asked.about);
  const { budget } = state;
  const { microDollars: money, milliseconds } = used(state, asked.at);
  const lines = [
    "",
    asked.for === "approval" ? `The plan of ${asked.about}:` : `Before work goes on, ${asked.about} asks:`,
    ...(plan ? [`  ${plan.summary}`, ...(asked.for === "approval" ? tasksOf(plan) : [])] : []),
    ...listed("Risks", plan?.risks ?? []),
    ...listed("Questions", asked.questions),
    estimateOf(asked.estimate),
    ...(budget
      ? [
          `Budget: ${formatDollars(budget.microDollars)} and ${duration(budget.milliseconds)}, of which ${formatDollars(microDollars(money))} and ${duration(milliseconds)} are used`,
        ]
      : []),
  ];
  return lines.map(harmlessText);
}

function tasksOf({ tasks }: Plan): string[] {
  const problems = taskProblems(tasks);
  if (problems.length > 0) return listed("It cannot be worked as it is", problems);
  return waves(tasks).flatMap((ids, index) => [
    `  wave ${index + 1}`,
    ...ids.flatMap((id) => {
      const task = tasks.find((one) => one.id === id);
      if (!task) return [];
      const needs = task.needs.length === 0 ? "" : `, after ${task.needs.join(", ")}`;
      const claims = task.claims.length === 0 ? "" : ` (${task.claims.join(", ")})`;
      return [`    ${id}: ${task.title}${claims}${needs}`];
    }),
  ]);
}

function listed(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${title}:`, ...items.map((item) => `  - ${item}`)];
}

function estimateOf(estimate: OpenAsk["asked"]["estimate"]): string {
  if (!estimate) return "Estimate: none, because no earlier runs are known here";
  const [least, most] = estimate.microDollars.map(formatDollars);
  const [shortest, longest] = estimate.milliseconds.map(duration);
  return `Estimate, from ${estimate.runs} earlier runs: ${least} to ${most}, ${shortest} to ${longest}`;
}
