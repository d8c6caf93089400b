// MCP servers that say again what they said in a recorded run: nothing is started and nobody is asked, so a replay needs no allow-list.
// What a local server changed in the files is not changed again.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { Servers } from "../agents/servers/servers.ts";
import { readExchanges } from "../agents/transcript.ts";
import type { ToolAnswer } from "../agents/session.ts";
import type { RecordedEvent } from "../engine/events.ts";
import { isRecord } from "../hands/protocol.ts";

/** The servers of a log. */
export function recordedServers(events: readonly Pick<RecordedEvent, "event">[]): Servers {
  return {
    mayName: () => () => undefined,
    elsewhere: () => true,
    open(agent, { stage, attempt }) {
      if (agent.servers.length === 0) return undefined;
      // An agent that is commanded again goes on with the tools of its conversation.
      const tools = events.flatMap(({ event }) =>
        event.type === "session.started" && event.stage === stage && event.attempt <= attempt
          ? (event.tools ?? []).flatMap(toolOf)
          : [],
      );
      const answers = answersIn(events.filter(({ event }) => "attempt" in event && event.stage === stage));
      const first = new Map(tools.map((tool) => [tool.name, tool]));
      return {
        local: false,
        enter: () => ({ [Symbol.asyncDispose]: () => Promise.resolve() }),
        declare: () => Promise.resolve({ tools: [...first.values()], missing: [] }),
        call: ({ id }) => Promise.resolve(answers.get(id) ?? { ok: false, output: "This was not answered then." }),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    },
  };
}

/** What every call of a unit was answered, by its id. */
function answersIn(events: readonly Pick<RecordedEvent, "event">[]): ReadonlyMap<string, ToolAnswer> {
  const answers = new Map<string, ToolAnswer>();
  for (const { event } of events) {
    if (event.type !== "agent.turn") continue;
    const { type: _, stage: _stage, attempt: _attempt, ...turn } = event;
    for (const { answer = [] } of readExchanges("", [turn])?.exchanges ?? [])
      for (const block of answer)
        if (block.type === "tool_result")
          answers.set(block.tool_use_id, { ok: block.is_error !== true, output: block.content });
  }
  return answers;
}

function toolOf({ name, description, input_schema: schema }: Readonly<Record<string, unknown>>): Tool[] {
  if (typeof name !== "string" || typeof description !== "string" || !isRecord(schema)) return [];
  return [{ name, description, input_schema: { ...schema, type: "object" } }];
}
