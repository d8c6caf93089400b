// The tools of MCP servers among those of an agent, and what it is told of those it must do without.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { SessionTools } from "../session.ts";
import type { OpenServers, Servers } from "./servers.ts";

/** These tools, and those that servers declared. */
export function withServers(
  tools: SessionTools,
  servers: OpenServers | undefined,
  declared: readonly Tool[],
  elsewhere: Servers["elsewhere"] | undefined,
): SessionTools {
  if (!servers || declared.length === 0) return tools;
  const names = new Set(declared.map(({ name }) => name));
  return {
    ...tools,
    declarations: [...tools.declarations, ...declared],
    call: (call, signal) => (names.has(call.name) ? servers.call(call, signal) : tools.call(call, signal)),
    ...(elsewhere ? { elsewhere } : {}),
  };
}

/** What an agent is told of servers that are not there; undefined when they all are. */
export function missingNote(missing: readonly string[]): string | undefined {
  if (missing.length === 0) return undefined;
  const lines = missing.map((line) => `- ${line}`).join("\n");
  return `Tools of these MCP servers are missing. Work without them, and say in your result what you could not settle for lack of them.\n${lines}`;
}
