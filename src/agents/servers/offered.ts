// Which of a server's tools an agent gets, and how they are declared to the model: always in the same order, and bounded. Pure. What a
// server says of itself is text from outside; names and schemas are held to what the Messages API takes, or the tool is left out.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { isRecord } from "../../hands/protocol.ts";
import { serverToolName, type AllowedServer, type ServerGrant } from "../../workflows/servers.ts";
import { clip } from "../clip.ts";

/** Tools that an agent may have of one server, and characters of JSON of all of them together and of one. */
export const bounds = { tools: 50, all: 60_000, one: 10_000, description: 2_000 } as const;
/** Longest name of a tool that the Messages API takes. */
const MAX_NAME = 64;

/** A tool as a server lists it. */
export interface Listed {
  readonly name: string;
  readonly description?: string | undefined;
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

export type Offered =
  | {
      readonly type: "tools";
      /** In the order of their names. */
      readonly tools: readonly { readonly name: string; readonly declaration: Tool }[];
      /** What was left out and why, one line each. */
      readonly leftOut: readonly string[];
    }
  | { readonly type: "too-many"; readonly why: string };

/** What an agent with this grant gets of what the server lists. */
export function offered(server: AllowedServer, grant: ServerGrant, listed: readonly Listed[]): Offered {
  const { tools: allowed } = server;
  const granted = listed
    .filter(({ name }) => allowed === undefined || allowed.includes(name))
    .map((tool) => ({ tool, full: serverToolName(server.name, tool.name) }))
    .filter(({ full }) => (grant.only?.includes(full) ?? true) && !grant.without.includes(full))
    .toSorted((a, b) => (a.full < b.full ? -1 : a.full > b.full ? 1 : 0));
  if (granted.length > bounds.tools)
    return { type: "too-many", why: `it offers ${granted.length} tools, and at most ${bounds.tools} are taken` };
  const leftOut: string[] = [];
  const taken = new Map<string, { name: string; declaration: Tool }>();
  for (const { tool, full } of granted) {
    const declaration: Tool = {
      name: full,
      description: clip(tool.description ?? "", bounds.description),
      input_schema: { ...tool.inputSchema, type: "object" },
    };
    const why = taken.has(full) ? "another tool has the same name" : unfit(declaration);
    if (why === undefined) taken.set(full, { name: tool.name, declaration });
    else leftOut.push(`${clip(full, 100)}: ${why}`);
  }
  const tools = [...taken.values()];
  const size = JSON.stringify(tools.map(({ declaration }) => declaration)).length;
  if (size > bounds.all)
    return {
      type: "too-many",
      why: `its tools are described in ${size} characters, and at most ${bounds.all} are taken`,
    };
  return { type: "tools", tools, leftOut };
}

/** Why the Messages API would refuse a declaration, and the whole request with it. */
function unfit({ name, input_schema: schema }: Tool): string | undefined {
  if (name.length > MAX_NAME) return `its name has more than ${MAX_NAME} characters`;
  const size = JSON.stringify(schema).length;
  if (size > bounds.one) return `its schema has ${size} characters, and at most ${bounds.one} are taken`;
  const odd = ["oneOf", "anyOf", "allOf"].find((key) => key in schema);
  if (odd !== undefined) return `its schema has ${odd} at the top`;
  const { properties, required } = schema;
  if (properties !== undefined && properties !== null && !isRecord(properties)) return "its properties are no mapping";
  const key = Object.keys(properties ?? {}).find((one) => !/^[\w.-]{1,64}$/.test(one));
  if (key !== undefined) return "the name of a property is not letters, digits, dots, dashes and underscores";
  if (required !== undefined && required !== null && !Array.isArray(required)) return "required is no list";
  return undefined;
}
