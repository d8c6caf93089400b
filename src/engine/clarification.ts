// What a run was asked and answered before anything began, as a part of what it works from.
import type { EventOf, PinnedInput } from "./events.ts";

/** Questions of triage, and what was said to them. */
export interface Clarification {
  readonly questions: readonly string[];
  readonly answer: Pick<EventOf<"answer.given">, "by" | "words">;
}

/** Comments that a pinned input holds. */
const MOST_COMMENTS = 200;

/** What a run works from: the text that was pinned when it began and, as further comments, what was answered since. */
export function inputOf({
  created: { input },
  clarified,
}: {
  readonly created: Pick<EventOf<"run.created">, "input">;
  readonly clarified: readonly Clarification[];
}): PinnedInput {
  if (clarified.length === 0) return input;
  const said = clarified.map(({ questions, answer: { by, words } }) => ({
    id: 0,
    author: by,
    body: `${questions.map((question) => `> ${question.replaceAll("\n", " ")}`).join("\n")}\n\n${words}`,
  }));
  return { ...input, comments: [...input.comments, ...said].slice(-MOST_COMMENTS) };
}
