// The threads of remarks on a pull request that wait for an answer of Baton's. Pure.
import type { Thread } from "../engine/event-fields.ts";
import type { Remark, ReviewThread } from "../engine/github-port.ts";
import { sanitizeMarkdown } from "./sanitize.ts";
import type { Self } from "./intent.ts";

const MOST_THREADS = 50;
const MAX_TEXT = 6_000;
/** Who may decide in a repository, or was given access to it. */
const withSay = new Set(["OWNER", "MEMBER", "COLLABORATOR"]);

/** True for a thread in which Baton has said something. */
export function isAnswered(thread: Pick<Thread, "id">, remarks: readonly Remark[], self: Self): boolean {
  return remarks.some(
    ({ replyTo, author }) => replyTo === thread.id && author.login.toLowerCase() === self.login.toLowerCase(),
  );
}

/** True for a thread that somebody has closed by hand. One that Baton resolved is open again when people go on in it. */
function isSettled({ resolved, resolvedBy }: ReviewThread, self: Self): boolean {
  const name = (login: string) => login.toLowerCase().replace(/\[bot\]$/, "");
  return resolved && resolvedBy !== undefined && name(resolvedBy) !== name(self.login);
}

/**
 * Threads that nobody has resolved by hand, and whose last word is a person's who has a say in the repository: oldest first, the latest 50. Of what was said in one, that of
 * such people and of Baton counts, without what nobody can see. `known`: the threads as GitHub has them; none where it does not tell.
 */
export function openThreads(remarks: readonly Remark[], known: readonly ReviewThread[], self: Self): Thread[] {
  const isOwn = ({ author }: Remark) => author.login.toLowerCase() === self.login.toLowerCase();
  const threads = new Map<number, Remark[]>();
  for (const remark of remarks) {
    const root = remark.replyTo ?? remark.id;
    threads.set(root, [...(threads.get(root) ?? []), remark]);
  }
  return [...threads]
    .flatMap(([id, all]): Thread[] => {
      const thread = known.find(({ first }) => first === id);
      if (thread && isSettled(thread, self)) return [];
      const heard = all.filter((one) => isOwn(one) || (withSay.has(one.association) && !one.isBot));
      const [first] = all;
      const last = heard.at(-1);
      if (!first || !last || isOwn(last)) return [];
      const said = heard.map((one) => `@${one.author.login}: ${sanitizeMarkdown(one.body, {}).trim()}`);
      const text = said.join("\n\n").slice(-MAX_TEXT).toWellFormed();
      const line = first.line === undefined ? {} : { line: first.line };
      return [{ id, path: first.path.slice(0, 1_000), ...line, outdated: thread?.outdated ?? first.outdated, text }];
    })
    .slice(-MOST_THREADS);
}
