// Baton as people start it: `src/main.ts` in a process of its own, with an environment that is given whole.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";

const main = join(import.meta.dirname, "../../src/main.ts");

const preload = join(import.meta.dirname, "fault-child.ts");

export interface BatonProcess extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the exit code; null when a signal ended it. */
  readonly exit: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until stdout matches, and gives the match. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Where a process dies, freezes or stumbles; `fault-child.ts` has the words. */
export interface Fault {
  readonly act: string;
  /** A file to which the fault points it passed are written. */
  readonly log: string;
}

/**
 * What every Baton of the tests has: the usual programs, and one place where Node keeps what it compiled, so that the next one starts in a
 * third of the time.
 */
export const surroundings = {
  PATH: `${join(process.execPath, "..")}:/usr/local/bin:/usr/bin:/bin`,
  NODE_COMPILE_CACHE: join(tmpdir(), "baton-tests-compiled"),
} as const;

/**
 * A Baton of a test lives for seconds: it would spend a tenth of its processor's time on better code for a database that it asks a few
 * hundred questions.
 */
const shortLived = ["--liftoff-only"];

/** Starts `baton …args` in `surroundings`; nothing else of this process's environment is there. */
export function startBaton(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { cwd, fault }: { cwd?: string; fault?: Fault | undefined } = {},
): BatonProcess {
  const faults = fault && { BATON_TEST_FAULT: fault.act, BATON_TEST_FAULT_LOG: fault.log };
  const child: ChildProcess = spawn(
    process.execPath,
    [...shortLived, ...(fault ? ["--import", preload] : []), main, ...args],
    {
      env: { ...surroundings, ...env, ...faults },
      stdio: ["ignore", "pipe", "pipe"],
      ...(cwd === undefined ? {} : { cwd }),
    },
  );
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exit = once(child, "close").then(([code]: unknown[]) => (typeof code === "number" ? code : null));
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    exit,
    kill: (signal) => void child.kill(signal),
    says: (pattern) =>
      until(
        () => {
          const found = pattern.exec(stdout);
          if (!found && (child.exitCode !== null || child.signalCode !== null))
            throw new Error(
              `baton ended with ${child.exitCode ?? child.signalCode} before it said ${pattern}:\n${stdout}\n${stderr}`,
            );
          return found ?? undefined;
        },
        { milliseconds: 30_000, what: () => `baton did not say ${pattern}:\n${stdout}\n${stderr}` },
      ),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
