// The workspaces of one Baton process, over one home folder.
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, isAbsolute, join } from "node:path";
import { BatonError } from "../core/errors.ts";
import { type Sha, sha } from "../core/ids.ts";
import { silentLog } from "../core/log.ts";
import { repeat } from "../core/repeat.ts";
import { adoptClone, openClone } from "./clone.ts";
import { conflictMarkers } from "./conflict-markers.ts";
import { fileChanges, filesAt, rawChanges } from "./diff.ts";
import { createGit, type Git, gitFailed, lenient } from "./git.ts";
import { createLeases } from "./lease.ts";
import { mergeWork } from "./merge.ts";
import { branchName, createMirrors, type Mirror } from "./mirror.ts";
import { importMade } from "./quarantine.ts";
import type { ShelvedWork } from "./shelf.ts";
import { assureFree, naming } from "./space.ts";
import { upkeep } from "./upkeep.ts";
import { createWarmPool, noPool, type WarmPool } from "./warm-pool.ts";
import type { RepoSource, Workspaces, WorkspacesOptions } from "./workspaces.ts";
import { writeFiles } from "./write.ts";

const KEEP_MS = 10 * 60_000;
const SWEEP_MS = 30_000;
const MIN_FREE_BYTES = 500_000_000;
/** The warm pool leaves so many times as much free as a workspace is begun with. */
const POOL_FREE = 4;
const DEFAULT_PATCH_BYTES = 200 * 1024;
/** The largest file `file` reads. */
const MAX_FILE_BYTES = 32 * 1024 ** 2;

export interface OpenedWorkspaces extends Workspaces, AsyncDisposable {
  /** Takes a commit in that a Baton on another machine made for this repository, through quarantine and policy, into the mirror. */
  takeIn(repo: RepoSource, work: ShelvedWork, signal: AbortSignal): ReturnType<typeof importMade>;
  readonly warmPool: Pick<WarmPool, "figures">;
}

/**
 * Opens mirrors and clones under `home`, begins to delete what dead processes left there, and looks for more from time to time.
 * Several processes may share a home. Disposing waits until nothing is being deleted.
 */
export async function createWorkspaces(options: WorkspacesOptions): Promise<OpenedWorkspaces> {
  const { home, inSandbox, shelves, log = silentLog } = options;
  if (!isAbsolute(home))
    throw new BatonError("invalid-usage", `the home folder ${JSON.stringify(home)} is not absolute`);
  await mkdir(home, { recursive: true });
  const git = createGit(options.onHost);
  const leases = createLeases(home, options.onHost, options.keepMs ?? KEEP_MS);
  const mirrors = createMirrors(git, options);
  const minFree = options.minFreeBytes ?? MIN_FREE_BYTES;
  const keepFree = minFree * POOL_FREE;
  const pool =
    options.warmPool === undefined
      ? noPool
      : createWarmPool({ home, execute: options.onHost, leases, bounds: options.warmPool, keepFree, log });
  await leases.sweep();
  const { needed = async () => new Set(), mirrorBytes = 0, onHost } = options;
  const bound = mirrorBytes > 0 ? { bytes: mirrorBytes, execute: onHost } : undefined;
  const cleaning = repeat(options.sweepMs ?? SWEEP_MS, "looking for leftovers", log, async (signal) => {
    await leases.sweep();
    await pool.tidy();
    await upkeep({ git, home, leases, log, needed, bound }, signal);
  });

  /** The mirror, with these commits in it. */
  const mirrorWith = (repo: RepoSource, commits: readonly Sha[], signal: AbortSignal): Promise<Mirror> =>
    inRoom("fetching commits", async () => {
      const mirror = await mirrors.of(repo);
      for (const commit of commits) await mirror.need(commit, signal);
      return mirror;
    });

  /** A full disk has its name, and comes to nobody's notice while the pool has something to give. */
  const inRoom = <T>(during: string, work: () => Promise<T>) => pool.withRoom(() => naming(during, home, work));

  return {
    warmPool: pool,
    resolve: (repo, branch, signal) =>
      pool.withRoom(async () => {
        const mirror = await mirrors.of(repo);
        return await mirror.fetchBranch(branch, signal);
      }),
    contains: (repo, branch, commit, signal) =>
      pool.withRoom(async () => {
        const mirror = await mirrors.of(repo);
        return await mirror.contains(branch, commit, signal);
      }),
    open: (repo, commit, signal, { setup, keep } = {}) =>
      inRoom("making a clone", async () => {
        if (keep !== undefined) assertKey(keep);
        await assureFree(home, minFree);
        const mirror = await mirrorWith(repo, setup ? [setup.base, commit] : [commit], signal);
        return await openClone(
          { git, leases, inSandbox, pool, mirror, shelf: shelves?.(repo), log, commit, setup, keep },
          signal,
        );
      }),
    adopt: async (repo, key, lastRecordedTurn, signal) => {
      assertKey(key);
      const mirror = await mirrors.of(repo);
      return await adoptClone(
        { git, leases, inSandbox, pool, mirror, shelf: shelves?.(repo), log },
        key,
        lastRecordedTurn,
        signal,
      );
    },
    forget: (keyOrRun) => leases.forget(keyOrRun),
    changes: async (repo, from, to, signal) => {
      const mirror = await mirrorWith(repo, [from, to], signal);
      return fileChanges(await rawChanges(git, mirror.folder, from, to, signal));
    },
    patch: async (repo, from, to, signal, maxBytes = DEFAULT_PATCH_BYTES) => {
      const mirror = await mirrorWith(repo, [from, to], signal);
      const plain = ["--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"] as const;
      const args = ["diff-tree", "-p", "-r", ...plain, from, to] as const;
      return await git.run({ args, at: mirror.folder, maxOutputBytes: maxBytes, cut: true }, signal);
    },
    file: async (repo, commit, path, signal) => {
      const mirror = await mirrorWith(repo, [commit], signal);
      return await readBlob(git, mirror.folder, commit, path, signal);
    },
    tree: async (repo, commit, signal) => {
      const mirror = await mirrorWith(repo, [commit], signal);
      const at = await git.run({ args: ["rev-parse", "--verify", `${commit}^{tree}`], at: mirror.folder }, signal);
      return sha(at.trim());
    },
    paths: async (repo, commit, signal) => {
      const mirror = await mirrorWith(repo, [commit], signal);
      return (await filesAt(git, mirror.folder, commit, signal)).map(({ path }) => path);
    },
    merge: (repo, into, theirs, message, signal) =>
      inRoom("merging work", async () => {
        const mirror = await mirrorWith(repo, [into, theirs], signal);
        return await mergeWork({ git, leases, mirror, shelf: shelves?.(repo), log }, { into, theirs, message }, signal);
      }),
    write: (repo, onto, files, message, signal) =>
      inRoom("writing files", async () => {
        const mirror = await mirrorWith(repo, [onto], signal);
        return await writeFiles({ git, leases, mirror, shelf: shelves?.(repo), log }, { onto, files, message }, signal);
      }),
    takeIn: (repo, work, signal) =>
      inRoom("taking work in", async () => {
        const mirror = await mirrorWith(repo, [work.start], signal);
        const folder = await leases.take("quarantine");
        try {
          return await importMade({ git, mirror, folder, work }, signal);
        } finally {
          await leases.give(folder);
        }
      }),
    conflictMarkers: async (repo, commit, paths, signal) => {
      const mirror = await mirrorWith(repo, [commit], signal);
      return await conflictMarkers(git, mirror.folder, { commit, paths }, signal);
    },
    deliver: async (repo, commit, target, branch, signal) => {
      const mirror = await mirrorWith(repo, [commit], signal);
      await deliver(git, mirror, commit, target, branchName(branch), signal);
    },
    async [Symbol.asyncDispose]() {
      await cleaning[Symbol.asyncDispose]();
      await pool[Symbol.asyncDispose]();
      await leases.settle();
    },
  };
}

