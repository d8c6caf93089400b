// A repository on this machine that somebody names by a folder: its root, and the commit that is checked out.
import { createHash } from "node:crypto";
import { basename, resolve } from "node:path";
import { succeeded } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import { execute } from "../core/exec.ts";
import type { Sha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Workspaces } from "../workspace/workspaces.ts";

export interface LocalClone {
  readonly root: string;
  readonly repo: RepoRef;
  readonly branch: string;
  readonly commit: Sha;
}

/** The root of the repository that `folder` is in. Throws `invalid-usage` where it is in none. */
export async function rootOf(folder: string, signal: AbortSignal): Promise<string> {
  const root = await gitIn(folder, ["rev-parse", "--show-toplevel"], signal);
  if (succeeded(root)) return root.stdout.trim();
  throw new BatonError("invalid-usage", `${resolve(folder)} is in no git repository; name the folder of a clone`);
}

/** "owner/repo" of the remote `origin`, as its address ends; undefined where there is none. */
export async function remoteOf(root: string, signal: AbortSignal): Promise<string | undefined> {
  const address = await gitIn(root, ["remote", "get-url", "origin"], signal);
  const [, owner, name] = /[:/]([\w.-]+)\/([\w.-]+?)(?:\.git)?\/?$/.exec(address.stdout.trim()) ?? [];
  return succeeded(address) && owner !== undefined ? `${owner}/${name}` : undefined;
}

/**
 * Opens the clone at its last commit, of `branch` or of what is checked out. Throws, with what to do, `invalid-usage` where there is none,
 * and `git-failed`.
 */
export async function openClone(from: {
  readonly folder: string;
  readonly branch?: string | undefined;
  readonly workspaces: Pick<Workspaces, "resolve">;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<LocalClone> {
  const { folder, workspaces, print, signal } = from;
  const root = await rootOf(folder, signal);
  const checkedOut = (
    await git(
      root,
      ["symbolic-ref", "--short", "HEAD"],
      signal,
      `${root} has no branch checked out; check one out first`,
    )
  ).trim();
  if (from.branch === undefined && !succeeded(await gitIn(root, ["rev-parse", "--verify", "--quiet", "HEAD"], signal)))
    throw new BatonError("invalid-usage", `${root} has no commit yet; make the first one, then ask again`);
  if ((await git(root, ["status", "--porcelain", "--untracked-files=no"], signal)).trim() !== "")
    print("There are uncommitted changes; this starts from the last commit and does not see them.");
  const name = `${basename(root)}-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`;
  const repo: RepoRef = { id: 0, owner: "local", name, private: true, defaultBranch: checkedOut, cloneUrl: root };
  const branch = from.branch ?? checkedOut;
  return { root, repo, branch, commit: await workspaces.resolve(repo, branch, signal) };
}

async function git(cwd: string, args: string[], signal: AbortSignal, otherwise?: string): Promise<string> {
  const result = await gitIn(cwd, args, signal);
  if (succeeded(result)) return result.stdout;
  throw new BatonError("git-failed", otherwise ?? `git ${args.join(" ")} failed in ${cwd}: ${result.output.trim()}`);
}

async function gitIn(cwd: string, args: readonly string[], signal: AbortSignal) {
  return await execute(
    {
      argv: ["git", ...args],
      cwd: resolve(cwd),
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/nonexistent" },
      timeoutMs: 30_000,
    },
    signal,
  );
}
