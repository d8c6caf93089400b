// What a model says about an issue, trimmed to what can be true: existing labels, an issue number that somebody wrote, two different types.
import type { IssueType, Triage } from "../workflows/artifacts.ts";
import { guess } from "./heuristics.ts";
import { chooseLabels } from "./labels.ts";
import type { Issue } from "./prompt.ts";

/** The triage as it may be believed. Pure. */
export function trim(issue: Pick<Issue, "subject" | "input" | "labels" | "config">, triage: Triage): Triage {
  const { duplicateOf, ...rest } = triage;
  const known = duplicateOf !== undefined && duplicateOf !== issue.subject.number && mentions(issue, duplicateOf);
  const guessed = guess(issue.input);
  const others: IssueType[] = [triage.runnerUp, guessed.type, guessed.runnerUp, "question", "bug"];
  return {
    ...rest,
    ...(known ? { duplicateOf } : {}),
    runnerUp: others.find((type) => type !== triage.type) ?? "bug",
    labels: chooseLabels(triage, issue.labels, issue.config.labels),
  };
}

/** True when somebody wrote the number as an issue's: #12, or the end of an address. */
function mentions({ input }: Pick<Issue, "input">, number: number): boolean {
  const texts = [input.title, input.body, ...input.comments.map(({ body }) => body)];
  const written = new RegExp(`(?:#|/(?:issues|pull)/)${number}(?!\\d)`);
  return texts.some((text) => written.test(text));
}
