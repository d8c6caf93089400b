// What is told of branches: somebody pushed to one, or checks on its commit have ended. Whoever tells asks for nothing. Pure.
import { isSha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import type { Actor, Intent, Self } from "./intent.ts";
import { issueOfBranch } from "./own-branch.ts";
import type { CheckSuiteEvent, PushEvent, StatusEvent } from "./payloads.ts";
import type { Translation } from "./translate.ts";
import { actorOf, repoOf } from "./who.ts";

/** A branch that Baton opens pull requests from, with the number of the issue in its name. */
const OWN_BRANCH = /^refs\/heads\/(baton\/[a-z]{1,20}-(\d{1,9})(?:-.{1,200})?)$/;
/** GitHub tells at most so many commits of a push (docs.github.com, "push"). */
const COMMITS_TOLD = 2_048;

/** All checks of one App on a commit have ended. */
export function fromSuite(event: CheckSuiteEvent, self: Self): Translation {
  const { head_branch: branch, head_sha: head, app } = event.check_suite;
  if (app && app.id === self.appId) return nothing("these are Baton's own checks");
  return aboutChecks(repoOf(event), branch ?? "", head, actorOf(event.sender, undefined));
}

/** A commit status. */
export function fromStatus(event: StatusEvent): Translation {
  if (event.state === "pending") return nothing("the status is pending");
  const own = event.branches.find(({ name }) => issueOfBranch(name) !== undefined);
  return aboutChecks(repoOf(event), own?.name ?? "", event.sha, actorOf(event.sender, undefined));
}

/** Checks are looked at where the run that made the branch wants to know. */
export function aboutChecks(repo: RepoRef, branch: string, head: string, actor: Actor): Translation {
  if (!isSha(head)) return nothing("the commit is on no branch of Baton's");
  return aboutBranch(repo, branch, actor, (place) => ({ ...place, door: "checks", branch, head }));
}

/** What is told of a branch of Baton's concerns the issue in its name. */
export function aboutBranch(
  repo: RepoRef,
  branch: string,
  actor: Actor,
  intentAt: (place: Pick<Intent, "repo" | "subject" | "actor">) => Intent,
): Translation {
  const number = issueOfBranch(branch);
  if (number === undefined) return nothing("the commit is on no branch of Baton's");
  const subject = { kind: "issue" as const, number, url: "", author: { login: "", id: 0 } };
  return { type: "intent", intent: intentAt({ repo, subject, actor }) };
}

/** A push to a branch of Baton's, or to one into which pull requests may go; the default branch holds the config, too. */
export function fromPush(event: PushEvent): Translation {
  const repo = repoOf(event);
  const { person: by } = actorOf(event.sender, undefined);
  const { after: head } = event;
  if (!isSha(head) || /^0+$/.test(head)) return nothing("the branch was deleted");
  const [, own, issue] = OWN_BRANCH.exec(event.ref) ?? [];
  if (own !== undefined) return { type: "pushed", repo, by, branch: own, issue: Number(issue) };
  const [, branch] = /^refs\/heads\/(.+)$/.exec(event.ref) ?? [];
  if (branch === undefined) return nothing("no pull request goes into what was pushed");
  const touched = event.commits.some(({ added, modified, removed }) =>
    [added, modified, removed].some((paths) => paths.includes(CONFIG_FILE)),
  );
  const all = !event.forced && event.commits.length > 0 && event.commits.length < COMMITS_TOLD;
  return { type: "moved", repo, by, branch, head, config: branch === repo.defaultBranch && (touched || !all) };
}

function nothing(because: string): Translation {
  return { type: "nothing", because };
}
