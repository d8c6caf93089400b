// Labels: the state of a run, one at a time and owned by Baton; and what triage found, only from labels the repository has.
import { z } from "zod";
import type { RepoRef } from "../engine/events.ts";
import type { State } from "../engine/state.ts";
import type { Once } from "./once.ts";
import { isRefused, place, type Requests } from "./requests.ts";

export const stateLabels = {
  "agent/triaged": { color: "c5def5", description: "Baton has sorted this issue" },
  "agent/needs-info": { color: "fbca04", description: "Baton waits for an answer from a person" },
  "agent/running": { color: "1d76db", description: "Baton is at work on this issue" },
  "agent/awaiting-approval": { color: "d4c5f9", description: "Baton waits for a person's approval" },
  "agent/in-pr": { color: "0e8a16", description: "Baton has opened a pull request for this issue" },
  "agent/failed": { color: "b60205", description: "Baton's run has ended without a pull request" },
} as const;
export type StateLabel = keyof typeof stateLabels;

function isStateLabel(name: string): name is StateLabel {
  return Object.hasOwn(stateLabels, name);
}

/** The state label a run calls for; undefined while the issue is being sorted and when nothing should be shown. */
export function stateLabelOf(state: State): StateLabel | undefined {
  const { finished } = state;
  if (!finished) return state.phase === "working" ? "agent/running" : undefined;
  switch (finished.outcome) {
    case "succeeded":
      return state.pullRequest ? "agent/in-pr" : "agent/triaged";
    case "triaged":
      return "agent/triaged";
    case "needs-a-decision":
    case "could-not-reproduce":
      return "agent/needs-info";
    case "cancelled":
      return "agent/triaged";
    case "failed":
    case "timed-out":
    case "out-of-budget":
      return "agent/failed";
    default:
      return undefined;
  }
}

/** Labels that start runs or belong to Baton; no model may choose them. */
function isOurs(name: string): boolean {
  return /^agent(?:$|[:/])/i.test(name);
}

/** What triage found, as labels the repository had when the run was created. */
export function triageLabels({ created, routed }: State): string[] {
  const triage = routed?.triage;
  if (!triage) return [];
  const mapped = created.config.labels[triage.type];
  const wanted = [...triage.labels, ...(mapped === undefined ? [] : [mapped])].map((name) => name.toLowerCase());
  return created.labels.filter((name) => wanted.includes(name.toLowerCase()) && !isOurs(name));
}

/** Sets labels on the subject and takes other state labels off: one request, and one more for each label that goes. */
export async function setLabels(
  { requests, once }: { requests: Requests; once: Once },
  state: State,
  label: StateLabel,
  more: readonly string[],
): Promise<void> {
  const { repo, subject } = state.created;
  await createMissing({ requests, once }, state, label);
  const issue = { ...place(repo), issue_number: subject.number };
  const { data } = await requests.read(repo, `set labels on #${subject.number}`, (octokit, request) =>
    octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", {
      ...issue,
      labels: [label, ...more],
      request,
    }),
  );
  for (const { name } of data) {
    if (!isStateLabel(name) || name === label) continue;
    try {
      await requests.read(repo, `take the label ${name} off #${subject.number}`, (octokit, request) =>
        octokit.request("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", {
          ...issue,
          name,
          request,
        }),
      );
    } catch (error) {
      if (!isRefused(error, 404)) throw error;
    }
  }
}

/** A state label the repository lacks is made once, with its colour; GitHub would otherwise make it a grey one. */
async function createMissing(
  { requests, once }: { requests: Requests; once: Once },
  { created }: State,
  name: StateLabel,
): Promise<void> {
  const { repo } = created;
  if (created.labels.some((known) => known.toLowerCase() === name)) return;
  try {
    await once({
      key: labelKey(repo, name),
      run: undefined,
      kind: "label",
      payload: { name },
      result: z.object({}),
      look: () => Promise.resolve([]),
      async write() {
        try {
          await requests.write(repo, `create the label ${name}`, (octokit, request) =>
            octokit.request("POST /repos/{owner}/{repo}/labels", {
              ...place(repo),
              name,
              ...stateLabels[name],
              request,
            }),
          );
        } catch (error) {
          if (!isRefused(error, 422)) throw error;
        }
        return {};
      },
    });
  } catch (error) {
    // Without the right to make labels, setting it still makes a grey one or says no itself.
    if (!isRefused(error)) throw error;
  }
}

function labelKey(repo: RepoRef, name: StateLabel): string {
  return `label:${repo.id}:${name}`;
}
