// Baton's side of the starter: a small process that starts commands in this one's place. To start a program the system copies the
// page tables of whoever starts it, and takes them apart again: of a process with a database and half a gigabyte of memory that is
// ten times the work of all the rest, and its event loop stands still meanwhile.
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Command, CommandResult } from "./command.ts";
import { executeHere } from "./exec-here.ts";
import type { ProcessOptions } from "./process.ts";

export interface Starter extends AsyncDisposable {
  /** Runs a command as `executeHere` does. A starter that dies under it gives a result as if the command had been killed. */
  run(command: Command, launch: ProcessOptions, signal: AbortSignal): Promise<CommandResult>;
}

/** What the starter is told. */
export type ToStarter =
  | { readonly type: "run"; readonly id: number; readonly command: Command; readonly launch: ProcessOptions }
  | { readonly type: "abort"; readonly id: number };

/** What it says: first that it is there. */
export type FromStarter = { readonly type: "ready" } | Done;

interface Done {
  readonly type: "done";
  readonly id: number;
  readonly result: CommandResult;
}

/** A process with less memory than this, in bytes, starts its commands itself: that is quick. */
const LARGE = 160 * 1024 ** 2;
/** So many commands cost about as much as a starter: who starts fewer needs none. */
const MANY = 20;

let asked = 0;
let own: "none" | "opening" | "impossible" | Starter = "none";

/** This process's starter, for one more command: once it is large, starts many, and its starter is there, for which nobody waits. */
export function readyStarter(): Starter | undefined {
  if (typeof own === "object") return own;
  asked += 1;
  if (own === "none" && asked > MANY && process.memoryUsage.rss() >= LARGE) {
    own = "opening";
    void openStarter(() => (own = "none")).then(
      (starter) => (own = starter),
      () => (own = "impossible"),
    );
  }
  return undefined;
}

/** Starts a starter; `lost` is called when it has ended by itself. It keeps no process alive, and ends with this one. */
export async function openStarter(lost: () => void = () => {}): Promise<Starter> {
  const child = fork(fileURLToPath(new URL("./starter-main.ts", import.meta.url)), [], {
    // A group of its own: Ctrl+C at a terminal is for Baton, which still has commands to start.
    detached: true,
    env: {},
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const running = new Map<number, (result: CommandResult) => void>();
  const ready = Promise.withResolvers<void>();
  child.on("message", (message: FromStarter) => {
    if (message.type === "ready") return ready.resolve();
    running.get(message.id)?.(message.result);
  });
  const gone = Promise.withResolvers<void>();
  const end = () => {
    gone.resolve();
    ready.reject(new Error("the starter ended before it was ready"));
    for (const give of running.values()) give(killed());
    lost();
  };
  child.once("exit", end);
  child.once("error", end);
  await ready.promise;
  hold(child, false);

  let count = 0;
  return {
    async run(command, launch, signal) {
      if (signal.aborted || !child.connected) return await executeHere(command, launch, signal);
      const id = (count += 1);
      const { promise, resolve } = Promise.withResolvers<CommandResult>();
      const abort = () => tell(child, { type: "abort", id });
      if (running.size === 0) hold(child, true);
      running.set(id, resolve);
      signal.addEventListener("abort", abort, { once: true });
      try {
        tell(child, { type: "run", id, command, launch });
        const result = await promise;
        // Who aborted is known here first.
        return { ...result, argv: command.argv, aborted: signal.aborted && !result.timedOut };
      } finally {
        signal.removeEventListener("abort", abort);
        running.delete(id);
        if (running.size === 0) hold(child, false);
      }
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await gone.promise;
    },
  };
}

/** While it works, this process waits for it; otherwise nothing does. */
function hold(child: ChildProcess, held: boolean): void {
  child[held ? "ref" : "unref"]();
  child.channel?.[held ? "ref" : "unref"]();
}

function tell(child: ChildProcess, message: ToStarter): void {
  // What fails, now or later, fails because it ends, which is heard of.
  if (child.connected) child.send(message, () => {});
}

/** What is known of a command whose starter has died. */
function killed(): CommandResult {
  const said = "the process that had started it was killed";
  return {
    argv: [],
    exitCode: null,
    signal: "SIGKILL",
    stdout: "",
    stderr: said,
    output: said,
    outputHash: createHash("sha256").update(said).digest("hex"),
    durationMs: 0,
    timedOut: false,
    aborted: false,
    truncated: false,
    startFailure: undefined,
  };
}
