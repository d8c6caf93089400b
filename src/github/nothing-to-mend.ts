// What is said of a run that found nothing to mend: its issue repeats another, what it reports is intended, or does not show.
import { NOT_A_BUG, NOT_REPRODUCED } from "../engine/event-words.ts";
import type { State } from "../engine/state.ts";
import { bullets, folded, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import type { Links } from "./progress.ts";

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

/** What is cited for there being no bug, as far as the gate found it: each line at the commit that was looked at. */
export function citedLines(state: State, { neutral, links }: { neutral: Neutral; links: Links }): string {
  const { repo } = state.created;
  const at = `${links.serverUrl}/${repo.owner}/${repo.name}/blob/${state.base.commit}`;
  const cited = [...state.stages.values()].flatMap(
    ({ current }) => current?.gates.flatMap((gate) => gate.cited ?? []) ?? [],
  );
  return bullets(
    cited.map(({ path, line, quote }) => {
      const place = neutral.code(`${path}:${line}`, 300);
      const encoded = path
        .toWellFormed()
        .split("/")
        .map(encodeURIComponent)
        .join("/")
        .replace(/[()]/g, (sign) => (sign === "(" ? "%28" : "%29"));
      // A local run's base is on no server.
      return `${repo.id === 0 ? place : `[${place}](${at}/${encoded}#L${line})`}: ${neutral.code(quote, 300)}`;
    }),
  );
}

/** What the reproducer says that it tried, in its own lines. */
export function notesOf({ finished }: State, neutral: Neutral, max: number): string {
  return neutral.prose(finished?.message ?? "", max);
}

/** The last commands of the reproducer that found nothing, folded; nothing for any other end. */
export function commandsRun({ finished, stages }: State, neutral: Neutral): string {
  if (finished?.code !== NOT_REPRODUCED && finished?.code !== NOT_A_BUG) return "";
  const ran = [...stages.values()].flatMap(({ current }) =>
    current?.artifact?.name === "Reproduction" ? current.commands : [],
  );
  if (ran.length === 0) return "";
  return folded(
    "The last commands that were run for it",
    stack(
      ...ran.map(({ command, ok, tail }) =>
        stack(
          `${neutral.code(command, 400)} ${ok ? "ended well" : "failed"}${tail === "" ? ", and printed nothing" : ":"}`,
          tail === "" ? "" : neutral.fence(tail, 600),
        ),
      ),
    ),
  );
}

function issueLink({ created: { subject } }: State, number: number): string {
  const home = /^(.+)\/(?:issues|pull)\/\d+$/.exec(subject.url)?.[1];
  return home === undefined ? `#${number}` : `[#${number}](${home}/issues/${number})`;
}
