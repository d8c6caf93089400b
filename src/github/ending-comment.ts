// The one new comment a run may leave at its end: for a pull request, a failure, or a question. Everything else is told by the card alone.
import { contradictionLines } from "./contradiction-lines.ts";
import { keptLines } from "./kept-line.ts";
import { greeting, marker, stack } from "./markdown.ts";
import { NOT_A_BUG, NOT_REPRODUCED } from "../engine/event-words.ts";
import { CONTRADICTION } from "../engine/contradictions.ts";
import { BRANCH_TAKEN } from "../engine/pull-state.ts";
import { reviewOf } from "../engine/review.ts";
import type { State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";
import { citedLines, duplicateOf, duplicateWhy, notesOf, repeatedLink } from "./nothing-to-mend.ts";
import { missingPart } from "./plan-outcome.ts";
import { renderReport } from "./report.ts";
import { endMessage, isGuess, nextStep, stateWord, type Links } from "./progress.ts";
import { lessonsSentence } from "./lessons-part.ts";
import { setupSentence } from "./setup-part.ts";
import { pullRequestLink } from "./stages.ts";

/** What marks the comment of this very end; a retried run ends again and may speak again. */
export function endingMarker(state: State): string {
  return marker("end", `${state.runId}:${state.finished?.at ?? 0}`);
}

/** The comment, or undefined when this end deserves none: sorted only, stopped by a person. */
export function renderEnding(
  state: State,
  { neutral, links, card }: { neutral: Neutral; links: Links; card: string | undefined },
): string | undefined {
  const { finished, created } = state;
  if (!finished) return undefined;
  const details = card === undefined ? "" : `[Everything about this run](${card})`;
  // Who pushed to the base wanted nothing here.
  const { revision } = state;
  const asker = greeting((revision && revision.base?.how !== "conflicts" ? revision : created.request).by);
  switch (finished.outcome) {
    case "succeeded":
      // The push and the answers in the threads say it, or the review.
      if (state.revision ?? reviewOf(state)) return undefined;
      if (finished.code === "dry-run")
        return stack(
          endingMarker(state),
          `${asker}the dry run is done. ${neutral.line(finished.message, 1_200)}`,
          renderReport(state, neutral),
          `**Next:** ${nextStep(state)}`,
          details,
        );
      if (!state.pullRequest) {
        const report = renderReport(state, neutral);
        return report === undefined
          ? undefined
          : stack(endingMarker(state), asker.trim(), missingPart(state, neutral), report, details);
      }
      return stack(
        endingMarker(state),
        `${asker}I opened a draft pull request: ${pullRequestLink(state)} **${neutral.line(state.pullRequest.title, 150)}**. It says what was verified and what is only claimed.`,
        setupSentence(state),
        lessonsSentence(state),
        renderReport(state, neutral),
        details,
      );
    case "needs-a-decision":
      if (finished.code === "asked" && state.routed?.decision.kind === "ask") {
        const questions = state.routed.decision.questions.map((question) => `1. ${neutral.line(question)}`).join("\n");
        return stack(
          endingMarker(state),
          isGuess(state)
            ? `${asker}no model answered, so I sorted this by rules of thumb. Before I start I need to know:`
            : `${asker}before I start I need to know:`,
          questions,
          `**Next:** ${nextStep(state)}`,
          details,
        );
      }
      if (finished.code === CONTRADICTION)
        return stack(
          endingMarker(state),
          `${asker}what is wanted in this pull request asks for opposite things, so I changed nothing. Which is to hold?`,
          contradictionLines(state, neutral),
          `**Next:** ${nextStep(state)}`,
          details,
        );
      return failure(state, `${asker}I need a person's decision.`, { neutral, links }, details);
    case "could-not-reproduce":
      if (finished.code === NOT_A_BUG)
        return stack(
          endingMarker(state),
          `${asker}this seems not to be a bug, so I changed nothing.`,
          `> ${neutral.line(finished.message, 1_000)}`,
          "That is said here:",
          citedLines(state, { neutral, links }),
          `**Next:** ${nextStep(state)}`,
          details,
        );
      if (finished.code === NOT_REPRODUCED)
        return stack(
          endingMarker(state),
          `${asker}I could not reproduce this. What I tried:`,
          notesOf(state, neutral, 1_500),
          `**Next:** ${nextStep(state)}`,
          details,
        );
      return failure(state, `${asker}I could not reproduce this.`, { neutral, links }, details);
    case "failed":
    case "timed-out":
    case "out-of-budget":
      return failure(
        state,
        `${asker}${withoutWhat(state)}: ${stateWord(state).word.toLowerCase()}.`,
        { neutral, links },
        details,
      );
    case "cancelled":
      // What a person did by hand on the issue needs no answer, and a locked conversation no more words.
      return created.request.door === "cli" ||
        state.stop ||
        state.closedBy ||
        state.pullClosed ||
        unspoken.has(finished.code)
        ? undefined
        : failure(state, `${asker}I stopped.`, { neutral, links }, details);
    case "triaged":
      // Who only opened the issue asked for nothing: the card says it.
      return duplicateOf(state) === undefined || created.wanted !== "work"
        ? undefined
        : stack(
            endingMarker(state),
            `${asker}this repeats ${repeatedLink(state)}, so I started nothing: ${duplicateWhy(state, neutral)}`,
            `**Next:** ${nextStep(state)}`,
            details,
          );
    default:
      return undefined;
  }
}

function withoutWhat({ revision, created }: State): string {
  if (revision) return "the pull request stays as it was";
  return `this run has ended without a ${created.pull ? "review" : "pull request"}`;
}

/** Ends that nobody wants to hear of, or can: somebody pushed, the issue is locked or gone, or a new run has begun. */
const unspoken = new Set([
  BRANCH_TAKEN,
  "restarted",
  "issue-locked",
  "issue-gone",
  "issue-transferred",
  "repository-gone",
]);

function failure(
  state: State,
  opening: string,
  { neutral, links }: { neutral: Neutral; links: Links },
  details: string,
): string {
  return stack(
    endingMarker(state),
    opening,
    `> ${neutral.line(endMessage(state), 700)}`,
    ...keptLines(state, { neutral, links }),
    `**Next:** ${nextStep(state)}`,
    details,
  );
}
