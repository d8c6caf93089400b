// The life of a pull request behind its opening: somebody wants changes, by a review or by `/agent revise`, and the run that opened it goes
// on with them; or it is closed.
import { isSha } from "../core/ids.ts";
import { revisedStage } from "../engine/revise.ts";
import type { Bell, Publisher } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { PullRequestRef, State } from "../engine/state.ts";
import { createRefuse, type Standing } from "./admit.ts";
import { createAnswers } from "./answers.ts";
import type { Asked } from "./asked.ts";
import type { Intent, Self } from "./intent.ts";
import type { KnownLimits } from "./limits.ts";
import { howToStart } from "./now.ts";
import { createRuns, said, wordOf, type RunsParts } from "./runs.ts";
import { sanitizeMarkdown } from "./sanitize.ts";
import { createTakeUp } from "./take-up.ts";
import { isAnswered, openThreads } from "./threads.ts";
import { isAtLeast, mayRun } from "./verbs.ts";

export interface ReviseParts extends RunsParts {
  readonly bell: Pick<Bell, "ring">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "removeLabel" | "removeMerged">;
  readonly self: Self;
  readonly limits: Pick<KnownLimits, "of">;
}

export interface Revise {
  /** `/agent revise`: the words, and every thread that waits. Goes on from what people pushed. */
  command(asked: Asked, words: string, standing: Standing): Promise<string>;
  /** A review by somebody who may. One that asks for no changes, and has no new remark, changes nothing. */
  reviewed(asked: Asked, review: Intent & { door: "review" }, standing: Standing): Promise<string>;
  /** The pull request was closed. */
  closed(intent: Intent & { door: "pull-closed" }, signal: AbortSignal): Promise<string>;
}

/** The words of somebody who wants changes; `by`: how. */
interface Demand {
  readonly asked: Asked;
  readonly words: string;
  readonly standing: Standing;
  readonly by: "command" | "review";
  /** It is wanted whatever the threads say. */
  readonly isExplicit: boolean;
}

const MAX_WORDS = 8_000;

/** Revising over its parts. Each throws when GitHub or the database does not answer, and returns a few words for the operator. */
export function createRevise({ log, bell, reader, publisher, projection, self, limits }: ReviseParts): Revise {
  const runs = createRuns({ log, reader, projection });
  const takeUp = createTakeUp({ log, bell, reader, publisher, projection, limits });
  const refuse = createRefuse(publisher);
  const { answer, nothingRunning, nothingToDo, atWork, ring } = createAnswers({ log, bell, publisher });

  async function revise({ asked, words, standing, by, isExplicit }: Demand): Promise<string> {
    const found = await runs.opened(asked.intent);
    const { pullRequest } = found?.state ?? {};
    if (!found || !pullRequest) {
      if (by === "review") return "no run opened this pull request";
      return nothingRunning(
        asked,
        `No pull request of mine is open for this. ${await howToStart(reader, asked.intent)}`,
      );
    }
    const { state, events } = found;
    if (said(events, ["revision.requested"], asked)) return ring(state.runId, "was asked before");
    const { workflow, config } = state.created;
    const needed = workflow === undefined ? "none" : mayRun(workflow, config.routes);
    if (by === "review" && (standing === "unknown" || !isAtLeast(standing, needed))) return "refused";
    if (await refuse(asked, standing, needed)) return "refused";
    if (state.phase === "finished") return takeUpOn(pullRequest, state, { asked, words, by, isExplicit });
    if (by === "command") return atWork(asked, state.runId);
    // Each remark may come as a review of its own: all of them are answered once.
    const later = { ...asked, key: `review-later:${state.runId}:${state.revision?.version ?? 0}` };
    const next = "Write `/agent revise` when the work has ended: it takes every thread that waits.";
    return nothingToDo(later, "I am at work on this already", next);
  }

  /** Takes the run up with what is wanted, unless the pull request, as it is now, says no. */
  async function takeUpOn(
    opened: PullRequestRef,
    run: State,
    { asked, words, by, isExplicit }: Omit<Demand, "standing">,
  ): Promise<string> {
    const { repo, base } = run.created;
    const refused = (why: string, next: string) =>
      answer(asked, { kind: "refused", quote: asked.quote, why, next }, `refused: ${why}`);
    const pull = await reader.pullRequest(repo, opened.number);
    if (pull?.merged)
      return refused(`pull request #${opened.number} is merged`, "`/agent restart` on the issue begins anew.");
    if (!pull || pull.state === "closed")
      return refused(`pull request #${opened.number} is closed`, "Reopen it and write `/agent revise` again.");
    const stage = revisedStage(run);
    if (stage === undefined) return "its workflow opens no pull request";
    const moved = pull.head !== opened.head;
    if (moved && by === "review")
      return refused(
        `somebody pushed to \`${opened.branch}\`, so I leave it to people`,
        "`/agent revise` goes on from what is there now.",
      );
    const remarks = await reader.remarks(repo, opened.number);
    const threads = openThreads(remarks, self);
    // A word of thanks, also in a thread that was answered, is a review too.
    if (!isExplicit && threads.every((thread) => isAnswered(thread, remarks, self)))
      return "the review asks for nothing";
    if (words === "" && threads.length === 0)
      return nothingToDo(
        asked,
        "there is nothing to change: no words behind the command, and no thread that waits for an answer",
        "Write what is to be changed, or remark it in the code and write the command again.",
      );
    if (moved && (await reader.mergeBase(repo, base.branch, pull.head)) !== base.commit)
      return refused(
        `\`${base.branch}\` was merged into \`${opened.branch}\`, and what is newer there would be judged as this change`,
        "`/agent restart` on the issue begins anew from what is there now.",
      );
    const onto = moved ? pull.head : run.revision?.onto;
    const ground = onto === undefined ? {} : { onto };
    const comment = asked.intent.door === "comment" ? { commentId: asked.intent.commentId } : {};
    return takeUp(asked, run, [
      { type: "revision.requested", ...wordOf(asked), stage, words, threads, ...comment, ...ground },
    ]);
  }

  return {
    command: (asked, words, standing) =>
      revise({ asked, words: cleaned(words), standing, by: "command", isExplicit: true }),
    reviewed: (asked, { words, wantsChanges }, standing) =>
      revise({ asked, words: cleaned(words), standing, by: "review", isExplicit: wantsChanges }),

    async closed(intent, signal) {
      const found = await runs.opened(intent);
      if (!found?.state.pullRequest) return "no run opened this pull request";
      const { runId, pullRequest } = found.state;
      // Before it is recorded: a delivery that is handled again finds what is left to do.
      if (intent.merged && isSha(intent.head))
        await publisher.removeMerged(intent.repo, pullRequest.branch, intent.head);
      const event = { type: "pull_request.closed" as const, by: intent.actor.person, merged: intent.merged };
      const outcome = await runs.append(
        runId,
        ({ state }) => (state.pullClosed?.merged === intent.merged ? undefined : [event]),
        signal,
      );
      return outcome === "moot"
        ? `${runId} knows`
        : ring(runId, `was told that it was ${intent.merged ? "merged" : "closed"}`);
    },
  };
}

/** A person's words without what nobody can see. */
function cleaned(typed: string): string {
  return sanitizeMarkdown(typed, {}).trim().slice(0, MAX_WORDS).toWellFormed();
}
