// The sandbox: runs commands, and starts the hands, with an empty environment, no network and nothing writable but one folder.
import type { Execute } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";

export interface ToolCall {
  /** One of the agent toolset's names: bash read write edit glob grep. */
  readonly name: string;
  readonly input: unknown;
}

export interface ToolAnswer {
  readonly ok: boolean;
  /** At most 60,000 characters: the head and the tail. */
  readonly output: string;
}

/** The tool process of one session. */
export interface Hands extends AsyncDisposable {
  /** Never throws for a failing tool; throws `sandbox-failed` when the process is gone. Aborting ends the process. */
  call(call: ToolCall, signal: AbortSignal): Promise<ToolAnswer>;
}

export interface Sandbox {
  readonly kind: "bubblewrap" | "none";
  /** What a person must know when the sandbox is not there; undefined with bubblewrap. */
  readonly warning: string | undefined;
  /** Runs one command; `cwd` is the one folder it may write. */
  readonly run: Execute;
  /** Starts the tool process on a workspace folder. */
  startHands(folder: string, signal: AbortSignal): Promise<Hands>;
}

const closed = () =>
  Promise.reject(new BatonError("sandbox-missing", "this process works no runs, so nothing may be run in it"));

/** For a process that works no runs: whatever wants to run something is refused. */
export const closedSandbox: Sandbox = { kind: "none", warning: undefined, run: closed, startHands: closed };
