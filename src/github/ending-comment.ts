// The one new comment a run may leave at its end: for a pull request, a failure, or a question. Everything else is told by the card alone.
import { greeting, marker, stack } from "./markdown.ts";
import type { State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";
import { renderReport } from "./report.ts";
import { isGuess, nextStep, stateWord } from "./progress.ts";
import { lessonsSentence } from "./lessons-part.ts";
import { setupSentence } from "./setup-part.ts";
import { keptLine, pullRequestLink } from "./stages.ts";

/** What marks the comment of this very end; a retried run ends again and may speak again. */
export function endingMarker(state: State): string {
  return marker("end", `${state.runId}:${state.finished?.at ?? 0}`);
}

/** The comment, or undefined when this end deserves none: sorted only, stopped by a person, a dry run. */
export function renderEnding(
  state: State,
  { neutral, card }: { neutral: Neutral; card: string | undefined },
): string | undefined {
  const { finished, created } = state;
  if (!finished) return undefined;
  const details = card === undefined ? "" : `[Everything about this run](${card})`;
  const asker = greeting(created.request.by);
  switch (finished.outcome) {
    case "succeeded":
      if (!state.pullRequest) {
        const report = renderReport(state, neutral);
        return report === undefined ? undefined : stack(endingMarker(state), asker.trim(), report, details);
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
      return failure(state, `${asker}I need a person's decision.`, neutral, details);
    case "could-not-reproduce":
      return failure(state, `${asker}I could not reproduce this.`, neutral, details);
    case "failed":
    case "timed-out":
    case "out-of-budget":
      return failure(
        state,
        `${asker}this run has ended without a pull request: ${stateWord(state).word.toLowerCase()}.`,
        neutral,
        details,
      );
    case "cancelled":
      // What a person did by hand on the issue needs no answer, and a locked conversation no more words.
      return created.request.door === "cli" || state.stop || state.closedBy || unspoken.has(finished.code)
        ? undefined
        : failure(state, `${asker}I stopped.`, neutral, details);
    case "triaged":
      return undefined;
    default:
      return undefined;
  }
}

/** Ends that nobody wants to hear of, or can: the issue is locked or gone, or a new run has begun. */
const unspoken = new Set(["restarted", "issue-locked", "issue-gone", "issue-transferred", "repository-gone"]);

function failure(state: State, opening: string, neutral: Neutral, details: string): string {
  const kept = keptLine(state);
  return stack(
    endingMarker(state),
    opening,
    `> ${neutral.line(state.finished?.message ?? "", 700)}`,
    kept === "" ? "" : `**Kept:** ${kept}`,
    `**Next:** ${nextStep(state)}`,
    details,
  );
}
