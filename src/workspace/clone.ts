// A private clone: a work tree and a git directory of its own, objects read from the mirror by alternates, nothing else shared.
// Host git makes it and never enters it again.
import { appendFile, copyFile, lstat, mkdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beside } from "../core/beside.ts";
import { type CommandResult, type Execute, succeeded } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import { isSha, type Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Git } from "./git.ts";
import { createInClone, excludeLine, type InClone } from "./in-clone.ts";
import type { Leases } from "./lease.ts";
import { createTurns, keepClone, type KeptClone, readClone, readTurns, shortened, type Turns } from "./ledger.ts";
import type { Mirror } from "./mirror.ts";
import { type Imported, importWork } from "./quarantine.ts";
import { diskFull, naming, ranOutOfSpace } from "./space.ts";
import type { Shelf } from "./shelf.ts";
import type { Made, WarmPool } from "./warm-pool.ts";
import type { Setup, Workspace } from "./workspaces.ts";

const INSTALL_MS = 15 * 60_000;

export interface CloneSurroundings {
  readonly git: Git;
  readonly leases: Leases;
  readonly inSandbox: Execute;
  readonly pool: WarmPool;
  readonly mirror: Mirror;
  readonly shelf: Shelf | undefined;
  readonly log: Log;
}

export interface CloneOptions extends CloneSurroundings {
  readonly commit: Sha;
  readonly setup: Setup | undefined;
  /** The key by which a later process may go on in it. */
  readonly keep: string | undefined;
}

/** Makes the clone and installs in it; the mirror must have the commits. */
export async function openClone(options: CloneOptions, signal: AbortSignal): Promise<Workspace> {
  const { leases, mirror, commit, setup, keep } = options;
  if (keep !== undefined)
    for (const { folder, abandoned } of await leases.kept(keep)) if (abandoned) await leases.give(folder);
  const lease = await leases.take("workspaces", keep);
  let done: Ready = { installed: undefined, exclude: "", earlier: false };
  try {
    if (setup === undefined) await layOut(options, lease, commit, signal);
    else done = await makeReady(options, lease, setup, signal);
    if (keep !== undefined) {
      const installed = done.installed && shortened(done.installed);
      const about = { key: keep, openedAt: Date.now(), mirror: mirror.folder, commit, exclude: done.exclude };
      await keepClone(lease, { ...about, ...(installed ? { installed } : {}) });
    }
  } catch (error) {
    await leases.give(lease);
    throw error;
  }
  const turns = keep === undefined ? undefined : createTurns(lease, { begun: 0, recorded: 0 });
  return workspaceIn(options, { lease, commit, turns, ...done });
}

/**
 * The newest clone that was left under this key, when `turn` is the last that its ledger knows and nobody has it. Everything else
 * that was left under the key is deleted.
 */
export async function adoptClone(
  options: CloneSurroundings,
  key: string,
  turn: number,
  signal: AbortSignal,
): Promise<Workspace | undefined> {
  const { leases, mirror } = options;
  const found = await leases.kept(key);
  if (found.some(({ abandoned }) => !abandoned)) return undefined;
  let newest: { folder: string; openedAt: number } | undefined;
  for (const { folder } of found) {
    const openedAt = (await readClone(folder))?.openedAt;
    if (openedAt !== undefined && openedAt >= (newest?.openedAt ?? 0)) newest = { folder, openedAt };
  }
  const lease = newest && (await leases.claim(newest.folder));
  if (newest !== undefined && lease === undefined) return undefined;
  for (const { folder } of found) if (folder !== newest?.folder) await leases.give(folder);
  if (lease === undefined) return undefined;
  try {
    const clone = await readClone(lease);
    const turns = await readTurns(lease);
    const untouched = turns !== undefined && Math.max(turns.begun, turns.recorded) === turn;
    if (untouched && clone?.key === key && isSha(clone.commit) && (await sound(lease, clone, mirror))) {
      const { commit, installed, exclude } = clone;
      await mirror.need(commit, signal);
      return workspaceIn(options, {
        lease,
        commit,
        turns: createTurns(lease, turns),
        installed,
        exclude,
        earlier: false,
      });
    }
  } catch (error) {
    await leases.park(lease, Date.now());
    throw error;
  }
  await leases.give(lease);
  return undefined;
}

