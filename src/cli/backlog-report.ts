// What a call has found and done about a backlog: as one object, which `--json` prints, and as lines for people.
import type { Spend } from "../engine/events.ts";
import { noTokens } from "../agents/prices.ts";
import { dollars, formatDollars } from "../core/ids.ts";
import type { Backlog, Outcome } from "../triage/backlog.ts";
import type { Choice } from "../triage/backlog-choice.ts";
import type { Collected } from "../triage/backlog-work.ts";
import { countOf } from "../triage/batch-search.ts";
import type { Estimate } from "../triage/estimate.ts";
import { trim } from "../triage/trim.ts";
import type { Desk } from "./backlog-desk.ts";
import { figuresOf } from "./story.ts";
import { grouped, judge, oneLine, spentOn, sumOf, tableOf, type SortedLine } from "./triage-view.ts";

export interface Listing {
  readonly choice: Choice;
  /** There are more open issues than were listed. */
  readonly more: boolean;
}

/** `id` names the answer it comes from. */
export type BacklogLine = SortedLine & { readonly id: string };

/** What was sorted, now or earlier, as it may be believed now. */
export async function linesOf(desk: Desk, { sorted }: Choice): Promise<BacklogLine[]> {
  const { config, labels } = desk;
  const lines: BacklogLine[] = [];
  for (const { issue, known, outcome, changed } of sorted) {
    const { number, title, body, url } = issue;
    const triage = trim(outcome.triage, { number, title, body, mentioned: known.mentioned, labels, config });
    lines.push({ id: known.id, number, title, url, triage, ...(await judge(triage, desk)), changed });
  }
  return lines;
}

interface Material extends Listing {
  readonly lines: readonly BacklogLine[];
  readonly model: string;
  readonly backlog: Backlog;
  readonly cost?: Estimate;
  /** What this call collected. */
  readonly collected?: readonly Collected[];
}

export type BacklogReport = ReturnType<typeof planOf>;

/** The whole of it, for programs. */
export function planOf({ repo }: Pick<Desk, "repo">, material: Material) {
  const { choice, more, lines, model, backlog, cost, collected = [] } = material;
  const spends = collected.flatMap(({ outcome }): Spend[] => ("spend" in outcome ? [outcome.spend] : []));
  const of = (type: Outcome["type"]) =>
    collected.filter(({ outcome }) => outcome.type === type).map(({ issue }) => issue);
  return {
    repo: `${repo.owner}/${repo.name}`,
    model,
    /** To be sorted by the next call that says --yes. */
    toSort: {
      issues: choice.chosen.map(({ number }) => number),
      withoutType: choice.withoutType,
      again: choice.again,
      beyondLimit: choice.beyond,
    },
    leftOut: choice.leftOut,
    notListed: more,
    estimate: cost && { ...figuresOf({ ...noTokens, ...cost }), how: cost.how },
    underWay: backlog.underWay.map(({ id, intendedAt, requests }) => ({
      batch: id,
      since: new Date(intendedAt).toISOString(),
      issues: requests.length,
    })),
    collected: {
      sorted: of("sorted").length,
      invalid: of("invalid"),
      errored: of("errored"),
      expired: of("expired"),
      canceled: of("canceled"),
      lost: of("lost"),
      problems: [
        ...new Set(collected.flatMap(({ outcome: one }) => (one.type === "errored" ? [one.problem] : []))),
      ].slice(0, 5),
    },
    spent: sumOf(spends),
    sorted: lines,
    invalid: choice.invalid.map(({ issue: { number, title, url }, problem }) => ({ number, title, url, problem })),
  };
}

