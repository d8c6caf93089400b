// Demands of one revision that cannot both be met: the agent that was to meet them names them, changes nothing, and people decide. Pure.
import { threadAnswers } from "../workflows/artifacts.ts";
import type { Thread } from "./event-fields.ts";
import type { Revision } from "./pull-state.ts";
import type { Attempt, State } from "./state.ts";

/** How a revision ends whose demands contradict each other. */
export const CONTRADICTION = "contradiction";

/** One demand: a thread, or what was said of the pull request as a whole. */
export interface Demanded {
  readonly thread: Thread | undefined;
  /** The thread's number among those of the revision; 0 for the whole. */
  readonly number: number;
  /** What the agent says about it. */
  readonly what: string | undefined;
}

/** Where a demand stands, in words. */
export function placeOf({ thread }: Demanded): string {
  if (!thread) return "what was said of the pull request as a whole";
  return `the thread at ${thread.path}${thread.line === undefined ? "" : `:${thread.line}`}`;
}

/** Pairs of demands of which the agent says that each asks for the opposite of the other, each pair once. */
export function contradictions(state: State): (readonly [Demanded, Demanded])[] {
  const { revision } = state;
  const current = revision && state.stages.get(revision.stage)?.current;
  return revision && current?.artifact ? pairsIn(current.artifact, revision) : [];
}

/** The same of one attempt: it was no answer to what people want. */
export function isContradicted({ artifact }: Attempt, revision: Revision): boolean {
  return artifact !== undefined && pairsIn(artifact, revision).length > 0;
}

function pairsIn(
  artifact: NonNullable<Attempt["artifact"]>,
  { threads, words }: Revision,
): (readonly [Demanded, Demanded])[] {
  const answers = threadAnswers(artifact);
  const isThere = (number: number) => (number === 0 ? words !== "" : threads[number - 1] !== undefined);
  const demanded = (number: number): Demanded => ({
    number,
    thread: threads[number - 1],
    what: answers.find(({ thread }) => thread === number)?.what,
  });
  const pairs = new Map<string, readonly [Demanded, Demanded]>();
  for (const { thread: one, contradicts: other } of answers) {
    if (other === undefined || one === other || !isThere(one) || !isThere(other)) continue;
    const [first, second] = [Math.min(one, other), Math.max(one, other)];
    pairs.set(`${first} ${second}`, [demanded(first), demanded(second)]);
  }
  return [...pairs.values()];
}
