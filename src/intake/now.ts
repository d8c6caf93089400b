// Whether work may start on an issue as it is at this moment, in words for whoever asked.
//
// An issue that is to be left alone has a label. A person's command that asks for work is a change of mind: it starts, and the label goes.
// Whatever else asks (a label, an assignment, a schedule, a program) is refused there. So is a label, a program or a box where the issue is
// somebody's already, or repeats another: nobody has read it there who asks.
import { BatonError } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher, WorkflowSource } from "../engine/ports.ts";
import { proposedBy } from "../workflows/proposals.ts";
import { IGNORED_LABEL, isDuplicate, isIgnored } from "../workflows/names.ts";
import type { Intent, Self } from "./intent.ts";

type PullRequestsAbout = Pick<Awaited<ReturnType<GitHubReader["pullRequestsAbout"]>>, "closing">;
type Place = Pick<Intent, "repo" | "subject">;
/** Who asks, and by which door. */
type Asking = Place & Pick<Intent, "door" | "actor">;

export type Issue = NonNullable<Awaited<ReturnType<GitHubReader["issue"]>>>;

interface No {
  readonly why: string;
  readonly next: string;
}

const closed: No = { why: "the issue is closed", next: "Reopen it and write the command again." };
const closedPull: No = { ...closed, why: "the pull request is closed" };

/** Why nobody may start work on an issue that is as it is; undefined when somebody may. */
function refusedAs({ state, locked, isPull }: Issue): No | undefined {
  if (state === "closed") return isPull ? closedPull : closed;
  if (!locked) return undefined;
  return {
    why: `the conversation of this ${isPull ? "pull request" : "issue"} is locked`,
    next: "Unlock it and write the command again.",
  };
}

/**
 * The open pull request that would close the issue (the first of `about.closing`), where that is in the way of work: whoever only proposes a
 * setup or lessons does nothing about the issue.
 */
export async function closingFirst(
  workflows: Pick<WorkflowSource, "load">,
  { closing: [closing] }: PullRequestsAbout,
  { repo, base, workflow }: { repo: RepoRef; base: Sha; workflow: string | undefined },
  signal: AbortSignal,
): Promise<number | undefined> {
  if (closing === undefined || workflow === undefined) return closing;
  try {
    return proposedBy(await workflows.load(workflow, { repo, base }, signal)) ? undefined : closing;
  } catch (error) {
    if (error instanceof BatonError && error.code === "invalid-config") return closing;
    throw error;
  }
}

/** True for a person's own command. */
function isByHand({ door, actor }: Pick<Asking, "door" | "actor">): boolean {
  return door === "comment" && actor.app === undefined;
}

/**
 * Why work on the issue is left to somebody else, or to another issue; undefined where it is not, or where whoever asks wants it all the same:
 * a person's command, an assignment to Baton, and a schedule, which names the issue.
 */
export function leftOn({ labels, assignees }: Issue, { door, actor }: Asking, self: Self): No | undefined {
  if (isByHand({ door, actor }) || door === "assigned" || door === "schedule") return undefined;
  const theirs = assignees.filter(({ login }) => login.toLowerCase() !== self.login.toLowerCase());
  const anyway = "a command in a comment, like `/agent fix`, starts it all the same";
  if (theirs.length > 0 && theirs.every(({ id }) => id !== actor.person.id)) {
    const names = theirs.slice(0, 3).map(({ login }) => `@${login}`);
    return {
      why: `${names.join(", ")} ${theirs.length === 1 ? "is" : "are"} assigned to this issue, and I leave it to them`,
      next: `Take the assignment off and ask again; or ${anyway}.`,
    };
  }
  if (!isDuplicate(labels)) return undefined;
  return {
    why: "this issue repeats another, as its label `duplicate` says",
    next: `Ask on the issue that it repeats, or take the label off and ask again; or ${anyway}.`,
  };
}

/** Why whoever asks may not start work on the issue; undefined when they may. `issue`: as it is now. */
export function refusedOn(issue: Issue, { door, actor }: Asking): No | undefined {
  const no = refusedAs(issue);
  if (no || !isIgnored(issue.labels)) return no;
  if (isByHand({ door, actor })) return undefined;
  return {
    why: `this issue is to be left alone, as its label \`${IGNORED_LABEL}\` says`,
    next:
      door === "review"
        ? "Take that label off, or write `/agent revise`."
        : "Take that label off, or let a person write the command: `/agent fix`.",
  };
}

/** The issue in which work may start now, or why whoever asks may not start it. Throws when GitHub does not answer. */
export async function lookNow(
  reader: Pick<GitHubReader, "issue">,
  asking: Asking,
): Promise<{ readonly type: "free"; readonly issue: Issue | undefined } | ({ readonly type: "refused" } & No)> {
  if (asking.subject.kind !== "issue") return { type: "free", issue: undefined };
  const issue = await reader.issue(asking.repo, asking.subject.number);
  const no = issue ? refusedOn(issue, asking) : closed;
  return no ? { type: "refused", ...no } : { type: "free", issue };
}

/** Takes the mark off an issue on which work begins again. */
export async function noLongerIgnored(
  publisher: Pick<Publisher, "removeLabel">,
  { repo, subject }: Place,
  issue: Issue | undefined,
): Promise<void> {
  if (issue && isIgnored(issue.labels)) await publisher.removeLabel(repo, subject, IGNORED_LABEL);
}

/** How a run could start here, as things are now. Throws when GitHub does not answer. */
export async function howToStart(
  reader: Pick<GitHubReader, "issue" | "pullRequestsAbout">,
  { repo, subject }: Place,
): Promise<string> {
  if (subject.kind === "pull") return "`/agent review` looks through this pull request; other runs start from issues.";
  const issue = await reader.issue(repo, subject.number);
  const no = issue ? refusedAs(issue) : closed;
  if (no && subject.kind === "issue") return `And none can start now: ${no.why}.`;
  const [closing] = (await reader.pullRequestsAbout(repo, subject.number)).closing;
  if (closing === undefined) return "`/agent fix` starts a run.";
  return `Pull request #${closing} is open and would close this issue: go on with it, or close it, and then \`/agent fix\` starts a run.`;
}
