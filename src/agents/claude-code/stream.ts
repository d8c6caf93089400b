// What the program says on stdout with `--output-format stream-json`: one JSON object a line. (Documented: headless, and the message
// types of agent-sdk/typescript.) The sandbox belongs to the attacker, and so does this stream: it is read with checks, and it decides
// nothing that matters. Replies, what they cost and what is handed in are known from the model itself; from here come the results of
// tools, what the program says that it loaded, and how it ended. Messages that Baton has no use for are `other`.
import { z } from "zod";
import { shorten } from "../../hands/protocol.ts";

export interface ToolOutcome {
  readonly id: string;
  readonly ok: boolean;
  readonly output: string;
}

export type StreamLine =
  /** What the session has loaded that Baton did not give it, in words; said before the first request, or when a hook runs. */
  | { readonly type: "loaded"; readonly foreign: readonly string[] }
  | { readonly type: "results"; readonly results: readonly ToolOutcome[] }
  /** The last message: the program has nothing more to do. */
  | { readonly type: "result"; readonly subtype: string; readonly text: string }
  | { readonly type: "other" }
  /** Not a line of the protocol. */
  | { readonly type: "noise" };

/** What cannot be read is not nothing. */
const names = z
  .array(z.looseObject({ name: z.string() }).transform(({ name }) => name))
  .default([])
  .catch(["(unreadable)"]);

const Loaded = z.discriminatedUnion("subtype", [
  z
    .looseObject({ type: z.literal("system"), subtype: z.literal("init"), mcp_servers: names, plugins: names })
    .transform(({ mcp_servers, plugins }) => [
      ...mcp_servers.map((name) => `the MCP server ${name}`),
      ...plugins.map((name) => `the plugin ${name}`),
    ]),
  z
    .looseObject({ type: z.literal("system"), subtype: z.literal("hook_started"), hook_name: z.string().catch("?") })
    .transform(({ hook_name }) => [`the hook ${hook_name}`]),
]);
const User = z.looseObject({
  type: z.literal("user"),
  message: z.looseObject({ content: z.union([z.string(), z.array(z.unknown())]) }),
});
const Result = z.looseObject({
  type: z.literal("result"),
  subtype: z.string(),
  result: z.string().optional(),
  errors: z.array(z.string()).optional(),
});
const Other = z.looseObject({ type: z.string() });

/** One line. Never throws. */
export function readStreamLine(line: string): StreamLine {
  const value = parseJson(line);
  const loaded = Loaded.safeParse(value);
  if (loaded.success) return { type: "loaded", foreign: loaded.data };
  const user = User.safeParse(value);
  if (user.success) return { type: "results", results: toolOutcomes(user.data.message.content) };
  const result = Result.safeParse(value);
  if (result.success) {
    const { subtype, result: said, errors = [] } = result.data;
    return { type: "result", subtype, text: [said ?? "", ...errors].filter((text) => text !== "").join("; ") };
  }
  return { type: Other.safeParse(value).success ? "other" : "noise" };
}

const ToolResult = z.looseObject({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))]).optional(),
  is_error: z.boolean().nullish(),
});

/** The tool results among the blocks of a message, as text; what is no text (an image) is named. */
export function toolOutcomes(content: string | readonly unknown[]): ToolOutcome[] {
  if (typeof content === "string") return [];
  return content.flatMap((block) => {
    const { data } = ToolResult.safeParse(block);
    if (!data) return [];
    const said = data.content ?? "";
    const output = typeof said === "string" ? said : said.map(({ type, text }) => text ?? `[${type}]`).join("\n");
    return [{ id: data.tool_use_id, ok: data.is_error !== true, output: shorten(output) }];
  });
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
