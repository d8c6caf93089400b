// The life of a pull request behind its opening: somebody wants changes, by a review or by `/agent revise`, and the run that opened it goes
// on with them; people push to its branch, which is theirs then until somebody gives it back; or it is closed.
import { isSha, type Sha } from "../core/ids.ts";
import type { NewBase } from "../engine/base-events.ts";
import { CONTRADICTION } from "../engine/contradictions.ts";
import { revisedStage } from "../engine/revise.ts";
import type { Bell, Publisher } from "../engine/ports.ts";
import { isOnlyBase, ontoOf } from "../engine/pull-state.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import { isPublished, type PullRequestRef, type State } from "../engine/state.ts";
import { createRefuse, type Standing } from "./admit.ts";
import { createAnswers } from "./answers.ts";
import type { Asked } from "./asked.ts";
import type { Intent, Pushed, Self } from "./intent.ts";
import type { KnownLimits } from "./limits.ts";
import { howToStart } from "./now.ts";
import { createRuns, commentOf, said, wordOf, type RunsParts } from "./runs.ts";
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
  /** `/agent rebase`: the present base comes into the pull request's branch. Goes on from what people pushed. */
  rebase(asked: Asked, standing: Standing): Promise<string>;
  /** A review by somebody who may. One that asks for no changes, and has no new remark, changes nothing. */
  reviewed(asked: Asked, review: Intent & { door: "review" }, standing: Standing): Promise<string>;
  /**
   * `/agent resume` on a pull request that people pushed to: its branch is Baton's again, as it is, and what waits is worked on top.
   * Undefined where nobody pushed.
   */
  resumed(asked: Asked, standing: Standing): Promise<string | undefined>;
  /** `/agent tell` where a revision ended with a question to people: they have decided. Undefined where none did. */
  told(asked: Asked, words: string, standing: Standing): Promise<string | undefined>;
  /** Somebody pushed to a branch with a name of Baton's. */
  pushed(pushed: Pushed, signal: AbortSignal): Promise<string>;
  /** The pull request was closed. */
  closed(intent: Intent & { door: "pull-closed" }, signal: AbortSignal): Promise<string>;
}

