// A courtesy: whoever asked for the work, or for changes in it, is asked to review it. GitHub says no to authors and strangers, and that is fine.
import { z } from "zod";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { State } from "../engine/state.ts";
import { isSelf, type Self } from "./client.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";

interface Tools {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
  readonly log: Log;
}

/** Asks once. What fails is logged; throws only `fence-lost`. */
export async function askForReview({ requests, once, self, log }: Tools, state: State, number: number): Promise<void> {
  const { repo, request } = state.created;
  const asked = state.revision ?? request;
  const again = state.revision === undefined ? "" : `:${state.revision.version}`;
  if (asked.by.id === 0 || asked.by.login.endsWith("[bot]") || isSelf(self, asked.by)) return;
  const route = { ...place(repo), pull_number: number };
  try {
    await once({
      key: `review:${state.runId}:${number}${again}`,
      run: state.runId,
      kind: "review-request",
      lane: "pull-request",
      payload: { number, reviewer: asked.by.login },
      result: z.object({}),
      async look() {
        const { data } = await requests.read(repo, `read who is to review #${number}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", { ...route, request }),
        );
        return data.users.some(({ id }) => Number(id) === asked.by.id) ? [{}] : [];
      },
      async write(how) {
        await requests.write(
          repo,
          `ask ${asked.by.login} for a review`,
          (octokit, request) =>
            octokit.request("POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", {
              ...route,
              reviewers: [asked.by.login],
              request,
            }),
          how,
        );
        return {};
      },
    });
  } catch (error) {
    if (error instanceof BatonError && error.code === "fence-lost") throw error;
    log.info("no review was asked for", { run: state.runId, error: messageOf(error) });
  }
}
