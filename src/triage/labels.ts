// Which labels triage may set: those the repository has, in the repository's spelling, and never one that starts Baton itself.
import type { IssueType, Triage } from "../workflows/artifacts.ts";
import type { RepoConfig } from "../workflows/repo-config.ts";

/** What repositories usually call the label of a type, the best name first. */
const usual: Readonly<Record<IssueType, readonly string[]>> = {
  bug: ["bug", "type: bug", "type/bug", "kind/bug", "defect"],
  feature: ["feature", "enhancement", "feature request", "type: feature", "type/feature", "kind/feature"],
  refactor: ["refactor", "refactoring", "tech debt", "cleanup", "type: refactor", "kind/cleanup"],
  docs: ["docs", "documentation", "type: docs", "kind/documentation"],
  question: ["question", "support", "kind/question"],
  duplicate: ["duplicate"],
  invalid: ["invalid"],
};

/** Labels by which people start or see Baton's work. A model that could set them could start work. */
const own = /^agent(?:$|[:/])/i;

/** The labels to set: the type's own one first, then those triage chose that exist. At most 10. */
export function chooseLabels(triage: Triage, existing: readonly string[], configured: RepoConfig["labels"]): string[] {
  const spelling = new Map(existing.filter((label) => !own.test(label)).map((label) => [label.toLowerCase(), label]));
  const labelOf = (type: IssueType) =>
    [configured[type], ...usual[type]].flatMap((name) => spelling.get(name?.toLowerCase() ?? "") ?? [])[0];
  const typeLabel = labelOf(triage.type);
  const ofOtherTypes = new Set(Object.keys(usual).flatMap((type) => (isType(type) ? (labelOf(type) ?? []) : [])));
  const chosen = triage.labels
    .flatMap((label) => spelling.get(label.trim().toLowerCase()) ?? [])
    .filter((label) => !ofOtherTypes.has(label));
  return [...new Set([...(typeLabel === undefined ? [] : [typeLabel]), ...chosen])].slice(0, 10);
}

/** The labels by which a type is told, whether or not the repository has them; in lower case. */
export function typeLabels(configured: RepoConfig["labels"]): ReadonlySet<string> {
  const names = [...Object.values(configured), ...Object.values(usual).flat()];
  return new Set(names.map((name) => name.toLowerCase()));
}

function isType(name: string): name is IssueType {
  return name in usual;
}
