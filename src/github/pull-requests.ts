// The pull request itself: opened once for each verified commit, or the open one shown anew.
import { z } from "zod";
import { isSha, type Sha } from "../core/ids.ts";
import type { EventOf, RepoRef } from "../engine/events.ts";
import type { PullRequestRef, State } from "../engine/state.ts";
import { isSelf, type Self } from "./client.ts";
import { isRefused } from "./failure.ts";
import type { Once } from "./once.ts";
import { verifiedHead } from "./publishable.ts";
import { pullRequestMarker } from "./pull-request.ts";
import { refused, type Refusal } from "./refusal.ts";
import { place, type How, type Requests } from "./requests.ts";

export type Opened = EventOf<"pull_request.opened">;

export const PullResult = z.object({
  number: z.number(),
  url: z.string(),
  branch: z.string(),
  head: z.string().refine(isSha),
  tree: z.string().refine(isSha).optional(),
  title: z.string(),
});

/** What a pull request shows. */
export interface Shown {
  readonly branch: string;
  readonly head: Sha;
  readonly tree: Sha;
  readonly title: string;
  readonly body: string;
}

export interface PullRequests {
  /** Opens it as a draft, or shows the run's work in the one that is open on this branch. Throws `GitHubFailure` and `fence-lost`. */
  open(state: State, shown: Shown, signal: AbortSignal): Promise<Opened>;
  /** The one that is open, with the text of what it holds now; its title is people's. Throws the same. */
  update(state: State, earlier: PullRequestRef, shown: Omit<Shown, "title">, signal: AbortSignal): Promise<Opened>;
  /** Why nothing may be shown in it any more; undefined while it is open. */
  refuses(repo: RepoRef, number: number, signal: AbortSignal): Promise<Refusal | undefined>;
}

export function createPullRequests({
  requests,
  once,
  self,
}: {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
}): PullRequests {
  /** The same text twice is the same text: it may be asked for again. */
  async function change(
    repo: RepoRef,
    number: number,
    texts: { readonly title?: string; readonly body: string },
    how: How,
  ) {
    const { data } = await requests.read(
      repo,
      `update pull request #${number}`,
      (octokit, request) =>
        octokit.request("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", {
          ...place(repo),
          pull_number: number,
          ...texts,
          request,
        }),
      how,
    );
    return data;
  }

  async function open(state: State, { branch, head, tree, title, body }: Shown, signal: AbortSignal): Promise<Opened> {
    const { repo, base } = state.created;
    const first = pullRequestMarker(state);
    const shown = (
      { number, html_url: url }: { readonly number: number; readonly html_url: string },
      named: string,
    ) => ({
      number,
      url,
      branch,
      head,
      tree,
      title: named,
    });
    const onBranch = async (which: "all" | "open") => {
      const { data } = await requests.read(
        repo,
        "look for the pull request",
        (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/pulls", {
            ...place(repo),
            state: which,
            head: `${requests.nameOf(repo).owner}:${branch}`,
            per_page: 30,
            request,
          }),
        { signal },
      );
      return data.filter(({ user, head: { ref } }) => ref === branch && isSelf(self, user));
    };
    const result = await once({
      key: pullKey(state),
      run: state.runId,
      kind: "pull-request",
      lane: "pull-request",
      payload: { branch, head, title },
      result: PullResult,
      async look() {
        const found = (await onBranch("all")).filter((pull) => pull.body?.startsWith(first));
        return found.toReversed().map((pull) => shown(pull, pull.title));
      },
      async write(how) {
        try {
          const { data } = await requests.write(
            repo,
            "open the pull request",
            (octokit, request) =>
              octokit.request("POST /repos/{owner}/{repo}/pulls", {
                ...place(repo),
                title,
                body,
                head: branch,
                base: base.branch,
                draft: true,
                request,
              }),
            { signal, ...how },
          );
          return shown(data, title);
        } catch (error) {
          // An earlier run's pull request is still open on this branch: it shows this run's work now.
          const [earlier] = isRefused(error, 422) && /already exists/i.test(error.reason) ? await onBranch("open") : [];
          if (!earlier) throw error;
          await change(repo, earlier.number, { title, body }, { signal, ...how });
          return shown(earlier, title);
        }
      },
    });
    return { type: "pull_request.opened", ...result };
  }

  async function update(
    state: State,
    earlier: PullRequestRef,
    { branch, head, tree, body }: Omit<Shown, "title">,
    signal: AbortSignal,
  ): Promise<Opened> {
    const { repo } = state.created;
    const result = await once({
      key: pullKey(state),
      run: state.runId,
      kind: "pull-request",
      lane: "pull-request",
      payload: { branch, head, number: earlier.number },
      result: PullResult,
      look: () => Promise.resolve([]),
      async write(how) {
        const data = await change(repo, earlier.number, { body }, { signal, ...how });
        return { number: data.number, url: data.html_url, branch, head, tree, title: data.title };
      },
    });
    return { type: "pull_request.opened", ...result };
  }

  async function refuses(repo: RepoRef, number: number, signal: AbortSignal): Promise<Refusal | undefined> {
    const { data } = await requests.read(
      repo,
      `read pull request #${number}`,
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
          ...place(repo),
          pull_number: number,
          request,
        }),
      { signal },
    );
    if (data.state === "open") return undefined;
    return refused(
      "pull-request-closed",
      `Pull request #${number} was ${data.merged_at === null ? "closed" : "merged"} meanwhile, so nothing was published.`,
    );
  }

  return { open, update, refuses };
}

/** One pull request for each verified commit: after a retry the new work is shown, not the old answer given. */
export function pullKey(state: State): string {
  const head = verifiedHead(state);
  return `pull:${state.runId}:${typeof head === "string" ? head : "refused"}`;
}
