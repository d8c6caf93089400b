// A script written for Baton's own tools, played to a conversation whose tools are those of the program `claude`: the same inputs, other names.
import type { Script, ScriptedCall, ScriptedTurn } from "#src/playground/scripted-model.ts";

const cliNames: Readonly<Record<string, string>> = {
  bash: "Bash",
  read: "Read",
  write: "Write",
  edit: "Edit",
  glob: "Glob",
  grep: "Grep",
};
const ownNames = Object.fromEntries(Object.entries(cliNames).map(([own, cli]) => [cli, own]));

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
