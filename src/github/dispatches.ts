// Has GitHub Actions start a workflow: the one thing for which the App needs the permission `actions`.
import type { RepoRef } from "../engine/events.ts";
import type { OctokitFor } from "./client.ts";
import { isRefused } from "./failure.ts";
import { createRequests, place, type RequestsOptions } from "./requests.ts";

export interface DispatchesOptions extends Pick<RequestsOptions, "throttle" | "log" | "timing" | "timeoutMs"> {
  /** Clients that may start workflows. */
  readonly octokitFor: OctokitFor;
}

/** Starts a workflow file on the default branch. `refused`: GitHub will not, until somebody changes something. Throws when that is not known, and with `retryAt` where a limit keeps it from being asked. */
export function createDispatches(
  options: DispatchesOptions,
): (
  repo: RepoRef,
  workflow: string,
  inputs: Readonly<Record<string, string>>,
  signal?: AbortSignal,
) => Promise<{ readonly type: "sent" } | { readonly type: "refused"; readonly why: string }> {
  const requests = createRequests(options);
  return async (repo, workflow, inputs, signal) => {
    try {
      await requests.write(
        repo,
        `start ${workflow}`,
        (octokit, request) =>
          octokit.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
            ...place(repo),
            workflow_id: workflow,
            ref: repo.defaultBranch,
            inputs: { ...inputs },
            request,
          }),
        { signal },
      );
      return { type: "sent" };
    } catch (error) {
      if (isRefused(error, 404)) return { type: "refused", why: `there is no such workflow on ${repo.defaultBranch}` };
      if (isRefused(error, 403))
        return { type: "refused", why: "the App may not start workflows here; it needs the permission Actions: write" };
      if (isRefused(error, 422)) return { type: "refused", why: error.reason };
      throw error;
    }
  };
}
