// Which keys of a stage go together: a fan-out, a wait for people, an agent and what may be said of its attempts.
import { checkAlone, ofAgents, type Around } from "./around.ts";
import { carriesCommit } from "./artifacts.ts";
import { askedOf, checkExpression } from "./expression-check.ts";
import { parseExpression } from "./expression.ts";
import { checkMediation } from "./mediation.ts";
import type { Stage } from "./schema.ts";
import { quote } from "./source-file.ts";

/** Problems of one condition that are told. */
const MAX_PROBLEMS = 5;
/** Artifacts that a run has one of. */
const single: readonly Stage["makes"][] = ["Triage", "Reproduction", "Plan", "Setup", "Lessons", "Remarks"];

/** Whether commits come of a stage. */
export function leavesCommit(stage: Stage | undefined): boolean {
  return stage?.writes !== undefined || (stage?.makes !== undefined && carriesCommit(stage.makes));
}

/** Checks the keys of one stage that opens no pull request. */
export function checkKeys(around: Around): void {
  const { stage, say } = around;
  checkCondition(around, "when");
  checkCondition(around, "until");
  if (stage.wait !== undefined) return checkWait(around, stage.wait);
  if (stage.collects !== undefined) return checkCollects(around);
  checkWrites(around);
  checkMediation(around);
  if (stage.pick !== undefined) return;
  if (stage.agent === undefined)
    for (const key of ofAgents)
      if (stage[key] !== undefined) say([key], `has ${key}, but no agent — add agent:, or take ${key} out`);
  if (stage.until !== undefined && stage.otherwise === undefined)
    say(
      ["until"],
      "has until, which may not hold, and does not say what happens then — add otherwise: { again: 1, ending: needs-a-person }",
    );
  checkFanOut(around);
  checkPassingOver(around);
}

/** A condition is over what is handed in before it; `until` also over what the stage itself hands in. */
export function checkCondition({ name, stage, before, stageCalled, say }: Around, key: "when" | "until"): void {
  const text = stage[key];
  if (text === undefined) return;
  const parsed = parseExpression(text);
  const asked = new Map(
    [...before, ...(key === "until" ? [name] : [])].map((one) => {
      const found = stageCalled(one);
      return [one, found && askedOf(found)];
    }),
  );
  const problems = parsed.type === "ok" ? checkExpression(parsed.expression, asked) : parsed.problems;
  for (const { offset, message } of problems.slice(0, MAX_PROBLEMS)) say([key], `has ${key}: ${message}`, offset);
}

function checkWait(around: Around, wait: string): void {
  const { stage, before, beforeOf, stageCalled, say } = around;
  checkAlone(around, "wait");
  const planners = [...before].filter((name) => makesPlan(stageCalled, name));
  if (planners.length === 0)
    say(["wait"], `waits for ${wait} of a plan, but no stage before it makes a Plan — add one, or take wait out`);
  if (wait !== "approval") return;
  // The nearest is asked about. Where it is passed over nobody is asked, and what comes behind would be worked all the same.
  for (const name of planners.filter((one) => !planners.some((other) => beforeOf(other).has(one)))) {
    for (const how of mayBePassedOver(stageCalled(name), stage.when))
      say(["wait"], `waits for approval of the plan of ${quote(name)}, ${how("nobody would be asked")}`);
  }
}

/** The ways in which a stage is passed over although one with this `when`, which stands on it, is not: each told with what would come of that. */
function mayBePassedOver(stage: Stage | undefined, thanWhen: string | undefined): ((then: string) => string)[] {
  const { on_failure = "stop", when } = stage ?? {};
  const ways = [];
  if (on_failure !== "stop")
    ways.push(
      (then: string) =>
        `which is passed over when it fails (on_failure: ${on_failure}): then ${then} — take on_failure out there`,
    );
  if (when !== undefined && when !== thanWhen)
    ways.push(
      (then: string) =>
        `which has when: passed over, ${then} — take it out there, or give this stage the very same when`,
    );
  return ways;
}

function checkCollects(around: Around): void {
  checkAlone(around, "collects");
  const { stage, before, stageCalled, say } = around;
  if ([...before].some((name) => stageCalled(name)?.collects !== undefined))
    say(["collects"], `collects ${stage.collects}, which a stage before it does already — keep one`);
}

/** What the files of each kind are made of. */
const written = {
  setup: {
    of: "Setup",
    shows: ({ gates }: Stage) => gates.includes("tried"),
    else: "that nobody has tried — add gates: [tried] to the stage that makes the Setup",
  },
  lessons: {
    of: "Lessons",
    shows: ({ collects }: Stage) => collects === "hindsight",
    else: "that nothing shows — add a stage with collects: hindsight before the one that makes the Lessons",
  },
} as const;

