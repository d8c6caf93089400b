// What the engine asks about where a run came from, and about what became of others.
import type { Hindsight } from "../workflows/hindsight.ts";
import type { EventOf } from "./events.ts";
import type { State } from "./state.ts";

/** What a run is about, looked at now. */
export interface Subjects {
  /** What was lost of the ground the run stands on, or that it is closed; undefined while all is well. Throws when GitHub does not answer. */
  look(
    created: EventOf<"run.created">,
    signal: AbortSignal,
  ): Promise<EventOf<"subject.lost"> | EventOf<"subject.closed"> | undefined>;
  /** What became of earlier runs of this run's repository. Throws when GitHub or the log does not answer. */
  lookBack(state: State, signal: AbortSignal): Promise<Hindsight>;
}
