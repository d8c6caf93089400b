// The workspaces of a run whose commits lie in one bare repository: as much as publishing asks for, by real git.
import { BatonError } from "#src/core/errors.ts";
import { sha, type Sha } from "#src/core/ids.ts";
import type { FileChange } from "#src/workspace/file-change.ts";
import type { RepoSource, Workspaces } from "#src/workspace/workspaces.ts";
import { git, gitBytes } from "./breaking-github.ts";

export class GitWorkspaces implements Pick<Workspaces, "changes" | "file" | "patch" | "tree" | "deliver"> {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  changes(_repo: RepoSource, from: Sha, to: Sha): Promise<FileChange[]> {
    const lines = git(this.folder, ["diff-tree", "-r", "--no-renames", from, to]).split("\n").filter(Boolean);
    return Promise.resolve(
      lines.map((line) => {
        const [, mode = "", , , status = "", path = ""] = line.split(/[ \t]/);
        const kind = status === "A" ? "added" : status === "D" ? "deleted" : "modified";
        return { path, kind, mode, added: 1, removed: 1, binary: false };
      }),
    );
  }

  file(_repo: RepoSource, commit: Sha, path: string): Promise<Uint8Array | undefined> {
    try {
      return Promise.resolve(gitBytes(this.folder, ["show", `${commit}:${path}`]));
    } catch {
      return Promise.resolve(undefined);
    }
  }

  patch(_repo: RepoSource, from: Sha, to: Sha): Promise<string> {
    return Promise.resolve(git(this.folder, ["diff-tree", "-p", "-r", "--no-renames", from, to]));
  }

  tree(_repo: RepoSource, commit: Sha): Promise<Sha> {
    return Promise.resolve(sha(git(this.folder, ["rev-parse", `${commit}^{tree}`])));
  }

  deliver(_repo: RepoSource, commit: Sha, target: string, branch: string): Promise<void> {
    const taken = git(target, ["for-each-ref", `refs/heads/${branch}`]) !== "";
    if (taken) return Promise.reject(new BatonError("git-failed", `the branch ${branch} already exists in ${target}`));
    git(target, ["fetch", "-q", this.folder, `${commit}:refs/heads/${branch}`]);
    return Promise.resolve();
  }
}
