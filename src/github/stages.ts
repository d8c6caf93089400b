// The checklist of a run: each stage with its one-line result, and the tasks of a fan-out under it; where the run is in it.
import { assertNever } from "../core/errors.ts";
import { statusOf } from "../engine/conducted.ts";
import { NOT_A_BUG, NOT_REPRODUCED } from "../engine/event-words.ts";
import { behind } from "../engine/locks.ts";
import type { GateResult } from "../engine/events.ts";
import {
  isDone,
  planOf,
  refusals,
  stageOrder,
  stageThatEnded,
  type Attempt,
  type StageState,
  type State,
} from "../engine/state.ts";
import { publishes } from "../engine/stage-order.ts";
import { childUnit } from "../engine/unit.ts";
import type { Artifact } from "../workflows/artifacts.ts";
import { boardText, lostTasks, stuckAt, taskLines } from "./tasks.ts";
import { count } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";

export interface StageLine {
  readonly name: string;
  readonly sign: string;
  /** One line of harmless Markdown; empty before the stage has begun. */
  readonly text: string;
  /** The tasks of a fan-out, as lines; a bounded number. */
  readonly below: readonly string[];
}

/** The checklist: every stage in order with its one-line result. */
export function stageLines(state: State, neutral: Neutral): StageLine[] {
  const ended = state.finished && state.finished.outcome !== "cancelled" ? stageThatEnded(state) : undefined;
  const nothing = hadNothingToPropose(state);
  return stageOrder(state.workflow).map((name) => {
    const stage = state.stages.get(name);
    if (nothing && !(stage && isDone(state, stage)))
      return { name, sign: "⏭️", text: name === ended ? "nothing to propose" : "", below: [] };
    const attempt = stage?.current ?? (state.finished ? stage?.attempts.at(-1) : undefined);
    if (!stage || !attempt) {
      const before = stage?.attempts.at(-1);
      const text = before ? `to be done again after ${whatItWas(state, name, before, neutral)}` : "";
      return { name, sign: "⬜", text, below: [] };
    }
    const sign = isDone(state, stage) ? doneSign(state, name, attempt) : openSign(state, stage, name === ended);
    const line = (unit: StageState, of: Attempt) => resultOf(state, unit, of, neutral);
    return { name, sign, text: line(stage, attempt), below: taskLines(state, name, attempt, line, neutral) };
  });
}

/** True where Baton would have made files, and there was nothing for them to say: that is a success. */
export function hadNothingToPropose({ finished }: State): boolean {
  return finished?.code === "nothing-to-propose";
}

/** The checklist as a Markdown list. */
export function checklist(lines: readonly StageLine[]): string {
  return lines
    .flatMap(({ name, sign, text, below }) => [
      `- ${sign} **${name}**${text === "" ? "" : ` · ${text}`}`,
      ...below.map((line) => `  - ${line}`),
    ])
    .join("\n");
}

function doneSign(state: State, name: string, { skipped }: Attempt): string {
  if (degradations(state).some((one) => one.stage === name && one.degraded)) return "⚠️";
  return skipped ? "⏭️" : "✅";
}

/** Ends that are what the stage was to find out. */
const resultSigns: Readonly<Record<string, string>> = { [NOT_A_BUG]: "📖", [NOT_REPRODUCED]: "🔍" };

function openSign(state: State, { current }: StageState, ended: boolean): string {
  if (state.finished) return ended ? (resultSigns[state.finished.code] ?? "❌") : "⏹️";
  if (current?.asked && !current.said) return "🙋";
  return state.paused ? "⏸️" : state.waiting ? "🕓" : "🔄";
}

/** A stage whose result lacks something, or is not there. */
interface Degradation {
  readonly stage: string;
  /** False: the workflow says that the run is whole without it. */
  readonly degraded: boolean;
  readonly why: string;
}

/** What the run went on without: stages passed over because they could not be done, and tasks of fan-outs that came to nothing. */
export function degradations(state: State): Degradation[] {
  return stageOrder(state.workflow).flatMap((stage): Degradation[] => {
    const attempt = state.stages.get(stage)?.current;
    const plan = state.workflow?.stages[stage];
    if (attempt?.skipped?.because === "failure")
      return [{ stage, degraded: attempt.skipped.degraded, why: attempt.skipped.why }];
    const why = lostTasks(state, stage, attempt);
    if (why === undefined || plan?.on_failure === undefined || plan.on_failure === "stop") return [];
    return [{ stage, degraded: plan.on_failure === "degrade", why }];
  });
}

