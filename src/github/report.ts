// What a run reports that opens no pull request, or beside one: an answer, or findings with a box each. Pure.
import { findingLabel, findingsOf } from "../engine/findings.ts";
import { lastStage, type State } from "../engine/state.ts";
import type { Artifact, Findings, Report } from "../workflows/artifacts.ts";
import { folded, labelled, stack } from "./markdown.ts";
import { nothingLearned } from "./lessons-part.ts";
import { nothingToPropose } from "./setup-part.ts";
import type { Neutral } from "./neutral.ts";

/** A report that does not fit is cut here; GitHub refuses bodies above 65,536 characters. */
const MAX_REPORT = 50_000;

/** The report of a run as Markdown, or undefined when it made none: of its last stage, or beside a pull request of a stage right before. */
export function renderReport(state: State, neutral: Neutral): string | undefined {
  const nothing = nothingToPropose(state, neutral) ?? nothingLearned(state, neutral);
  if (nothing !== undefined) return nothing;
  const findings = findingsOf(state);
  if (findings) return fitting(findingBlocks(findings, neutral));
  const artifact = reportOf(state);
  return artifact?.name === "Report" || artifact?.name === "Conclusion"
    ? fitting(reportBlocks(artifact.value, neutral))
    : undefined;
}

function reportOf(state: State): Artifact | undefined {
  const last = lastStage(state) ?? "";
  if (!state.pullRequest) return state.stages.get(last)?.current?.artifact;
  const before = (state.workflow?.stages[last]?.needs ?? []).map((name) => state.stages.get(name)?.current?.artifact);
  // What a change comes to is said in the pull request.
  return before.find(
    (made) => made?.name === "Report" || (made?.name === "Conclusion" && made.value.sections.length > 0),
  );
}

function reportBlocks({ summary, sections }: Pick<Report, "summary" | "sections">, neutral: Neutral): string[] {
  return [
    neutral.prose(summary, 4_000),
    ...sections.map(({ title, body }) => stack(`#### ${neutral.line(title, 200)}`, neutral.prose(body, 8_000))),
  ];
}

function findingBlocks({ summary, findings }: Findings, neutral: Neutral): string[] {
  if (findings.length === 0) return [neutral.prose(summary, 4_000), "Nothing was found."];
  return [
    neutral.prose(summary, 4_000),
    `**${findings.length === 1 ? "1 finding" : `${findings.length} findings`}**, the weightiest first. A tick makes an issue of one.`,
    ...findings.map(({ title, severity, area, path, line, detail, mend }, index) => {
      const place = path === undefined ? "" : ` · ${neutral.code(line === undefined ? path : `${path}:${line}`, 200)}`;
      return stack(
        `- [ ] ${findingLabel(index + 1)} ${neutral.line(title, 200)} · ${severity} · ${neutral.line(area, 60)}${place}`,
        indented(
          folded("Details", stack(neutral.prose(detail, 2_000), labelled("**Mend:**", neutral.prose(mend, 1_000)))),
        ),
      );
    }),
  ];
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");
}

/** Whole blocks, as many as fit, and how many do not. */
function fitting(blocks: readonly string[]): string {
  const kept: string[] = [];
  let size = 0;
  for (const block of blocks) {
    size += block.length + 2;
    if (size > MAX_REPORT) break;
    kept.push(block);
  }
  const left = blocks.length - kept.length;
  return stack(...kept, left > 0 && `_${left} more parts do not fit into a comment; the whole is in the run's log._`);
}
