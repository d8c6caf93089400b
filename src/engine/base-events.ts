// The facts about the base of a run that goes on: the branch moved on, and what stood on its earlier commit is brought to the present one.
import { z } from "zod";
import { Sha, unitFields } from "./event-fields.ts";

/** The base from here on, and how that came: the pull request conflicts with it, somebody asked for it, or people merged it themselves. */
export const NewBase = z.strictObject({ commit: Sha, how: z.enum(["conflicts", "asked", "held"]) });
export type NewBase = z.infer<typeof NewBase>;

export const baseEvents = [
  /**
   * What a stage had handed in stands on the new base, at `commit`. Paths: what git could not merge there; both sides stand between
   * conflict markers, and the stage's agent goes on from that.
   */
  z.strictObject({
    type: z.literal("base.merged"),
    ...unitFields,
    commit: Sha,
    paths: z.array(z.string().max(1_000)).max(200),
  }),
] as const;
