// Where people read of a run: on its own page, where there is one, else on its card.
import type { RunId } from "../core/ids.ts";
import type { Outbox } from "../store/outbox.ts";
import { CommentRef } from "./comments.ts";
import type { Links } from "./progress.ts";
import { cardKey } from "./shown.ts";

/** Links in which this run leads somewhere, as soon as its card is written. Throws `database-failed`. */
export async function withRunPage(links: Links, outbox: Pick<Outbox, "read">, run: RunId): Promise<Links> {
  if (links.run) return links;
  const { data: card } = CommentRef.safeParse((await outbox.read(cardKey(run)))?.result);
  return card ? { ...links, run: () => card.url } : links;
}
