// One bare mirror per repository: what every clone reads its objects from, and where collected work is kept.
// A fetch asks for one branch or one commit; changes of the same mirror wait for one another, in all processes that share the home.
//
// Branches are kept under a hash of their name: so a branch `a` that went away never stands in the way of a branch `a/b`.
import { createHash } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import type { CommandResult } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import { type Sha, sha } from "../core/ids.ts";
import { createOneByOne } from "../core/one-by-one.ts";
import { type Git, type GitCall, gitFailed, lenient, type Protocol } from "./git.ts";
import { clearGitLock, gitLock, lockMirror } from "./mirror-lock.ts";
import { unshelve } from "./shelf.ts";
import { naming } from "./space.ts";
import { lastUse, lockFile } from "./upkeep.ts";
import { mark, markedAt, USE_MS, usesOf } from "./uses.ts";
import type { Contains, RepoSource, WorkspacesOptions } from "./workspaces.ts";

const never = new AbortController().signal;
const FETCH_MS = 15 * 60_000;

export interface Mirror {
  /** The bare repository's folder. */
  readonly folder: string;
  /** Brings one branch up to date and says where it is. Throws `not-found`. */
  fetchBranch(branch: string, signal: AbortSignal): Promise<Sha>;
  /** Whether a commit is an ancestor of the branch as it is now, or its head. */
  contains(branch: string, commit: Sha, signal: AbortSignal): Promise<Contains>;
  /** Makes sure that a commit is here, fetching it if need be. Throws `not-found` when the repository does not have it. */
  need(commit: Sha, signal: AbortSignal): Promise<void>;
  /** Takes a commit over from another repository on this machine, where it is called `ref`. */
  take(from: string, ref: string, commit: Sha, signal: AbortSignal): Promise<void>;
  /** Runs one git command that changes the mirror, while no other does. */
  change(call: Omit<GitCall, "at">, signal: AbortSignal): Promise<CommandResult>;
}

export interface Mirrors {
  of(repo: RepoSource): Promise<Mirror>;
}

export function createMirrors(git: Git, options: Pick<WorkspacesOptions, "home" | "credential" | "shelves">): Mirrors {
  const opened = new Map<string, Mirror>();
  const beginning = new Map<string, ReturnType<typeof begin>>();
  const once = (folder: string) => {
    const under = beginning.get(folder) ?? begin(git, folder).finally(() => beginning.delete(folder));
    beginning.set(folder, under);
    return under;
  };
  return {
    async of(repo) {
      const folder = mirrorFolder(options.home, repo);
      // Upkeep of any process may have deleted it, but never within this time.
      if (Date.now() - (await markedAt(lastUse(folder))) > USE_MS && (await once(folder)) === "made")
        opened.delete(folder);
      const mirror = opened.get(folder) ?? createMirror(git, options, repo, folder);
      opened.set(folder, mirror);
      return mirror;
    },
  };
}

/** Makes the mirror if there is none, and writes down that it is used. */
async function begin(git: Git, folder: string): Promise<"made" | "there"> {
  return await naming("making a mirror", folder, async () => {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await using _alone = await lockMirror(lockFile(folder), AbortSignal.timeout(FETCH_MS));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // The last file of an init: one that was cut off before it is made again.
    const there = await stat(lastUse(folder)).catch(() => undefined);
    if (there === undefined)
      await git.run({ args: ["init", "--quiet", "--bare", "--template=", "."], at: folder }, never);
    await mark(lastUse(folder));
    return there === undefined ? "made" : "there";
  });
}

