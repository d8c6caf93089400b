// The facts about finished work of a run that ends without its pull request: the branches it is kept on, and what is on none.
import { z } from "zod";
import { Sha } from "./event-fields.ts";

const branch = z.string().max(300);
const words = z.string().max(1_000);

export const keptEvents = [
  /** Comes before the end of the run. */
  z.strictObject({
    type: z.literal("work.kept"),
    /** The finished commits that were there to be kept. */
    from: z.array(Sha).max(100),
    /** `head`: where the branch ends now. `holds`: the units whose work is on it. */
    branches: z.array(z.strictObject({ branch, head: Sha, holds: z.array(z.string().max(200)).max(100) })).max(10),
    /** Finished work that is on no branch. */
    missing: z.array(z.strictObject({ what: z.string().max(200), why: words })).max(100),
  }),
  /** A later try has opened its pull request: what was kept for want of one is not needed any more. */
  z.strictObject({
    type: z.literal("kept.removed"),
    removed: z.array(branch).max(100),
    left: z.array(z.strictObject({ branch, why: words })).max(100),
  }),
] as const;
