// The facts about agents that an agent conducts. `stage` and `attempt` are those of the agent that conducts, `id` is the other's name
// among those it created; what the other does is recorded under a unit of its own (`unit.ts`).
import { z } from "zod";
import { modelTiers } from "../workflows/names.ts";
import { AgentId, MOST_WORDS } from "../workflows/schema.ts";
import { Amount, Sha, Task, unitFields } from "./event-fields.ts";

const paths = z.array(z.string().max(1_000)).max(200);

/** What an agent that was created may hand in. */
export const childArtifacts = ["Report", "Change"] as const;

/** Where a line of a board stands. */
export const lineStatuses = ["waiting", "under way", "done", "failed"] as const;

const words = z.string().max(MOST_WORDS);

export const fleetEvents = [
  /** An agent is there, and has nothing to do yet. */
  z.strictObject({
    type: z.literal("agent.created"),
    ...unitFields,
    id: AgentId,
    /** The name of its definition. */
    agent: z.string().max(60),
    makes: z.enum(childArtifacts),
    instructions: words,
    /** The tools it has of those in its definition, when not all. */
    tools: z.array(z.string().max(60)).max(30).optional(),
    tier: z.enum(modelTiers).optional(),
    /** What it and those it creates may cost in all. */
    microDollars: Amount.optional(),
    /** The commit its work starts from. */
    base: Sha,
    /** It is to mend what git could not merge of that agent's work; `base` holds the markers, in these paths. */
    conflict: z.strictObject({ of: AgentId, paths }).optional(),
  }),
  /** It has something to do. Commands count from 1. */
  z.strictObject({
    type: z.literal("agent.commanded"),
    ...unitFields,
    id: AgentId,
    number: z.number().int().positive(),
    words,
  }),
  /** What it does, or was to do, is ended; its conversation and its files are kept. */
  z.strictObject({ type: z.literal("agent.interrupted"), ...unitFields, id: AgentId }),
  /** It is there no more; what it handed in before stays. */
  z.strictObject({ type: z.literal("agent.deleted"), ...unitFields, id: AgentId }),
  /**
   * The work of this agent is in `commit`, where merged work ends now. With a `conflict` it is not: `marked` is a commit on top of
   * `commit` that holds both sides between markers in these paths.
   */
  z.strictObject({
    type: z.literal("fleet.merged"),
    ...unitFields,
    id: AgentId,
    commit: Sha,
    /** What of it was merged; absent in older logs, where it is what it had handed in by then. */
    work: Sha.optional(),
    conflict: z.strictObject({ marked: Sha, paths }).optional(),
  }),
  /** Lines on the board of the agent that conducts. */
  z.strictObject({ type: z.literal("tasks.added"), ...unitFields, tasks: z.array(Task).min(1).max(50) }),
  z.strictObject({
    type: z.literal("task.changed"),
    ...unitFields,
    id: AgentId,
    status: z.enum(lineStatuses),
    /** The agent that works it. */
    agent: AgentId.optional(),
    note: z.string().max(1_000).optional(),
  }),
] as const;
