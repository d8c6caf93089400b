// The answers that words to a run have in common. Each gives a few words for the operator.
import type { RunId } from "../core/ids.ts";
import { DUPLICATE } from "../engine/event-words.ts";
import type { Bell, EventLog, Publisher } from "../engine/ports.ts";
import type { Reply } from "../engine/reply.ts";
import { stageThatEnded, type State } from "../engine/state.ts";
import type { Asked } from "./asked.ts";
import { alreadyRunning } from "./runs.ts";
import { say } from "./say.ts";

export interface AnswersParts {
  readonly log: Pick<EventLog, "read">;
  readonly bell: Pick<Bell, "ring">;
  readonly publisher: Pick<Publisher, "reply">;
}

export interface Answers {
  readonly answer: (asked: Asked, reply: Reply, note: string, occasion?: string) => Promise<string>;
  readonly nothingRunning: (asked: Asked, next: string) => Promise<string>;
  readonly nothingToDo: (asked: Asked, why: string, next: string) => Promise<string>;
  /** What was written cannot be carried out. */
  readonly unreadable: (asked: Asked, problem: string) => Promise<string>;
  readonly atWork: (asked: Asked, run: RunId) => Promise<string>;
  /** Rings for a run whose log has something new. */
  readonly ring: (run: RunId, note: string) => Promise<string>;
}

/** Answers through the publisher. They throw when GitHub or the database does not answer. */
export function createAnswers({ log, bell, publisher }: AnswersParts): Answers {
  const answer: Answers["answer"] = async (asked, reply, note, occasion) => {
    await say(publisher, asked, reply, occasion);
    return note;
  };
  return {
    answer,
    nothingRunning: (asked, next) =>
      answer(asked, { kind: "nothing-running", quote: asked.quote, next }, "nothing is running"),
    nothingToDo: (asked, why, next) =>
      answer(asked, { kind: "nothing-to-do", quote: asked.quote, why, next }, `nothing to do: ${why}`),
    unreadable: (asked, problem) =>
      answer(asked, { kind: "invalid-flags", quote: asked.quote, problems: [problem] }, `unreadable: ${problem}`),
    atWork: async (asked, run) => answer(asked, await alreadyRunning(log, asked.quote, run), `${run} is at work`),
    async ring(run, note) {
      await bell.ring("run", run);
      return `${run} ${note}`;
    },
  };
}

/** True when a run has done all its workflow says: there is no stage in which it ended. */
export function isAllDone(state: State): boolean {
  return state.finished !== undefined && state.workflow !== undefined && stageThatEnded(state) === undefined;
}

/** What can be done with a run that has ended. */
export function afterTheEnd(state: State): string {
  const { finished, pullRequest } = state;
  if (pullRequest && finished?.outcome === "succeeded")
    return `The last run ended well, in pull request #${pullRequest.number}: \`/agent revise …\` says what is to be changed in it.`;
  if (finished?.code === DUPLICATE)
    return "The last run found that this repeats another issue. `/agent fix <what is different>` has it sorted again, `/agent fix --workflow bug` has it worked all the same.";
  if (finished?.outcome === "triaged") return "The last run only sorted the issue. `/agent fix` starts the work.";
  if (isAllDone(state))
    return "The last run ended well, with every stage done. `/agent retry <stage>` works that one and all behind it again, `/agent restart` begins anew.";
  return "The last run has ended. `/agent retry` goes on where it ended, `/agent restart` begins again.";
}
