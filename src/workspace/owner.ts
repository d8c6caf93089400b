// Which process a folder or a lock belongs to, written as a name that lets another process tell whether that one still lives.
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** "here": the process lives on this machine. "gone": it does not any more. "elsewhere": another machine or container, nobody can ask after it. */
export type Life = "here" | "gone" | "elsewhere";

/** This process, as three words with dashes between them: machine, process id, start. */
export function ownName(): string {
  return `${machine()}-${process.pid}-${startOf(process.pid) ?? "0"}`;
}

/** Whether the process with this name lives. */
export function lifeOf(owner: string): Life {
  const [where, pid, start] = owner.split("-");
  if (where !== machine()) return "elsewhere";
  return startOf(Number(pid)) === start ? "here" : "gone";
}

/** Names this start of this machine's kernel: what was written under another one may not have reached the disk. */
export function boot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return hostname();
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
  if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[19];
  } catch {
    return hasProc() ? undefined : startWithoutProc(pid);
  }
}

function hasProc(): boolean {
  try {
    readlinkSync("/proc/self");
    return true;
  } catch {
    return false;
  }
}

/** Without /proc only that there is a process can be told, not since when. */
function startWithoutProc(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    return "0";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "0" : undefined;
  }
}
