// A stand-in for workspaces and sandbox that keeps account of what is open, so that tests of the runner can ask for it.
import { BatonError } from "#src/core/errors.ts";
import type { CommandResult } from "#src/core/command.ts";
import { sha, type Sha } from "#src/core/ids.ts";
import type { Hands, Sandbox, ToolAnswer, ToolCall } from "#src/hands/sandbox.ts";
import type { FileChange } from "#src/workspace/file-change.ts";
import type { Workspace, Workspaces } from "#src/workspace/workspaces.ts";

export const base: Sha = sha("a".repeat(40));
export const start: Sha = sha("b".repeat(40));
export const collected: Sha = sha("c".repeat(40));

export const change = (path: string): FileChange => ({
  path,
  kind: "modified",
  mode: "100644",
  added: 1,
  removed: 1,
  binary: false,
});

export interface PlaceOptions {
  /** Where the workspace says it is. */
  readonly folder?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly openFails?: Error;
  readonly handsFail?: Error;
  readonly installExit?: number;
  readonly refuse?: readonly string[];
  readonly changes?: readonly FileChange[];
  readonly answer?: (call: ToolCall, signal: AbortSignal) => Promise<ToolAnswer>;
  /** Opening waits for this. */
  readonly gate?: Promise<void>;
}

export class FakePlace {
  readonly log: string[] = [];
  readonly #options: PlaceOptions;
  /** The last turn that touched the workspace that was put aside. */
  #parked: number | undefined;

  constructor(options: PlaceOptions = {}) {
    this.#options = options;
  }

  /** What was opened and not closed. */
  get open(): string[] {
    const closed = (name: string) =>
      this.log.filter((line) => line === `close ${name}` || line === `park ${name}`).length;
    return ["workspace", "hands"].filter(
      (name) => this.log.filter((line) => line === `open ${name}`).length > closed(name),
    );
  }

  readonly workspaces: Workspaces = {
    open: async (_repo, commit, signal, { setup } = {}) => {
      await this.#options.gate;
      signal.throwIfAborted();
      if (this.#options.openFails) throw this.#options.openFails;
      this.log.push("open workspace");
      if (setup) this.log.push(`install ${setup.install} at ${setup.base.slice(0, 4)}, then ${commit.slice(0, 4)}`);
      return this.#workspace(commit, setup && ended(setup.install, this.#options.installExit ?? 0));
    },
    patch: (_repo, from, to) => Promise.resolve(`diff ${from.slice(0, 4)}..${to.slice(0, 4)}\n+mended`),
    file: (_repo, _commit, path) => {
      const text = this.#options.files?.[path];
      return Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text));
    },
    resolve: () => this.#unused("resolve"),
    changes: () => this.#unused("changes"),
    paths: () => Promise.resolve(Object.keys(this.#options.files ?? {})),
    tree: () => this.#unused("tree"),
    deliver: () => this.#unused("deliver"),
    merge: () => this.#unused("merge"),
    write: () => this.#unused("write"),
    conflictMarkers: () => this.#unused("conflictMarkers"),
    contains: () => this.#unused("contains"),
    adopt: (_repo, key, turn) => {
      this.log.push(`adopt ${key.split("/").slice(1).join("/")} as of turn ${turn}`);
      const parked = this.#parked;
      this.#parked = undefined;
      if (parked !== turn) return Promise.resolve(undefined);
      this.log.push("open workspace");
      return Promise.resolve(this.#workspace(start, undefined, turn));
    },
    forget: async (run) => void this.log.push(`forget ${run}`),
  };

  readonly sandbox: Sandbox = {
    kind: "none",
    warning: undefined,
    run: () => this.#unused("run"),
    startProgram: () => this.#unused("startProgram"),
    startHands: (folder) => {
      if (this.#options.handsFail) return Promise.reject(this.#options.handsFail);
      this.log.push("open hands");
      return Promise.resolve(this.#hands(folder));
    },
  };

  #workspace(commit: Sha, installed: CommandResult | undefined, last = 0): Workspace {
    let touched = last;
    return {
      folder: this.#options.folder ?? "/nowhere",
      commit,
      installed,
      installedEarlier: false,
      collect: (message) => {
        this.log.push(`collect ${message}`);
        const { refuse, changes = [change("src/sum.js")] } = this.#options;
        return Promise.resolve(
          refuse
            ? { type: "refused", reasons: [...refuse] }
            : { type: "collected", commit: collected, changes: [...changes] },
        );
      },
      begin: async (turn) => {
        this.log.push(`begin turn ${turn}`);
        touched = turn;
      },
      recorded: async (turn) => void this.log.push(`turn ${turn} is recorded`),
      park: async () => {
        this.log.push("park workspace");
        this.#parked = touched;
      },
      [Symbol.asyncDispose]: async () => void this.log.push("close workspace"),
    };
  }

  #hands(folder: string): Hands {
    return {
      call: (call, signal) => {
        this.log.push(`${call.name} in ${folder}`);
        return this.#options.answer?.(call, signal) ?? Promise.resolve({ ok: true, output: "done" });
      },
      [Symbol.asyncDispose]: async () => void this.log.push("close hands"),
    };
  }

  #unused(name: string): never {
    throw new BatonError("not-found", `the runner does not use ${name}`);
  }
}

function ended(command: string, exitCode: number): CommandResult {
  const output = exitCode === 0 ? "" : "npm ERR! 404 left-pad";
  return {
    argv: ["sh", "-c", command],
    exitCode,
    signal: null,
    stdout: output,
    stderr: "",
    output,
    outputHash: "",
    durationMs: 1,
    timedOut: false,
    aborted: false,
    truncated: false,
    startFailure: undefined,
  };
}
