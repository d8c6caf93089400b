// A comment without a command, on an issue where the questions of a run wait: it is an answer, from whoever opened the issue or may start
// work. Everywhere else, and from everybody else, it is a comment like every other, and nothing is said about it.
import type { Log } from "../core/log.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher } from "../engine/ports.ts";
import { standingOf } from "./admit.ts";
import type { Asked } from "./asked.ts";
import { doors } from "./doors.ts";
import type { Actor, Intent } from "./intent.ts";
import type { Judge } from "./judge.ts";
import { createSigns } from "./signs.ts";
import { isAtLeast } from "./verbs.ts";

export interface RepliedParts {
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "acknowledge" | "conclude">;
  readonly judge: Pick<Judge, "answer" | "hasQuestions">;
  readonly journal: Log;
}

/** Takes such a comment and returns a few words for the operator. Throws when GitHub or the database does not answer. */
export type Replied = (asked: Asked, reply: Intent & { door: "reply" }) => Promise<string>;

/** True for whoever opened the issue, writing by hand: its questions are theirs to answer, whatever else they may. */
export function isAuthor({ actor, subject }: { readonly actor: Actor } & Pick<Intent, "subject">): boolean {
  return actor.app === undefined && actor.person.id === subject.author.id;
}

/** Replies over their parts. */
export function createReplied({ reader, publisher, judge, journal }: RepliedParts): Replied {
  const signs = createSigns(publisher, journal);
  return async (asked, reply) => {
    if (!(await judge.hasQuestions(reply))) return "nothing: no questions wait there";
    if (!isAuthor(reply)) {
      const standing = await standingOf(reader, reply.repo, reply.actor, [], journal);
      if (standing === "unknown" || !isAtLeast(standing, doors.reply.may)) return "nothing: it is not theirs to answer";
    }
    await signs.seen(reply);
    const note = await judge.answer(asked, reply.words);
    await signs.became(reply, asked.fate);
    return note;
  };
}
