// 👀 on the command while it is worked, 🚀 or 😕 at the end, and 👀 goes. Reactions notify nobody, and GitHub itself keeps one of each kind.
import { z } from "zod";
import type { RunId } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { State } from "../engine/state.ts";
import type { Outbox } from "../store/outbox.ts";
import { isSelf, type Self } from "./client.ts";
import { goneIsFine, isRefused } from "./failure.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";

type Reaction = "eyes" | "rocket" | "confused";
const ReactionRef = z.object({ id: z.number() });

interface Tools {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
}

/** Those of which some must be taken off again are found in the outbox. */
interface Withdrawing extends Tools {
  readonly outbox: Pick<Outbox, "read" | "record" | "done">;
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

/** Shows on a comment what became of its command: nothing more comes of it, so its 👀 goes. */
export async function conclude(
  tools: Withdrawing,
  repo: RepoRef,
  commentId: number,
  as: "rocket" | "confused",
  run?: RunId,
): Promise<void> {
  await addReaction(tools, repo, commentId, as, run);
  await withdraw(tools, repo, commentId, "eyes", run);
}

/** Shows the end of a run on the command that asked for it. An earlier end, and 👀, go from the commands before it. */
export async function showEnd(
  tools: Withdrawing,
  { created: { repo }, commandComments, finished, runId }: State,
): Promise<void> {
  const good = finished?.outcome === "succeeded" || finished?.outcome === "triaged";
  const { now, before } = commandComments;
  if (now !== undefined) {
    await conclude(tools, repo, now, good ? "rocket" : "confused", runId);
    if (good) await withdraw(tools, repo, now, "confused", runId);
  }
  for (const commentId of before) {
    await withdraw(tools, repo, commentId, "eyes", runId);
    await withdraw(tools, repo, commentId, "confused", runId);
  }
}

/** Takes a reaction of Baton's off again, once; one that never was, or is gone, is fine. */
async function withdraw(
  { requests, outbox }: Withdrawing,
  repo: RepoRef,
  commentId: number,
  content: Reaction,
  run?: RunId,
): Promise<void> {
  const key = reactionKey(repo, commentId, content);
  const { data } = ReactionRef.safeParse((await outbox.read(key))?.result);
  const gone = `${key}:gone`;
  if (!data || (await outbox.read(gone))?.doneAt !== undefined) return;
  await takeOff(requests, repo, commentId, data.id, run);
  await outbox.record({ key: gone, run, kind: "reaction-gone", payload: {} });
  await outbox.done(gone, {});
}

async function takeOff(requests: Requests, repo: RepoRef, commentId: number, id: number, run?: RunId): Promise<void> {
  await goneIsFine(
    requests.read(
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
    ),
  );
}

function reactionKey(repo: RepoRef, commentId: number, content: Reaction): string {
  return `reaction:${repo.id}:${commentId}:${content}`;
}
