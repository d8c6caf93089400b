// The shape of running a program and of what came of it. A failure has the same shape as a success:
// nothing here throws because a program failed, was killed, or could not be found.

export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** Absolute folder the program starts in. */
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Milliseconds until the process group is killed. */
  readonly timeoutMs: number;
  /** Bytes kept of each of stdout, stderr and output: the head and the tail, with a mark between them. Default 1 MiB. */
  readonly maxOutputBytes?: number;
  /** What the program may reach. Sandboxes obey it; without a sandbox it is documentation. Default "none". */
  readonly network?: "none" | "registries";
}

export interface CommandResult {
  readonly argv: readonly string[];
  /** null when a signal ended it or it could not be started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout and stderr in the order they arrived. */
  readonly output: string;
  /** SHA-256 (hex) over the whole of `output`, before it was shortened. */
  readonly outputHash: string;
  readonly durationMs: number;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  readonly truncated: boolean;
  /** Why the program could not be started ("ENOENT: …"), else undefined. */
  readonly startFailure: string | undefined;
}

/** Runs one command to its end. Implemented on the host by `core/exec.ts`, in a sandbox by `hands/sandbox.ts`. */
export type Execute = (command: Command, signal: AbortSignal) => Promise<CommandResult>;

/** True when the program ran to its end and said so with exit code 0. */
export function succeeded(result: CommandResult): boolean {
  return result.exitCode === 0 && !result.timedOut && !result.aborted;
}
