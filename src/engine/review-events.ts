// The facts about a pull request that is looked through, and about the review that came of it.
import { z } from "zod";
import { Sha, unitFields } from "./event-fields.ts";

/** A pull request as it stood when it was asked about: `head` is what is looked at, `since` where it left the branch it is to go into. */
export const PulledAt = z.strictObject({
  head: Sha,
  since: Sha,
  /** The branch it is to go into. */
  into: z.string(),
  /** Its branch is in another repository. */
  fork: z.boolean(),
});
export type PulledAt = z.infer<typeof PulledAt>;

const count = z.number().int().nonnegative();

/** A review on GitHub: so many remarks on lines, so many on files as a whole; those left out were about what the pull request does not change. */
export const Published = z.strictObject({ id: count, url: z.string(), onLines: count, onFiles: count, leftOut: count });
export type Published = z.infer<typeof Published>;

export const reviewEvents = [
  /** The review is on the pull request. */
  z.strictObject({ type: z.literal("review.published"), ...unitFields, ...Published.shape }),
] as const;
