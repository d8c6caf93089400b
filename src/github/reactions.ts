// 👀 on the command while it is worked, 🚀 or 😕 at the end. Reactions notify nobody, and GitHub itself keeps one of each kind.
import { z } from "zod";
import type { RunId } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import { isSelf, type Self } from "./client.ts";
import { isRefused } from "./failure.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";

export type Reaction = "eyes" | "rocket" | "confused";
const ReactionRef = z.object({ id: z.number() });

interface Tools {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
}

/** Adds a reaction to a comment, for a run where there is one. Undefined when the comment is gone. */
export async function addReaction(
  { requests, once, self }: Tools,
  repo: RepoRef,
  commentId: number,
  content: Reaction,
  run?: RunId,
): Promise<number | undefined> {
  try {
    const { id } = await once({
      key: reactionKey(repo, commentId, content),
      run,
      kind: "reaction",
      payload: { commentId, content },
      result: ReactionRef,
      async look() {
        const { data } = await requests.read(repo, `read the reactions to comment ${commentId}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", {
            ...place(repo),
            comment_id: commentId,
            content,
            per_page: 100,
            request,
          }),
        );
        return data.filter(({ user }) => isSelf(self, user)).map((reaction) => ({ id: Number(reaction.id) }));
      },
      async write(how) {
        const { data } = await requests.write(
          repo,
          `react to comment ${commentId}`,
          (octokit, request) =>
            octokit.request("POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", {
              ...place(repo),
              comment_id: commentId,
              content,
              request,
            }),
          how,
        );
        return { id: Number(data.id) };
      },
      remove: ({ id: surplus }) => takeOff(requests, repo, commentId, surplus),
    });
    return id;
  } catch (error) {
    if (isRefused(error, 404, 410)) return undefined;
    throw error;
  }
}

/** Takes a reaction away for a run; one that is gone already is fine. */
export function removeReaction(
  { requests }: Pick<Tools, "requests">,
  repo: RepoRef,
  commentId: number,
  id: number,
  run: RunId,
): Promise<void> {
  return takeOff(requests, repo, commentId, id, run);
}

async function takeOff(requests: Requests, repo: RepoRef, commentId: number, id: number, run?: RunId): Promise<void> {
  try {
    await requests.read(
      repo,
      `take a reaction off comment ${commentId}`,
      (octokit, request) =>
        octokit.request("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}", {
          ...place(repo),
          comment_id: commentId,
          reaction_id: id,
          request,
        }),
      { run },
    );
  } catch (error) {
    if (!isRefused(error, 404, 410)) throw error;
  }
}

export function reactionKey(repo: RepoRef, commentId: number, content: Reaction): string {
  return `reaction:${repo.id}:${commentId}:${content}`;
}
