// One conversation with one MCP server, by the official client: what tools it has, and what comes of calling one. The client compiles no
// schema of the server's (a pattern in it could hold this process up), and offers the server nothing: no roots, sampling or questions.
import { mcpContent } from "@anthropic-ai/sdk/helpers/beta/mcp";
import {
  Client,
  deserializeMessage,
  StreamableHTTPClientTransport,
  type CallToolResult,
  type Tool,
  type Transport,
} from "@modelcontextprotocol/client";
import { messageOf } from "../../core/errors.ts";
import type { GroupProcess } from "../../core/process.ts";
import { shorten } from "../../hands/protocol.ts";
import type { AllowedRemote } from "../../workflows/servers.ts";
import { clip } from "../clip.ts";
import type { ToolAnswer } from "../session.ts";
import { untilAborted } from "../../core/until-aborted.ts";
import { boundedFetch } from "./bounded-fetch.ts";
import type { Listed } from "./offered.ts";
import { ProgramTransport } from "./program-transport.ts";

/** Pages of a list of tools that are read. */
const MAX_PAGES = 10;
/** Characters of what a server says went wrong. */
const MAX_COMPLAINT = 2_000;

export interface Connection {
  readonly tools: readonly Listed[];
  /** False from the moment it cannot be called any more. */
  readonly open: boolean;
  /** Calls a tool by the server's own name. Never throws: what goes wrong is the answer. `late`: it had not answered in time. */
  call(name: string, input: Record<string, unknown>, signal: AbortSignal): Promise<ToolAnswer & { late: boolean }>;
  /** Ends it, and the program with it. */
  close(): Promise<void>;
}

/** Milliseconds. */
export interface Times {
  /** To connect and to say what tools there are. */
  readonly start: number;
  /** To answer a call. */
  readonly call: number;
}

/** Connects with a program that was started for it. Throws when it does not answer in time; the program is ended then. */
export async function connectProgram(program: GroupProcess, times: Times, signal: AbortSignal): Promise<Connection> {
  const transport = new ProgramTransport(program, deserializeMessage);
  // The handshake that every server knows: some programs end at a question they do not.
  return await connect(transport, { times, negotiate: "legacy", end: () => transport.end }, signal);
}

/** Connects with a remote server. Throws when it does not answer in time. */
export async function connectRemote(server: AllowedRemote, times: Times, signal: AbortSignal): Promise<Connection> {
  const address = new URL(server.url);
  const { header } = server;
  const transport = new StreamableHTTPClientTransport(address, {
    requestInit: { headers: header ? { [header.name]: header.value } : {}, redirect: "error" },
    fetch: boundedFetch(address),
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1_000,
      maxReconnectionDelay: 1_000,
      reconnectionDelayGrowFactor: 1,
    },
  });
  return await connect(transport, { times, negotiate: "auto", end: () => undefined }, signal);
}

interface Manner {
  readonly times: Times;
  readonly negotiate: "legacy" | "auto";
  readonly end: () => string | undefined;
}

async function connect(
  transport: Transport,
  { times, negotiate, end }: Manner,
  signal: AbortSignal,
): Promise<Connection> {
  const client = new Client(
    { name: "baton", version: "1" },
    { capabilities: {}, listMaxPages: MAX_PAGES, versionNegotiation: { mode: negotiate } },
  );
  let open = true;
  client.onclose = () => {
    open = false;
  };
  const close = async () => {
    open = false;
    // Both: a client that never got as far as a connection does not close its transport.
    await client.close().catch(() => undefined);
    await transport.close().catch(() => undefined);
  };
  const late = AbortSignal.timeout(times.start);
  const starting = { signal: AbortSignal.any([signal, late]), timeout: times.start };
  let tools: readonly Tool[];
  try {
    await untilAborted(client.connect(transport, starting), starting.signal);
    ({ tools } = await untilAborted(client.listTools(undefined, starting), starting.signal));
  } catch (error) {
    await close();
    const why = late.aborted ? `it did not answer within ${times.start} ms` : (end() ?? messageOf(error));
    throw new Error(clip(why, MAX_COMPLAINT), { cause: error });
  }
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  return {
    tools,
    get open() {
      return open;
    },
    async call(name, input, calling) {
      const timeUp = AbortSignal.timeout(times.call);
      const { outputSchema: _, ...toolDefinition } = byName.get(name) ?? { name, inputSchema: { type: "object" } };
      const bounded = AbortSignal.any([calling, timeUp]);
      try {
        const options = { signal: bounded, timeout: times.call, toolDefinition };
        const result = await untilAborted(client.callTool({ name, arguments: input }, options), bounded);
        return { ok: result.isError !== true, output: shorten(textOf(result)), late: false };
      } catch (error) {
        const why = timeUp.aborted ? `no answer within ${times.call} ms` : (end() ?? messageOf(error));
        return { ok: false, output: clip(why, MAX_COMPLAINT), late: timeUp.aborted };
      }
    },
    close,
  };
}

/** The answer of a tool as text: pictures, sound and the like are only named. */
function textOf({ content, structuredContent }: CallToolResult): string {
  if (content.length === 0 && structuredContent !== undefined) return JSON.stringify(structuredContent);
  return content.map(blockText).join("\n");
}

function blockText(block: CallToolResult["content"][number]): string {
  if (block.type === "resource_link") return `[resource_link: ${block.uri}]`;
  try {
    const shown = mcpContent(block);
    if (shown.type === "text") return shown.text;
    return shown.type === "document" && shown.source.type === "text" ? shown.source.data : `[${shown.type}]`;
  } catch {
    return `[${block.type}]`;
  }
}
