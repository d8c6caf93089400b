// What an agent is given to talk to the others of its run: the door behind its tools. `talk.ts` makes one for each attempt. What comes of
// it is in the log, so that whoever goes on with the run finds it.
import type { Answer } from "./fleet-port.ts";
import type { Message, Note } from "./talk-state.ts";

/** What came of asking for paths. */
export type Locked =
  | {
      readonly type: "granted";
      /** Milliseconds since 1970. */
      readonly until: number;
    }
  /** Not in time: do something else first. The place in line is kept. */
  | {
      readonly type: "deferred";
      readonly behind: readonly string[];
      readonly times: number;
      readonly escalated: boolean;
    }
  | { readonly type: "refused"; readonly why: string };

export interface Talk {
  /** The name by which others know the agent. */
  readonly name: string;
  /** `expected`: only over this version; 0: only when there is none. */
  write(key: string, value: string, expected: number | undefined): Promise<Answer<{ readonly version: number }>>;
  /** Notes whose keys begin so, by key. */
  notes(prefix: string): readonly Note[];
  /** Those of these keys that are newer than `after`, as soon as there is one or the time is over. */
  watch(
    keys: readonly string[],
    after: number,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<{ readonly notes: readonly Note[]; readonly version: number }>;
  send(to: string, text: string): Promise<Answer<{ readonly number: number }>>;
  /** Messages to any of these behind number `after`, also from before the agent began, as soon as there is one or the time is over. */
  messages(
    to: readonly string[],
    after: number,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<readonly Message[]>;
  /** The names of those at work. */
  others(): readonly string[];
  /** Waits so long to be alone in these paths. Asked again for the same paths it goes on waiting, at its place. */
  lock(paths: readonly string[], minutes: number, milliseconds: number, signal: AbortSignal): Promise<Locked>;
  /** Gives locks back: those of exactly these paths, or all; says which. */
  unlock(paths: readonly string[] | undefined): Promise<Answer<{ readonly paths: readonly string[] }>>;
}
