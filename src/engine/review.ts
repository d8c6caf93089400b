// The end of a run that looks through a pull request: its remarks are published as one review.
import { isGone, type EventOf, type RunEvent } from "./events.ts";
import type { Publisher } from "./ports.ts";
import type { State } from "./state.ts";

/** The review that the run has published. */
export function reviewOf({ stages }: State): EventOf<"review.published"> | undefined {
  return [...stages.values()].flatMap(({ current }) => current?.review ?? [])[0];
}

/** The attempt at publishing that is under way: it names what it writes. */
export function reviewAttempt({ stages, workflow }: State): number {
  const stage = [...stages.values()].find(({ name }) => workflow?.stages[name]?.review !== undefined);
  return stage?.current?.number ?? 1;
}

/** Publishes the review of a stage, or ends the run where there is no pull request to review any more. */
export async function publishReview(
  stage: string,
  state: State,
  publisher: Pick<Publisher, "publishReview">,
  signal: AbortSignal,
): Promise<RunEvent> {
  const attempt = reviewAttempt(state);
  const ended = { type: "run.finished" as const };
  if (!state.created.pull) {
    const message = `The workflow ends in a review of a pull request, and ${state.created.subject.kind} #${state.created.subject.number} is none: nothing was published.`;
    return { ...ended, outcome: "failed", code: "not-a-pull-request", message };
  }
  const answer = await publisher.publishReview(state, signal);
  if (answer.type === "published") return { type: "review.published", stage, attempt, ...answer.review };
  const { code, message } = answer;
  return { ...ended, outcome: isGone(code) ? "cancelled" : "failed", code, message };
}

/** What the run came to, in words; undefined when it published no review. */
export function reviewWords(state: State): string | undefined {
  const review = reviewOf(state);
  if (!review) return undefined;
  const remarks = review.onLines + review.onFiles;
  const head = state.created.pull?.head.slice(0, 10) ?? "";
  return `Reviewed ${head}: ${remarks === 0 ? "no remarks" : `${remarks} remark${remarks === 1 ? "" : "s"}`}.`;
}
