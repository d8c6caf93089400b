// What a review of Baton's says: the whole above, and each remark on its line or with its file. Pure.
import type { Placed, Remark } from "../engine/placed-remarks.ts";
import type { PulledAt } from "../engine/review-events.ts";
import type { State } from "../engine/state.ts";
import type { Remarks } from "../workflows/remarks.ts";
import type { FileChange } from "../workspace/file-change.ts";
import { bullets, count, labelled, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { missingPart } from "./plan-outcome.ts";

/** What was looked through, and what came of it. */
export interface Looked {
  readonly pull: PulledAt;
  readonly remarks: Remarks;
  readonly changes: readonly FileChange[];
}

/** A remark as it stands on its line. */
export function renderRemark({ severity, message, evidence }: Remark, neutral: Neutral): string {
  return stack(
    `**${severity}**`,
    neutral.prose(message, 1_500),
    labelled("**How it is known:**", neutral.prose(evidence, 1_500)),
  );
}

/** The text of the review. `now`: where the pull request stands by then. */
export function renderReview(
  state: State,
  { pull, remarks, changes, at, now }: Looked & { readonly at: Placed; readonly now: string },
  neutral: Neutral,
): string {
  const asker = state.created.request.by;
  const lines = changes.reduce((sum, { added, removed }) => sum + added + removed, 0);
  const from = pull.fork ? ", from a fork" : "";
  const moved =
    now === pull.head
      ? ""
      : `The pull request has moved on to \`${now.slice(0, 10)}\` since; this is about what it was.`;
  const whole = at.onFiles.map((remark) =>
    stack(
      `**${neutral.code(remark.line === undefined ? remark.path : `${remark.path}:${remark.line}`, 300)}**`,
      renderRemark(remark, neutral),
    ),
  );
  return stack(
    `### Review by agents, asked for by ${neutral.code(asker.login, 60)}`,
    `Looked at: \`${pull.head.slice(0, 10)}\` as it is to go into ${neutral.code(pull.into, 100)}${from}: ${count(changes.length, "file")}, ${count(lines, "changed line")}. ${moved}`.trimEnd(),
    neutral.prose(remarks.summary, 3_000),
    `**${counted(at)}**`,
    missingPart(state, neutral),
    whole.length > 0 && stack("#### On files as a whole, and on lines that the diff does not show", ...whole),
    list("**What was looked at**", remarks.lookedAt, neutral),
    list("**What was not**", remarks.notLookedAt, neutral),
    at.leftOut.length > 0 &&
      `${count(at.leftOut.length, "remark")} about files that the pull request does not change ${at.leftOut.length === 1 ? "is" : "are"} left out.`,
    `_Agents say this; no person has checked it, and Baton has run no check of its own. Baton comments: it neither approves nor asks for changes, and has changed nothing. Run \`${state.runId}\`._`,
  );
}

function counted({ onLines, onFiles }: Placed): string {
  const all = [...onLines, ...onFiles];
  if (all.length === 0) return "No remarks.";
  const each = (["critical", "major", "minor", "info"] as const).flatMap((severity) => {
    const number = all.filter((remark) => remark.severity === severity).length;
    return number === 0 ? [] : [`${number} ${severity}`];
  });
  const where = onLines.length === 0 ? "" : `, ${onLines.length === all.length ? "each" : onLines.length} on its line`;
  return `${count(all.length, "remark")}: ${each.join(", ")}${where}.`;
}

function list(label: string, items: readonly string[], neutral: Neutral): string | false {
  return items.length > 0 && labelled(label, bullets(items.map((item) => neutral.line(item, 300))));
}
