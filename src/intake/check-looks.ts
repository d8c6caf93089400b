// A look at the checks of a pull request for which nobody tells anything: none has begun, or the news got lost. It becomes a delivery of
// Baton's own, once for each event behind which it is due.
import type { Bell, EventLog } from "../engine/ports.ts";
import { fold } from "../engine/fold.ts";
import { groundOf } from "../engine/pull-state.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { lookName, type Looks } from "../store/looks.ts";
import { PATIENCE_MS } from "./checks.ts";
import type { ChecksEvent } from "./payloads.ts";
import { CHECKS } from "./translate.ts";

export interface CheckLooksParts {
  readonly looks: Pick<Looks, "due">;
  readonly log: Pick<EventLog, "read">;
  readonly deliveries: Pick<Deliveries, "keep">;
  readonly bell: Pick<Bell, "ring">;
}

/** What happened longer ago is not looked at any more, in milliseconds. */
const DAY_MS = 86_400_000;

/** Begins what is due, and says how much that is. Several processes may ask at once. Throws `database-failed`. */
export function createCheckLooks({ looks, log, deliveries, bell }: CheckLooksParts): () => Promise<number> {
  return async () => {
    const due = await looks.due(PATIENCE_MS, DAY_MS);
    for (const look of due) {
      const state = fold(await log.read(look.run));
      const { created, pullRequest } = state;
      const head = groundOf(state);
      if (!pullRequest || head === undefined) continue;
      const payload = { repo: created.repo, branch: pullRequest.branch, head } satisfies ChecksEvent;
      const id = lookName(look);
      await deliveries.keep({ id, name: CHECKS, payload: JSON.stringify(payload) });
      await bell.ring("delivery", id);
    }
    return due.length;
  };
}