/** True when what Baton laid out is there, and the objects that the clone borrows are still where it looks for them. */
async function sound(lease: string, clone: KeptClone, mirror: Mirror): Promise<boolean> {
  const isFolder = async (name: string) =>
    (await lstat(join(lease, name)).catch(() => undefined))?.isDirectory() === true;
  const objects = await readlink(join(lease, beside.objects)).catch(() => undefined);
  return (
    clone.mirror === mirror.folder &&
    objects === join(mirror.folder, "objects") &&
    (await isFolder("tree")) &&
    (await isFolder(beside.home))
  );
}

function workspaceIn(
  { git, leases, inSandbox, pool, mirror, shelf, log }: CloneSurroundings,
  clone: Ready & { lease: string; commit: Sha; turns: Turns | undefined },
): Workspace {
  const { lease, commit, turns, installed, exclude, earlier } = clone;
  const folder = join(lease, "tree");
  const inClone = createInClone(inSandbox, folder);
  let packs = 0;
  let given: Promise<void> | undefined;

  async function collect(message: string, onto: Sha, signal: AbortSignal): Promise<Imported> {
    if (onto !== commit) await mirror.need(onto, signal);
    const name = `baton-work-${(packs += 1)}.bundle`;
    const bundle = join(lease, beside.home, name);
    await rm(bundle, { force: true, recursive: true });
    const packed = await trusted(await inClone.pack(onto, exclude, name, signal), "packing the work", folder, signal);
    if (packed.timedOut) return { type: "refused", reasons: ["packing the work took too long"] };
    if (packed.exitCode !== 0)
      return { type: "refused", reasons: [`git cannot pack the work tree: ${packed.stderr.trim().slice(-500)}`] };
    if (packed.stdout.trim() === "unchanged") return { type: "collected", commit: onto, changes: [] };
    const quarantine = await leases.take("quarantine");
    try {
      const work = { git, mirror, folder: quarantine, bundle, start: onto, message, shelf, log };
      return await naming("checking an agent's work", quarantine, () => importWork(work, signal));
    } finally {
      await leases.give(quarantine);
      await rm(bundle, { force: true, recursive: true });
    }
  }

  return {
    folder,
    commit,
    installed,
    installedEarlier: earlier,
    begin: (turn) => pool.withRoom(async () => await turns?.begin(turn)),
    recorded: (turn) => pool.withRoom(async () => await turns?.recorded(turn)),
    async park(until = Date.now()) {
      if (turns !== undefined) given ??= leases.park(lease, until);
      await (given ??= leases.give(lease));
    },
    collect: (message, signal, onto = commit) => pool.withRoom(() => collect(message, onto, signal)),
    async [Symbol.asyncDispose]() {
      await (given ??= leases.give(lease));
    },
  };
}

async function layOut({ git, mirror }: CloneOptions, lease: string, commit: Sha, signal: AbortSignal) {
  const folder = join(lease, "tree");
  await mkdir(folder, { mode: 0o700 });
  await mkdir(join(lease, beside.home), { mode: 0o700 });
  await symlink(join(mirror.folder, "objects"), join(lease, beside.objects));
  await git.run({ args: ["init", "--quiet", "--template=", "."], at: folder }, signal);
  await mkdir(join(folder, ".git/info"), { recursive: true });
  // Relative, so that it is true on the host and in the sandbox; see core/beside.ts.
  await writeFile(join(folder, ".git/objects/info/alternates"), `../../../${beside.objects}\n`);
  await appendFile(
    join(folder, ".git/config"),
    "[user]\n\tname = Baton agent\n\temail = agent@localhost\n[gc]\n\tauto = 0\n[advice]\n\tdetachedHead = false\n",
  );
  const shallow = join(mirror.folder, "shallow");
  const cut = await lstat(shallow).catch(() => undefined);
  if (cut?.isFile() === true) await copyFile(shallow, join(folder, ".git/shallow"));
  await git.run({ args: ["checkout", "--quiet", "-B", "work", commit], at: folder, timeoutMs: 5 * 60_000 }, signal);
}

