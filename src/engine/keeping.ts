// The port by which finished work of a run without a pull request gets on a branch, and off it again. Part of the publisher.
import type { Sha } from "../core/ids.ts";
import type { GateResult } from "./events.ts";
import type { KeptBranch, State } from "./state.ts";

export interface KeepRequest {
  readonly head: Sha;
  /** Of work that could not be merged: the task, or the agent, whose it is. It gets a branch of its own. */
  readonly part: string | undefined;
  /** The units whose work is in `head`. */
  readonly holds: readonly string[];
  /** What the gates that guard every publication said of `head`. */
  readonly gates: readonly GateResult[];
}

export interface Keeping {
  /** Puts finished work on the run's branch for it, or moves that on. Refused what is never published: a path or a text that may not be, an empty change. */
  keep(
    state: State,
    request: KeepRequest,
    signal: AbortSignal,
  ): Promise<
    | { readonly type: "kept"; readonly branch: string; readonly head: Sha }
    | { readonly type: "refused"; readonly code: string; readonly message: string }
  >;
  /** Takes such a branch away, unless somebody has put it to use since. */
  removeKept(
    state: State,
    branch: KeptBranch,
    signal: AbortSignal,
  ): Promise<{ readonly type: "removed" } | { readonly type: "left"; readonly why: string }>;
}
