// What a run knows of its pull request and of the branch it is opened from. The fold makes it from events.
import type { Sha } from "../core/ids.ts";
import type { EventOf, Person, RecordedEvent } from "./events.ts";

export interface PullRequestRef {
  readonly number: number;
  readonly url: string;
  readonly branch: string;
  readonly head: Sha;
  readonly title: string;
}

export interface Revision extends Omit<EventOf<"revision.requested">, "type"> {
  /** Of the event. */
  readonly version: number;
}

/** A change that the pull request has shown: what the agents said of it, and who wanted it after the first. */
export interface ShownChange {
  readonly said: string;
  readonly because: "people" | "checks";
}

/** Who wants what a revision changes. */
export function wantedBy(revision: Pick<Revision, "checks"> | undefined): ShownChange["because"] {
  return revision?.checks ? "checks" : "people";
}

/** Whose the branch of the pull request is. */
export interface BranchState {
  /** The commit that Baton may go on from: what it published last, or what of people's a person gave it since. */
  readonly ground: Sha | undefined;
  /** Who pushed over that, and what: the branch is people's until somebody gives it to Baton again. */
  readonly taken: { readonly by: Person; readonly head: Sha } | undefined;
  /** The version of the event that last said whose it is; 0 before there was one. */
  readonly said: number;
}

/** How a revision ends when people push meanwhile. */
export const BRANCH_TAKEN = "branch-taken";

export const noBranch: BranchState = { ground: undefined, taken: undefined, said: 0 };

/** Whose the branch is after an event that may say so. */
export function branchAfter(
  { branch, revision }: { readonly branch: BranchState; readonly revision: Revision | undefined },
  { event, version }: RecordedEvent,
): BranchState {
  switch (event.type) {
    // What people pushed meanwhile is theirs all the same: nothing is published over it.
    case "pull_request.opened":
      return { ...branch, ground: event.head };
    case "branch.taken":
      return { ...branch, taken: { by: event.by, head: event.head }, said: version };
    case "branch.given":
      return { ground: event.onto, taken: undefined, said: version };
    case "revision.requested":
      // In older logs it gives the branch, too; later ones only say again on what it stands.
      return event.onto === undefined || event.onto === revision?.onto ? branch : { ...branch, ground: event.onto };
    default:
      return branch;
  }
}

/** The commit of the pull request that Baton may go on from, and whose checks it looks after: its own, or what people gave it since. */
export function groundOf({
  branch,
  pullRequest,
}: {
  readonly branch: BranchState;
  readonly pullRequest: PullRequestRef | undefined;
}): Sha | undefined {
  return branch.ground ?? pullRequest?.head;
}
