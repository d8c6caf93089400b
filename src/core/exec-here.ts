// Runs one command to its end as a child of this very process. Everybody calls `exec.ts`, which decides where a command is started.
import { createHash } from "node:crypto";
import type { Command, CommandResult } from "./command.ts";
import { createOutput, type Output } from "./output.ts";
import { type ProcessEnd, type ProcessOptions, startProcess } from "./process.ts";

const DEFAULT_OUTPUT_BYTES = 1024 * 1024;
/** The longest time a timer can hold; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What `executeAs` of `exec.ts` says, done here. */
export async function executeHere(
  command: Command,
  launch: ProcessOptions,
  signal: AbortSignal,
  epilogue: () => string = () => "",
): Promise<CommandResult> {
  const started = performance.now();
  const limit = command.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES;
  const stdout = createOutput(limit);
  const stderr = createOutput(limit);
  const output = createOutput(limit);
  const hash = createHash("sha256");
  let timedOut = false;

  const result = (end: ProcessEnd): CommandResult => ({
    argv: command.argv,
    exitCode: end.type === "exited" ? end.exitCode : null,
    signal: end.type === "exited" ? end.signal : null,
    stdout: stdout.text(),
    stderr: stderr.text(),
    output: output.text(),
    outputHash: hash.digest("hex"),
    durationMs: Math.round(performance.now() - started),
    timedOut,
    aborted: signal.aborted && !timedOut,
    truncated: output.truncated,
    startFailure: end.type === "not-started" ? end.reason : undefined,
  });

  const take = (chunk: Uint8Array, kept: Output) => {
    hash.update(chunk);
    kept.add(chunk);
    output.add(chunk);
  };

  if (signal.aborted) return result({ type: "exited", exitCode: null, signal: null });
  const group = startProcess({ ...launch, withStdin: command.stdin !== undefined });
  if ("notStarted" in group) return result({ type: "not-started", reason: group.notStarted });

  for (const [stream, kept] of [
    [group.stdout, stdout],
    [group.stderr, stderr],
  ] as const)
    stream.on("data", (chunk: Uint8Array) => {
      take(chunk, kept);
    });

  const abort = () => group.end();
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(
    () => {
      timedOut = !signal.aborted;
      group.end();
    },
    Math.min(Math.max(command.timeoutMs, 0), MAX_TIMER_MS),
  );
  group.stdin?.end(command.stdin);
  try {
    const end = await group.ended;
    take(Buffer.from(epilogue()), stderr);
    return result(end);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
