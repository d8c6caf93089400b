// One bare mirror per repository: what every clone reads its objects from, and where collected work is kept.
// A fetch asks for one branch or one commit; fetches of the same mirror wait for one another.
import { createHash } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { BatonError } from "../core/errors.ts";
import { type Sha, sha } from "../core/ids.ts";
import { type Git, type GitCall, gitFailed, lenient, type Protocol } from "./git.ts";
import type { RepoSource, WorkspacesOptions } from "./workspaces.ts";

const never = new AbortController().signal;
const FETCH_MS = 15 * 60_000;

export interface Mirror {
  /** The bare repository's folder. */
  readonly folder: string;
  /** Brings one branch up to date and says where it is. */
  fetchBranch(branch: string, signal: AbortSignal): Promise<Sha>;
  /** Makes sure that a commit is here, fetching it if need be. Throws `not-found` when the repository does not have it. */
  need(commit: Sha, signal: AbortSignal): Promise<void>;
  /** Runs `change` while no fetch is under way. */
  exclusively<T>(change: () => Promise<T>): Promise<T>;
}

export interface Mirrors {
  of(repo: RepoSource): Promise<Mirror>;
}

export function createMirrors(git: Git, options: Pick<WorkspacesOptions, "home" | "credential">): Mirrors {
  const opened = new Map<string, Promise<Mirror>>();

  async function open(repo: RepoSource, folder: string): Promise<Mirror> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const there = await stat(join(folder, "objects")).catch(() => undefined);
    if (there === undefined)
      await git.run({ args: ["init", "--quiet", "--bare", "--template=", "."], at: folder }, never);

    const present = new Set<Sha>();
    let last: Promise<unknown> = Promise.resolve();
    const exclusively = async <T>(change: () => Promise<T>): Promise<T> => {
      const turn = last.then(change);
      last = turn.catch(() => {});
      return await turn;
    };

    async function fetch(refspec: string, signal: AbortSignal): Promise<"fetched" | "absent"> {
      const { protocol, config } = await reach(repo, options.credential);
      const call: GitCall = {
        args: [
          "fetch",
          "--quiet",
          "--no-tags",
          "--force",
          "--no-write-fetch-head",
          "--update-shallow",
          repo.cloneUrl,
          refspec,
        ],
        at: folder,
        protocol,
        config: { ...lenient, ...config },
        timeoutMs: FETCH_MS,
      };
      const result = await exclusively(() => git.attempt(call, signal));
      if (result.exitCode === 0 && !result.timedOut) return "fetched";
      if (/couldn't find remote ref|not our ref|no such remote ref|unadvertised object/i.test(result.stderr))
        return "absent";
      if (/does not appear to be a git repository|repository .*not found|does not exist/i.test(result.stderr))
        throw new BatonError("not-found", `there is no repository at ${repo.cloneUrl}: ${result.stderr.trim()}`);
      throw gitFailed(call, result);
    }

    async function has(commit: Sha, signal: AbortSignal): Promise<boolean> {
      if (present.has(commit)) return true;
      const found = await git.attempt({ args: ["cat-file", "-e", `${commit}^{commit}`], at: folder }, signal);
      if (found.exitCode === 0) present.add(commit);
      return found.exitCode === 0;
    }

    return {
      folder,
      exclusively,
      async fetchBranch(branch, signal) {
        const ref = `refs/heads/${branchName(branch)}`;
        if ((await fetch(`+${ref}:${ref}`, signal)) === "absent")
          throw new BatonError("not-found", `${repo.owner}/${repo.name} has no branch "${branch}"`);
        const at = await git.run(
          { args: ["rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`], at: folder },
          signal,
        );
        return sha(at.trim());
      },
      async need(commit, signal) {
        if (await has(commit, signal)) return;
        if ((await fetch(`+${commit}:refs/baton/seen/${commit}`, signal)) === "absent")
          await fetch("+refs/heads/*:refs/heads/*", signal);
        if (await has(commit, signal)) return;
        throw new BatonError("not-found", `${repo.owner}/${repo.name} has no commit ${commit}`);
      },
    };
  }

  return {
    async of(repo) {
      const folder = mirrorFolder(options.home, repo);
      const known = opened.get(folder);
      if (known !== undefined) return await known;
      const opening = open(repo, folder);
      opened.set(folder, opening);
      opening.catch(() => opened.delete(folder));
      return await opening;
    },
  };
}

/** Two addresses never share a mirror, even under the same name. GitHub's names know no case. */
function mirrorFolder(home: string, repo: RepoSource): string {
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
