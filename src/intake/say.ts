// What is answered to whoever asked, by whichever door. A refusal is said once a day to each person for each reason on an issue: asked for
// again, a command has its reaction, and the words stand above.
import { createHash } from "node:crypto";
import type { Publisher } from "../engine/ports.ts";
import type { Reply } from "../engine/reply.ts";
import type { Asked } from "./asked.ts";

/** Whom it is said to, and for what. */
export type Heard = Pick<Asked, "intent" | "quote" | "delivery" | "fate" | "key">;

const DAY_MS = 86_400_000;
/** Answers by which what was asked for is done. */
const YES = new Set<Reply["kind"]>(["help", "status", "why", "budget-lowered"]);

/** Answers whoever asked, and writes down whether it was a no. `occasion`: under which it is said once. Throws when GitHub or the database does not answer. */
export async function say(
  publisher: Pick<Publisher, "reply">,
  heard: Heard,
  reply: Reply,
  occasion = occasionOf(heard, reply),
): Promise<void> {
  if (!YES.has(reply.kind)) heard.fate.refused = true;
  const { repo, subject } = heard.intent;
  await publisher.reply(repo, subject, occasion, reply);
}

/** What a reason names (the pull request, the run that came to nothing) is part of it: once that is another, it is another reason. */
function occasionOf({ intent: { repo, subject, actor }, delivery, key }: Heard, reply: Reply): string {
  if (reply.kind !== "refused") return key;
  const reason = createHash("sha256").update(`${reply.why}\n${reply.next}`).digest("hex").slice(0, 16);
  const day = Math.floor(delivery.receivedAt / DAY_MS);
  return `refused:${repo.id}:${subject.number}:${actor.person.id}:${reason}:${day}`;
}
