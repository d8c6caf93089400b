// What of the publisher concerns Baton's check runs on commits.
import type { Sha } from "../core/ids.ts";
import type { RepoRef } from "./events.ts";

export interface Checking {
  /**
   * Says on a check run of the commit what is to mend in the files with which the repository speaks to Baton; once for each commit. Where
   * the App may not write check runs it does nothing.
   */
  checkConfig(
    repo: RepoRef,
    commit: Sha,
    found: { readonly problems: readonly string[]; readonly warnings: readonly string[] },
  ): Promise<void>;
  /** Somebody asked GitHub to run Baton's checks of a commit again: they say once more what they said. Gives how many there are. */
  showChecksAgain(repo: RepoRef, commit: Sha): Promise<number>;
}
