// The facts about what Baton writes into a repository by its own hand, and about what it collected for that.
import { z } from "zod";
import { FileChange } from "../workspace/file-change.ts";
import { Hindsight } from "../workflows/hindsight.ts";
import { Sha, unitFields } from "./event-fields.ts";

const written = {
  ...unitFields,
  commit: Sha,
  changes: z.array(FileChange).max(2_000),
  leftOut: z.array(z.strictObject({ what: z.string().max(1_200), why: z.string().max(600) })).max(30),
};

export const proposalEvents = [
  /** Baton made files of the Setup that was handed in, and this commit of them; what is `leftOut` did not become part of it. */
  z.strictObject({ type: z.literal("setup.written"), ...written }),
  /** The same of Lessons. */
  z.strictObject({ type: z.literal("lessons.written"), ...written }),
  /** Baton looked at what became of earlier runs; agents see it as it stands here. */
  z.strictObject({ type: z.literal("hindsight.collected"), ...unitFields, hindsight: Hindsight }),
] as const;