/** What Baton writes was handed in before, with what it is judged by, and nobody else works in that stage. */
function checkWrites({ stage, before, others, stageCalled, say }: Around): void {
  const { writes } = stage;
  if (writes === undefined) return;
  const { of, shows, else: lacking } = written[writes];
  const what = writes === "setup" ? "a setup" : writes;
  for (const key of ["agent", "makes"] as const)
    if (stage[key] !== undefined) say([key], `writes ${what}, which no agent does — move ${key} to a stage before it`);
  const earlier = [...before].flatMap((name) => {
    const found = stageCalled(name);
    return found ? [{ name, found }] : [];
  });
  const makers = earlier.filter(({ found }) => found.makes === of);
  const showing = earlier.filter(({ found }) => shows(found));
  if (makers.length === 0)
    say(["writes"], `writes ${what}, but no stage before it makes ${article(of)} — add one, or take writes out`);
  if (showing.length === 0) say(["writes"], `writes ${what} ${lacking}`);
  // One of a kind that is always there is enough.
  const passed = [makers, showing].flatMap((kind) => {
    const ways = kind.map(({ name, found }) =>
      mayBePassedOver(found, stage.when).map((how) => `${quote(name)}, ${how("there would be nothing to write")}`),
    );
    return ways.some(({ length }) => length === 0) ? [] : ways.flat();
  });
  for (const way of new Set(passed)) say(["writes"], `writes ${what}, which stands on ${way}`);
  const another = others.find(({ stage: other }) =>
    Object.values(written).some((kind) => kind.of !== of && kind.of === other?.makes),
  );
  if (another?.stage?.makes)
    say(
      ["writes"],
      `writes ${what}, and ${quote(another.name)} makes ${another.stage.makes}, which are another proposal — keep one, and make a workflow of the other`,
    );
  const beside = others.find((other) => leavesCommit(other.stage));
  if (beside)
    say(
      ["writes"],
      `writes ${what}, which is all that its pull request may hold, and ${quote(beside.name)} leaves a commit too — keep one, and make a workflow of the other`,
    );
}

function article(name: string): string {
  return name.endsWith("s") ? name : `a ${name}`;
}

function checkFanOut({ stage, before, stageCalled, say }: Around): void {
  const { for_each, makes, merge, parallel } = stage;
  if (for_each === undefined) {
    if (merge !== undefined) say(["merge"], "has merge, but is no fan-out — add for_each:, or take merge out");
    if (parallel !== undefined)
      say(["parallel"], "has parallel, but is no fan-out — add for_each:, or take parallel out");
    return;
  }
  if (typeof for_each === "string") {
    const planner = for_each.replace(/\.tasks$/, "");
    if (!before.has(planner))
      say(
        ["for_each"],
        `works the tasks of ${quote(planner)}, which it does not come after — name a stage that it needs`,
      );
    else if (!makesPlan(stageCalled, planner))
      say(["for_each"], `works the tasks of ${quote(planner)}, which makes no Plan — name a stage that makes one`);
  } else
    for_each.forEach((name, index) => {
      if (for_each.indexOf(name) !== index) say(["for_each", index], `works ${quote(name)} twice — keep one`);
    });
  if (makes !== undefined && single.includes(makes))
    say(
      ["makes"],
      `is a fan-out that makes ${article(makes)} for each task; a run has one — make it in a stage of its own`,
    );
  const commits = makes !== undefined && carriesCommit(makes);
  if (commits && merge === undefined)
    say(
      ["for_each"],
      "leaves commits side by side, and does not say who mends what git cannot merge — add merge: integrator",
    );
  if (!commits && merge !== undefined && makes !== undefined)
    say(["merge"], `has merge, but a ${makes} carries no commit to be merged — take merge out`);
}

function makesPlan(stageCalled: Around["stageCalled"], name: string): boolean {
  return stageCalled(name)?.makes === "Plan";
}

/** A gate that may be passed over proves nothing, unless what it is to prove is passed over with it. */
function checkPassingOver({ stage: { gates, when, on_failure = "stop" }, opening, say }: Around): void {
  if (gates.length === 0) return;
  if (on_failure !== "stop")
    say(
      ["on_failure"],
      `has gates, and would go on without them — take on_failure out, or move the gates to another stage`,
    );
  const always = gates.find((gate) => gate === "scope" || gate === "integrity");
  if (when !== undefined && always !== undefined && opening?.when !== when)
    say(
      ["when"],
      `has the gate ${quote(always)}, which every change must pass — move it to a stage without when, or give the stage that opens the pull request the very same when`,
    );
}
