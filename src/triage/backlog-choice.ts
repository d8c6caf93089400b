// Which of a repository's open issues are to be sorted, which are left out and why, and what is known of the others. Pure.
import { createHash } from "node:crypto";
import type { ListedIssue } from "../engine/github-port.ts";
import type { Backlog, Known, Outcome } from "./backlog.ts";

export interface ChoiceOptions {
  /** At most so many are sorted. */
  readonly limit: number;
  /** Only those without one of the labels in `typeLabels`. */
  readonly untyped: boolean;
  /** Labels that say a type, in lower case. */
  readonly typeLabels: ReadonlySet<string>;
  /** Labels by which Baton says that it has sorted an issue, works on it, or leaves it alone; in lower case. */
  readonly settledLabels: ReadonlySet<string>;
}

export interface Choice {
  /** To be sorted, in the order they were listed. */
  readonly chosen: readonly ListedIssue[];
  /** Of those, how many have no label that says a type. */
  readonly withoutType: number;
  /** Of those, how many an earlier batch did not work: they were not paid for. */
  readonly again: number;
  /** Would be sorted too, but for the limit. */
  readonly beyond: number;
  /** Sorted earlier. `changed`: the issue has another text, or more comments, since. */
  readonly sorted: readonly SortedIssue[];
  /** Paid for, without a usable answer. */
  readonly invalid: readonly { readonly issue: ListedIssue; readonly problem: string }[];
  /** Submitted, and not collected yet. */
  readonly underWay: readonly ListedIssue[];
  readonly leftOut: {
    readonly pulls: number;
    readonly locked: number;
    readonly triaged: number;
    readonly typed: number;
  };
}

export interface SortedIssue {
  readonly issue: ListedIssue;
  readonly known: Known;
  readonly outcome: Extract<Outcome, { type: "sorted" }>;
  readonly changed: boolean;
}

/** As many as are read: what is older changes nothing. */
const COMMENTS = 100;

/** Names the text of an issue, as far as a list tells it. */
export function textOf({ title, body, comments }: Pick<ListedIssue, "title" | "body" | "comments">): string {
  return createHash("sha256")
    .update(JSON.stringify([title, body, Math.min(comments, COMMENTS)]))
    .digest("hex")
    .slice(0, 32);
}

export function choose(listed: readonly ListedIssue[], { issues, underWay }: Backlog, options: ChoiceOptions): Choice {
  const { limit, untyped, typeLabels, settledLabels } = options;
  const waiting = new Set(underWay.flatMap(({ requests }) => requests.map(({ issue }) => issue)));
  const has = ({ labels }: ListedIssue, test: (label: string) => boolean) =>
    labels.some((label) => test(label.toLowerCase()));
  const isTyped = (issue: ListedIssue) => has(issue, (label) => typeLabels.has(label));
  const leftOut = { pulls: 0, locked: 0, triaged: 0, typed: 0 };
  const open: ListedIssue[] = [];
  const sorted: SortedIssue[] = [];
  const invalid: { issue: ListedIssue; problem: string }[] = [];
  const inBatches: ListedIssue[] = [];

  const sort = (issue: ListedIssue, known: Known | undefined): void => {
    if (waiting.has(issue.number)) inBatches.push(issue);
    else if (known?.outcome.type === "sorted")
      sorted.push({ issue, known, outcome: known.outcome, changed: known.text !== textOf(issue) });
    else if (known?.outcome.type === "invalid") invalid.push({ issue, problem: known.outcome.problem });
    else if (untyped && isTyped(issue)) leftOut.typed += 1;
    else open.push(issue);
  };
  for (const issue of listed) {
    if (issue.isPull) leftOut.pulls += 1;
    else if (has(issue, (label) => settledLabels.has(label))) leftOut.triaged += 1;
    else if (issue.locked) leftOut.locked += 1;
    else sort(issue, issues.get(issue.number));
  }
  const chosen = open.slice(0, limit);
  return {
    chosen,
    withoutType: chosen.filter((issue) => !isTyped(issue)).length,
    again: chosen.filter(({ number }) => issues.has(number)).length,
    beyond: open.length - chosen.length,
    sorted,
    invalid,
    underWay: inBatches,
    leftOut,
  };
}
