// The facts about what agents of a run say to each other. `stage` and `attempt` are those of the agent that acts; where a lock is given
// or taken, of the agent it belongs to.
import { z } from "zod";
import { MOST_MESSAGE, MOST_MINUTES, MOST_NOTE, MOST_PATHS, NoteKey, To } from "../workflows/talk-bounds.ts";
import { unitFields } from "./event-fields.ts";

const lock = z.number().int().positive();

export const talkEvents = [
  /** A value of the blackboard. `version` counts all that was ever written on it; `expected` is the version it replaces, 0 for none. */
  z.strictObject({
    type: z.literal("note.written"),
    ...unitFields,
    key: NoteKey,
    value: z.string().max(MOST_NOTE),
    version: z.number().int().positive(),
    expected: z.number().int().nonnegative().optional(),
  }),
  /** Messages count from 1 through the run. */
  z.strictObject({
    type: z.literal("message.sent"),
    ...unitFields,
    number: z.number().int().positive(),
    to: To,
    text: z.string().max(MOST_MESSAGE),
  }),
  /** It wants to be alone in these paths, and is in line for them. Locks count from 1 through the run. */
  z.strictObject({
    type: z.literal("lock.asked"),
    ...unitFields,
    lock,
    paths: z.array(z.string().max(200)).min(1).max(MOST_PATHS),
    minutes: z.number().int().positive().max(MOST_MINUTES),
  }),
  /** It is alone there, until (milliseconds since 1970) at the latest. */
  z.strictObject({ type: z.literal("lock.granted"), ...unitFields, lock, until: z.number().int().positive() }),
  /** It was not granted in time: told to do something else first, and still in line. `escalated`: it is told too often. */
  z.strictObject({
    type: z.literal("lock.deferred"),
    ...unitFields,
    lock,
    times: z.number().int().positive(),
    /** Whom it waits for. */
    behind: z.array(z.string().max(300)).max(50),
    escalated: z.boolean(),
  }),
  /** It is held, or waited for, no more. */
  z.strictObject({ type: z.literal("lock.released"), ...unitFields, lock, because: z.enum(["given-back", "time"]) }),
] as const;
