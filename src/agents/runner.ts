// The default runner: the Messages API in this process, tools in the sandbox.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { AgentRunner } from "../engine/ports.ts";
import type { Hands, Sandbox } from "../hands/sandbox.ts";
import { toolDeclarations } from "../hands/tool-declarations.ts";
import type { ToolName } from "../workflows/schema.ts";
import type { Place } from "./place.ts";
import { noTools, type SessionTools } from "./session.ts";
import { systemPrompt } from "./system-prompt.ts";
import { bookkeeping, createRunner, type RunnerOptions } from "./work.ts";

export interface AgentRunnerOptions extends RunnerOptions {
  readonly sandbox: Sandbox;
}

/** The default runner. Throws `not-found` for an unknown agent, and what broken git or a full disk throws. */
export function createAgentRunner(options: AgentRunnerOptions): AgentRunner {
  const { sandbox } = options;
  return createRunner<Hands>(options, {
    start: (folder, signal) => sandbox.startHands(folder, signal),
    equip: (agent, place) => ({
      system: systemPrompt(agent, place !== undefined),
      tools: place ? toolsOf(place, agent.tools) : noTools,
    }),
  });
}

function toolsOf(place: Place<Hands>, tools: readonly ToolName[]): SessionTools {
  return {
    ...bookkeeping(place),
    declarations: declarationsOf(tools),
    call: async ({ name, input }, signal) =>
      place.noted(await (await place.hands(signal)).call({ name, input }, signal)),
  };
}

function declarationsOf(tools: readonly ToolName[]): Tool[] {
  return toolDeclarations.flatMap(({ name, description, input_schema: { type, properties, required } }) =>
    tools.some((tool) => tool === name)
      ? [{ name, description, input_schema: { type, properties, ...(required ? { required: [...required] } : {}) } }]
      : [],
  );
}
