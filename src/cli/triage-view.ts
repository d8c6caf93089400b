// What triage found, as people read it in a terminal and programs in JSON.
import { addTokens, noTokens } from "../agents/prices.ts";
import { dollars, formatDollars } from "../core/ids.ts";
import type { Spend } from "../engine/events.ts";
import { workflowFor } from "../engine/route.ts";
import { triageLabels } from "../github/labels.ts";
import { visible } from "../github/neutral.ts";
import { agentVerdict, type AgentVerdict } from "../triage/agent-verdict.ts";
import type { Triage } from "../workflows/artifacts.ts";
import type { Library } from "../workflows/load.ts";
import type { RepoConfig } from "../workflows/repo-config.ts";
import { figuresOf } from "./story.ts";
import { layOut } from "./table.ts";

/** An issue that was sorted, with what follows from it. */
export interface SortedLine {
  readonly number: number;
  readonly title: string;
  readonly url: string;
  readonly triage: Triage;
  readonly agent: AgentVerdict;
  /** Labels that `--label` sets besides the one that says that Baton has sorted the issue. */
  readonly labels: readonly string[];
  /** It has another text, or more comments, than when it was sorted. */
  readonly changed: boolean;
  readonly labelled?: "set" | "was-set" | "gone" | "failed" | undefined;
}

/** What a repository makes of a triage: which labels, and whether an agent can do it. */
export async function judge(
  triage: Triage,
  { config, labels, library }: { config: RepoConfig; labels: readonly string[]; library: Pick<Library, "workflows"> },
): Promise<Pick<SortedLine, "agent" | "labels">> {
  const name = workflowFor({ config }, triage);
  const workflow = name === undefined ? undefined : (await library.workflows.load(name))?.name;
  return {
    agent: agentVerdict(triage, { workflow, threshold: config.triggers.threshold }),
    labels: triageLabels({ config, labels: [...labels] }, triage),
  };
}

/** A table of what was sorted. */
export function tableOf(lines: readonly SortedLine[]): string {
  return layOut(
    ["ISSUE", "TITLE", "TYPE", "SURE", "SIZE", "SEVERITY", "ASKS", "CAN AN AGENT DO THIS?"],
    lines.map(({ number, title, triage, agent, changed }) => [
      number > 0 ? `#${number}${changed ? "*" : ""}` : "–",
      oneLine(title, 50),
      triage.type,
      `${Math.round(triage.confidence * 100)} %`,
      triage.size,
      triage.severity,
      triage.missing.length === 0 ? "–" : String(triage.missing.length),
      `${words[agent.verdict]}: ${agent.why}`,
    ]),
  );
}

const words: Readonly<Record<AgentVerdict["verdict"], string>> = {
  yes: "yes",
  perhaps: "perhaps",
  "not-yet": "not yet",
  no: "no",
};

/** All of one triage, below its line of the table. */
export function detailsOf({ triage, labels }: SortedLine, why: string): string[] {
  const list = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [`${title}:`, ...items.map((item) => `  ${oneLine(item, 500)}`)];
  return [
    oneLine(why, 1_000),
    ...list("Questions without whose answers nobody could start", triage.missing),
    ...list(
      "Quotes",
      triage.evidence.map((quote) => `“${quote}”`),
    ),
    ...(triage.areas.length === 0 ? [] : [`Areas: ${oneLine(triage.areas.join(", "), 500)}`]),
    ...(labels.length === 0 ? [] : [`Labels: ${oneLine(labels.join(", "), 500)}`]),
  ];
}

/** What was spent, in one line. */
export function spentOn(sum: ReturnType<typeof sumOf>, where: "in batches" | "alone"): string {
  const half = where === "in batches" ? " at the price of batches, which is half" : "";
  const { input, output, cacheRead, cacheWrite } = sum.tokens;
  return `${sum.replies} ${sum.replies === 1 ? "reply" : "replies"}: ${grouped(input)} tokens in, ${grouped(cacheRead)} read from the cache, ${grouped(cacheWrite)} written to it, ${grouped(output)} out; ${formatDollars(dollars(sum.dollars))}${half}.`;
}

/** The same as figures. */
export function sumOf(spends: readonly Spend[]) {
  const microDollars = spends.reduce((sum, { microDollars: one }) => sum + one, 0);
  return { replies: spends.length, ...figuresOf({ ...spends.reduce(addTokens, noTokens), microDollars }) };
}

/** 1234567 as "1,234,567". */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** Text from outside in one harmless line. */
export function oneLine(text: string, max: number): string {
  const line = visible(text).replaceAll(/\s+/g, " ").trim();
  return line.length > max ? `${line.slice(0, max - 1).toWellFormed()}…` : line;
}