function assertKey(key: string): void {
  if (!/^[^/]+\/[^/]+\/\d+$/.test(key))
    throw new BatonError("invalid-id", `${JSON.stringify(key)} is not the key of a workspace (run/stage/number)`);
}

async function readBlob(
  git: Git,
  at: string,
  commit: Sha,
  path: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (path === "" || path.split("/").some((part) => part === "" || part === "." || part === "..")) return undefined;
  const listed = await git.run({ args: ["ls-tree", "-z", "-l", "--full-tree", commit, "--", path], at }, signal);
  const [, object, length] = /^100\d{3} blob ([0-9a-f]{40}) +(\d+)\t/.exec(listed) ?? [];
  if (object === undefined) return undefined;
  const size = Number(length);
  if (size > MAX_FILE_BYTES)
    throw new BatonError("git-failed", `${path} is ${size} bytes; Baton reads files of at most ${MAX_FILE_BYTES}`);
  // A command's output is text, and this file may not be: git writes it into a file, whose name it prints.
  const folder = await mkdtemp(join(tmpdir(), "baton-blob-"));
  try {
    const name = await git.run({ args: [`--git-dir=${at}`, "unpack-file", object], at: folder }, signal);
    return await readFile(join(folder, basename(name.trim())));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Creates the branch, or throws when there is one: a local result never moves what a person has. */
async function deliver(
  git: Git,
  mirror: Mirror,
  commit: Sha,
  target: string,
  branch: string,
  signal: AbortSignal,
): Promise<void> {
  if ((await stat(target).catch(() => undefined))?.isDirectory() !== true)
    throw new BatonError("not-found", `there is no folder ${target} to write the branch ${branch} into`);
  // The person's own repository, named by them: whoever its folder belongs to.
  const config = { "safe.directory": "*" };
  const source = `refs/baton/delivered/${commit}`;
  const name = { args: ["update-ref", source, commit], at: mirror.folder } as const;
  const named = await mirror.change(name, signal);
  if (named.exitCode !== 0) throw gitFailed(name, named);
  await git.run(
    {
      args: ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", mirror.folder, source],
      at: target,
      protocol: "file",
      config: { ...config, ...lenient },
    },
    signal,
  );
  // Zeros as the old value: git itself refuses when the branch exists by now.
  const call = { args: ["update-ref", `refs/heads/${branch}`, commit, "0".repeat(40)], at: target, config } as const;
  const created = await git.attempt(call, signal);
  if (created.exitCode === 0) return;
  if (/already exists|reference already/.test(created.stderr))
    throw new BatonError("git-failed", `${target} already has a branch ${branch}; delete or rename it, then try again`);
  throw gitFailed(call, created);
}
