// What agents of a run have said to each other: the shapes. `fold-talk.ts` makes them from events, `locks.ts` reads the locks.

/** A value of the blackboard. */
export interface Note {
  readonly key: string;
  readonly value: string;
  readonly version: number;
  /** The unit whose agent wrote it. */
  readonly by: string;
}

export interface Message {
  readonly number: number;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** Paths in which an agent is alone, or will be when those before it are done. It lasts no longer than its agent's attempt. */
export interface Lock {
  readonly number: number;
  readonly unit: string;
  /** The beginning of the attempt it was asked for in: its version. */
  readonly within: number;
  readonly attempt: number;
  readonly paths: readonly string[];
  readonly minutes: number;
  /** Milliseconds since 1970; undefined while it is waited for. */
  readonly until: number | undefined;
  /** How often its agent was told to do something else first. */
  readonly deferred: number;
  readonly escalated: boolean;
}

export interface TalkState {
  readonly notes: ReadonlyMap<string, Note>;
  /** How often anything was written on the blackboard: the version of what was written last. */
  readonly written: number;
  readonly messages: readonly Message[];
  /** Those that are held and waited for, in the order in which they were asked for. */
  readonly locks: readonly Lock[];
  /** How many were ever asked for. */
  readonly asked: number;
}

export const silence: TalkState = { notes: new Map(), written: 0, messages: [], locks: [], asked: 0 };