/** What `--yes` would do, in words. */
export function planText(report: BacklogReport, label: boolean): string[] {
  const { repo, toSort, estimate, underWay, sorted, model } = report;
  const labels = label && sorted.length + toSort.issues.length > 0;
  const command = `baton triage ${repo} --all --yes${label ? " --label" : ""}`;
  const waiting = underWay.reduce((sum, { issues }) => sum + issues, 0);
  const lines = [...overview(report)];
  if (underWay.length > 0)
    lines.push(
      `${countOf(waiting)} ${waiting === 1 ? "is" : "are"} under way since ${underWay[0]?.since ?? ""}: \`${command}\` waits for them, at no further cost, and submits nothing else.`,
    );
  if (toSort.issues.length > 0 && estimate)
    lines.push(
      `Sorting ${countOf(toSort.issues.length)} with ${model} costs about ${formatDollars(dollars(estimate.dollars))}: ${grouped(estimate.tokens.input)} tokens in, ${grouped(estimate.tokens.output)} out.`,
      `  Estimated from ${estimate.how}.`,
    );
  if (labels && sorted.length > 0)
    lines.push(`With --yes, labels would be set on ${countOf(sorted.length)}; --json shows which.`);
  lines.push(...tableIn(report));
  lines.push(
    `Nothing was sent.${(labels || toSort.issues.length > 0) && underWay.length === 0 ? ` \`${command}\` does it.` : ""}`,
  );
  return lines;
}

/** What was done, in words. */
export function resultText(report: BacklogReport): string[] {
  const { repo, toSort, collected, sorted, spent } = report;
  const lines = [...overview(report), ...tableIn(report)];
  const not = [
    ...named(collected.errored, "errored"),
    ...named(collected.expired, "expired"),
    ...named(collected.canceled, "was canceled", "were canceled"),
  ];
  if (not.length > 0)
    lines.push(
      `Of those submitted, ${not.join(", ")}, and cost nothing${collected.problems.length === 0 ? "" : `: ${collected.problems.map((text) => oneLine(text, 200)).join("; ")}`}. The next call offers them again.`,
    );
  const [lost] = named(collected.lost, "result", "results");
  if (lost !== undefined)
    lines.push(
      `${lost} came too late: the API keeps them for 29 days. They were paid for; the next call offers the issues again.`,
    );
  const set = sorted.filter(({ labelled }) => labelled === "set").length;
  if (sorted.some(({ labelled }) => labelled !== undefined)) lines.push(`Labels were set on ${countOf(set)}.`);
  if (spent.replies > 0) lines.push(spentOn(spent, "in batches"));
  if (toSort.issues.length > 0)
    lines.push(`${countOf(toSort.issues.length)} to sort: \`baton triage ${repo} --all\` says what that costs.`);
  return lines;
}

/** So many issues are named; of more it is only said how many. */
const NAMED = 20;

function named(issues: readonly number[], one: string, many = one): string[] {
  const more = issues.length > NAMED ? " …" : "";
  const names = issues.slice(0, NAMED).map((number) => `#${number}`);
  return counted(issues.length, one, many).map((text) => `${text} (${names.join(", ")}${more})`);
}

function counted(count: number, one: string, many = one): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
}

function overview({ repo, toSort, leftOut, notListed, invalid }: BacklogReport): string[] {
  const { issues, withoutType, again, beyondLimit } = toSort;
  const out = [
    ...counted(leftOut.pulls, "pull request", "pull requests"),
    ...counted(leftOut.locked, "locked"),
    ...counted(leftOut.triaged, "that Baton has sorted or works on (agent/…)"),
    ...counted(leftOut.typed, "with a label that says the type"),
  ];
  const about = [
    ...counted(withoutType, "without a label that says the type"),
    ...counted(again, "submitted before without a result"),
  ];
  return [
    `${repo}: ${countOf(issues.length)} to sort${about.length === 0 ? "" : ` (${about.join(", ")})`}.`,
    ...(out.length === 0 ? [] : [`Left out: ${out.join(", ")}.`]),
    ...(beyondLimit === 0 ? [] : [`${countOf(beyondLimit)} more, beyond the limit, are left for later.`]),
    ...(notListed ? ["The repository has more open issues than are listed; call again when these are labelled."] : []),
    ...(invalid.length === 0
      ? []
      : [
          `No usable answer, though paid for: ${invalid
            .slice(0, NAMED)
            .map(({ number, problem }) => `#${number} (${oneLine(problem, 120)})`)
            .join(
              ", ",
            )}${invalid.length > NAMED ? ` and ${invalid.length - NAMED} more` : ""}. One by one they can be asked again: \`baton triage ${repo}#${invalid[0]?.number ?? 0}\`.`,
        ]),
  ];
}

function tableIn({ repo, sorted }: BacklogReport): string[] {
  if (sorted.length === 0) return [];
  const changed = sorted.find((line) => line.changed);
  return [
    "",
    tableOf(sorted),
    ...(changed ? [`* changed since; \`baton triage ${repo}#${changed.number}\` sorts it anew.`] : []),
    "",
  ];
}
