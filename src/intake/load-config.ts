// Reads a repository's config, and tells what it says to who must know it before it is read again: the book of schedules, the limits.
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import { parseRepoConfig } from "../workflows/parse-repo-config.ts";
import { defaultRepoConfig } from "../workflows/repo-config.ts";
import type { KnownLimits } from "./limits.ts";
import type { ScheduleBook } from "./schedules.ts";
import type { LoadedConfig } from "./start.ts";

export interface LoadConfigParts {
  readonly reader: Pick<GitHubReader, "file">;
  /** Told what configs say about starts by the clock. */
  readonly schedules: Pick<ScheduleBook, "learn">;
  /** Told what they allow. */
  readonly limits: Pick<KnownLimits, "learn">;
}

/** The config of the default branch; the default where there is none. Throws when GitHub or the database does not answer. */
export type LoadConfig = (repo: RepoRef) => Promise<LoadedConfig>;

/** Loading over its parts. */
export function createLoadConfig({ reader, schedules, limits }: LoadConfigParts): LoadConfig {
  return async (repo) => {
    const text = await reader.file(repo, CONFIG_FILE);
    const loaded: LoadedConfig =
      text === undefined ? { type: "ok", config: defaultRepoConfig } : parseRepoConfig(text, CONFIG_FILE);
    if (loaded.type === "ok") limits.learn(repo, loaded.config.limits);
    // A config that cannot be read changes nothing about what was read before.
    if (loaded.type === "ok" && repo.installationId !== undefined) await schedules.learn(repo, loaded.config.schedules);
    return loaded;
  };
}
