// What people read of proposed lessons: each instruction with what it was learned from and why, and what was left out. Pure.
import { lessonsOf } from "../engine/hindsight.ts";
import { writtenIn } from "../engine/proposal.ts";
import type { State } from "../engine/state.ts";
import { citedAs, type Hindsight } from "../workflows/hindsight.ts";
import { takenLessons } from "../workflows/lessons-file.ts";
import { bullets, count, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { leftOutPart } from "./setup-part.ts";
import { hadNothingToPropose } from "./stages.ts";

/** What the pull request of lessons says first; "" for any other. */
export function lessonsPart(state: State, neutral: Neutral): string {
  const lessons = lessonsOf(state);
  const written = writtenIn(state);
  if (!lessons || !written) return "";
  const [change] = written.changes;
  const blocks = takenLessons(lessons.value, written.leftOut).map(({ what, applies, instruction, evidence }, index) =>
    stack(
      `#### ${index + 1}. ${neutral.line(instruction, 500)}`,
      bullets([
        `For ${neutral.line(applies, 250)}`,
        `**Why**, as the agent tells it: ${neutral.line(what, 500)}`,
        `**Learned from**: ${[...new Set(evidence)].map((source) => sourceText(source, lessons.hindsight, neutral)).join("; ")}`,
      ]),
    ),
  );
  return stack(
    `**This proposes instructions that every agent in this repository would read**, in ${neutral.code(change?.path ?? "", 200)}. Merged, they hold for every run from then on; closed, nothing changes. Edit or delete lines here first, as you like.`,
    "### Lessons",
    ...blocks,
    leftOutPart(written.leftOut, neutral),
  );
}

/** One sentence for the comment that names the pull request. */
export function lessonsSentence(state: State): string {
  const lessons = lessonsOf(state);
  const written = writtenIn(state);
  if (!lessons || !written) return "";
  const taken = takenLessons(lessons.value, written.leftOut).length;
  return `It proposes ${count(taken, "lesson")}, each with what it was learned from. Agents go by them once it is merged, and not before.`;
}

/** What is said where there is nothing to learn; undefined for every other end. */
export function nothingLearned(state: State, neutral: Neutral): string | undefined {
  if (!state.finished || !hadNothingToPropose(state)) return undefined;
  const lessons = lessonsOf(state);
  if (!lessons) return neutral.line(state.finished.message, 1_500);
  const { pulls, runs } = lessons.hindsight;
  return stack(
    `I looked at ${count(pulls.length, "closed pull request")} and ${count(runs.length, "run")} that came to nothing, and propose no lesson. ${neutral.line(state.finished.message, 1_500)}`,
    `As the agent tells it: ${neutral.line(lessons.value.summary, 1_500)}`,
  );
}

function sourceText(source: string, hindsight: Hindsight, neutral: Neutral): string {
  const { pulls, runs } = hindsight;
  const pull = pulls.find(({ number }) => `#${number}` === source);
  if (pull) return `${source} (${pull.outcome === "merged" ? "merged" : "closed without being merged"})`;
  const run = runs.find((one) => one.run === source);
  if (!run) return neutral.code(source, 60);
  const cited = citedAs(source, hindsight);
  return `${cited === source ? neutral.code(source, 60) : cited} (${endWords[run.outcome] ?? neutral.line(run.outcome, 60)})`;
}

/** What became of the issue in a run that came to nothing. */
const endWords: Readonly<Record<string, string>> = {
  "could-not-reproduce": "could not be reproduced",
  "needs-a-decision": "needed a person's decision",
  "timed-out": "its run ran out of time",
  "out-of-budget": "its run ran out of budget",
  failed: "its run failed",
};