function createMirror(
  git: Git,
  { credential, shelves }: Pick<WorkspacesOptions, "credential" | "shelves">,
  repo: RepoSource,
  folder: string,
): Mirror {
  const uses = usesOf(folder);
  const shelf = shelves?.(repo);
  /** Commits that are here, and when that was seen. */
  const present = new Map<Sha, number>();
  const inOrder = createOneByOne();

  /** One change after another. The call is made when its turn has come: a token that it held while it waited may be revoked by then. */
  async function inTurn(made: () => Promise<GitCall>, signal: AbortSignal): Promise<CommandResult> {
    const done = inOrder(async () => {
      await using _alone = await lockMirror(lockFile(folder), signal);
      const call = await made();
      try {
        const result = await git.attempt(call, signal);
        const lock = result.exitCode === 0 ? undefined : gitLock(result.stderr);
        return lock !== undefined && (await clearGitLock(folder, lock)) ? await git.attempt(call, signal) : result;
      } catch (error) {
        if (error instanceof BatonError && error.code === "disk-full") await dropHalves(folder);
        throw error;
      }
    });
    return await naming("changing a mirror", folder, () => done);
  }

  const change: Mirror["change"] = (call, signal) => inTurn(() => Promise.resolve({ ...call, at: folder }), signal);

  async function fetch(refspec: string, signal: AbortSignal): Promise<"fetched" | "absent"> {
    const how = ["--quiet", "--no-tags", "--force", "--prune", "--no-write-fetch-head", "--update-shallow"] as const;
    const call: GitCall = { args: ["fetch", ...how, repo.cloneUrl, refspec], at: folder, timeoutMs: FETCH_MS };
    const result = await inTurn(async () => {
      const { protocol, config } = await reach(repo, credential);
      return { ...call, protocol, config: { ...lenient, ...config } };
    }, signal);
    if (result.exitCode === 0 && !result.timedOut) return "fetched";
    if (/couldn't find remote ref|not our ref|no such remote ref|unadvertised object/i.test(result.stderr))
      return "absent";
    if (/does not appear to be a git repository|repository .*not found|does not exist/i.test(result.stderr))
      throw new BatonError("not-found", `there is no repository at ${repo.cloneUrl}: ${result.stderr.trim()}`);
    throw gitFailed(call, result);
  }

  async function used(commit: Sha): Promise<void> {
    await naming("writing down a use", folder, () => uses.touch(commit));
    present.set(commit, Date.now());
  }

  async function has(commit: Sha, signal: AbortSignal): Promise<boolean> {
    if (Date.now() - (present.get(commit) ?? 0) < USE_MS) return true;
    const found = await git.attempt({ args: ["cat-file", "-e", `${commit}^{commit}`], at: folder }, signal);
    if (found.exitCode === 0) await used(commit);
    return found.exitCode === 0;
  }

  async function take(from: string, ref: string, commit: Sha, signal: AbortSignal): Promise<void> {
    const how = ["--quiet", "--no-tags", "--no-write-fetch-head"] as const;
    const call: GitCall = {
      args: ["fetch", ...how, from, `${ref}:refs/baton/kept/${commit}`],
      at: folder,
      protocol: "file",
    };
    const result = await change(call, signal);
    if (result.exitCode !== 0 || result.timedOut) throw gitFailed(call, result);
    await used(commit);
  }

  async function need(commit: Sha, signal: AbortSignal): Promise<boolean> {
    if (await has(commit, signal)) return true;
    const work = await shelf?.get(commit);
    if (work) {
      if (!(await need(work.start, signal))) return false;
      await unshelve(work, folder, (file, ref) => take(file, ref, commit, signal));
      // A bundle may hold anything: only the commit itself counts.
      present.delete(commit);
      return await has(commit, signal);
    }
    if ((await fetch(`+${commit}:refs/baton/seen/${commit}`, signal)) === "absent")
      await fetch("+refs/heads/*:refs/heads/*", signal);
    return await has(commit, signal);
  }

  /** The branch's head now; undefined when there is no such branch. */
  async function headOf(branch: string, signal: AbortSignal): Promise<Sha | undefined> {
    const ref = `refs/baton/branches/${createHash("sha256").update(branchName(branch)).digest("hex").slice(0, 16)}`;
    if ((await fetch(`+refs/heads/${branch}:${ref}`, signal)) === "absent") return undefined;
    const args = ["rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`] as const;
    const head = sha((await git.run({ args, at: folder }, signal)).trim());
    await used(head);
    return head;
  }

  return {
    folder,
    change,
    async fetchBranch(branch, signal) {
      const head = await headOf(branch, signal);
      if (head === undefined) throw new BatonError("not-found", `${repo.owner}/${repo.name} has no branch "${branch}"`);
      return head;
    },
    async contains(branch, commit, signal) {
      const head = await headOf(branch, signal);
      if (head === undefined) return "branch-gone";
      if (!(await need(commit, signal))) return "rewritten";
      const call: GitCall = { args: ["merge-base", "--is-ancestor", commit, head], at: folder };
      const result = await git.attempt(call, signal);
      if (result.exitCode !== 0 && (result.exitCode !== 1 || result.timedOut)) throw gitFailed(call, result);
      return result.exitCode === 0 ? "yes" : "rewritten";
    },
    async need(commit, signal) {
      if (!(await need(commit, signal)))
        throw new BatonError("not-found", `${repo.owner}/${repo.name} has no commit ${commit}`);
    },
    take,
  };
}

/** What a fetch that ran out of space had begun. Nobody else fetches: the mirror is locked. */
async function dropHalves(folder: string): Promise<void> {
  const objects = join(folder, "objects");
  for (const path of await readdir(objects, { recursive: true }).catch(() => []))
    if (/(?:^|\/)\.?tmp[-_][^/]*$/.test(path)) await rm(join(objects, path), { recursive: true, force: true });
}

/** Two addresses never share a mirror, even under the same name. GitHub's names know no case. */
export function mirrorFolder(home: string, repo: RepoSource): string {
  for (const name of [repo.owner, repo.name])
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name))
      throw new BatonError("invalid-id", `"${name}" is not the name of an owner or a repository`);
  const address = createHash("sha256").update(repo.cloneUrl).digest("hex").slice(0, 8);
  return join(home, "mirrors", repo.owner.toLowerCase(), `${repo.name.toLowerCase()}-${address}.git`);
}

/** How a repository may be reached, and with what. The credential is scoped to the address's own host. */
async function reach(
  repo: RepoSource,
  credential: WorkspacesOptions["credential"],
): Promise<{ protocol: Protocol; config: Record<string, string> }> {
  const refused = (why: string) =>
    new BatonError("git-failed", `the address ${JSON.stringify(repo.cloneUrl)} of ${repo.owner}/${repo.name} ${why}`);
  if (isAbsolute(repo.cloneUrl)) return { protocol: "file", config: {} };
  const url = URL.parse(repo.cloneUrl);
  if (url === null) throw refused("is neither https nor an absolute path");
  if (url.username !== "" || url.password !== "")
    throw new BatonError("git-failed", `the address of ${repo.owner}/${repo.name} holds a credential; give it apart`);
  const loopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback))
    throw refused("is neither https, nor http on this machine, nor an absolute path");
  const token = await credential(repo);
  const config: Record<string, string> = {};
  if (token !== undefined)
    config[`http.${url.origin}/.extraHeader`] =
      `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  return { protocol: url.protocol === "https:" ? "https" : "http", config };
}

/** A branch name by git's own rules (git check-ref-format), as strict as it is about all refs. Throws `invalid-id`. */
export function branchName(name: string): string {
  const wrong =
    /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|^[-/.]|[/.]$|\/\.|\.lock(\/|$)|^@$|^$/u.test(name) || name.length > 244;
  if (wrong) throw new BatonError("invalid-id", `${JSON.stringify(name)} is not a branch name`);
  return name;
}
