// Has failed checks run once more: the failed jobs of a workflow of GitHub Actions, or one check run of another App.
import { z } from "zod";
import type { Log } from "../core/log.ts";
import type { Sha } from "../core/ids.ts";
import type { Check } from "../engine/checks.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import { isRefused } from "./failure.ts";
import type { Once } from "./once.ts";
import { place, type How, type Requests } from "./requests.ts";

export interface RerunOptions {
  /** With clients that may have jobs of GitHub Actions run again. */
  readonly actions: Requests;
  /** With clients that may write check runs. */
  readonly checks: Requests;
  readonly once: Once;
  readonly log: Log;
}

/** `Publisher.rerunChecks` over its parts. */
export function createRerunChecks({ actions, checks, once, log }: RerunOptions): Publisher["rerunChecks"] {
  /** Begun since: the newest check run of that name is another one, or has not ended. */
  async function hasBegun(repo: RepoRef, head: Sha, { name, id }: Check): Promise<boolean> {
    const { data } = await checks.read(repo, `look whether ${name} runs again`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
        ...place(repo),
        ref: head,
        check_name: name,
        filter: "latest",
        request,
      }),
    );
    return data.check_runs.some((run) => Number(run.id) > (id ?? 0) || run.status !== "completed");
  }

  async function ask(repo: RepoRef, { id, workflowRun }: Check, how: How): Promise<void> {
    if (workflowRun !== undefined)
      await actions.write(
        repo,
        `have the failed jobs of workflow run ${workflowRun} run again`,
        (octokit, request) =>
          octokit.request("POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs", {
            ...place(repo),
            run_id: workflowRun,
            request,
          }),
        how,
      );
    else if (id !== undefined)
      await checks.write(
        repo,
        `have check ${id} run again`,
        (octokit, request) =>
          octokit.request("POST /repos/{owner}/{repo}/check-runs/{check_run_id}/rerequest", {
            ...place(repo),
            check_run_id: id,
            request,
          }),
        how,
      );
  }

  /** One asking for all of its checks; false where GitHub says no. */
  async function again(repo: RepoRef, head: Sha, check: Check): Promise<boolean> {
    try {
      await once({
        key: `rerun:${repo.id}:${head}:${check.workflowRun ?? "check"}:${check.id ?? 0}`,
        run: undefined,
        kind: "rerun",
        payload: { repo: `${repo.owner}/${repo.name}`, head, check: check.name },
        result: z.object({}),
        look: async () => ((await hasBegun(repo, head, check)) ? [{}] : []),
        write: async (how) => {
          await ask(repo, check, how);
          return {};
        },
      });
      return true;
    } catch (error) {
      if (!isRefused(error, 403, 404, 409, 410, 422)) throw error;
      log.info("a check cannot be run again", { check: check.name, error: error.reason });
      return false;
    }
  }

  return async (repo, head, failed) => {
    const asked: Check[] = [];
    // All failed jobs of a workflow run run again together.
    for (const together of Map.groupBy(failed, ({ id, workflowRun }) => workflowRun ?? `check ${id ?? 0}`).values()) {
      const [first] = together.toSorted((a, b) => (a.id ?? 0) - (b.id ?? 0));
      if (first?.id !== undefined && (await again(repo, head, first))) asked.push(...together);
    }
    return asked;
  };
}
