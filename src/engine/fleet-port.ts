// What an agent that conducts others is given: the door through which its tools create agents, command them and bring their work
// together. `fleet.ts` makes one for each attempt. Nothing here waits for an agent's work but `wait`: agents work beside the one that
// conducts them, and what they come to is in the log.
import type { MicroDollars, Sha } from "../core/ids.ts";
import type { Artifact } from "../workflows/artifacts.ts";
import type { EventOf, Failure, Spend, Task } from "./events.ts";
import type { BoardLine, ChildStatus } from "./fleet-state.ts";

/** `why` is for the model that asked. */
export type Refused = { readonly type: "refused"; readonly why: string };
export type Answer<T = object> = ({ readonly type: "done" } & T) | Refused;

export interface NewAgent {
  /** Without one it gets a name that is free, made from its definition's. */
  readonly id?: string | undefined;
  /** The name of its definition. */
  readonly agent: string;
  readonly makes: EventOf<"agent.created">["makes"];
  readonly instructions: string;
  readonly tools?: readonly string[] | undefined;
  readonly tier?: EventOf<"agent.created">["tier"];
  readonly microDollars?: MicroDollars | undefined;
  /** It starts from what git could not merge last, to mend it; else from where merged work ends. */
  readonly fromConflict: boolean;
}

/** An agent that was created, as it stands. */
export interface AgentView {
  readonly id: string;
  readonly agent: string;
  readonly makes: NewAgent["makes"];
  readonly status: ChildStatus;
  readonly commands: number;
  /** Of all its commands. */
  readonly turns: number;
  /** With those below it. */
  readonly spent: MicroDollars;
  readonly lastTool: string | undefined;
  /** What it handed in last. */
  readonly result: Artifact | undefined;
  /** Why its last command came to nothing. */
  readonly failure: Failure | undefined;
  /** Of a change it handed in: whether its last state is merged. */
  readonly work: "none" | "to merge" | "merged";
  /** What it has waited for too often: paths, and whom they belong to. */
  readonly stuck: { readonly paths: readonly string[]; readonly behind: readonly string[] } | undefined;
  /** Agents that it conducts itself. */
  readonly conducts: number;
}

/** One turn of an agent, numbered through all its commands. */
export interface LoggedTurn {
  readonly command: number;
  readonly turn: number;
  readonly text: string;
  readonly tools: EventOf<"agent.turn">["tools"];
}

export interface CostLine {
  /** "you", or the agent's id; below others `id/id`. */
  readonly who: string;
  readonly status: ChildStatus | undefined;
  readonly spend: Spend;
}

export interface Fleet {
  /** The commit from which the work of the fleet departs. */
  readonly origin: Sha;
  /** Where merged work ends. */
  head(): Sha;
  create(asked: NewAgent): Promise<Answer<{ readonly id: string; readonly base: Sha }>>;
  /** Tells an agent what to do; it begins as soon as there is a place for it. */
  command(id: string, words: string): Promise<Answer<{ readonly number: number }>>;
  interrupt(id: string): Promise<Answer>;
  delete(id: string): Promise<Answer>;
  /** Brings an agent's work into the head, by git. Throws what broken git throws. */
  merge(
    id: string,
    signal: AbortSignal,
  ): Promise<Answer<{ readonly commit: Sha }> | { readonly type: "conflict"; readonly paths: readonly string[] }>;
  /** All of the attempt, in the order in which they were created. */
  agents(): readonly AgentView[];
  /** Resolves when one of these agents is no longer at work that is now, or has come to wait too often for others, at once when none is; when the time is over; when `signal` fires. */
  wait(ids: readonly string[], milliseconds: number, signal: AbortSignal): Promise<void>;
  /** At most `most` turns of an agent, those behind turn `after`, and how many there are in all; undefined for an unknown agent. */
  turns(
    id: string,
    after: number,
    most: number,
  ): Promise<{ readonly turns: readonly LoggedTurn[]; readonly all: number } | undefined>;
  /** Its own cost and that of all below it, and what is left to spend. */
  cost(): { readonly lines: readonly CostLine[]; readonly left: MicroDollars };
  addTasks(tasks: readonly Task[]): Promise<Answer>;
  changeTask(change: Pick<EventOf<"task.changed">, "id" | "status" | "agent" | "note">): Promise<Answer>;
  /** The board, and which of its tasks may begin now: what they need is done, and their claims overlap with nothing under way. */
  board(): { readonly lines: readonly BoardLine[]; readonly ready: readonly string[] };
}
