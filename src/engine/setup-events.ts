// The facts about a repository's setup that Baton writes.
import { z } from "zod";
import { FileChange } from "../workspace/file-change.ts";
import { Sha, unitFields } from "./event-fields.ts";

export const setupEvents = [
  /** Baton made files of the Setup that was handed in, and this commit of them; what is `leftOut` did not become part of it. */
  z.strictObject({
    type: z.literal("setup.written"),
    ...unitFields,
    commit: Sha,
    changes: z.array(FileChange).max(2_000),
    leftOut: z.array(z.strictObject({ what: z.string().max(1_200), why: z.string().max(600) })).max(30),
  }),
] as const;
