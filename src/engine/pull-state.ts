// What a run knows of its pull request and of the branch it is opened from. The fold makes it from events.
//
// An issue's life behind the opening, as its run tells it. *Published*: the branch is Baton's, and stands where Baton left it (`ground`). What
// people want (a review, `/agent revise`), failed checks or a base that conflicts opens the run again (`revision.requested`): it is *revised*,
// and published once more, or the revision ends and the pull request stays as it was. Somebody else's push *takes* the branch
// (`branch.taken`): a revision under way ends, and nothing is published before a person gives it back (`branch.given`), which makes what
// they pushed the ground. Closing it (`pull_request.closed`) ends all of that; merged, it stays closed, and the branch is tidied up; reopened
// by people, it is Baton's or taken as it was before.
import type { Sha } from "../core/ids.ts";
import type { NewBase } from "./base-events.ts";
import type { State } from "./state.ts";
import type { EventOf, Person, RecordedEvent, RunEvent } from "./events.ts";

export interface PullRequestRef {
  readonly number: number;
  readonly url: string;
  readonly branch: string;
  readonly head: Sha;
  readonly title: string;
}

/** What the work of a run stands on. */
export interface BaseState {
  readonly branch: string;
  /** The commit that the run began from, or was brought to since. */
  readonly commit: Sha;
  /** Times that it was brought to another one because the pull request conflicted, since a person last asked for anything. */
  readonly rounds: number;
  /** How it came to another one than it began from, the latest time; `paths`: what git could not merge then. */
  readonly moved: (Pick<NewBase, "how"> & { readonly by: Person; readonly paths: readonly string[] }) | undefined;
}

/** The base after an event that may be about it. */
export function baseAfter(before: BaseState, event: RunEvent): BaseState {
  switch (event.type) {
    case "revision.requested": {
      const { base, by, checks } = event;
      const rounds = base?.how === "conflicts" ? before.rounds + 1 : checks ? before.rounds : 0;
      if (!base) return { ...before, rounds };
      return { ...before, commit: base.commit, rounds, moved: { how: base.how, by, paths: [] } };
    }
    case "base.merged": {
      const { moved } = before;
      return moved ? { ...before, moved: { ...moved, paths: [...new Set([...moved.paths, ...event.paths])] } } : before;
    }
    default:
      return before;
  }
}

export interface Revision extends Omit<EventOf<"revision.requested">, "type"> {
  /** Of the event. */
  readonly version: number;
}

/** A change that the pull request has shown: what the agents said of it, and who wanted it after the first. */
export interface ShownChange {
  readonly said: string;
  readonly because: "people" | "checks" | "base";
}

/** Who wants what a revision changes. */
export function wantedBy(revision: Wanted | undefined): ShownChange["because"] {
  if (revision?.checks) return "checks";
  return revision && isOnlyBase(revision) ? "base" : "people";
}

type Wanted = Pick<EventOf<"revision.requested">, "words" | "threads" | "checks" | "base">;

/** True where nothing else is wanted than that the work stands on another base. */
export function isOnlyBase({ words, threads, checks, base }: Wanted): boolean {
  return base !== undefined && words === "" && threads.length === 0 && checks === undefined;
}

/** What a pull request has shown when it shows what was said of the change now. What git alone brought to another base is no other change. */
export function shownAfter(
  { shown, revision }: { readonly shown: readonly ShownChange[]; readonly revision: Revision | undefined },
  said: string | undefined,
): readonly ShownChange[] {
  const because = wantedBy(revision);
  return said === undefined || (because === "base" && shown.at(-1)?.said === said)
    ? shown
    : [...shown, { said, because }];
}

/** Whose the branch of the pull request is. */
export interface BranchState {
  /** The commit that Baton may go on from: what it published last, or what of people's a person gave it since. */
  readonly ground: Sha | undefined;
  /** The base that it holds; undefined for the one the run began from. */
  readonly base: Sha | undefined;
  /** Who pushed over that, and what: the branch is people's until somebody gives it to Baton again. */
  readonly taken: { readonly by: Person; readonly head: Sha } | undefined;
  /** The version of the event that last said whose it is; 0 before there was one. */
  readonly said: number;
}

/** How a revision ends when people push meanwhile. */
export const BRANCH_TAKEN = "branch-taken";

export const noBranch: BranchState = { ground: undefined, base: undefined, taken: undefined, said: 0 };

/** Whose the branch is after an event that may say so. */
export function branchAfter(
  {
    branch,
    revision,
    base,
  }: { readonly branch: BranchState; readonly revision: Revision | undefined; readonly base: BaseState },
  { event, version }: RecordedEvent,
): BranchState {
  switch (event.type) {
    // What people pushed meanwhile is theirs all the same: nothing is published over it.
    case "pull_request.opened":
      return { ...branch, ground: event.head, base: base.commit };
    case "branch.taken":
      return { ...branch, taken: { by: event.by, head: event.head }, said: version };
    case "branch.given":
      return { ...branch, ground: event.onto, taken: undefined, said: version };
    case "revision.requested": {
      const held = event.base?.how === "held" ? { base: event.base.commit } : {};
      // In older logs it gives the branch, too; later ones only say again on what it stands.
      const ground = event.onto === undefined || event.onto === revision?.onto ? {} : { ground: event.onto };
      return { ...branch, ...held, ...ground };
    }
    default:
      return branch;
  }
}

/** The base that the work stands on and the branch of the pull request does not hold yet. */
export function baseToMerge({ branch, base, created }: Pick<State, "branch" | "base" | "created">): Sha | undefined {
  return base.commit === (branch.base ?? created.base.commit) ? undefined : base.commit;
}

/** Where a revision begins when the pull request shows `head`: on what people pushed, or on what the last one stood on; else where the work stands. */
export function ontoOf(
  { pullRequest, revision }: Pick<State, "pullRequest" | "revision">,
  head: Sha,
): { readonly onto?: Sha } {
  const onto = head === pullRequest?.head ? revision?.onto : head;
  return onto === undefined ? {} : { onto };
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
