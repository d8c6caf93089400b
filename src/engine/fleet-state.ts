// What is known of agents that an agent conducts: the shapes. `fold-fleet.ts` makes them from events, `conducted.ts` reads them.
import type { MicroDollars, Sha } from "../core/ids.ts";
import type { EventOf, Task } from "./events.ts";

/** What one attempt of an agent conducts. */
export interface FleetState {
  /** Where merged work ends: new agents start here, and it is what the attempt leaves. */
  readonly head: Sha;
  /** Ids of every agent created in the attempt, in order. How each stands is in the state of its unit. */
  readonly agents: readonly string[];
  /** Whose work is in `head`, with the commit of it that was merged last; also of agents that are gone since the attempt began again. */
  readonly merged: ReadonlyMap<string, Sha>;
  /** What git could not merge last, until work that builds on it is merged. */
  readonly conflict: { readonly of: string; readonly marked: Sha; readonly paths: readonly string[] } | undefined;
  readonly board: readonly BoardLine[];
}

export interface BoardLine {
  readonly task: Task;
  readonly status: EventOf<"task.changed">["status"];
  readonly agent: string | undefined;
  readonly note: string | undefined;
}

/** An agent that another one created. */
export interface Child {
  /** The unit of the agent that created it. */
  readonly parent: string;
  /** The beginning of that agent's attempt: its version. It lives no longer. */
  readonly within: number;
  /** The version of the event that created it. */
  readonly version: number;
  readonly id: string;
  readonly agent: string;
  readonly makes: EventOf<"agent.created">["makes"];
  readonly instructions: string;
  readonly tools: readonly string[] | undefined;
  readonly tier: EventOf<"agent.created">["tier"];
  readonly microDollars: MicroDollars | undefined;
  readonly base: Sha;
  readonly conflict: EventOf<"agent.created">["conflict"];
  /** How often it was commanded. */
  readonly commands: number;
  /** What it was commanded and has not begun. */
  readonly pending: string | undefined;
  readonly deleted: boolean;
}

/**
 * How an agent stands: *created* until its first command; *executing* from a command until it hands in, fails or is interrupted; then
 * *idle*, or *errored* when it failed: either may be commanded again; *deleted* for good.
 */
export type ChildStatus = "created" | "executing" | "idle" | "errored" | "deleted";
