// The files of a repository at one commit, as text.
import type { Sha } from "../core/ids.ts";
import type { RepoSource, Workspaces } from "./workspaces.ts";

/**
 * Reads them by path; undefined for what is no ordinary file. Nothing is left out of the text, a byte order mark neither: what is
 * written back, or compared with the file in a folder, is the same.
 */
export function textAt(
  workspaces: Pick<Workspaces, "file">,
  repo: RepoSource,
  commit: Sha,
  signal: AbortSignal,
): (path: string) => Promise<string | undefined> {
  return async (path) => {
    const bytes = await workspaces.file(repo, commit, path, signal);
    return bytes && Buffer.from(bytes).toString("utf8");
  };
}
