// What a repository says about itself in `.github/baton.yml`, wherever its files are read from.
import { BatonError } from "../core/errors.ts";
import { CONFIG_FILE, type ReadFile } from "../workflows/load.ts";
import { parseRepoConfig } from "../workflows/parse-repo-config.ts";
import { defaultRepoConfig, type RepoConfig } from "../workflows/repo-config.ts";

/** The config; the default where there is no file. Throws `invalid-config` naming every mistake, and what `read` throws. */
export async function readConfig(read: ReadFile): Promise<RepoConfig> {
  const text = await read(CONFIG_FILE);
  if (text === undefined) return defaultRepoConfig;
  const parsed = parseRepoConfig(text, CONFIG_FILE);
  if (parsed.type === "invalid") throw new BatonError("invalid-config", parsed.problems.join("\n"));
  return parsed.config;
}
