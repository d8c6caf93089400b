// Names that many schemas speak of.

export const modelTiers = ["fast", "balanced", "deep"] as const;
export type ModelTier = (typeof modelTiers)[number];

/** Tools that run in the sandbox: what an agent has whose file does not say. */
export const handToolNames = ["bash", "read", "write", "edit", "glob", "grep"] as const;

/** The commands of a repository, in the order in which they are of use. */
export const commandNames = ["install", "test", "lint", "typecheck", "build"] as const;
export type CommandName = (typeof commandNames)[number];

/** Commands that start a workflow of their own, whatever kind of issue they stand under. */
export const commandRoutes = ["audit", "do", "background", "test", "review", "init", "retrospective"] as const;
export type CommandRoute = (typeof commandRoutes)[number];

/** The label of an issue that is to be left alone: nothing begins there but by a person's command. */
export const IGNORED_LABEL = "agent/ignored";

/** True where an issue with these labels is to be left alone. */
export function isIgnored(labels: readonly string[]): boolean {
  return labels.some((name) => name.toLowerCase() === IGNORED_LABEL);
}

/** True where one of these labels says that the issue repeats another. */
export function isDuplicate(labels: readonly string[]): boolean {
  return labels.some((name) => name.toLowerCase() === "duplicate");
}

/** What Baton writes into a repository by its own hand, for people to decide on. */
export const proposalKinds = ["setup", "lessons"] as const;
export type ProposalKind = (typeof proposalKinds)[number];
