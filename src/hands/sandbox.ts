// The sandbox: runs commands, and starts the hands, with an empty environment, no network and nothing writable but one folder.
import type { Execute } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import type { GroupProcess } from "../core/process.ts";

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

/** A program with tools of its own, which Baton listens to while it runs. */
export interface SandboxProgram {
  /** The one folder it may write, besides its temporary ones. */
  readonly folder: string;
  readonly argv: readonly [string, ...string[]];
  /** Added to the usual environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Host files and folders that it may read, by their absolute path inside. */
  readonly show?: Readonly<Record<string, string>>;
  /** Host path of a Unix socket: all that it reaches of the network, at `bridgeAddress`. Nothing at all when absent. */
  readonly socket?: string;
  /** True: its `stdin` is open until it is ended. Otherwise its input is empty. */
  readonly withStdin?: boolean;
}

export interface Sandbox {
  readonly kind: "bubblewrap" | "none";
  /** What a person must know when the sandbox is not there; undefined with bubblewrap. */
  readonly warning: string | undefined;
  /** Runs one command; `cwd` is the one folder it may write. */
  readonly run: Execute;
  /** Starts the tool process on a workspace folder. */
  startHands(folder: string, signal: AbortSignal): Promise<Hands>;
  /**
   * Starts a program; whoever started it ends it, at the latest the sandbox when it closes. Ending it ends all that it started.
   * Throws `sandbox-failed` when it cannot be started, and `sandbox-missing` where there is no bubblewrap.
   */
  startProgram(program: SandboxProgram): GroupProcess;
}

const refused = () => {
  throw new BatonError("sandbox-missing", "this process works no runs, so nothing may be run in it");
};
const closed = () => Promise.resolve().then(refused);

/** For a process that works no runs: whatever wants to run something is refused. */
export const closedSandbox: Sandbox = {
  kind: "none",
  warning: undefined,
  run: closed,
  startHands: closed,
  startProgram: refused,
};
