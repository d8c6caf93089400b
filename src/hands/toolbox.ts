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
    const limit = request.name === "bash" ? timeOf(request.input["timeout_ms"], timeMs) : timeMs;
    const input = request.name === "bash" ? { ...request.input, timeout_ms: limit } : request.input;
    const signal = AbortSignal.timeout(limit);
    const toolUse = { type: "tool_use" as const, id: `${request.id}`, name: request.name, input };
    const content = tool.run(input, { toolUse, toolUseBlock: toolUse, signal });
    // The shell keeps its own time and its calls wait for one another; read, write, edit and glob know no signal.
    return textOf(
      request.name === "bash" ? await content : await Promise.race([content, late(signal, request, limit)]),
    );
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

async function late(signal: AbortSignal, request: ToolRequest, limit: number): Promise<never> {
  return await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`${request.name}: no answer within ${limit} ms`)), {
      once: true,
    });
  });
}

function textOf(content: string | readonly { type: string; text?: string }[]): string {
  if (typeof content === "string") return content;
  return content.map((block) => block.text ?? `[${block.type}]`).join("\n");
}
