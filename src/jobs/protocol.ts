// What a job of GitHub Actions and Baton's server say to each other over HTTP: a job has one run at a time, so no path names it.
import { z } from "zod";
import { errorCodes, type ErrorCode } from "../core/errors.ts";
import { isRunId, type RunId } from "../core/ids.ts";
import { Sha } from "../engine/event-fields.ts";
import { Estimate, GateResult, RunEvent } from "../engine/events.ts";
import { Published } from "../engine/review-events.ts";
import { Hindsight } from "../workflows/hindsight.ts";
import { importLimits } from "../workspace/policy.ts";

/** Below the server's address. */
export const JOBS_PATH = "/api/jobs";

export const jobLimits = {
  /** Bytes of what anybody may send. */
  claim: 32 * 1024,
  /** Bytes of a JSON body. A turn holds at most what a model read and wrote in it. */
  json: 32 * 1024 ** 2,
  /** Bytes of a commit's bundle. */
  bundle: importLimits.bundle,
  /** Events of one append. */
  events: 1_000,
  /** Milliseconds that a question for news is held open. */
  waitMs: 25_000,
} as const;

const run = z.string().refine((id): id is RunId => isRunId(id), "is not a run's id");

/** `POST claim`: the run is the job's from then on. `identity`: the token that GitHub gave the job. */
export const Claim = z.strictObject({ run, identity: z.string().min(1).max(16_000) });
export const Claimed = z.object({
  /** Shown with every other request, as `Authorization: Bearer …`. */
  token: z.string().min(1),
  /** The page of the job, by which people find it. */
  page: z.string(),
  /** Milliseconds that the job may be silent. */
  leaseMs: z.number().positive(),
});
export type Claimed = z.infer<typeof Claimed>;

export const RecordedEvent = z.object({ version: z.number(), at: z.number(), event: RunEvent });

/** `GET events?after=VERSION&wait=MILLISECONDS`: waits so long for the first one. */
export const Events = z.object({ events: z.array(RecordedEvent) });

/** `POST events`. */
export const Append = z.strictObject({
  expected: z.number().int().nonnegative(),
  events: z.array(RunEvent).max(jobLimits.events),
});
export const Appended = z.object({ type: z.enum(["appended", "conflict"]), version: z.number() });

/** `POST release`: the run is the job's no more. `trouble`: the job cannot work it, and another would not either. */
export const Release = z.union([
  z.strictObject({ rests: z.number().int().nonnegative() }),
  z.strictObject({ afterMs: z.number().nonnegative().max(86_400_000) }),
  z.strictObject({ trouble: z.string().min(1).max(1_500) }),
]);
export type Release = z.infer<typeof Release>;

/** `GET work/COMMIT` and `PUT work/COMMIT?start=COMMIT`: bundles of finished commits, as they are. */
export const BUNDLE_TYPE = "application/x-git-bundle";
/** Says on which commit the bundle builds. */
export const START_HEADER = "x-baton-start";

/** `POST ask`: what the server alone may look up or do on GitHub, always about the job's own run as the log has it. */
export const Ask = z.discriminatedUnion("ask", [
  /** Whether the ground that the run stands on is still there. */
  z.strictObject({ ask: z.literal("look") }),
  z.strictObject({ ask: z.literal("look-back") }),
  z.strictObject({ ask: z.literal("stage-times"), stage: z.string().max(200) }),
  z.strictObject({ ask: z.literal("estimate") }),
  z.strictObject({ ask: z.literal("publish") }),
  z.strictObject({ ask: z.literal("publish-review") }),
  z.strictObject({
    ask: z.literal("keep"),
    head: Sha,
    part: z.string().max(200).optional(),
    holds: z.array(z.string().max(200)).max(100),
    gates: z.array(GateResult).max(20),
  }),
  z.strictObject({ ask: z.literal("remove"), branch: z.string().max(300) }),
  /** People see how it stands before the job goes on. */
  z.strictObject({ ask: z.literal("settle") }),
]);
export type Ask = z.infer<typeof Ask>;

const refusal = z.object({ type: z.literal("refused"), code: z.string(), message: z.string() });

/** What each is answered. */
export const answers = {
  look: z.object({ lost: RunEvent.optional() }),
  "look-back": z.object({ hindsight: Hindsight }),
  "stage-times": z.object({ milliseconds: z.array(z.number()) }),
  estimate: z.object({ estimate: Estimate.optional() }),
  publish: z.discriminatedUnion("type", [z.object({ type: z.literal("opened"), event: RunEvent }), refusal]),
  "publish-review": z.discriminatedUnion("type", [
    z.object({ type: z.literal("published"), review: Published }),
    refusal,
  ]),
  keep: z.discriminatedUnion("type", [z.object({ type: z.literal("kept"), branch: z.string(), head: Sha }), refusal]),
  remove: z.discriminatedUnion("type", [
    z.object({ type: z.literal("removed") }),
    z.object({ type: z.literal("left"), why: z.string() }),
  ]),
  settle: z.object({}),
} as const satisfies Record<Ask["ask"], z.ZodType>;

const codes = Object.keys(errorCodes).filter((code): code is ErrorCode => code in errorCodes);

/** Every answer that is no 2xx. */
export const Trouble = z.object({
  error: z.object({
    code: z.enum(codes),
    message: z.string(),
    retryable: z.boolean(),
    retryAt: z.number().optional(),
  }),
});
export type Trouble = z.infer<typeof Trouble>;
