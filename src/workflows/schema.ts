// What a workflow is: the front matter of a file in `workflows/`, as a schema. `parse.ts` adds file:line:column to its errors.
// Stages run in the order of their `needs`; a gate that says no is answered by `otherwise`.
import { z } from "zod";
import { artifactNames } from "./artifacts.ts";

export const gateNames = ["red", "green", "baseline", "integrity", "scope"] as const;
export type GateName = (typeof gateNames)[number];

/** How a run may end other than in a pull request, as workflow files name it. */
export const endings = ["could-not-reproduce", "needs-a-person", "failed"] as const;
export type Ending = (typeof endings)[number];

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and dashes, starting with a letter");

/** What happens when a stage's gate or verdict says no: the stage `again`, or `back_to` an earlier one, at most so often; `ending` is how the run ends after that. */
export const Otherwise = z.union([
  z.strictObject({ again: z.number().int().min(0).max(5), ending: z.enum(endings) }),
  z.strictObject({ back_to: name, max: z.number().int().min(1).max(5), ending: z.enum(endings) }),
]);
export type Otherwise = z.infer<typeof Otherwise>;

export const Stage = z.strictObject({
  agent: name.optional().describe("The agent that works this stage; a file in workflows/agents/"),
  needs: z.array(name).max(20).default([]).describe("Stages that must have finished"),
  makes: z.enum(artifactNames).optional().describe("The artifact the agent hands in with `finish`"),
  gates: z.array(z.enum(gateNames)).max(10).default([]).describe("Checks Baton runs after the agent, in this order"),
  otherwise: Otherwise.optional().describe("What happens when a gate or the agent's verdict says no"),
  turns: z.number().int().min(1).max(500).default(40).describe("Model turns the agent may take"),
  time: z
    .string()
    .regex(/^\d{1,4}[smh]$/, "must be a duration like 90s, 10m or 1h")
    .default("15m")
    .describe("Time one attempt may take"),
  pull_request: z
    .enum(["draft"])
    .optional()
    .describe("Opens the pull request; the last stage of a workflow that ends in one"),
});
export type Stage = z.infer<typeof Stage>;

export const Workflow = z.strictObject({
  name,
  description: z.string().trim().min(1).max(300),
  budget: z
    .strictObject({
      run: z.number().positive().max(1_000).describe("Dollars"),
      turns: z.number().int().positive().max(5_000).default(300),
      time: z.string().regex(/^\d{1,4}[smh]$/, "must be a duration like 90s, 10m or 1h"),
    })
    .describe("What one run may spend before it stops and says so"),
  stages: z.record(name, Stage).refine((stages) => Object.keys(stages).length > 0, "must have at least one stage"),
});
export type Workflow = z.infer<typeof Workflow>;

export const modelTiers = ["fast", "balanced", "deep"] as const;
export type ModelTier = (typeof modelTiers)[number];

export const toolNames = ["bash", "read", "write", "edit", "glob", "grep"] as const;
export type ToolName = (typeof toolNames)[number];

/** One agent: the front matter of a file in `workflows/agents/` and its prompt. The format of a Claude Code sub-agent file. */
export interface AgentDefinition {
  readonly name: string;
  readonly description: string;
  readonly model: ModelTier;
  readonly tools: readonly ToolName[];
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
