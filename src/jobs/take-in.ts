// Finished work of jobs: through quarantine into this server's mirror, which publishes it, and on the shelf of its repository, for the
// next job of the run.
import type { RunId, Sha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Jobs } from "../store/jobs.ts";
import type { OpenedWorkspaces } from "../workspace/create-workspaces.ts";
import type { ShelvedWork } from "../workspace/shelf.ts";

export interface TakeIn {
  /** Refused what policy does not let in, and what is not the commit that it is said to be. */
  put(run: RunId, work: ShelvedWork, signal: AbortSignal): ReturnType<OpenedWorkspaces["takeIn"]>;
  /** What was finished in the run's repository, by a job or by a worker of the server. */
  get(run: RunId, commit: Sha): Promise<ShelvedWork | undefined>;
}

/** `repoOf` a run, as its first event has it. */
export function createTakeIn({
  jobs,
  workspaces,
  repoOf,
}: {
  readonly jobs: Pick<Jobs, "shelves">;
  readonly workspaces: Pick<OpenedWorkspaces, "takeIn">;
  readonly repoOf: (run: RunId) => Promise<RepoRef>;
}): TakeIn {
  return {
    async put(run, work, signal) {
      const repo = await repoOf(run);
      const taken = await workspaces.takeIn(repo, work, signal);
      if (taken.type === "taken") await jobs.shelves(repo).put(work);
      return taken;
    },
    get: async (run, commit) => await jobs.shelves(await repoOf(run)).get(commit),
  };
}
