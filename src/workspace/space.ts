// Disks that fill: how a full one is recognised, what is said about it, and how much must be free before a clone is begun.
import { statfs } from "node:fs/promises";
import { BatonError } from "../core/errors.ts";

/** With this many bytes free or more, a failed write had another reason: what could not be written is taken away before anybody looks. */
const SCARCE_BYTES = 500_000_000;

/** Whether a program that failed, saying this, found the disk of `folder` full. git often says only that it could not write. */
export async function ranOutOfSpace(text: string, folder: string): Promise<boolean> {
  if (/No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(text)) return true;
  const wrote =
    /(?:unable to|failed to|cannot|can't|could not|couldn't) (?:write|create|append)|write error|index-pack|unpack/i;
  if (!wrote.test(text)) return false;
  const found = await statfs(folder).catch(() => undefined);
  return found !== undefined && found.bavail * found.bsize < SCARCE_BYTES;
}

export function diskFull(during: string, folder: string, cause?: unknown): BatonError {
  return new BatonError(
    "disk-full",
    `there is no space left on the disk of ${folder} (${during}); free some, or set BATON_HOME to a larger disk, and try again`,
    { cause, retryable: true },
  );
}

/** Runs `work`; a full disk gets its own name, whoever noticed it first. `folder` is what was written to. */
export async function naming<T>(during: string, folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT"))
      throw diskFull(during, folder, error);
    throw error;
  }
}

/** Throws `disk-full` when fewer than `bytes` are free where `folder` lies. */
export async function assureFree(folder: string, bytes: number): Promise<void> {
  if (bytes <= 0) return;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  const mebibytes = (count: number) => `${Math.floor(count / 1024 ** 2)} MiB`;
  throw new BatonError(
    "disk-full",
    `only ${mebibytes(bavail * bsize)} are free on the disk of ${folder}, and a workspace is begun with ${mebibytes(bytes)} free at least; ` +
      "free some, or set BATON_HOME to a larger disk, and try again",
    { retryable: true },
  );
}
