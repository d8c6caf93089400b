// A finding as an issue of its own, and its line in the report once it is one. Pure.
import { findingLabel, type Finding } from "../engine/findings.ts";
import type { State } from "../engine/state.ts";
import { labelled, marker, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";

/** Names a finding for ever: a run that is retried ends again, and finds other things under the same numbers. */
export function findingName({ runId, finished }: Pick<State, "runId" | "finished">, number: number): string {
  return `${runId}:${finished?.at ?? 0}:${number}`;
}

/** The hidden first line by which the issue is found again. */
export function findingMarker(state: Pick<State, "runId" | "finished">, number: number): string {
  return marker("finding", findingName(state, number));
}

/** Title and text of the issue. */
export function renderFinding(
  state: State,
  number: number,
  { title, severity, area, path, line, detail, mend }: Finding,
  neutral: Neutral,
): { title: string; body: string } {
  const { repo, subject, base } = state.created;
  const place = path === undefined ? "" : ` · ${neutral.code(line === undefined ? path : `${path}:${line}`, 200)}`;
  return {
    title: neutral.plain(title, 200),
    body: stack(
      findingMarker(state, number),
      `${severity} · ${neutral.line(area, 60)}${place} · at commit \`${base.commit.slice(0, 10)}\``,
      neutral.prose(detail, 2_000),
      labelled("**Mend:**", neutral.prose(mend, 1_000)),
      `_Found by an agent in the audit of #${subject.number} of ${neutral.code(`${repo.owner}/${repo.name}`, 200)}; a person ticked it. Nobody has checked it yet._`,
    ),
  };
}

/** The report with the issue named behind its finding. */
export function withIssue(report: string, number: number, issue: number): string {
  const line = new RegExp(`^(- \\[[xX]\\] ${findingLabel(number).replaceAll("*", "\\*")} .*?)(?: → #\\d+)?$`, "m");
  return report.replace(line, (_, text: string) => `${text} → #${issue}`);
}
