// The branches on which finished work is kept of runs that end without a pull request: put there by the same door as what is published, moved
// on when a later try ends so too, and taken away when one has its pull request and nobody has put them to use.
import { z } from "zod";
import { objection } from "../engine/keep.ts";
import type { Keeping, KeepRequest } from "../engine/keeping.ts";
import type { KeptBranch, State } from "../engine/state.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import type { Branches } from "./branch.ts";
import { commitMessage } from "./commit-message.ts";
import type { Neutral } from "./neutral.ts";
import type { Once } from "./once.ts";
import type { Links } from "./progress.ts";
import { forbiddenChange } from "./publishable.ts";
import { refusalOf, refused, type Refusal } from "./refusal.ts";
import { place, type Requests } from "./requests.ts";
import { withRunPage } from "./run-page.ts";

export interface KeptBranchesOptions {
  readonly requests: Requests;
  readonly once: Once;
  readonly outbox: Outbox;
  readonly branches: Branches;
  readonly workspaces: Pick<Workspaces, "changes" | "tree">;
  readonly neutral: Neutral;
  readonly links: Links;
  /** What the branch of the run's pull request is, or would be, called. */
  readonly nameOf: (state: State) => Promise<string>;
}

const Gone = z.object({ branch: z.string() });

/** What follows the name of the run's branch. */
export function keptSuffix(part: string | undefined): string {
  return part === undefined ? "-kept" : `-kept-of-${part}`;
}

/** Why this may not be kept, whatever its content: the gates that guard every publication must have passed on it. */
export function notKeepable({ created }: State, { gates }: Pick<KeepRequest, "gates">): Refusal | undefined {
  if (created.dryRun) return refused("dry-run", "A dry run leaves no branch.");
  const why = objection(gates);
  return why === undefined ? undefined : refused("not-verified", why);
}

/** Keeping on GitHub. Refusals are values; throws what a later try may mend. */
export function createKeptBranches(options: KeptBranchesOptions): Keeping {
  const { requests, once, outbox, branches, workspaces, neutral, links, nameOf } = options;

  async function keep(
    state: State,
    { head, part, holds, gates }: KeepRequest,
    signal: AbortSignal,
  ): ReturnType<Keeping["keep"]> {
    const { base } = state;
    const { repo, input } = state.created;
    const no = notKeepable(state, { gates });
    if (no) return no;
    const changes = await workspaces.changes(repo, base.commit, head, signal);
    const forbidden = forbiddenChange(state, head, changes);
    if (forbidden) return forbidden;
    const title = `wip: ${neutral.plain(input.title, 60)} (${holds.slice(0, 5).join(", ")})`;
    const published = await branches.publish(
      {
        run: state.runId,
        repo,
        name: `${await nameOf(state)}${keptSuffix(part)}`,
        base: base.commit,
        head,
        tree: await workspaces.tree(repo, head, signal),
        changes,
        message: commitMessage(state, title, { neutral, links: await withRunPage(links, outbox, state.runId) }),
      },
      signal,
    );
    return published.type === "refused"
      ? published
      : { type: "kept", branch: published.branch, head: published.commit };
  }

  async function remove(
    { runId: run, created: { repo } }: State,
    { branch, head }: KeptBranch,
    signal: AbortSignal,
  ): ReturnType<Keeping["removeKept"]> {
    const key = `ref-gone:${run}:${branch}:${head}`;
    if ((await outbox.read(key))?.doneAt !== undefined) return { type: "removed" };
    const at = await branches.at(repo, branch, signal);
    if (at === undefined) return { type: "removed" };
    if (at !== head) return { type: "left", why: "somebody has pushed to it since" };
    const { data: pulls } = await requests.read(
      repo,
      `look for pull requests from ${branch}`,
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls", {
          ...place(repo),
          state: "open",
          head: `${requests.nameOf(repo).owner}:${branch}`,
          request,
        }),
      { signal },
    );
    const open = pulls.find(({ head: { ref } }) => ref === branch);
    if (open) return { type: "left", why: `pull request #${open.number} is open from it` };
    await once({
      key,
      run,
      kind: "ref-gone",
      lane: "pull-request",
      payload: { branch, commit: head },
      result: Gone,
      look: async () => ((await branches.at(repo, branch, signal)) === undefined ? [{ branch }] : []),
      async write(how) {
        await branches.remove(repo, branch, { signal, ...how });
        return { branch };
      },
    });
    return { type: "removed" };
  }

  return {
    keep: (state, request, signal) => orRefused(() => keep(state, request, signal), signal),
    async removeKept(state, branch, signal) {
      const answer = await orRefused(() => remove(state, branch, signal), signal);
      return answer.type === "refused" ? { type: "left", why: answer.message } : answer;
    },
  };
}

async function orRefused<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    const refusal = refusalOf(error);
    if (refusal) return refusal;
    throw error;
  }
}