/** Where the run is: "stage 3 of 6 (fix)", "stages 3 and 4 of 9 (lint, docs)"; undefined before there are stages and after the end. */
export function position(state: State): string | undefined {
  if (state.phase !== "working") return undefined;
  const order = stageOrder(state.workflow);
  const done = (name: string) => {
    const stage = state.stages.get(name);
    return stage !== undefined && isDone(state, stage);
  };
  const open = order.filter((name) => !done(name) && (state.workflow?.stages[name]?.needs ?? []).every(done));
  if (open.length === 0) return undefined;
  const numbers = open.map((name) => String(order.indexOf(name) + 1));
  const last = numbers.pop() ?? "";
  const which = numbers.length === 0 ? `stage ${last}` : `stages ${numbers.join(", ")} and ${last}`;
  return `${which} of ${order.length} (${open.join(", ")})`;
}

function resultOf(state: State, stage: StageState, attempt: Attempt, neutral: Neutral): string {
  if (attempt.skipped) return skippedText(attempt.skipped, neutral);
  const plan = planOf(state, stage.name);
  if (plan?.wait) return waitText(attempt, neutral);
  const tries = attempt.carried ? "as before" : attempt.number > 1 ? `attempt ${attempt.number}` : "";
  const failed = attempt.failure ? `${attempt.failure.code}: ${neutral.line(attempt.failure.message, 250)}` : "";
  const artifact = attempt.artifact ? artifactLine(attempt.artifact, attempt, neutral) : "";
  const publishing = publishes(plan);
  const { review } = attempt;
  const opened = review
    ? `[${count(review.onLines + review.onFiles, "remark")}](${review.url})`
    : publishing && state.pullRequest
      ? pullRequestLink(state)
      : "";
  const written = attempt.written
    ? filesLine(
        attempt.written.changes.map(({ path }) => path),
        neutral,
      )
    : "";
  const collected = attempt.hindsight
    ? `${count(attempt.hindsight.pulls.length, "closed pull request")}, ${count(attempt.hindsight.runs.length, "failed run")}`
    : "";
  const board = attempt.board ? boardText(state, stage.name, attempt.board, neutral) : "";
  const atWork =
    !attempt.failure &&
    !attempt.artifact &&
    !attempt.board &&
    !plan?.writes &&
    !plan?.collects &&
    attempt.gates.length === 0 &&
    !publishing &&
    !state.finished
      ? [
          count(attempt.turns, "turn"),
          attempt.lastTool === undefined ? "" : `last tool ${neutral.code(attempt.lastTool, 40)}`,
          agentsText(state, stage.name, attempt),
          stuckText(state, stage.name, neutral),
        ]
      : [];
  return [
    opened,
    board,
    collected,
    written,
    artifact,
    ...atWork,
    failed,
    ...attempt.gates.map((gate) => gateLine(gate, neutral)),
    tries,
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

/** The agents that the stage's agent conducts: "3 agents (scout executing, builder idle, tester created)". */
function agentsText(state: State, stage: string, { fleet }: Attempt): string {
  const agents = fleet?.agents.map((id) => `${id} ${statusOf(state, childUnit(stage, id))}`) ?? [];
  const shown = agents.slice(-12).join(", ");
  return agents.length === 0 ? "" : `${count(agents.length, "agent")} (${agents.length > 12 ? "…, " : ""}${shown})`;
}

/** What a unit's agent, or one below it, has waited for too often: "scout waits for `src/a`, behind `fix`". */
function stuckText(state: State, unit: string, neutral: Neutral): string {
  const names = (list: readonly string[]) =>
    list
      .slice(0, 3)
      .map((one) => neutral.code(one, 80))
      .join(", ");
  return stuckAt(state, unit)
    .slice(0, 3)
    .map(({ who, lock }) => `${who} waits for ${names(lock.paths)}, behind ${names(behind(state, lock))}`.trimStart())
    .join(" · ");
}

function skippedText({ because, degraded, why }: NonNullable<Attempt["skipped"]>, neutral: Neutral): string {
  if (because === "condition") return `passed over: ${conditionText(why, neutral)}`;
  const reason = neutral.line(why, 300);
  return degraded ? `partial: ${reason}` : `gone on without it: ${reason}`;
}

/** A condition in words, where it is the usual one: whether anything was changed. */
function conditionText(why: string, neutral: Neutral): string {
  const condition = why.replace(/ does not hold$/, "");
  if (condition === why) return neutral.line(why, 300);
  return /^[\w-]+\.files$/.test(condition)
    ? "nothing was changed"
    : `its condition is not met, ${neutral.code(condition, 300)}`;
}

/** What people are asked, or have said to it. */
function waitText({ asked, said }: Attempt, neutral: Neutral): string {
  if (said?.type === "answer.given")
    return `answered by ${neutral.code(said.by.login, 60)}: ${neutral.line(said.words, 200)}`;
  if (said) {
    const who = neutral.code(said.by.login, 60);
    const words = said.words === "" ? "" : `: ${neutral.line(said.words, 200)}`;
    if (said.verdict === "rejected") return `rejected by ${who}${words}`;
    if (said.plan) return `approved by ${who}, as they wrote it`;
    return words === "" ? `approved by ${who}` : `approved by ${who} with changes${words}`;
  }
  if (!asked) return "";
  return asked.for === "approval"
    ? `the plan of **${asked.about}** waits for approval`
    : `${count(asked.questions.length, "question")} to be answered`;
}

function whatItWas(state: State, unit: string, attempt: Attempt, neutral: Neutral): string {
  if (attempt.said) return waitText(attempt, neutral);
  const [reason] = refusals(state, unit, attempt);
  return reason === undefined ? `attempt ${attempt.number}` : neutral.line(reason.split("\n")[0] ?? "", 200);
}

/** Codes of gates that passed because there was nothing they could look at, and of those that saw a part of it. */
const blind = new Set(["not-computed", "no-test-command"]);
const partial = new Set(["partly-computed", "tried-in-part"]);

/** How much a passed gate shows. What shows nothing is never told as verified. */
export function shownBy({ code }: GateResult): "all" | "part" | "nothing" {
  return blind.has(code) ? "nothing" : partial.has(code) ? "part" : "all";
}

/** "✓ green", "○ surface (not verified)" or "✗ green: two tests fail". */
function gateLine(gate: GateResult, neutral: Neutral): string {
  if (!gate.passed) return `✗ **${gate.gate}**: ${neutral.line(gate.summary, 250)}`;
  const shown = { all: "✓", part: "✓", nothing: "○" }[shownBy(gate)];
  return `${shown} ${gate.gate}${{ all: "", part: " (in part)", nothing: " (not verified)" }[shownBy(gate)]}`;
}

function artifactLine(artifact: Artifact, attempt: Attempt, neutral: Neutral): string {
  switch (artifact.name) {
    case "Reproduction":
      return artifact.value.reproduced
        ? filesLine(artifact.value.testFiles, neutral)
        : `not reproduced: ${neutral.line(artifact.value.notes, 200)}`;
    case "Characterization":
      return `pins today's behaviour: ${filesLine(artifact.value.testFiles, neutral)}`;
    case "Diagnosis":
      return neutral.line(firstSentence(artifact.value.rootCause), 200);
    case "Change":
      return [
        neutral.line(firstSentence(artifact.value.summary), 200),
        `(${count(attempt.changes.length, "file")})`,
      ].join(" ");
    case "Review": {
      const [worst] = artifact.value.findings;
      if (artifact.value.verdict === "approve") {
        return worst ? `approved with ${count(artifact.value.findings.length, "remark")}` : "approved";
      }
      return worst ? `changes wanted: ${neutral.line(worst.message, 200)}` : "changes wanted";
    }
    case "Excerpt":
      return `hands on ${artifact.value.parts.map(({ path }) => neutral.code(path, 80)).join(", ")}`;
    case "Triage":
    case "Plan":
    case "Report":
    case "Findings":
    case "Conclusion":
    case "Setup":
    case "Lessons":
    case "Remarks":
      return neutral.line(firstSentence(artifact.value.summary), 200);
    default:
      return assertNever(artifact);
  }
}

function filesLine(files: readonly string[], neutral: Neutral): string {
  return files
    .map((file) => neutral.code(file, 120))
    .slice(0, 3)
    .join(", ");
}

function firstSentence(text: string): string {
  return /^[\s\S]*?[.!?](?=\s|$)/.exec(text)?.[0] ?? text;
}

/** "[#13](https://…)"; for a local run the branch. */
export function pullRequestLink({ pullRequest }: State): string {
  if (!pullRequest) return "";
  return pullRequest.number === 0 ? `branch \`${pullRequest.branch}\`` : `[#${pullRequest.number}](${pullRequest.url})`;
}
