// What a model says about an issue, trimmed to what can be true: existing labels, an issue number that somebody wrote, two different types.
import type { PinnedInput } from "../engine/events.ts";
import type { IssueType, Triage } from "../workflows/artifacts.ts";
import type { RepoConfig } from "../workflows/repo-config.ts";
import { guess, type IssueText } from "./heuristics.ts";
import { chooseLabels } from "./labels.ts";

export interface TrimMaterial extends IssueText {
  readonly number: number;
  /** Issue numbers that somebody wrote there. */
  readonly mentioned: readonly number[];
  /** Labels the repository has. */
  readonly labels: readonly string[];
  readonly config: Pick<RepoConfig, "labels">;
}

/** So many of the numbers in a text count. */
export const MOST_MENTIONED = 100;

/** The triage as it may be believed. Pure. */
export function trim(triage: Triage, { number, mentioned, labels, config, ...text }: TrimMaterial): Triage {
  const { duplicateOf, ...rest } = triage;
  const known = duplicateOf !== undefined && duplicateOf !== number && mentioned.includes(duplicateOf);
  const guessed = guess(text);
  const others: IssueType[] = [triage.runnerUp, guessed.type, guessed.runnerUp, "question", "bug"];
  return {
    ...rest,
    ...(known ? { duplicateOf } : {}),
    runnerUp: others.find((type) => type !== triage.type) ?? "bug",
    labels: chooseLabels(triage, labels, config.labels),
  };
}

/** Numbers that somebody wrote as an issue's: #12, or the end of an address; the first 100. */
export function mentionedIn({ title, body, comments }: Pick<PinnedInput, "title" | "body" | "comments">): number[] {
  const found = new Set<number>();
  for (const text of [title, body, ...comments.map((comment) => comment.body)])
    for (const [, digits] of text.matchAll(/(?:#|\/(?:issues|pull)\/)(\d{1,9})(?!\d)/g)) {
      if (Number(digits) > 0) found.add(Number(digits));
      if (found.size === MOST_MENTIONED) return [...found];
    }
  return [...found];
}
