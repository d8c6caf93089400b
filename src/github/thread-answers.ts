// Answers in the threads of a review, once what was asked there is published: what the agent says it did, and in which commit. A thread in
// which it did what was asked is resolved; one in which it says why not stays open.
import { z } from "zod";
import type { Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Redact } from "../core/redact.ts";
import type { Thread } from "../engine/event-fields.ts";
import type { State } from "../engine/state.ts";
import { threadAnswers } from "../workflows/artifacts.ts";
import { isSelf, type Self } from "./client.ts";
import { goneIsFine, isRefused } from "./failure.ts";
import { marker, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";
import { resolveThreads } from "./review-threads.ts";

interface Tools {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
  readonly neutral: Neutral;
  readonly redact: Redact;
  readonly log: Log;
}

const PER_PAGE = 100;

/** Answers each thread of the revision once. A thread that is gone needs no answer. Throws `GitHubFailure` and `fence-lost`. */
export async function answerThreads(
  { requests, once, self, neutral, redact, log }: Tools,
  state: State,
  { number, head }: { readonly number: number; readonly head: Sha },
  signal: AbortSignal,
): Promise<void> {
  const { revision, runId, created } = state;
  const { repo } = created;
  for (const thread of revision?.threads ?? []) {
    const mark = marker("thread", `${runId}:${thread.id}:${head}`);
    try {
      await once({
        key: `thread:${runId}:${thread.id}:${head}`,
        run: runId,
        kind: "thread-answer",
        lane: "pull-request",
        payload: { number, thread: thread.id },
        result: z.object({ id: z.number() }),
        async look() {
          const { data } = await requests.read(
            repo,
            `look for an answer on #${number}`,
            (octokit, request) =>
              octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/comments", {
                ...place(repo),
                pull_number: number,
                sort: "created",
                direction: "desc",
                per_page: PER_PAGE,
                request,
              }),
            { signal },
          );
          return data
            .filter(({ body, user }) => body.startsWith(mark) && isSelf(self, user))
            .map(({ id }) => ({ id: Number(id) }))
            .toReversed();
        },
        async write(how) {
          const { data } = await requests.write(
            repo,
            `answer a thread on #${number}`,
            (octokit, request) =>
              octokit.request("POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies", {
                ...place(repo),
                pull_number: number,
                comment_id: thread.id,
                body: redact(stack(mark, answerTo(state, thread, head, neutral))),
                request,
              }),
            { signal, ...how },
          );
          return { id: Number(data.id) };
        },
        async remove({ id }) {
          await goneIsFine(
            requests.read(repo, `take a second copy of answer ${id} away`, (octokit, request) =>
              octokit.request("DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}", {
                ...place(repo),
                comment_id: id,
                request,
              }),
            ),
          );
        },
      });
    } catch (error) {
      if (!isRefused(error, 404, 410, 422)) throw error;
    }
  }
  const done = (revision?.threads ?? []).filter((thread) => answerIn(state, thread)?.done);
  const of = { repo, run: runId, number, key: head };
  await resolveThreads(
    { requests, once, log },
    of,
    done.map(({ id }) => id),
    signal,
  );
}

/** What the agents said they did in a thread. */
function answerIn(state: State, { id }: Thread) {
  const { revision, stages } = state;
  const changed = revision && stages.get(revision.stage)?.current?.artifact;
  return threadAnswers(changed).find(({ thread }) => revision?.threads[thread - 1]?.id === id);
}

/** What is said in a thread, once the revision is published: the agent's words are claims, and the commit is where they can be looked at. */
export function answerTo(state: State, of: Thread, head: Sha, neutral: Neutral): string {
  const answer = answerIn(state, of);
  if (!answer)
    return `The agents left no word on this one. What they changed is in ${head}; please look whether it is mended there.`;
  const what = neutral.prose(answer.what, 1_000);
  return answer.done
    ? `${what}\n\nDone in ${head}, as the agents say.`
    : `${what}\n\nNot changed in ${neutral.code(of.path, 200)}, as the agents say (${head}).`;
}
