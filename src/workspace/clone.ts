// A private clone: a work tree and a git directory of its own, objects read from the mirror by alternates, nothing else shared.
// Host git makes it and never enters it again.
import { appendFile, copyFile, lstat, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beside } from "../core/beside.ts";
import { type CommandResult, type Execute, succeeded } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import { diskFull, type Git, noSpaceLeft } from "./git.ts";
import { createInClone, excludeLine } from "./in-clone.ts";
import type { Leases } from "./lease.ts";
import type { Mirror } from "./mirror.ts";
import { importWork } from "./quarantine.ts";
import type { Workspace } from "./workspaces.ts";

const INSTALL_MS = 15 * 60_000;

export interface CloneOptions {
  readonly git: Git;
  readonly leases: Leases;
  readonly inSandbox: Execute;
  readonly mirror: Mirror;
  readonly commit: Sha;
}

/** Makes the clone; the mirror must have the commit. */
export async function openClone(options: CloneOptions, signal: AbortSignal): Promise<Workspace> {
  const { git, leases, inSandbox, mirror, commit } = options;
  const lease = await leases.take("workspaces");
  const folder = join(lease, "tree");
  try {
    await layOut(options, lease, folder, signal);
  } catch (error) {
    await leases.give(lease);
    throw error;
  }
  const inClone = createInClone(inSandbox, folder, commit);
  /** What installs left: kept on this side, where no agent can edit it. */
  let exclude = "";
  let packs = 0;
  let given: Promise<void> | undefined;

  async function untracked(signal: AbortSignal): Promise<string[]> {
    const during = "listing the files of a workspace";
    const listed = trusted(await inClone.untracked(exclude, signal), during, signal);
    if (!succeeded(listed) || listed.truncated) throw clumsy(during, listed);
    return listed.stdout.split("\0").filter((path) => path !== "");
  }

  return {
    folder,
    commit,
    async install(command, signal) {
      const before = new Set(await untracked(signal));
      const result = await inSandbox(
        { argv: ["/bin/sh", "-c", command], cwd: folder, timeoutMs: INSTALL_MS, network: "registries" },
        signal,
      );
      const left = (await untracked(signal)).filter((path) => !before.has(path));
      const patterns = left.flatMap((path) => excludeLine(path) ?? []).map((line) => `${line}\n`);
      exclude += patterns.join("");
      if (patterns.length > 0)
        trusted(await inClone.ignore(patterns.join(""), signal), "ignoring what it left", signal);
      return result;
    },
    async collect(message, signal) {
      const name = `baton-work-${(packs += 1)}.bundle`;
      const bundle = join(lease, beside.home, name);
      await rm(bundle, { force: true, recursive: true });
      const packed = trusted(await inClone.pack(exclude, name, signal), "packing the work", signal);
      if (packed.timedOut) return { type: "refused", reasons: ["packing the work took too long"] };
      if (packed.exitCode !== 0)
        return { type: "refused", reasons: [`git cannot pack the work tree: ${packed.stderr.trim().slice(-500)}`] };
      if (packed.stdout.trim() === "unchanged") return { type: "collected", commit, changes: [] };
      const quarantine = await leases.take("quarantine");
      try {
        return await importWork({ git, mirror, folder: quarantine, bundle, start: commit, message }, signal);
      } finally {
        await leases.give(quarantine);
        await rm(bundle, { force: true, recursive: true });
      }
    },
    async [Symbol.asyncDispose]() {
      await (given ??= leases.give(lease));
    },
  };
}

async function layOut({ git, mirror, commit }: CloneOptions, lease: string, folder: string, signal: AbortSignal) {
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

/** Lets through what says something about the work; throws for what says something about the machine. */
function trusted(result: CommandResult, during: string, signal: AbortSignal): CommandResult {
  if (result.aborted) throw new BatonError("sandbox-failed", `${during} was aborted`, { cause: signal.reason });
  if (result.startFailure !== undefined) throw clumsy(during, result);
  if (noSpaceLeft(result.stderr)) throw diskFull(during);
  return result;
}

function clumsy(during: string, result: CommandResult): BatonError {
  const how = result.startFailure ?? `exit code ${result.exitCode}: ${result.output.trim().slice(-500)}`;
  return new BatonError("sandbox-failed", `${during} failed (${how})`);
}
