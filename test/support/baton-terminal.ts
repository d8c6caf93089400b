// Baton at a terminal: `script` (util-linux) gives it one, and what is typed comes through a pipe.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { surroundings } from "./baton-process.ts";
import { until } from "./until.ts";

const main = join(import.meta.dirname, "../../src/main.ts");
const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

export interface BatonTerminal extends AsyncDisposable {
  /** Everything that was shown. */
  readonly screen: () => string;
  /** Resolves with the exit code. */
  readonly exit: Promise<number | null>;
  /** Types a line, or a key such as Ctrl+C, once the screen shows `prompt` anew. */
  type(prompt: string, keys: string): Promise<void>;
}

/** Starts `baton …args` at a terminal. In `surroundings`; nothing else of this process's environment is there. */
export function startAtTerminal(args: readonly string[], env: Readonly<Record<string, string>>): BatonTerminal {
  const command = [process.execPath, main, ...args].map(quoted).join(" ");
  const child = spawn("script", ["-qefc", command, "/dev/null"], {
    env: {
      ...surroundings,
      SHELL: "/bin/sh",
      TERM: "dumb",
      NO_COLOR: "1",
      ...env,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let screen = "";
  let seen = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (screen += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (screen += text));
  const exit = once(child, "close").then(([code]: unknown[]) => (typeof code === "number" ? code : null));
  return {
    screen: () => screen,
    exit,
    async type(prompt, keys) {
      const at = await until(
        () => {
          const found = screen.indexOf(prompt, seen);
          if (found === -1 && child.exitCode !== null) throw new Error(`baton ended before "${prompt}":\n${screen}`);
          return found === -1 ? undefined : found;
        },
        { milliseconds: 60_000, what: () => `the terminal did not show "${prompt}":\n${screen}` },
      );
      seen = at + prompt.length;
      child.stdin.write(keys);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
