// Whether work may start on an issue as it is at this moment, in words for whoever asked.
import { BatonError } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { WorkflowSource } from "../engine/ports.ts";
import { proposedBy } from "../workflows/proposals.ts";
import type { Intent } from "./intent.ts";

type Place = Pick<Intent, "repo" | "subject">;

/** Why no work may start on the issue now; undefined when it may. Throws when GitHub does not answer. */
export async function refusedNow(
  reader: Pick<GitHubReader, "issue">,
  { repo, subject }: Place,
): Promise<{ why: string; next: string } | undefined> {
  if (subject.kind !== "issue") return undefined;
  const issue = await reader.issue(repo, subject.number);
  if (!issue || issue.state === "closed")
    return { why: "the issue is closed", next: "Reopen it and write the command again." };
  if (!issue.locked) return undefined;
  return { why: "the conversation of this issue is locked", next: "Unlock it and write the command again." };
}

/**
 * The open pull request that would close the issue, where that is in the way of work: whoever only proposes a setup or lessons does
 * nothing about the issue. Throws when GitHub does not answer.
 */
export async function closingFirst(
  { reader, workflows }: { reader: Pick<GitHubReader, "pullRequestsClosing">; workflows: Pick<WorkflowSource, "load"> },
  { repo, number, base, workflow }: { repo: RepoRef; number: number; base: Sha; workflow: string | undefined },
  signal: AbortSignal,
): Promise<number | undefined> {
  const [closing] = await reader.pullRequestsClosing(repo, number);
  if (closing === undefined || workflow === undefined) return closing;
  try {
    return proposedBy(await workflows.load(workflow, { repo, base }, signal)) ? undefined : closing;
  } catch (error) {
    if (error instanceof BatonError && error.code === "invalid-config") return closing;
    throw error;
  }
}

/** How a run could start here, as things are now. Throws when GitHub does not answer. */
export async function howToStart(
  reader: Pick<GitHubReader, "issue" | "pullRequestsClosing">,
  { repo, subject }: Place,
): Promise<string> {
  if (subject.kind === "pull") return "Runs start from issues: write `/agent fix` on the issue this is about.";
  const no = await refusedNow(reader, { repo, subject });
  if (no) return `And none can start now: ${no.why}.`;
  const [closing] = await reader.pullRequestsClosing(repo, subject.number);
  if (closing === undefined) return "`/agent fix` starts a run.";
  return `Pull request #${closing} is open and would close this issue: go on with it, or close it, and then \`/agent fix\` starts a run.`;
}