/** The words of somebody who wants changes; `by`: how. */
interface Demand {
  readonly asked: Asked;
  readonly words: string;
  readonly standing: Standing;
  readonly by: "command" | "review" | "resume" | "rebase";
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
    if (said(events, ["revision.requested", "branch.given"], asked)) {
      asked.fate.runs = true;
      return ring(state.runId, "was asked before");
    }
    const { workflow, config } = state.created;
    const needed = workflow === undefined ? "none" : mayRun(workflow, config.routes);
    if (by === "review" && (standing === "unknown" || !isAtLeast(standing, needed))) return "refused";
    if (await refuse(asked, standing, needed)) return "refused";
    if (state.phase === "finished") return takeUpOn(pullRequest, state, { asked, words, by, isExplicit });
    if (by !== "review") return atWork(asked, state.runId);
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
    const { repo } = run.created;
    const base = run.base.branch;
    const refused = (why: string, next: string, occasion?: string) =>
      answer(asked, { kind: "refused", quote: asked.quote, why, next }, `refused: ${why}`, occasion);
    const pull = await reader.pullRequest(repo, opened.number);
    if (pull?.merged)
      return refused(`pull request #${opened.number} is merged`, "`/agent restart` on the issue begins anew.");
    if (!pull || pull.state === "closed")
      return refused(
        `pull request #${opened.number} is closed`,
        `Reopen it and write \`/agent ${by === "resume" || by === "rebase" ? by : "revise"}\` again.`,
      );
    const stage = revisedStage(run);
    if (stage === undefined) return "its workflow opens no pull request";
    const { ground, taken } = run.branch;
    const moved = pull.head !== (ground ?? opened.head);
    if ((moved || taken) && by === "review")
      // Each remark may come as a review of its own: it is said once for what was pushed.
      return refused(
        `${taken ? `@${taken.by.login}` : "somebody"} pushed to \`${opened.branch}\`, so I leave it to people`,
        "`/agent resume` goes on on top of what is there now, and so does `/agent revise` with words of its own.",
        `review-left:${run.runId}:${pull.head}`,
      );
    if (by === "rebase" && pull.into !== base)
      return refused(
        `pull request #${opened.number} goes into \`${pull.into}\` now, and the work stands on \`${base}\``,
        `\`/agent restart --base ${pull.into}\` on the issue begins anew from there.`,
      );
    const newBase = by === "rebase" ? await presentBase(run, pull.head) : await heldBase(run, pull.head);
    if (by === "rebase" && !newBase)
      return nothingToDo(
        asked,
        `the pull request holds all of \`${base}\` already`,
        "`/agent revise <what>` changes it.",
      );
    const remarks = by === "rebase" ? [] : await reader.remarks(repo, opened.number);
    const known = remarks.length === 0 ? [] : await reader.threads(repo, opened.number);
    const threads = openThreads(remarks, known ?? [], self);
    // A word of thanks, also in a thread that was answered, is a review too.
    if (!isExplicit && threads.every((thread) => isAnswered(thread, remarks, self)))
      return "the review asks for nothing";
    // What was not brought to its end is still wanted.
    const left = by === "resume" && !isPublished(run) && !isHeldNow(run, newBase) ? run.revision : undefined;
    const isWanted = words !== "" || threads.length > 0 || left !== undefined || by === "rebase";
    if (!isWanted && by !== "resume")
      return nothingToDo(
        asked,
        "there is nothing to change: no words behind the command, and no thread that waits for an answer",
        "Write what is to be changed, or remark it in the code and write the command again.",
      );
    const given = { type: "branch.given" as const, ...wordOf(asked), onto: pull.head };
    if (!isWanted) {
      await runs.append(run.runId, () => [given], asked.signal);
      return `${run.runId} has its branch again`;
    }
    return takeUp(asked, run, [
      ...(moved || taken ? [given] : []),
      {
        type: "revision.requested",
        ...wordOf(asked),
        // They are the words of whoever wanted it first.
        ...(left && { by: left.by, words: left.words }),
        stage,
        words: left?.words ?? words,
        threads,
        ...commentOf(asked),
        ...ontoOf(run, pull.head),
        ...(newBase && { base: newBase }),
      },
    ]);
  }

  /** The base as it is now; undefined where the pull request's branch holds it. */
  async function presentBase({ created: { repo }, base: { branch } }: State, head: Sha): Promise<NewBase | undefined> {
    const commit = await reader.head(repo, branch);
    return (await reader.mergeBase(repo, branch, head)) === commit ? undefined : { commit, how: "asked" };
  }

  /** Another base than the branch held before: people merged it, or it did not come to its end. */
  async function heldBase(run: State, head: Sha): Promise<NewBase | undefined> {
    const { branch, commit } = run.base;
    const before = run.branch.base ?? run.created.base.commit;
    const held = head === run.pullRequest?.head ? before : await reader.mergeBase(run.created.repo, branch, head);
    if (held !== before) return { commit: held, how: "held" };
    return commit === before ? undefined : { commit, how: "asked" };
  }

  /** The run whose branch people pushed to, when it is not at work; undefined where nobody did. */
  async function resumable(asked: Asked): Promise<boolean> {
    const { state, events } = (await runs.find(asked.intent)) ?? {};
    if (!state?.pullRequest || !events) return false;
    if (said(events, ["branch.given"], asked)) return true;
    if (state.phase !== "finished" || state.pullClosed?.merged) return false;
    if (state.branch.taken) return true;
    // The delivery may not have come (yet).
    const pull = await reader.pullRequest(state.created.repo, state.pullRequest.number);
    return pull?.state === "open" && pull.head !== state.branch.ground;
  }

  return {
    command: (asked, words, standing) =>
      revise({ asked, words: cleaned(words), standing, by: "command", isExplicit: true }),
    reviewed: (asked, { words, wantsChanges }, standing) =>
      revise({ asked, words: cleaned(words), standing, by: "review", isExplicit: wantsChanges }),

    rebase: (asked, standing) => revise({ asked, words: "", standing, by: "rebase", isExplicit: true }),

    async resumed(asked, standing) {
      if (!(await resumable(asked))) return undefined;
      return revise({ asked, words: "", standing, by: "resume", isExplicit: true });
    },

    async told(asked, typed, standing) {
      const words = cleaned(typed.trim().replace(/^:/, ""));
      const { state, events } = (await runs.find(asked.intent)) ?? {};
      const isAsked =
        state?.finished?.code === CONTRADICTION || (events && said(events, ["revision.requested"], asked));
      if (words === "" || !isAsked) return undefined;
      return revise({ asked, words, standing, by: "command", isExplicit: true });
    },

    async pushed({ repo, by, branch, issue }, signal) {
      const found = await runs.onBranch(repo, issue, branch);
      const { pullRequest, runId } = found?.state ?? {};
      if (!pullRequest || !runId) return "no run opened a pull request from it";
      // By now it may be further, or given to Baton already: where it ends now counts.
      const pull = await reader.pullRequest(repo, pullRequest.number);
      if (pull?.state !== "open") return "its pull request is closed";
      const { head } = pull;
      const outcome = await runs.append(
        runId,
        ({ state: { branch: now } }) =>
          head === now.ground || head === now.taken?.head ? undefined : [{ type: "branch.taken", by, head }],
        signal,
      );
      return outcome === "moot" ? `${runId} knows` : ring(runId, "leaves its branch to people");
    },

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

/** True where a revision only wanted another base, and people have merged one since. */
function isHeldNow({ revision }: State, base: NewBase | undefined): boolean {
  return revision !== undefined && isOnlyBase(revision) && base?.how !== "asked";
}

/** A person's words without what nobody can see. */
function cleaned(typed: string): string {
  return sanitizeMarkdown(typed, {}).trim().slice(0, MAX_WORDS).toWellFormed();
}
