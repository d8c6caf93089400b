// A pull request that people want changed: the run that opened it goes on, in the stage that is worked again when something is to be
// changed. Pure.
import { isDeepStrictEqual } from "node:util";
import { isContradicted } from "./contradictions.ts";
import { MOST_REASON, reasonsIn } from "./effect.ts";
import { stageOrder, upstream, type StageState, type State } from "./state.ts";

/**
 * The stage that changes what the pull request holds: the last one before it that others send work back to, else the last whose agent
 * makes something. Undefined where the workflow opens no pull request.
 */
export function revisedStage({ workflow }: Pick<State, "workflow">): string | undefined {
  const opening = stageOrder(workflow).find((name) => workflow?.stages[name]?.pull_request !== undefined);
  if (workflow === undefined || opening === undefined) return undefined;
  const before = upstream(workflow, opening);
  const sentBackTo = new Set(
    before.flatMap((name) => {
      const { otherwise } = workflow.stages[name] ?? {};
      return otherwise && "back_to" in otherwise ? [otherwise.back_to] : [];
    }),
  );
  return (
    before.findLast((name) => sentBackTo.has(name)) ??
    before.findLast((name) => {
      const { agent, makes } = workflow.stages[name] ?? {};
      return agent !== undefined && makes !== "Review" && makes !== "Report";
    })
  );
}

/** Characters of a person's words in one reason; more are told in several. */
const PART = MOST_REASON - 200;

/** Why the stage is worked again, when that is because people want changes and none were made since: their words, and each thread. */
export function reasonsToRevise({ revision }: State, { name, attempts }: StageState): string[] {
  if (revision?.stage !== name) return [];
  const done = attempts.some((one) => one.since > revision.version && one.artifact && !isContradicted(one, revision));
  if (done) return [];
  const { by, words, threads } = revision;
  const parts = Array.from({ length: Math.ceil(words.trim().length / PART) }, (_, index) =>
    words.trim().slice(index * PART, (index + 1) * PART),
  );
  return reasonsIn([
    ...parts.map((part) => `@${by.login}, of the pull request as a whole: ${part}`),
    ...threads.map(({ path, line, outdated, text }, index) => {
      const place = `${path}${line === undefined ? "" : `:${line}`}${outdated ? ", which was changed since" : ""}`;
      return `Thread ${index + 1} (${place}): ${text}`;
    }),
  ]);
}

/** Whether the present attempt of a unit does what people want changed. */
export function isRevising(state: State, unit: string): boolean {
  const stage = state.stages.get(unit);
  const reasons = stage ? reasonsToRevise(state, stage) : [];
  return reasons.length > 0 && isDeepStrictEqual(stage?.current?.reasons, reasons);
}
