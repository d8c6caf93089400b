// Folders under Baton's home that belong to one running process: clones and quarantines. Each is named after its process, so that
// what a dead one left behind is found and deleted. Deleting is done aside and in the background: giving a folder back costs a rename.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Execute } from "../core/command.ts";

/** Leftovers of another machine or container, whose processes cannot be asked after, are kept this long. */
const FOREIGN_MS = 24 * 3_600_000;

export interface Leases {
  /** A new, empty folder of this process. */
  take(kind: "workspaces" | "quarantine"): Promise<string>;
  /** Gives a folder back; it is out of sight when this resolves, and deleted soon. */
  give(folder: string): Promise<void>;
  /** Deletes what dead processes left. */
  sweep(): Promise<void>;
  /** Resolves when nothing is being deleted any more. */
  settle(): Promise<void>;
}

export function createLeases(home: string, execute: Execute): Leases {
  const own = `${machine()}-${process.pid}-${startOf(process.pid) ?? "0"}`;
  let deleting: Promise<void> = Promise.resolve();

  const discard = (folder: string) => {
    deleting = deleting.then(() => remove(folder, execute));
  };
  const give = async (folder: string) => {
    const trash = join(home, "trash");
    await mkdir(trash, { recursive: true, mode: 0o700 });
    const aside = join(trash, `${own}-${randomBytes(8).toString("hex")}`);
    const moved = await rename(folder, aside).then(
      () => true,
      () => false,
    );
    discard(moved ? aside : folder);
  };

  return {
    give,
    async take(kind) {
      const folder = join(home, kind, `${own}-${randomBytes(8).toString("hex")}`);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    async sweep() {
      for (const kind of ["workspaces", "quarantine", "trash"])
        for (const name of await readdir(join(home, kind)).catch(() => [])) {
          const folder = join(home, kind, name);
          if (await abandoned(folder, name)) await (kind === "trash" ? discard(folder) : give(folder));
        }
    },
    async settle() {
      await deleting;
    },
  };

  async function abandoned(folder: string, name: string): Promise<boolean> {
    const [where, pid, start] = name.split("-");
    if (where === machine()) return startOf(Number(pid)) !== start;
    const found = await stat(folder).catch(() => undefined);
    return found !== undefined && Date.now() - found.mtimeMs > FOREIGN_MS;
  }
}

/** Where process ids mean the same: this boot and this PID namespace. */
function machine(): string {
  let name = hostname();
  try {
    name = `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8")}${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    // No /proc: the host's name must do.
  }
  return createHash("sha256").update(name).digest("hex").slice(0, 12);
}

/** When a process started, in the kernel's ticks; undefined when there is none. Tells a process from a later one with the same id. */
function startOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[19];
  } catch {
    return undefined;
  }
}

/** Deletes a tree that was written by a stranger: folders without write permission (Go's module cache) are opened up first. */
async function remove(folder: string, execute: Execute): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    // chmod -R follows no links on its way down.
    const argv = ["chmod", "-R", "u+rwX", "--", folder] as const;
    await execute({ argv, cwd: "/", timeoutMs: 60_000 }, new AbortController().signal);
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}
