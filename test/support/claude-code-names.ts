// A script written for Baton's own tools, played to a conversation whose tools are those of the program `claude`: the same inputs, other names.
import { cliTools } from "#src/agents/claude-code/program.ts";
import type { Script, ScriptedCall, ScriptedTurn } from "#src/playground/scripted-model.ts";
import { toolNames } from "#src/workflows/schema.ts";

const cliNames = Object.fromEntries(toolNames.map((name) => [name, cliTools([name])[0]]));
const ownNames = Object.fromEntries(toolNames.map((name) => [cliTools([name])[0], name]));

/** The script with the program's names. Its agents must be functions, as those of the sample are. */
export function withCliNames(script: (call: ScriptedCall) => Script): (call: ScriptedCall) => Script {
  return (call) => {
    const own = script(call)[call.agent];
    if (typeof own !== "function") throw new Error(`the script of ${call.agent} is not a function`);
    return { [call.agent]: async (asked) => withNames(await own(withOwnNames(asked))) };
  };
}

function withNames({ tools, ...turn }: ScriptedTurn): ScriptedTurn {
  return tools ? { ...turn, tools: tools.map((tool) => ({ ...tool, name: cliNames[tool.name] ?? tool.name })) } : turn;
}

function withOwnNames(call: ScriptedCall): ScriptedCall {
  const messages = call.request.messages.map(({ content, ...message }) => ({
    ...message,
    content: typeof content === "string" ? content : content.map(withOwnName),
  }));
  return { ...call, request: { ...call.request, messages } };
}

function withOwnName<Block extends { readonly [key: string]: unknown }>(block: Block): Block {
  const { name } = block;
  return block["type"] === "tool_use" && typeof name === "string" ? { ...block, name: ownNames[name] ?? name } : block;
}
