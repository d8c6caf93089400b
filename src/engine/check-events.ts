// What is recorded of the checks that others run on the commit of a pull request: continuous integration, by check runs and commit statuses.
import { z } from "zod";
import { Sha } from "./event-fields.ts";

/** Characters of one check's name that are kept; longer ones are cut where they are read. */
export const MOST_NAME = 200;
/** Characters of what one failed check said. */
export const MOST_CHECK_TEXT = 8_000;

const names = z.array(z.string().max(MOST_NAME)).max(50);

/** A check that failed, as it stood when its repair began. */
export const FailedCheck = z.strictObject({
  name: z.string().max(MOST_NAME),
  /** Where people read it; empty where there is no page. */
  url: z.string().max(1_000),
  /** What it said: remarks on lines, the end of its log. Written by programs, without what nobody can see. */
  text: z.string().max(MOST_CHECK_TEXT),
});
export type FailedCheck = z.infer<typeof FailedCheck>;

/**
 * What the checks of a commit come to: `none` (the repository has no such checks), `waiting` (some have not ended), `not-started` (what must
 * run has not begun for long), `green`, `again` (those that failed run once more), `repair`, `people` (repairs did not help), `held` (they
 * would be repaired, and something forbids it now).
 */
export const checkVerdicts = ["none", "waiting", "not-started", "green", "again", "repair", "people", "held"] as const;
export type CheckVerdict = (typeof checkVerdicts)[number];

export const checkEvents = [
  /** Somebody looked at the checks of the commit that the pull request shows. Recorded only when something is new. */
  z.strictObject({
    type: z.literal("checks.judged"),
    head: Sha,
    verdict: z.enum(checkVerdicts),
    /** Failed, and not on the base. */
    own: names,
    /** Failed here and on the base. */
    onBase: names,
    /** Failed, and passed when they ran again on the same commit. */
    flaky: names,
    /** Not ended: they run, wait, or have not begun. */
    open: names,
    /** Ended without a result: cancelled, or waiting for a person's click. */
    stopped: names,
    /** Of `again`: GitHub's ids of the check runs that were asked to run once more. */
    again: z.array(z.strictObject({ name: z.string().max(MOST_NAME), id: z.number().int() })).max(50),
    /** Of `held`: what forbids it. */
    why: z.string().max(1_000).optional(),
  }),
] as const;
