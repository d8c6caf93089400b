// What whoever wrote a comment sees at once, without a word: that it was seen, and what became of it. Whatever becomes of the sign, what was
// asked for goes on.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import type { Fate } from "./asked.ts";

interface Comment {
  readonly repo: RepoRef;
  readonly commentId: number;
}

/** Neither ever throws. */
export interface Signs {
  seen(comment: Comment): Promise<void>;
  /** Nothing more comes of it; where a run begins or goes on for it, the run's end is shown there, and nothing now. */
  became(comment: Comment, fate: Readonly<Fate>): Promise<void>;
}

/** Signs through the publisher. */
export function createSigns(publisher: Pick<Publisher, "acknowledge" | "conclude">, journal: Log): Signs {
  const failed = (error: unknown) =>
    journal.warn("a comment could not be shown what became of it", { error: messageOf(error) });
  return {
    seen: ({ repo, commentId }) => publisher.acknowledge(repo, commentId).catch(failed),
    async became({ repo, commentId }, { runs, refused }) {
      if (!runs) await publisher.conclude(repo, commentId, refused ? "refused" : "done").catch(failed);
    },
  };
}
