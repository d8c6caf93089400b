// What the tools to conduct others take, and what they are told to be for.
import { z } from "zod";
import { Plan } from "../workflows/artifacts.ts";
import { modelTiers } from "../workflows/names.ts";
import { AgentId as id, MOST_WORDS, type FleetToolName } from "../workflows/schema.ts";

/** Seconds that one call may wait. */
export const LONGEST_WAIT = 600;
const USUAL_WAIT = 60;
const MOST_TURNS = 10;

const words = z.string().trim().min(1).max(MOST_WORDS);
const task = Plan.shape.tasks.element.shape;
const noInput = z.strictObject({});
const name = z.strictObject({ name: id.describe("The agent's name") });

const made = {
  agent: z.string().min(1).max(60).describe("The definition it is made from"),
  hands_in: z
    .enum(["report", "change"])
    .default("report")
    .describe("What it hands in: a report, or a change of files, which merge_work brings together"),
  model: z.enum(modelTiers).optional().describe("Another model tier than its definition's"),
  budget: z
    .number()
    .positive()
    .max(1_000)
    .optional()
    .describe("Dollars that it, and those it creates, may cost in all"),
};

export const inputs = {
  create_agent: z.strictObject({
    name: id.optional().describe("What to call it; made from its definition's name when left out"),
    ...made,
    instructions: z.string().trim().max(MOST_WORDS).default("").describe("What it is there for, in all its commands"),
    tools: z.array(z.string().max(60)).max(30).optional().describe("Only these of the tools in its definition"),
    start: z
      .enum(["head", "conflict"])
      .default("head")
      .describe("head: from the merged work so far; conflict: from what could not be merged last, to mend it"),
  }),
  command_agent: z.strictObject({
    name: id.describe("The agent's name"),
    command: words.describe("What it is to do, with all it needs to know: it sees nothing of this conversation"),
  }),
  check_agent_status: z.strictObject({
    names: z.array(id).max(64).optional().describe("Which agents; all of them when left out"),
    wait_seconds: z
      .number()
      .int()
      .min(0)
      .max(LONGEST_WAIT)
      .default(USUAL_WAIT)
      .describe("Waits so long for one of them to end what it does, and answers as soon as one has"),
  }),
  list_agents: noInput,
  read_agent_logs: z.strictObject({
    name: id.describe("The agent's name"),
    after_turn: z.number().int().min(0).default(0).describe("Turns behind this one"),
    turns: z.number().int().min(1).max(MOST_TURNS).default(5).describe("How many"),
  }),
  interrupt_agent: name,
  delete_agent: name,
  report_cost: noInput,
  merge_work: name,
  delegate: z.strictObject({
    name: id.optional().describe("What to call the agent"),
    ...made,
    task: words.describe("What is to be done, with all it needs to know"),
  }),
  add_tasks: z.strictObject({
    tasks: z
      .array(
        z.strictObject({
          id: task.id,
          title: task.title,
          instructions: task.instructions.default("As the title says."),
          needs: task.needs.default([]).describe("Tasks that must be done before"),
          claims: task.claims.default([]).describe("Paths it changes, as globs; none when it only reads"),
          acceptance: task.acceptance.default("As the title says."),
        }),
      )
      .min(1)
      .max(50),
  }),
  list_tasks: noInput,
  update_task: z.strictObject({
    id,
    status: z.enum(["waiting", "under way", "done", "failed"]),
    agent: id.optional().describe("The agent that works it"),
    note: z.string().trim().max(1_000).optional(),
  }),
} as const satisfies Record<FleetToolName, z.ZodType>;

export const descriptions: Readonly<Record<FleetToolName, string>> = {
  create_agent: "Creates an agent. It has nothing to do until it is commanded.",
  command_agent:
    "Tells an agent what to do, and returns at once: it works beside you. Commanded again, it remembers what it did, and has its files.",
  check_agent_status:
    "Says how agents stand, and waits until one of those at work has ended. What one handed in is shown whole when it is asked for alone.",
  list_agents: "Lists your agents, one line each.",
  read_agent_logs: "Reads what an agent said and which tools it called, a few turns at a time.",
  interrupt_agent:
    "Ends at once what an agent does. It keeps its conversation and its files, and may be commanded again.",
  delete_agent: "Ends an agent for good. What it handed in before can still be read and merged.",
  report_cost: "Says what you and your agents have cost, and what is left.",
  merge_work: "Merges the change an agent handed in, by git. What is merged is what you hand in.",
  delegate: "Creates an agent, commands it, waits for it and returns the summary of what it handed in.",
  add_tasks: "Writes tasks on your board.",
  list_tasks: "Shows your board, and which tasks may begin now without getting in each other's way.",
  update_task: "Says on the board how a task stands.",
};

export type Input<T extends FleetToolName> = z.infer<(typeof inputs)[T]>;
