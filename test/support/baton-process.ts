// Baton as people start it: `src/main.ts` in a process of its own, with an environment that is given whole.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { vi } from "vitest";

const main = join(import.meta.dirname, "../../src/main.ts");

export interface BatonProcess extends AsyncDisposable {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the exit code; null when a signal ended it. */
  readonly exit: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until stdout matches, and gives the match. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts `baton …args`. PATH is added; nothing else of this process's environment is. */
export function startBaton(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): BatonProcess {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    env: { PATH: `${join(process.execPath, "..")}:/usr/local/bin:/usr/bin:/bin`, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exit = once(child, "close").then(([code]: unknown[]) => (typeof code === "number" ? code : null));
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    exit,
    kill: (signal) => void child.kill(signal),
    says: async (pattern) => {
      const match = await vi.waitUntil(
        () => {
          const found = pattern.exec(stdout);
          if (!found && child.exitCode !== null)
            throw new Error(`baton ended with ${child.exitCode} before it said ${pattern}:\n${stdout}\n${stderr}`);
          return found;
        },
        { timeout: 30_000 },
      );
      if (!match) throw new Error(`baton did not say ${pattern}`);
      return match;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
