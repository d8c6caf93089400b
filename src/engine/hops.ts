// How often in a row programs have started each other. A run that a bot asked for is one hop further than the run in whose name the bot
// did: its card says so in a hidden line, which the next one reads. So Batons that start each other stop, though none sees the other's log.
import { z } from "zod";

/** A run further away from a person's word does not begin. */
export const MAX_HOPS = 2;

/** Runs that a person asked for have none. */
export const Hop = z.number().int().positive().max(MAX_HOPS).optional();

/** The hidden line of a card. */
export function hopLine(hop: number): string {
  return `<!-- baton:hop:${hop} -->`;
}

/** Every card begins with this. */
const CARD = "<!-- baton:status:";

/** The hop of a run that `app` asks for, from what stands on the issue, oldest first: one more than its own latest card says. */
export function hopAfter(
  app: string,
  comments: readonly { readonly author: { readonly login: string }; readonly body: string }[],
): number {
  const name = (login: string) => login.toLowerCase().replace(/\[bot\]$/, "");
  // Only what the bot itself wrote counts: anybody may type such a line.
  const card = comments.findLast(({ author, body }) => name(author.login) === name(app) && body.startsWith(CARD));
  const said = /^<!-- baton:hop:(\d{1,3}) -->\r?$/m.exec(card?.body.split("\n", 4).join("\n") ?? "")?.[1];
  return 1 + Number(said ?? 0);
}
