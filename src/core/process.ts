// One child process and everything it started in its process group, which begins and ends with it.
// The group is the unit: ending it ends all members, and nothing waits for a pipe that some survivor still holds open.
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { type Readable, Writable } from "node:stream";
import { messageOf } from "./errors.ts";

export interface ProcessOptions {
  readonly argv: readonly [string, ...string[]];
  /** Absolute folder the program starts in. */
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** True: `stdin` is open until it is ended. Otherwise the program's input is empty (and no socket, which some programs take for a remote login). */
  readonly withStdin?: boolean;
  /** Data the program can read from descriptor 3 on: what must not be seen in its arguments. */
  readonly inputs?: readonly (string | Uint8Array)[];
  /** True: one more descriptor, after those of `inputs`, that stays open and empty for as long as this process lives. */
  readonly lifeline?: boolean;
}

export type ProcessEnd =
  | { readonly type: "exited"; readonly exitCode: number | null; readonly signal: string | null }
  /** The program never ran; `reason` begins with the system's error code. */
  | { readonly type: "not-started"; readonly reason: string };

export interface GroupProcess {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles once and never rejects: the leader has ended, its group was killed, and stdout and stderr have ended or been cut off. */
  readonly ended: Promise<ProcessEnd>;
  /** Ends the group: SIGTERM, then SIGKILL after `graceMs` milliseconds (default 1,000). May be called often; a later call only shortens the wait. */
  end(graceMs?: number): void;
}

/** From SIGTERM to SIGKILL. */
const GRACE_MS = 1_000;
/** How long output may keep coming after the leader ended: only a process that left the group can still hold the pipe. */
const DRAIN_MS = 250;
/** The same when output does keep coming. */
const MOST_DRAIN_MS = 5_000;
/** How long after SIGKILL a leader that cannot die (uninterruptible sleep) is waited for. */
const UNDEAD_MS = 2_000;

/** Starts a program as the leader of its own process group. Never throws: what goes wrong is in `ended`. */
export function startProcess(options: ProcessOptions): GroupProcess | { readonly notStarted: string } {
  let child;
  try {
    const [program, ...rest] = options.argv;
    const inputs = [...(options.inputs ?? []), ...(options.lifeline === true ? [""] : [])].map(() => "pipe" as const);
    child = spawn(program, rest, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: [options.withStdin === true ? "pipe" : "ignore", "pipe", "pipe", ...inputs],
    });
  } catch (error) {
    return { notStarted: reasonOf(error, options.cwd) };
  }
  const { stdin, stdout, stderr, pid } = child;
  if (stdout === null || stderr === null) return { notStarted: "EPIPE: its pipes are missing" };
  // A program that does not read its input closes it; that is its right.
  stdin?.on("error", () => {});
  stdout.on("error", () => {});
  stderr.on("error", () => {});
  for (const [index, data] of (options.inputs ?? []).entries()) {
    const input = child.stdio[3 + index];
    if (!(input instanceof Writable)) continue;
    input.on("error", () => {});
    input.end(data);
  }

  const lifeline = options.lifeline === true ? child.stdio[3 + (options.inputs ?? []).length] : undefined;
  lifeline?.on("error", () => {});

  const killGroup = (signal: "SIGTERM" | "SIGKILL") => {
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // ESRCH: nobody is left in the group.
    }
  };

  const { promise: ended, resolve } = Promise.withResolvers<ProcessEnd>();
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, what: () => void) => timers.add(setTimeout(what, ms));
  let settled = false;
  const settle = (end: ProcessEnd) => {
    if (settled) return;
    settled = true;
    for (const timer of timers) clearTimeout(timer);
    for (const stream of [stdin, stdout, stderr, lifeline]) stream?.destroy();
    resolve(end);
  };

  child.once("error", (error) => {
    if (pid === undefined) settle({ type: "not-started", reason: reasonOf(error, options.cwd) });
  });
  child.once("exit", (exitCode, signal) => {
    lifeline?.destroy();
    killGroup("SIGKILL");
    const drained = () => settle({ type: "exited", exitCode, signal });
    const deadline = performance.now() + MOST_DRAIN_MS;
    // Where the event loop was held up, the timer comes before the output that has long arrived: so look once more, after reading.
    const wait = (read: number) =>
      later(DRAIN_MS, () =>
        setImmediate(() => {
          const now = bytesRead(stdout) + bytesRead(stderr);
          if (now === read || performance.now() > deadline) setImmediate(drained);
          else if (!settled) wait(now);
        }),
      );
    wait(bytesRead(stdout) + bytesRead(stderr));
  });
  child.once("close", (exitCode, signal) => settle({ type: "exited", exitCode, signal }));

  let ending = false;
  const kill = () => {
    killGroup("SIGKILL");
    later(UNDEAD_MS, () => settle({ type: "exited", exitCode: null, signal: "SIGKILL" }));
  };
  return {
    stdin: stdin ?? undefined,
    stdout,
    stderr,
    ended,
    end(graceMs = GRACE_MS) {
      if (settled) return;
      if (!ending) killGroup("SIGTERM");
      ending = true;
      if (graceMs <= 0) kill();
      else later(graceMs, kill);
    },
  };
}

/** How a program ended, in words, and what it had to say on stderr. */
export function describeEnd(end: ProcessEnd, complaints: string): string {
  const how =
    end.type === "not-started"
      ? end.reason
      : end.signal === null
        ? `it ended with exit code ${end.exitCode}`
        : `it was ended by ${end.signal}`;
  return complaints.trim() === "" ? how : `${how}: ${complaints.trim()}`;
}

function bytesRead(stream: Readable): number {
  return "bytesRead" in stream && typeof stream.bytesRead === "number" ? stream.bytesRead : 0;
}

function reasonOf(error: unknown, cwd: string): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "EUNKNOWN";
  // A missing folder and a missing program look the same to spawn; only one of them is the program's fault.
  const folder = statSync(cwd, { throwIfNoEntry: false });
  if (folder === undefined) return `${code}: the folder ${cwd} does not exist`;
  if (!folder.isDirectory()) return `${code}: ${cwd} is not a folder`;
  return `${code}: ${messageOf(error)}`;
}
