// Has GitHub Actions start a workflow: the one thing for which the App needs the permission `actions`.
import type { RepoRef } from "../engine/events.ts";
import type { OctokitFor } from "./client.ts";
import { isRefused } from "./failure.ts";
import { createRequests, place, type Requests, type RequestsOptions } from "./requests.ts";

export interface DispatchesOptions extends Pick<RequestsOptions, "throttle" | "log" | "timing" | "timeoutMs"> {
  /** Clients that may start workflows. */
  readonly octokitFor: OctokitFor;
}

/** Which branch is the default one now. Throws what GitHub says, and that it cannot be asked. */
export function createDefaultBranch(options: DispatchesOptions): (repo: RepoRef) => Promise<string> {
  const requests = createRequests(options);
  return async (repo) => await defaultBranchOf(requests, repo);
}

/** Starts a workflow file on the branch that is the default one now, whatever it was called when the run began. `refused`: GitHub will not, until somebody changes something. Throws when that is not known, and with `retryAt` where a limit keeps it from being asked. */
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
    let branch: string | undefined;
    try {
      branch = await defaultBranchOf(requests, repo, signal);
      const ref = branch;
      await requests.write(
        repo,
        `start ${workflow}`,
        (octokit, request) =>
          octokit.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
            ...place(repo),
            workflow_id: workflow,
            ref,
            inputs: { ...inputs },
            request,
          }),
        { signal },
      );
      return { type: "sent" };
    } catch (error) {
      if (isRefused(error) && branch === undefined) return { type: "refused", why: error.reason };
      if (isRefused(error, 404)) return { type: "refused", why: `there is no such workflow on ${branch}` };
      if (isRefused(error, 403))
        return { type: "refused", why: "the App may not start workflows here; it needs the permission Actions: write" };
      if (isRefused(error, 422)) return { type: "refused", why: error.reason };
      throw error;
    }
  };
}

async function defaultBranchOf(requests: Requests, repo: RepoRef, signal?: AbortSignal): Promise<string> {
  const { data } = await requests.read(
    repo,
    "read which branch is the default one",
    (octokit, request) => octokit.request("GET /repos/{owner}/{repo}", { ...place(repo), request }),
    { signal },
  );
  return data.default_branch;
}
