// Which workflows begin where: one that ends in a review begins on a pull request, every other on an issue.
import { BatonError } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { WorkflowSource } from "../engine/ports.ts";
import type { PulledAt } from "../engine/review-events.ts";
import type { Workflow } from "../workflows/schema.ts";
import type { Intent, Self } from "./intent.ts";

export interface Beginning {
  readonly on: Pick<Intent, "repo" | "subject">;
  /** What was asked for by name. */
  readonly workflow: string | undefined;
  /** The commit that workflows are read from. */
  readonly base: Sha;
  /** The words that asked. */
  readonly quote: string;
}

export type MayBegin =
  /** `pull`: where the pull request stands, for a review of it. */
  | { readonly type: "may"; readonly pull?: PulledAt | undefined }
  | { readonly type: "refused"; readonly why: string; readonly next: string };

/**
 * Whether work of this workflow begins on this issue or pull request. A workflow that cannot be read may: that is told by whoever reads it
 * next. Throws when GitHub does not answer.
 */
export async function mayBegin(
  {
    reader,
    workflows,
    self,
  }: {
    readonly reader: GitHubReader;
    readonly workflows: Pick<WorkflowSource, "load">;
    readonly self: Pick<Self, "login">;
  },
  beginning: Beginning,
  signal: AbortSignal,
): Promise<MayBegin> {
  const { repo, subject } = beginning.on;
  const isPull = subject.kind === "pull";
  const workflow = await readWorkflow(workflows, beginning, signal);
  if (workflow === "unreadable") return { type: "may" };
  if (!reviews(workflow)) return isPull ? worksOnIssues(beginning.quote) : { type: "may" };
  if (!isPull) return await wantsPull(reader, beginning);
  if (subject.author.login.toLowerCase() === self.login.toLowerCase())
    return {
      type: "refused",
      why: "this pull request is my own, and its run has looked through it",
      next: "What it found is in the check `Baton / review`. `/agent revise <what>` has the pull request changed.",
    };
  const pull = await reader.pullRequest(repo, subject.number);
  if (pull?.state !== "open")
    return {
      type: "refused",
      why: pull?.merged ? "the pull request is merged" : "the pull request is closed",
      next: pull?.merged ? "What is in a branch is looked through by `/agent audit` on an issue." : "Reopen it first.",
    };
  const { head, into, fork } = pull;
  return { type: "may", pull: { head, into, fork, since: await reader.mergeBase(repo, into, head) } };
}

/** Whether the workflow ends in a review of a pull request. */
function reviews(workflow: Pick<Workflow, "stages"> | undefined): boolean {
  return Object.values(workflow?.stages ?? {}).some(({ review }) => review !== undefined);
}

async function readWorkflow(
  workflows: Pick<WorkflowSource, "load">,
  { on, workflow, base }: Beginning,
  signal: AbortSignal,
): Promise<Workflow | undefined | "unreadable"> {
  if (workflow === undefined) return undefined;
  try {
    return (await workflows.load(workflow, { repo: on.repo, base }, signal)) ?? "unreadable";
  } catch (error) {
    if (error instanceof BatonError && error.code === "invalid-config") return "unreadable";
    throw error;
  }
}

/** Baton pushes to nobody's branch, so there is nothing it could do here but look. */
function worksOnIssues(quote: string): MayBegin {
  return {
    type: "refused",
    why: "this is a pull request, and I push to nobody's branch but my own",
    next: `\`/agent review\` looks through it. Work begins on an issue: write \`${quote.split(" ").slice(0, 2).join(" ")}\` there; with \`--base <branch>\` it stands on that branch of this repository, and its pull request goes into it.`,
  };
}

async function wantsPull(reader: Pick<GitHubReader, "pullRequestsAbout">, { on }: Beginning): Promise<MayBegin> {
  const { closing, askedFor } = await reader.pullRequestsAbout(on.repo, on.subject.number);
  const [open] = [...closing, ...askedFor];
  return {
    type: "refused",
    why: "this is an issue, and what I review is a pull request",
    next:
      open === undefined
        ? "Write the command on the pull request. `/agent audit` looks through the code as it is."
        : `Write the command on #${open}, which is about this issue.`,
  };
}
