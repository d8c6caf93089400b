// Writes the comments in which people are asked, or are shown a plan: each once, behind the card and before the comment at the end.
import type { Redact } from "../core/redact.ts";
import type { State } from "../engine/state.ts";
import type { Outbox } from "../store/outbox.ts";
import { CommentRef, type Comments } from "./comments.ts";
import type { Neutral } from "./neutral.ts";
import { planComments } from "./plan-comment.ts";

/** Comments that are written, by their keys: as far as one process knows, for one run. */
export type Asked = Map<string, CommentRef>;

export interface Asking {
  /** True when everything that is to be asked or shown now is written. */
  isTold(state: State, asked: Asked): boolean;
  /** Finds what an earlier process wrote. */
  find(state: State, asked: Asked): Promise<void>;
  /** Writes what is not written yet; says how much that was. Throws what `Comments.post` throws. */
  write(state: State, asked: Asked): Promise<number>;
  /** The address of the comment in which people are asked, when it is written. */
  addressOf(state: State, asked: Asked): string | undefined;
}

export interface AskingOptions {
  readonly comments: Pick<Comments, "post">;
  readonly outbox: Pick<Outbox, "read">;
  readonly neutral: Neutral;
  readonly redact: Redact;
}

export function createAsking({ comments, outbox, neutral, redact }: AskingOptions): Asking {
  return {
    isTold: (state, asked) => planComments(state).every(({ key }) => asked.has(key)),
    async find(state, asked) {
      for (const { key } of planComments(state)) {
        const known = asked.has(key) ? undefined : await outbox.read(key);
        if (known?.doneAt !== undefined) asked.set(key, CommentRef.parse(known.result));
      }
    },
    async write(state, asked) {
      const { repo, subject } = state.created;
      const open = planComments(state).filter(({ key }) => !asked.has(key));
      for (const { key, marker, render } of open) {
        const body = render({ neutral, redact });
        const comment = { repo, number: subject.number, key, kind: "plan", run: state.runId, marker, body };
        asked.set(key, await comments.post({ ...comment, lane: "card" }));
      }
      return open.length;
    },
    addressOf(state, asked) {
      const key = planComments(state).find(({ ask }) => ask)?.key;
      return key === undefined ? undefined : asked.get(key)?.url;
    },
  };
}
