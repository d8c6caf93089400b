// What a repository says about itself in `.github/baton.yml`, wherever its files are read from.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BatonError, messageOf } from "../core/errors.ts";
import { parseExtended, type Base } from "../workflows/extend-config.ts";
import { CONFIG_FILE, type ReadFile } from "../workflows/load.ts";
import { parseRepoConfig } from "../workflows/parse-repo-config.ts";
import { defaultRepoConfig, type RepoConfig } from "../workflows/repo-config.ts";
import type { RepoName } from "../workflows/servers.ts";

/** Reads the files of a folder as they are now. What cannot be read throws `not-found`. */
export function inFolder(root: string): ReadFile {
  return async (path) => {
    try {
      return await readFile(join(root, path), "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
        return undefined;
      throw new BatonError("not-found", `${join(root, path)} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  };
}

/**
 * The config; the default where there is no file. Without `base` what it extends cannot be read, and stderr says so. Throws
 * `invalid-config` naming every mistake, and what `read` and `base` throw.
 */
export async function readConfig(
  read: ReadFile,
  base?: { readonly repo: RepoName; readonly read: () => Promise<Base> },
): Promise<RepoConfig> {
  const text = await read(CONFIG_FILE);
  if (text === undefined) return defaultRepoConfig;
  const parsed = base
    ? await parseExtended(text, CONFIG_FILE, base.repo, base.read)
    : parseRepoConfig(text, CONFIG_FILE);
  if (!base && parsed.type === "ok" && parsed.config.extends !== undefined)
    console.error(
      `Warning: what ${CONFIG_FILE} extends (${parsed.config.extends}) is not read from a folder; only the file itself holds.`,
    );
  if (parsed.type === "invalid") throw new BatonError("invalid-config", parsed.problems.join("\n"));
  return parsed.config;
}
