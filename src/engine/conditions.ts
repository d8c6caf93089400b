// The conditions of a workflow (`when`, `until`) over the state of a run. Pure.
import { evaluate, parseExpression } from "../workflows/expression.ts";
import { stageOrder } from "./stage-order.ts";
import type { State } from "./state.ts";
import { taskUnit } from "./unit.ts";

/** Whether a condition holds over what has been handed in so far. What cannot be read holds never: it was refused when the file was read. */
export function holds(state: State, condition: string): boolean {
  const parsed = parseExpression(condition);
  return parsed.type === "ok" && evaluate(parsed.expression, valuesOf(state));
}

/** What conditions speak of: each stage's artifact by the stage's name, the board of a fan-out with its results, and the triage. */
export function valuesOf(state: State): Record<string, unknown> {
  const values: Record<string, unknown> = { triage: state.routed?.triage };
  for (const name of stageOrder(state.workflow)) {
    const attempt = state.stages.get(name)?.current;
    if (attempt?.board) {
      const results = attempt.board.tasks.map(
        ({ id }) => state.stages.get(taskUnit(name, id))?.current?.artifact?.value,
      );
      values[name] = { ...attempt.board.closed, results: results.filter((value) => value !== undefined) };
    } else if (attempt?.artifact) values[name] = attempt.artifact.value;
  }
  return values;
}
