// Sets on an issue what triage found without a run, for who works a backlog: the labels of a run that has only sorted, once for each answer
// of the model. A label that people took off since is not set again.
import { z } from "zod";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Outbox } from "../store/outbox.ts";
import type { OctokitFor, Timing } from "./client.ts";
import { isRefused } from "./failure.ts";
import { namesOf } from "./issue-list.ts";
import { setLabels, type Labelled } from "./labels.ts";
import { createOnce } from "./once.ts";
import { createRequests, place, systemTiming, type RequestsOptions } from "./requests.ts";

export interface TriageLabelsOptions extends Pick<RequestsOptions, "throttle"> {
  readonly octokitFor: OctokitFor;
  readonly outbox: Outbox;
  readonly log: Log;
  readonly timing?: Timing;
}

export interface TriageLabels {
  /**
   * Sets these labels and the one that says that the issue was sorted. `id` names the answer they come from. `was-set`: this was done
   * before. Throws `github-failed`.
   */
  set(
    repo: RepoRef,
    issue: { readonly number: number; readonly known: readonly string[] },
    id: string,
    labels: readonly string[],
  ): Promise<"set" | "was-set" | "gone">;
}

const TRIAGED = "agent/triaged";
const WasSet = z.object({ labels: z.array(z.string()) });

/** `known` in `set`: the labels the repository has. */
export function createTriageLabels({
  octokitFor,
  outbox,
  log,
  timing = systemTiming,
  throttle,
}: TriageLabelsOptions): TriageLabels {
  const requests = createRequests({ octokitFor, log, timing, throttle });
  const once = createOnce({ outbox, log, timing });
  return {
    async set(repo, { number, known }, id, labels) {
      const key = `triaged:${repo.id}:${number}:${id}`;
      if ((await outbox.read(key))?.doneAt !== undefined) return "was-set";
      const to: Labelled = { repo, number, labels: [...known], run: undefined };
      try {
        await once({
          key,
          run: undefined,
          kind: "triage-labels",
          payload: { number, labels: [...labels] },
          result: WasSet,
          // All of them are set by one request, so the one that only Baton sets tells of the others.
          look: async () => {
            const { data } = await requests.read(repo, `read issue #${number}`, (octokit, request) =>
              octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", {
                ...place(repo),
                issue_number: number,
                request,
              }),
            );
            return namesOf(data.labels).includes(TRIAGED) ? [{ labels: [...labels] }] : [];
          },
          write: async ({ guard }) => {
            await setLabels({ requests, once }, to, TRIAGED, labels, guard);
            return { labels: [...labels] };
          },
        });
        return "set";
      } catch (error) {
        if (isRefused(error, 404, 410)) return "gone";
        throw error;
      }
    },
  };
}
