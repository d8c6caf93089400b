// The comments in which people are asked: a plan that waits for approval, questions that wait for answers, and a plan that was written
// anew as they wished. Each is written once and never edited by Baton: what people were asked stays readable. Pure.
import { formatDollars, microDollars } from "../core/ids.ts";
import type { Redact } from "../core/redact.ts";
import type { Estimate, EventOf, Task } from "../engine/events.ts";
import { isAboutTriage } from "../engine/clarify.ts";
import { askKey, askMarker, openAsks, type OpenAsk } from "../engine/asks.ts";
import { workflowFor } from "../engine/route.ts";
import { MAX_PLAN_BYTES, planBlock, printPlan } from "../engine/plan-text.ts";
import { planAt, used, type Attempt, type State } from "../engine/state.ts";
import { taskProblems, waves } from "../workflows/waves.ts";
import type { Plan } from "../workflows/artifacts.ts";
import { isGuess } from "./progress.ts";
import { bullets, count, duration, folded, greeting, marker, MAX_BODY, stack, table } from "./markdown.ts";
import { visible, type Neutral } from "./neutral.ts";

export interface PlanCommentOptions {
  readonly neutral: Neutral;
  readonly redact: Redact;
}

/** One comment that a run owes people now. */
export interface PlanComment {
  /** Names it for ever. */
  readonly key: string;
  readonly marker: string;
  /** Undefined: it asks nothing. */
  readonly ask: OpenAsk | undefined;
  /** Its Markdown, at most `MAX_BODY` characters. */
  readonly render: (options: PlanCommentOptions) => string;
}

/** Everything that people are to be asked or shown now, in the order of asking. */
export function planComments(state: State): PlanComment[] {
  const asks = openAsks(state).map((ask): PlanComment => {
    const approval = ask.asked.for === "approval";
    const mark = askMarker(state, ask);
    return {
      key: askKey(state, ask),
      marker: mark,
      ask,
      render: (options) =>
        approval ? approvalBody(state, ask, mark, options) : questionsBody(state, ask, mark, options),
    };
  });
  return [...asks, ...writtenAnew(state)];
}

function placeOf({ runId }: State, { stage, attempt }: Pick<OpenAsk, "stage" | "attempt">): string {
  return `${runId}:${stage}:${attempt}`;
}

/** Plans that were approved with words, and have been written anew with them. */
function writtenAnew(state: State): PlanComment[] {
  return [...state.stages.values()].flatMap(({ name: stage, attempts, current }) => {
    const before = attempts.at(-2);
    const plan = before?.asked && planAt(state, before.asked.about);
    if (!plan || !current || current.asked || before.said?.type !== "plan.judged" || !isApproval(current)) return [];
    const { said } = before;
    const place = placeOf(state, { stage, attempt: current.number });
    const mark = marker("plan-anew", place);
    return [
      {
        key: `plan-anew:${place}`,
        marker: mark,
        ask: undefined,
        render: (options: PlanCommentOptions) => anewBody(plan, said, mark, options),
      },
    ];
  });
}

function isApproval({ said }: Attempt): boolean {
  return said?.type === "plan.judged" && said.verdict === "approved" && said.plan === undefined;
}

function approvalBody(state: State, ask: OpenAsk, mark: string, options: PlanCommentOptions): string {
  const { neutral } = options;
  const plan = planAt(state, ask.asked.about);
  if (!plan) return stack(mark, "There was a plan to approve, but it is no longer there.");
  const top = stack(
    mark,
    "### 🙋 A plan, and it waits for you",
    `${greeting(state.created.request.by)}nothing is built before somebody with the role maintain or admin says so here.`,
    inShort(plan, neutral),
  );
  const below = stack(
    drawn(plan.tasks, neutral),
    estimateLine(state, ask.asked.estimate),
    budgetLine(state, ask.asked.at),
    listed("Risks", plan.risks, neutral),
    listed("Questions", plan.questions, neutral),
  );
  return fitted(plan, options, (tasks, yaml) =>
    stack(top, tasks, below, whatCanBeSaid(yaml !== undefined), yaml ?? tooLong),
  );
}

const tooLong =
  "_This plan is too long to be shown whole and to be edited here. It can be approved, approved with changes, or rejected._";

