// Copies, measures and watches over folders that strangers filled. Of a copy, every file is one of its own (never a hard link to the original), sharing blocks only
// where the file system copies them on the first write. Links are copied as links and never followed.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Execute } from "../core/command.ts";
import { succeeded } from "../core/command.ts";

const COPY_MS = 10 * 60_000;
const LOOK_MS = 60_000;
/** Lies in a folder beside what it holds; its time says when that was whole. */
const SEAL = "baton-seal";

/** Copies the folder `from` to `to`, which must not exist, with modes and times. Why not, when it could not be copied whole. */
export async function copyTree(
  execute: Execute,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const argv = ["cp", "-a", "--reflink=auto", "-T", "--", from, to] as const;
  const result = await execute({ argv, cwd: "/", timeoutMs: COPY_MS, maxOutputBytes: 4_096 }, signal);
  if (succeeded(result)) return undefined;
  return result.startFailure ?? (result.output.trim().slice(0, 500) || "cp was ended before it was done");
}

/** What a folder takes on the disk, in bytes; blocks that it shares with others count. Undefined when it cannot be said. */
export async function sizeOf(execute: Execute, folder: string, signal: AbortSignal): Promise<number | undefined> {
  const argv = ["du", "-sk", "--", folder] as const;
  const result = await execute({ argv, cwd: "/", timeoutMs: LOOK_MS, maxOutputBytes: 4_096 }, signal);
  const [, kibibytes] = /^(\d+)\t/.exec(result.stdout) ?? [];
  return succeeded(result) && kibibytes !== undefined ? Number(kibibytes) * 1_024 : undefined;
}

/** Writes down that a folder is as it should be now. */
export async function seal(folder: string): Promise<void> {
  await rm(join(folder, SEAL), { force: true });
  await writeFile(join(folder, SEAL), "", { mode: 0o600 });
}

/**
 * True when nothing below a folder was written, added, deleted, renamed or given another mode since it was sealed: the kernel notes the
 * time of each of these, and no program can set it. Moving the folder itself does not count.
 */
export async function isUntouched(execute: Execute, folder: string, signal: AbortSignal): Promise<boolean> {
  const argv = ["find", folder, "-mindepth", "1", "-cnewer", join(folder, SEAL), "-print", "-quit"] as const;
  const result = await execute({ argv, cwd: "/", timeoutMs: LOOK_MS, maxOutputBytes: 4_096 }, signal);
  return succeeded(result) && result.output === "";
}
