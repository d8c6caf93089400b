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

/** Characters of somebody's words in one reason; more are told in several. */
const PART = MOST_REASON - 200;
/** The same of what a check says: its name goes before. */
const CHECK_PART = PART - 100;

/** Why the stage is worked again, when that is because people, or failed checks, want changes and none were made since: their words, each check, each thread. */
export function reasonsToRevise({ revision }: State, { name, attempts }: StageState): string[] {
  if (revision?.stage !== name) return [];
  const done = attempts.some((one) => one.since > revision.version && one.artifact && !isContradicted(one, revision));
  if (done) return [];
  const { by, words, threads, checks = [] } = revision;
  return reasonsIn([
    ...partsOf(words, PART).map((part) => `@${by.login}, of the pull request as a whole: ${part}`),
    ...checks.flatMap(({ name, text }) =>
      partsOf(text === "" ? "it says nothing more." : text, CHECK_PART).map(
        (part) => `The check ${name} failed: ${part}`,
      ),
    ),
    ...threads.map(({ path, line, outdated, text }, index) => {
      const place = `${path}${line === undefined ? "" : `:${line}`}${outdated ? ", which was changed since" : ""}`;
      return `Thread ${index + 1} (${place}): ${text}`;
    }),
  ]);
}

function partsOf(text: string, most: number): string[] {
  const said = text.trim();
  return Array.from({ length: Math.ceil(said.length / most) }, (_, at) => said.slice(at * most, (at + 1) * most));
}

/** Whether the present attempt of a unit does what people want changed. */
export function isRevising(state: State, unit: string): boolean {
  const stage = state.stages.get(unit);
  const reasons = stage ? reasonsToRevise(state, stage) : [];
  return reasons.length > 0 && isDeepStrictEqual(stage?.current?.reasons, reasons);
}