function anewBody(
  plan: Plan,
  { by, words }: EventOf<"plan.judged">,
  mark: string,
  options: PlanCommentOptions,
): string {
  const { neutral } = options;
  const top = stack(
    mark,
    "### 📋 The plan, written anew",
    `${neutral.code(by.login, 60)} approved it with: ${neutral.line(words, 1_000)}`,
    "This is the plan as it is worked now. It is not asked about again, and an edit of this comment changes nothing; `/agent stop` ends the run.",
    inShort(plan, neutral),
  );
  const below = stack(
    drawn(plan.tasks, neutral),
    listed("Risks", plan.risks, neutral),
    listed("Open questions", plan.questions, neutral),
  );
  return fitted(plan, options, (tasks, yaml) =>
    stack(top, tasks, below, yaml ?? "_The plan is too long to be shown whole here._"),
  );
}

/** Whoever opened the issue knows the answer, and whoever asked for the run waits for it. */
function greetings({ created: { subject, request } }: State): string {
  const asked = request.by.id === subject.author.id ? "" : greeting(request.by);
  return `${greeting(subject.author)}${asked}`;
}

/** A workflow that may be meant: that of the type which triage holds to be likeliest. */
function workflowShown({ created, routed }: State): string {
  return workflowFor(created, routed?.triage) ?? "bug";
}

function inShort({ summary }: Plan, neutral: Neutral): string {
  return `**In short**, as the planner puts it: ${neutral.line(summary, 2_000)}`;
}

function questionsBody(state: State, { asked }: OpenAsk, mark: string, { neutral }: PlanCommentOptions): string {
  const plan = planAt(state, asked.about);
  const questions = asked.questions.map((question, index) => `${index + 1}. ${neutral.line(question)}`).join("\n");
  return stack(
    mark,
    "### 🙋 Questions, and the run waits for your answers",
    isAboutTriage(state, asked.stage)
      ? `${greetings(state)}${isGuess(state) ? "no model answered, so I sorted this by rules of thumb. Before" : "before"} work begins I need to know:`
      : `${greeting(state.created.request.by)}before work goes on, the agents need to know:`,
    questions,
    plan && inShort(plan, neutral),
    budgetLine(state, asked.at),
    "**To answer:** write a new comment here, in your own words. Whoever opened the issue may, and people with the role write, maintain or admin (in a longer talk `/agent tell …` says which line is the answer).",
    isAboutTriage(state, asked.stage)
      ? `The issue is then sorted again with what you said. \`/agent restart --workflow ${workflowShown(state)}\` decides without an answer what kind of work it is; \`/agent stop\` ends the run.`
      : "What you say reaches every agent that works from here on. `/agent stop` ends the run.",
  );
}

/** Room for the frame around it, in characters. */
const FRAME = 1_000;

/**
 * A body that fits. The YAML is whole or not there, and then the comment says so; when both do not fit, rows of the table go first.
 * `write` is given the table and the YAML block.
 */
function fitted(
  plan: Plan,
  { neutral, redact }: PlanCommentOptions,
  write: (table: string, yaml: string | undefined) => string,
): string {
  const clean = redacted(plan, redact);
  const text = printPlan(clean);
  const yaml = Buffer.byteLength(text) > MAX_PLAN_BYTES ? undefined : yamlPart(text, text !== printPlan(plan));
  const all = plan.tasks.map((task) => row(task, neutral));
  for (const block of yaml === undefined ? [undefined] : [yaml, undefined]) {
    for (let rows = all.length; rows >= 0; rows -= 1) {
      // Fewer rows than this tell nothing that the YAML does not.
      if (block !== undefined && rows < Math.min(all.length, 3)) break;
      const body = write(taskTable(all, rows, block !== undefined), block);
      if (body.length <= MAX_BODY - FRAME) return body;
    }
  }
  return write(taskTable(all, 0, false), undefined).slice(0, MAX_BODY);
}

function yamlPart(yaml: string, hides: boolean): string {
  return folded(
    "The plan as YAML",
    stack(
      hides && "_Something in it looks like a secret and is left out here; an edit works the plan as it stands here._",
      planBlock(yaml),
    ),
  );
}

function redacted(plan: Plan, redact: Redact): Plan {
  const text = (value: string) => {
    const seen = visible(value);
    const clean = redact(seen);
    return clean === seen ? value : clean;
  };
  return {
    summary: text(plan.summary),
    tasks: plan.tasks.map(({ id, title, agent, instructions, needs, claims, acceptance }) => ({
      id,
      title: text(title),
      ...(agent === undefined ? {} : { agent: text(agent) }),
      instructions: text(instructions),
      needs: needs.map(text),
      claims: claims.map(text),
      acceptance: text(acceptance),
    })),
    risks: plan.risks.map(text),
    questions: plan.questions.map(text),
  };
}

