// Whose turn it is to drive a run, across all workers.
import type { RunId } from "../core/ids.ts";

/**
 * `afterMs`: it is not due before that. `rests`: the version at which its driver found nothing to do and no time to wait for: it is not
 * due before something else is said of it.
 */
export type Release = { readonly afterMs: number } | { readonly rests: number };

/**
 * Whose turn it is, across all workers of a database. A claimed run is this worker's as long as the worker shows that it lives;
 * time is the database's clock, never a worker's.
 */
export interface Claims {
  /**
   * Takes the due run that nobody holds and whose repository and installation have waited longest; undefined when there is none, or the
   * limits say no. Never one that it gave before and that was not released since, even when others could have taken it meanwhile.
   */
  next(): Promise<RunId | undefined>;
  /** Gives a run back. When it is due again its last event says, but for what the release says of it. */
  release(run: RunId, until?: Release): Promise<void>;
  /** Throws `fence-lost` unless this worker holds the run now. */
  assure(run: RunId): Promise<void>;
  /** Shows that this worker lives, and says in how many milliseconds the next unheld run is due (0: now; undefined: none is). */
  beat(): Promise<{ readonly dueInMs: number | undefined }>;
}
