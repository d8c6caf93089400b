// What a repository says about itself in `.github/baton.yml`, wherever its files are read from.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BatonError, messageOf } from "../core/errors.ts";
import { CONFIG_FILE, type ReadFile } from "../workflows/load.ts";
import { parseRepoConfig } from "../workflows/parse-repo-config.ts";
import { defaultRepoConfig, type RepoConfig } from "../workflows/repo-config.ts";

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

/** The config; the default where there is no file. Throws `invalid-config` naming every mistake, and what `read` throws. */
export async function readConfig(read: ReadFile): Promise<RepoConfig> {
  const text = await read(CONFIG_FILE);
  if (text === undefined) return defaultRepoConfig;
  const parsed = parseRepoConfig(text, CONFIG_FILE);
  if (parsed.type === "invalid") throw new BatonError("invalid-config", parsed.problems.join("\n"));
  return parsed.config;
}
