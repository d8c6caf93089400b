// Labels: the state of a run, one at a time and owned by Baton; and what triage found, only from labels the repository has.
import { z } from "zod";
import type { RunId } from "../core/ids.ts";
import { NOT_A_BUG } from "../engine/event-words.ts";
import type { RepoRef } from "../engine/events.ts";
import { BRANCH_TAKEN } from "../engine/pull-state.ts";
import { openAsks } from "../engine/asks.ts";
import type { State } from "../engine/state.ts";
import type { Triage } from "../workflows/artifacts.ts";
import { IGNORED_LABEL } from "../workflows/names.ts";
import { needsPeople } from "./checks-line.ts";
import { missingIn } from "./progress.ts";
import { goneIsFine, isRefused } from "./failure.ts";
import type { Once } from "./once.ts";
import { place, type How, type Requests } from "./requests.ts";

export const stateLabels = {
  "agent/triaged": { color: "c5def5", description: "Baton has sorted this issue" },
  "agent/needs-info": { color: "fbca04", description: "Baton waits for an answer from a person" },
  "agent/running": { color: "1d76db", description: "Baton is at work on this issue" },
  "agent/awaiting-approval": { color: "d4c5f9", description: "Baton waits for a person's approval" },
  "agent/in-pr": { color: "0e8a16", description: "Baton has opened a pull request for this issue" },
  "agent/done": { color: "0e8a16", description: "Baton is done with this issue; it called for no pull request" },
  "agent/failed": { color: "b60205", description: "Baton's run has ended without a pull request" },
} as const;
export type StateLabel = keyof typeof stateLabels;

/** Every label that Baton makes where a repository lacks it. */
const ownLabels = {
  ...stateLabels,
  [IGNORED_LABEL]: { color: "ededed", description: "Baton leaves this issue alone, until this label is taken off" },
} as const;
type OwnLabel = keyof typeof ownLabels;

/** Labels that say that an issue is sorted, worked, or to be left alone, in lower case: nobody need sort it with the others. */
export const settledLabels: ReadonlySet<string> = new Set(Object.keys(ownLabels));

function isStateLabel(name: string): name is StateLabel {
  return Object.hasOwn(stateLabels, name);
}

/** The state label a run calls for; "none" when it was stopped: nothing is under way then. Undefined while the issue is being sorted. */
export function stateLabelOf(state: State): StateLabel | "none" | undefined {
  const { finished } = state;
  if (!finished) {
    const asked = openAsks(state).map(({ asked: { for: what } }) => what);
    if (asked.includes("approval")) return "agent/awaiting-approval";
    if (asked.includes("answer")) return "agent/needs-info";
    return state.phase === "working" ? "agent/running" : undefined;
  }
  switch (finished.outcome) {
    case "succeeded":
      // What became of its pull request is people's doing: merged, it is done; closed, nothing is under way.
      if (state.pullClosed) return state.pullClosed.merged ? "agent/done" : "none";
      if (needsPeople(state)) return "agent/needs-info";
      // A dry run has sorted the issue, and nothing of its work is to be seen.
      return state.pullRequest ? "agent/in-pr" : state.created.dryRun ? "agent/triaged" : "agent/done";
    case "triaged":
      return missingIn(state).length > 0 ? "agent/needs-info" : "agent/triaged";
    case "needs-a-decision":
      return "agent/needs-info";
    case "could-not-reproduce":
      return finished.code === NOT_A_BUG ? "agent/done" : "agent/needs-info";
    case "cancelled":
      return finished.code === BRANCH_TAKEN && !state.pullClosed ? "agent/in-pr" : "none";
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

/** What triage found, as labels the repository has; none when it was not sure enough to act on. */
export function triageLabels(
  { config, labels }: Pick<State["created"], "config" | "labels">,
  triage: Triage | undefined,
): string[] {
  if (!triage || triage.confidence < config.triggers.threshold) return [];
  const mapped = config.labels[triage.type];
  const wanted = [...triage.labels, ...(mapped === undefined ? [] : [mapped])].map((name) => name.toLowerCase());
  return labels.filter((name) => wanted.includes(name.toLowerCase()) && !isOurs(name));
}

/** Where labels are set, for which run, if any, and which labels the repository has. */
export interface Labelled extends Pick<State["created"], "repo" | "labels"> {
  readonly number: number;
  readonly run: RunId | undefined;
}

/**
 * Sets labels on an issue and takes other state labels off: one request, and one more for each label that goes. "none" sets nothing.
 * `guard`: what else forbids it, asked right before each request.
 */
export async function setLabels(
  { requests, once }: { requests: Requests; once: Once },
  to: Labelled,
  label: StateLabel | "none",
  more: readonly string[],
  guard?: How["guard"],
): Promise<void> {
  const { repo, number, run } = to;
  const issue = { ...place(repo), issue_number: number };
  const how = { run, guard };
  for (const name of label === "none" ? await readLabels() : await add(label)) {
    if (!isStateLabel(name) || name === label) continue;
    await goneIsFine(
      requests.read(
        repo,
        `take the label ${name} off #${number}`,
        (octokit, request) =>
          octokit.request("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", {
            ...issue,
            name,
            request,
          }),
        how,
      ),
      [404],
    );
  }

  async function add(wanted: StateLabel): Promise<string[]> {
    await createMissing({ requests, once }, to, wanted);
    const { data } = await requests.read(
      repo,
      `set labels on #${number}`,
      (octokit, request) =>
        octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", {
          ...issue,
          labels: [wanted, ...more],
          request,
        }),
      how,
    );
    return data.map(({ name }) => name);
  }

  async function readLabels(): Promise<string[]> {
    const { data } = await requests.read(repo, `read issue #${number}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", { ...issue, request }),
    );
    return data.labels.flatMap((known) => (typeof known === "string" ? known : (known.name ?? [])));
  }
}

/** Sets a label of Baton's own on an issue, and leaves every other as it is. */
export async function addLabel(
  { requests, once }: { requests: Requests; once: Once },
  { repo, number }: { readonly repo: RepoRef; readonly number: number },
  label: OwnLabel,
): Promise<void> {
  await createMissing({ requests, once }, { repo, labels: [], run: undefined }, label);
  await requests.read(repo, `set the label ${label} on #${number}`, (octokit, request) =>
    octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", {
      ...place(repo),
      issue_number: number,
      labels: [label],
      request,
    }),
  );
}

/** A label of Baton's own that the repository lacks is made once, with its colour; GitHub would otherwise make it a grey one. */
async function createMissing(
  { requests, once }: { requests: Requests; once: Once },
  { repo, labels, run }: Omit<Labelled, "number">,
  name: OwnLabel,
): Promise<void> {
  if (labels.some((known) => known.toLowerCase() === name)) return;
  try {
    await once({
      key: labelKey(repo, name),
      run: undefined,
      kind: "label",
      payload: { name },
      result: z.object({}),
      look: () => Promise.resolve([]),
      async write(how) {
        try {
          await requests.write(
            repo,
            `create the label ${name}`,
            (octokit, request) =>
              octokit.request("POST /repos/{owner}/{repo}/labels", {
                ...place(repo),
                name,
                ...ownLabels[name],
                request,
              }),
            { ...how, run },
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

function labelKey(repo: RepoRef, name: OwnLabel): string {
  return `label:${repo.id}:${name}`;
}
