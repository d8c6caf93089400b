// "Can an agent do this?": read from what triage found, with the reason in words. Pure, and no more certain than triage itself.
import type { IssueType, Triage } from "../workflows/artifacts.ts";

/** `perhaps`: an agent may begin, and a person should look harder than usual. `not-yet`: something has to be said first. */
export interface AgentVerdict {
  readonly verdict: "yes" | "perhaps" | "not-yet" | "no";
  readonly why: string;
}

export interface VerdictMaterial {
  /** The workflow that the type is routed to; undefined when there is none. */
  readonly workflow: string | undefined;
  /** Below this confidence nothing is started: `triggers.threshold`. */
  readonly threshold: number;
}

const nothingToBuild: Partial<Record<IssueType, string>> = {
  duplicate: "it repeats another issue",
  invalid: "it is not a valid issue",
};

const articles: Readonly<Record<IssueType, string>> = {
  bug: "a bug",
  feature: "a feature",
  refactor: "a refactoring",
  docs: "about documentation",
  question: "a question",
  duplicate: "a duplicate",
  invalid: "not a valid issue",
};

/** A type as it stands behind "it is". */
export function withArticle(type: IssueType): string {
  return articles[type];
}

/** The first reason that speaks against it decides; what makes it a person's business comes before what is only unclear. */
export function agentVerdict(triage: Triage, { workflow, threshold }: VerdictMaterial): AgentVerdict {
  const { type, confidence, missing, size, securitySensitive, duplicateOf } = triage;
  const say = (verdict: AgentVerdict["verdict"], why: string): AgentVerdict => ({ verdict, why });
  const none = nothingToBuild[type];
  if (none !== undefined) return say("no", duplicateOf === undefined ? none : `it repeats #${duplicateOf}`);
  if (securitySensitive) return say("no", "it touches security; a person looks at it first");
  if (workflow === undefined) return say("no", `there is no workflow for what is ${withArticle(type)}`);
  if (size === "xl") return say("no", "it is several pull requests; somebody has to cut it up first");
  if (missing.length > 0)
    return say("not-yet", missing.length === 1 ? "an answer is missing" : `${missing.length} answers are missing`);
  if (confidence < threshold)
    return say("not-yet", `only ${Math.round(confidence * 100)} % sure that it is ${withArticle(type)}`);
  if (size === "l") return say("perhaps", "it holds a design decision");
  return say("yes", `${withArticle(type)}, ${sizes[size]}, and nothing is missing`);
}

const sizes: Readonly<Record<"xs" | "s" | "m", string>> = {
  xs: "a line or two",
  s: "one file",
  m: "a few files",
};
