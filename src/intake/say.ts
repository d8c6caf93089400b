// What is answered to whoever asked, by whichever door.
import type { Publisher } from "../engine/ports.ts";
import type { Reply } from "../engine/reply.ts";
import type { Asked } from "./asked.ts";

/** Whom it is said to, and for what. */
export type Heard = Pick<Asked, "intent" | "quote" | "fate" | "key">;

/** Answers by which what was asked for is done. */
const YES = new Set<Reply["kind"]>(["help", "status", "why", "budget-lowered"]);

/** Answers whoever asked, and writes down whether it was a no. `occasion`: under which it is said once. Throws when GitHub or the database does not answer. */
export async function say(
  publisher: Pick<Publisher, "reply">,
  heard: Heard,
  reply: Reply,
  occasion = heard.key,
): Promise<void> {
  if (!YES.has(reply.kind)) heard.fate.refused = true;
  const { repo, subject } = heard.intent;
  await publisher.reply(repo, subject, occasion, reply);
}
