// What a workflow is: the front matter of a file in `workflows/`, as a schema. `parse.ts` adds file:line:column to its errors.
// Stages run in the order of their `needs`; a gate that says no is answered by `otherwise`.
import { z } from "zod";
import { artifactNames } from "./artifacts.ts";
import { handToolNames, modelTiers, proposalKinds, type ModelTier } from "./names.ts";
import type { ServerGrant } from "./servers.ts";

/** Gates that a workflow may name. */
export const gateNames = [
  "red",
  "green",
  "baseline",
  "integrity",
  "scope",
  "pinned",
  "sharp",
  "kept",
  "surface",
  "tried",
] as const;
/** And what Baton checks of itself: that a merge which an agent mended is mended. */
export const allGates = [...gateNames, "resolved"] as const;
export type GateName = (typeof allGates)[number];

/** How a run may end other than in a pull request, as workflow files name it. */
export const endings = ["could-not-reproduce", "needs-a-person", "failed"] as const;
export type Ending = (typeof endings)[number];

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and dashes, starting with a letter");

const duration = z.string().regex(/^\d{1,4}[smh]$/, "must be a duration like 90s, 10m or 1h");

/** What a condition is written in; `expression.ts` reads it. */
const condition = z.string().trim().min(1).max(500);

/** A place in an artifact, as conditions name it. */
const pickedPath = z.string().trim().min(1).max(300);

/** What happens when a stage's gate or verdict says no: the stage `again`, or `back_to` an earlier one, at most so often; `ending` is how the run ends after that. */
export const Otherwise = z.union([
  z.strictObject({ again: z.number().int().min(0).max(5), ending: z.enum(endings) }),
  z.strictObject({ back_to: name, max: z.number().int().min(1).max(5), ending: z.enum(endings) }),
]);
export type Otherwise = z.infer<typeof Otherwise>;

/** What a stage may wait for a person to give. */
export const waits = ["approval", "answer"] as const;
export type Wait = (typeof waits)[number];

/** What becomes of the run when a stage cannot be done. */
const onFailure = ["stop", "continue", "degrade"] as const;

/** What a fan-out is over: names, or `stage.tasks` of a stage that makes a Plan. */
export const ForEach = z.union([
  z.string().regex(/^[a-z][a-z0-9-]{0,39}\.tasks$/, "must be a stage that makes a Plan, and .tasks"),
  z.array(name).min(1).max(30),
]);
export type ForEach = z.infer<typeof ForEach>;

