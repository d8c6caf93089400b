// The words by which events say why: why a run waits, what it lost, why a conversation began, why an attempt failed, how a run ended.
import { z } from "zod";

/** Why a run waits: it holds no worker, and goes on by itself at a known time or when somebody mends what it waits for. */
export const waitReasons = [
  "model-limit",
  "model-account",
  "model-away",
  "circuit-open",
  "github-limit",
  "github-away",
  "broken",
  "no-job",
  "approval",
  "answer",
] as const;
export type WaitReason = (typeof waitReasons)[number];

/** What of the ground a run stands on may go away under it. */
export const losses = [
  "issue-gone",
  "issue-transferred",
  "issue-locked",
  "repository-gone",
  "repository-archived",
  "installation-suspended",
  "installation-removed",
  "base-rewritten",
  "base-gone",
] as const;
export type Loss = (typeof losses)[number];

/** True for a code that says that what a pull request would be about is gone or closed: no failure of the run. */
export function isGone(code: string): boolean {
  return code === "issue-closed" || code === "pull-request-closed" || losses.some((loss) => loss === code);
}

/** Why a conversation with a model began: the first of its attempt, or anew because the one before could not go on. */
export const sessionReasons = [
  "first",
  "too-long",
  "other-model",
  "invalid-output",
  "tools-broken",
  "workspace-gone",
] as const;

/** Why an agent's attempt brought nothing. */
export const failureCodes = [
  "invalid-output",
  "no-finish",
  "turn-limit",
  "token-limit",
  "time-limit",
  "budget",
  "model-unreachable",
  "model-refused",
  "tools-broken",
  "import-refused",
  "cancelled",
] as const;
export const Failure = z.strictObject({ code: z.enum(failureCodes), message: z.string().max(2_000) });
export type Failure = z.infer<typeof Failure>;

export const outcomes = [
  "succeeded",
  "triaged",
  "needs-a-decision",
  "could-not-reproduce",
  "failed",
  "timed-out",
  "out-of-budget",
  "cancelled",
] as const;
export type Outcome = (typeof outcomes)[number];

/** The code of a run that was only sorted, because its issue repeats another. */
export const DUPLICATE = "duplicate";

/** The code of a run whose reproducer found that what was reported is intended, and cited where that stands. Also the gate's that looked. */
export const NOT_A_BUG = "not-a-bug";

/** The code of a run whose reproducer says itself that what was reported does not show. */
export const NOT_REPRODUCED = "not-reproduced";
