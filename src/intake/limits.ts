// What repositories allow on one issue within an hour, as their configs said when they were read last in this process: whoever is to be
// held to it need not read them again. Every delivery that starts or answers something has read its config before.
import type { RepoRef } from "../engine/events.ts";
import { defaultRepoConfig, type RepoConfig } from "../workflows/repo-config.ts";

export interface KnownLimits {
  /** As in a repository that says nothing where its config was never read. */
  of(repo: Pick<RepoRef, "id">): RepoConfig["limits"];
  learn(repo: Pick<RepoRef, "id">, limits: RepoConfig["limits"]): void;
}

/** Repositories whose limits are remembered. */
const REMEMBERED = 10_000;

export function createKnownLimits(): KnownLimits {
  const known = new Map<number, RepoConfig["limits"]>();
  return {
    of: ({ id }) => known.get(id) ?? defaultRepoConfig.limits,
    learn({ id }, limits) {
      if (known.size >= REMEMBERED) known.clear();
      known.set(id, limits);
    },
  };
}
