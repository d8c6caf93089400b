// A small disk of its own for a test, so that it can be full: a tmpfs, mounted as root or with a sudo that asks nothing.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MEBIBYTE = 1024 ** 2;

const privileged = (...argv: string[]) => (process.getuid?.() === 0 ? argv : ["sudo", "-n", ...argv]);
const mountAt = (folder: string, options: string) => privileged("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder);

/** True when this machine lets the tests mount one. */
export function mountsDisks(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "baton-disk-"));
  try {
    const [program = "", ...rest] = mountAt(folder, "size=64k");
    if (spawnSync(program, rest, { stdio: "ignore" }).status !== 0) return false;
    const [unmount = "", ...where] = privileged("umount", folder);
    return spawnSync(unmount, where, { stdio: "ignore" }).status === 0;
  } finally {
    rmdirSync(folder);
  }
}

export class SmallDisk implements AsyncDisposable {
  readonly folder: string;
  readonly #ballast: string;

  constructor(mebibytes: number) {
    this.folder = mkdtempSync(join(tmpdir(), "baton-disk-"));
    this.#ballast = join(this.folder, "ballast");
    run(mountAt(this.folder, `size=${mebibytes}m,mode=1777`));
  }

  /** Bytes. */
  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  /** Fills the disk until so many bytes are free. */
  async leave(bytes: number): Promise<void> {
    await this.empty();
    await writeFile(this.#ballast, Buffer.alloc(Math.max(0, (await this.free()) - bytes)));
  }

  /** Takes out what `leave` put in. */
  async empty(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  /** Somebody gives it more room. */
  grow(mebibytes: number): void {
    run(privileged("mount", "-o", `remount,size=${mebibytes}m`, this.folder));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily: what was killed may hold a file for a moment more.
    run(privileged("umount", "-l", this.folder));
    rmdirSync(this.folder);
  }
}

function run([program = "", ...rest]: readonly string[]): void {
  execFileSync(program, rest, { stdio: "ignore" });
}

export const mebibytes = (count: number) => count * MEBIBYTE;