function row({ id, title, needs, claims, acceptance }: Task, neutral: Neutral): string[] {
  const codes = (items: readonly string[]) => {
    const shown = items.slice(0, 8).map((item) => neutral.codeCell(item, 80));
    const left = items.length - shown.length;
    return shown.length === 0 ? "–" : `${shown.join(", ")}${left > 0 ? ` and ${left} more` : ""}`;
  };
  return [codes([id]), neutral.cell(title, 200), codes(needs), codes(claims), neutral.cell(acceptance, 300)];
}

function taskTable(all: readonly (readonly string[])[], rows: number, yaml: boolean): string {
  if (all.length === 0) return "**Tasks:** none.";
  const left = all.length - rows;
  return stack(
    rows > 0 && table(["Task", "What", "Needs", "Paths", "Done when"], all.slice(0, rows)),
    left > 0 && `_${count(left, "task")} more, too many for this table${yaml ? "; the YAML below has them all" : ""}._`,
  );
}

/** GitHub draws no more than 500 lines between nodes. */
const MAX_EDGES = 300;

/** The waves as Mermaid. Of the plan's own text only ids stand in it, which hold letters, digits and dashes. */
function drawn(tasks: readonly Task[], neutral: Neutral): string {
  const problems = taskProblems(tasks);
  if (problems.length > 0)
    return stack("**It cannot be worked as it is:**", bullets(problems.slice(0, 10).map((one) => neutral.line(one))));
  const found = waves(tasks);
  if (found.length === 0) return "";
  // A node called "end" would break the drawing, so nodes are numbered.
  const nodes = new Map(tasks.map(({ id }, index) => [id, `t${index}`]));
  const edges = tasks.flatMap(({ id, needs }) => needs.map((need) => `  ${nodes.get(need)} --> ${nodes.get(id)}`));
  const waveLines = found.flatMap((ids, index) => [
    `  subgraph w${index + 1}["wave ${index + 1}"]`,
    ...ids.map((id) => `    ${nodes.get(id)}["${id}"]`),
    "  end",
  ]);
  const lines = edges.length > MAX_EDGES ? [] : edges;
  return stack(
    `**${count(found.length, "wave")}**: the tasks of one are worked side by side, and the next begins when their work is merged.`,
    ["```mermaid", "flowchart LR", ...waveLines, ...lines, "```"].join("\n"),
    lines.length < edges.length && "_What needs what is left out of the drawing: it would be too dense._",
  );
}

function estimateLine({ workflow }: State, estimate: Estimate | undefined): string {
  const name = `\`${workflow?.name ?? ""}\``;
  if (!estimate)
    return `**Estimate:** no earlier runs of ${name} here, or too few that succeeded, so I cannot tell what it will cost or how long it will take.`;
  const [leastMoney, mostMoney] = estimate.microDollars.map(formatDollars);
  const [leastTime, mostTime] = estimate.milliseconds.map(duration);
  return `**Estimate**, from the last ${count(estimate.runs, "run")} of ${name} here that succeeded: half of them cost ${leastMoney} to ${mostMoney} and took ${leastTime} to ${mostTime} of work, from beginning to end. The others lay outside that.`;
}

function budgetLine(state: State, now: number): string {
  const { budget } = state;
  if (!budget) return "";
  const spent = used(state, now);
  return `**Budget:** ${formatDollars(budget.microDollars)}, ${duration(budget.milliseconds)} and ${count(budget.turns, "model turn")} for the whole run, of which ${formatDollars(microDollars(spent.microDollars))} and ${duration(spent.milliseconds)} are used. Time does not run while it waits for you.`;
}

function listed(title: string, items: readonly string[], neutral: Neutral): string {
  return items.length === 0 ? "" : stack(`**${title}:**`, bullets(items.map((item) => neutral.line(item))));
}

function whatCanBeSaid(editable: boolean): string {
  return stack(
    "**What you can say** (in a new comment, at the start of a line):",
    bullets([
      "`/agent approve` builds it as it is",
      "`/agent approve with: …` has your changes worked in, shows the plan again and goes on without asking",
      "`/agent reject: …` has another plan made, which is asked about again; `/agent reject` alone ends the run",
      ...(editable
        ? [
            "or edit the YAML below in this comment: saving it approves the plan as you wrote it. Mistakes are named, and change nothing",
          ]
        : []),
      "`/agent stop` ends the run",
    ]),
  );
}