export const Stage = z.strictObject({
  agent: name.optional().describe("The agent that works this stage; a file in workflows/agents/"),
  needs: z.array(name).max(20).default([]).describe("Stages that must have finished"),
  makes: z.enum(artifactNames).optional().describe("The artifact the agent hands in with `finish`"),
  mediates: name
    .optional()
    .describe("A stage whose artifact this one hands on: those after it get what is made here instead"),
  pick: z
    .union([pickedPath, z.array(pickedPath).min(1).max(10)])
    .optional()
    .describe(
      "Paths into the artifact of one stage before it (plan.tasks.title): those after it get what is there instead of the whole; without an agent",
    ),
  reads: z
    .array(z.enum(artifactNames))
    .min(1)
    .max(artifactNames.length)
    .optional()
    .describe("The agent also gets every artifact of these types that was handed in before it begins, whoever made it"),
  gates: z.array(z.enum(gateNames)).max(10).default([]).describe("Checks Baton runs after the agent, in this order"),
  otherwise: Otherwise.optional().describe("What happens when a gate or the agent's verdict says no"),
  turns: z.number().int().min(1).max(500).default(40).describe("Model turns the agent may take"),
  time: duration.default("15m").describe("Time one attempt may take"),
  when: condition.optional().describe("The stage is passed over unless this holds: a condition over earlier artifacts"),
  until: condition
    .optional()
    .describe("Unless this holds behind the agent, the stage says no: a condition over artifacts"),
  for_each: ForEach.optional().describe(
    "A fan-out: the agent works each of these as a task of its own; a list of names, or the tasks of a stage that makes a Plan (plan.tasks)",
  ),
  parallel: z
    .number()
    .int()
    .min(1)
    .max(16)
    .optional()
    .describe("Tasks of a fan-out under way at once; limits.parallel of the repository when absent"),
  merge: name
    .optional()
    .describe("How the commits of a fan-out come together: git merges them, and this agent mends what git cannot"),
  wait: z
    .enum(waits)
    .optional()
    .describe("Waits for a person: approval of the plan before it, or answers to that plan's questions"),
  retry: z
    .number()
    .int()
    .min(0)
    .max(5)
    .optional()
    .describe("Attempts more when the agent fails (not when a gate says no); 0 when absent"),
  budget: z.number().positive().max(1_000).optional().describe("Dollars that one attempt may cost"),
  model: z.enum(modelTiers).optional().describe("The model tier, instead of the agent's own"),
  on_failure: z
    .enum(onFailure)
    .optional()
    .describe(
      "When the stage cannot be done: stop the run (when absent), continue without it, or degrade: continue, and say so in the result",
    ),
  collects: z
    .enum(["hindsight"])
    .optional()
    .describe(
      "Baton collects what became of earlier runs, for the agents of later stages; no agent works in this stage",
    ),
  writes: z
    .enum(proposalKinds)
    .optional()
    .describe("Baton makes files of a Setup, or of Lessons, and a commit of them; no agent works in this stage"),
  pull_request: z
    .enum(["draft"])
    .optional()
    .describe("Opens the pull request; the last stage of a workflow that ends in one"),
  review: z
    .enum(["comment"])
    .optional()
    .describe(
      "Publishes the Remarks of a stage before it as one review of the pull request that the run is about: it comments, and neither approves nor asks for changes",
    ),
});
export type Stage = z.infer<typeof Stage>;

export const Workflow = z.strictObject({
  name,
  description: z.string().trim().min(1).max(300),
  budget: z
    .strictObject({
      run: z.number().positive().max(1_000).describe("Dollars"),
      turns: z.number().int().positive().max(5_000).default(300),
      time: duration,
    })
    .describe("What one run may spend before it stops and says so"),
  stages: z.record(name, Stage).refine((stages) => Object.keys(stages).length > 0, "must have at least one stage"),
});
export type Workflow = z.infer<typeof Workflow>;

/** Tools by which an agent conducts others; an agent has them only when its file names them. */
export const fleetToolNames = [
  "create_agent",
  "command_agent",
  "check_agent_status",
  "list_agents",
  "read_agent_logs",
  "interrupt_agent",
  "delete_agent",
  "report_cost",
  "merge_work",
  "delegate",
  "add_tasks",
  "list_tasks",
  "update_task",
] as const;
export type FleetToolName = (typeof fleetToolNames)[number];

/** Tools by which the agents of a run talk to each other; an agent has them only when its file names them. */
export const talkToolNames = [
  "note_write",
  "note_read",
  "note_watch",
  "message_send",
  "message_read",
  "lock_paths",
  "unlock_paths",
] as const;
export type TalkToolName = (typeof talkToolNames)[number];

/** The name of an agent among those that the same agent created. */
export const AgentId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and dashes, at most 40");
/** Characters that an agent may say to another at once. */
export const MOST_WORDS = 8_000;

export const toolNames = [...handToolNames, ...fleetToolNames, ...talkToolNames] as const;
export type ToolName = (typeof toolNames)[number];

/** One agent: the front matter of a file in `workflows/agents/` and its prompt. The format of a Claude Code sub-agent file. */
export interface AgentDefinition {
  readonly name: string;
  readonly description: string;
  readonly model: ModelTier;
  readonly tools: readonly ToolName[];
  /** The MCP servers that it names. */
  readonly servers: readonly ServerGrant[];
  /** The system prompt: the Markdown below the front matter. */
  readonly prompt: string;
  /** Where it was read from, for messages. */
  readonly file: string;
}

/** Milliseconds of a duration as workflow and config files write it: 90s, 10m, 1h. */
export function durationMs(text: string): number {
  const unit = { s: 1_000, m: 60_000, h: 3_600_000 }[text.slice(-1)] ?? Number.NaN;
  return Number(text.slice(0, -1)) * unit;
}
