// Puts a comment of Baton's that shows a plan back as it was before somebody rewrote it who may not: nobody else's words stand there in Baton's name.
//
// An edit is told with the text before it, which may be another edit that does not count. So each is remembered with the text that does.
import { createHash } from "node:crypto";
import { z } from "zod";
import { planMarkerIn } from "../engine/asks.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Comments } from "./comments.ts";

export interface PutBackOptions {
  readonly comments: Pick<Comments, "read" | "edit">;
  readonly outbox: Pick<Outbox, "record" | "done" | "read">;
}

const Before = z.object({ text: z.string() });

export function createPutBack({ comments, outbox }: PutBackOptions): Publisher["putBack"] {
  return async (repo, { id, edited, before }) => {
    const known = await outbox.read(keyOf(repo, id, before));
    const text = known?.doneAt === undefined ? before : Before.parse(known.result).text;
    const key = keyOf(repo, id, edited);
    await outbox.record({ key, run: undefined, kind: "edit-refused", payload: { comment: id } });
    await outbox.done(key, { text });
    // Who has written since is answered for what they wrote.
    if (planMarkerIn(text) !== undefined && (await comments.read(repo, id)) === edited)
      await comments.edit(repo, id, text, undefined);
  };
}

function keyOf(repo: RepoRef, id: number, text: string): string {
  return `edit-refused:${repo.id}:${id}:${createHash("sha256").update(text).digest("hex")}`;
}
