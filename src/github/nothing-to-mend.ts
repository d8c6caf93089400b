// What is said of a run that found nothing to mend: its issue repeats another.
import type { State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";

/** The number of the issue that a run's issue repeats, where that ended it. */
export function duplicateOf({ routed, finished }: State): number | undefined {
  return finished && routed?.decision.kind === "stop" ? routed.decision.duplicateOf : undefined;
}

/** That issue, as a link: GitHub takes the bare words for a mark that only people set. */
export function repeatedLink(state: State): string {
  return issueLink(state, duplicateOf(state) ?? 0);
}

/** "of [#41](…)" behind the type of a triage that names another issue; nothing for any other. */
export function repeatedPart(state: State): string {
  const { type, duplicateOf: number } = state.routed?.triage ?? {};
  return type === "duplicate" && number !== undefined ? ` of ${issueLink(state, number)}` : "";
}

/** Why it is said to repeat that issue: the words of this one, or what triage made of it. */
export function duplicateWhy({ routed }: State, neutral: Neutral): string {
  const { evidence = [], summary = "" } = routed?.triage ?? {};
  const quotes = evidence.slice(0, 3).map((quote) => `“${neutral.line(quote, 200)}”`);
  return quotes.length > 0 ? `the issue says ${quotes.join(", ")}.` : neutral.line(summary, 500);
}

function issueLink({ created: { subject } }: State, number: number): string {
  const home = /^(.+)\/(?:issues|pull)\/\d+$/.exec(subject.url)?.[1];
  return home === undefined ? `#${number}` : `[#${number}](${home}/issues/${number})`;
}
