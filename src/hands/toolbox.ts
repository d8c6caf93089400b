// The tools themselves, as they run inside the sandbox: the SDK's agent toolset, with a time limit and bounded answers.
import { betaAgentToolset20260401 } from "@anthropic-ai/sdk/tools/agent-toolset/node";
import { messageOf } from "../core/errors.ts";
import { isRecord, shorten, TOOL_TIME, type ToolRequest, type ToolResponse } from "./protocol.ts";

export interface Toolbox {
  /** Runs one tool. Never throws: what goes wrong is the answer. */
  answer(request: ToolRequest): Promise<ToolResponse>;
  /** Ends what the tools have running. */
  close(): Promise<void>;
}

/** The toolset on `workdir`, with this process's environment. `timeMs` is the limit of a tool whose input does not name one. */
export function createToolbox(workdir: string, timeMs: number = TOOL_TIME.usual): Toolbox {
  const tools = betaAgentToolset20260401({ workdir });

  async function run(request: ToolRequest): Promise<string> {
    const tool = tools.find((known) => known.name === request.name);
    if (tool === undefined)
      throw new Error(`there is no tool "${request.name}"; there are ${tools.map((known) => known.name).join(", ")}`);
    if (!isRecord(request.input)) throw new Error(`${request.name}: the input must be an object`);
    const toolUse = { type: "tool_use" as const, id: `${request.id}`, name: request.name, input: request.input };
    if (request.name === "bash") {
      // The shell keeps its own time, from when its turn comes: calls wait for those before them.
      const input = { ...request.input, timeout_ms: timeOf(request.input["timeout_ms"], timeMs) };
      return textOf(await tool.run(input, { toolUse, toolUseBlock: toolUse }));
    }
    const signal = AbortSignal.timeout(timeMs);
    const content = tool.run(request.input, { toolUse, toolUseBlock: toolUse, signal });
    // grep obeys the signal; read, write, edit and glob know none.
    return textOf(await Promise.race([content, late(signal, request.name, timeMs)]));
  }

  return {
    async answer(request) {
      try {
        return { id: request.id, ok: true, output: shorten(await run(request)) };
      } catch (error) {
        return { id: request.id, ok: false, output: shorten(messageOf(error)) };
      }
    },
    async close() {
      for (const tool of tools) await tool.close?.();
    },
  };
}

/** The limit a bash call asked for, within bounds. */
export function timeOf(asked: unknown, usual: number): number {
  return typeof asked === "number" && asked > 0 ? Math.min(Math.ceil(asked), TOOL_TIME.most) : usual;
}

async function late(signal: AbortSignal, name: string, limit: number): Promise<never> {
  return await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`${name}: no answer within ${limit} ms`)), {
      once: true,
    });
  });
}

function textOf(content: string | readonly { type: string; text?: string }[]): string {
  if (typeof content === "string") return content;
  return content.map((block) => block.text ?? `[${block.type}]`).join("\n");
}