interface Ready {
  readonly installed: CommandResult | undefined;
  /** What the install left, as lines of an exclude file: kept on this side, where no agent can edit it. */
  readonly exclude: string;
  /** The install was run for another workspace, before. */
  readonly earlier: boolean;
}

/** A clone at the base with its dependencies, by the pool or by an install; then, without registries in reach, moved to its commit. */
async function makeReady(
  options: CloneOptions,
  lease: string,
  { install, base }: Setup,
  signal: AbortSignal,
): Promise<Ready> {
  const { commit, mirror, inSandbox, pool } = options;
  const clone = { inClone: createInClone(inSandbox, join(lease, "tree")), folder: join(lease, "tree") };
  const make = async (): Promise<Made> => {
    await layOut(options, lease, base, signal);
    const argv = ["/bin/sh", "-c", install] as const;
    const command = { argv, cwd: clone.folder, timeoutMs: INSTALL_MS, network: "registries" } as const;
    const installed = await inSandbox(command, signal);
    const exclude = await ignoreUntracked(clone, base, "", signal);
    await moveTo(clone, base, base, signal);
    return { installed, exclude };
  };
  // Everything behind this line may be of a stranger's making, and goes into no pool.
  const made = await pool.prepare({ mirror: mirror.folder, base, install }, lease, make, signal);
  if (commit === base) return made;
  await moveTo(clone, base, commit, signal);
  // The commit may ignore less than the base does.
  const more = await ignoreUntracked(clone, commit, made.exclude, signal);
  return { ...made, exclude: `${made.exclude}${more}` };
}

interface InstalledClone {
  readonly inClone: InClone;
  readonly folder: string;
}

/** Makes every tracked file what it is at the commit `to`. */
async function moveTo({ inClone, folder }: InstalledClone, from: Sha, to: Sha, signal: AbortSignal): Promise<void> {
  const moving = `moving a workspace from ${from} to ${to} after its install`;
  const moved = await trusted(await inClone.move(from, to, signal), moving, folder, signal);
  if (!succeeded(moved)) throw clumsy(moving, moved);
}

/** What is untracked at `at` and not in `exclude`, as lines of an exclude file; the clone's own git ignores it from now on. */
async function ignoreUntracked(
  { inClone, folder }: InstalledClone,
  at: Sha,
  exclude: string,
  signal: AbortSignal,
): Promise<string> {
  const during = "listing the files of a workspace";
  const listed = await trusted(await inClone.untracked(at, exclude, signal), during, folder, signal);
  if (!succeeded(listed) || listed.truncated) throw clumsy(during, listed);
  const lines = listed.stdout
    .split("\0")
    .flatMap((path) => (path === "" ? [] : (excludeLine(path) ?? [])))
    .map((line) => `${line}\n`)
    .join("");
  if (lines !== "") await trusted(await inClone.ignore(lines, signal), "ignoring what an install left", folder, signal);
  return lines;
}

/** Lets through what says something about the work; throws for what says something about the machine. */
async function trusted(
  result: CommandResult,
  during: string,
  folder: string,
  signal: AbortSignal,
): Promise<CommandResult> {
  if (result.aborted) throw new BatonError("sandbox-failed", `${during} was aborted`, { cause: signal.reason });
  if (result.startFailure !== undefined) throw clumsy(during, result);
  if (result.exitCode !== 0 && (await ranOutOfSpace(result.stderr, folder))) throw diskFull(during, folder);
  return result;
}

function clumsy(during: string, result: CommandResult): BatonError {
  const how = result.startFailure ?? `exit code ${result.exitCode}: ${result.output.trim().slice(-500)}`;
  return new BatonError("sandbox-failed", `${during} failed (${how})`);
}
