// What is known of finished work that was put on branches.
import type { EventOf } from "./events.ts";

export type KeptBranch = EventOf<"work.kept">["branches"][number];

/** Where finished work is kept of a run that ended without a pull request. */
export interface Kept extends Pick<EventOf<"work.kept">, "from" | "missing"> {
  readonly branches: readonly KeptBranch[];
  /** Branches that were to be removed and could not be. */
  readonly left: EventOf<"kept.removed">["left"];
  /** False when somebody has asked to try again since. */
  readonly settled: boolean;
}
