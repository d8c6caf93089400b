// The door of the scripted model: what the real Messages API would refuse, this refuses too, with a message that names it.
import { z } from "zod";

const block = z.looseObject({ type: z.string(), cache_control: z.unknown().optional() });
const blocks = z.array(block).min(1);
const content = z.union([z.string().min(1), blocks]);

const MessagesRequest = z.looseObject({
  model: z.string().min(1),
  max_tokens: z.number().int().positive(),
  stream: z.boolean().optional(),
  system: z.union([z.string(), z.array(block)]).optional(),
  tools: z
    .array(
      z.looseObject({
        name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
        input_schema: z.looseObject({ type: z.literal("object") }),
      }),
    )
    .optional(),
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant"]), content })).min(1),
});
/** The body of a request as it came, beyond what is checked here unchanged. */
export type MessagesRequest = z.infer<typeof MessagesRequest>;
type Block = z.infer<typeof block>;

const ToolResult = z.looseObject({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: z.unknown().optional(),
  is_error: z.boolean().optional(),
});
const ToolUse = z.looseObject({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: z.record(z.string(), z.unknown()),
});

type Read =
  | { readonly type: "valid"; readonly request: MessagesRequest }
  | { readonly type: "invalid"; readonly problem: string };

/** Reads a body; the problem is worded like the API's. */
export function readRequest(body: string): Read {
  const json = parse(body);
  return json ? checkRequest(json.value) : { type: "invalid", problem: "the body is not JSON" };
}

/** The same for what is JSON already: the `params` of a request in a batch. */
export function checkRequest(json: unknown): Read {
  const parsed = MessagesRequest.safeParse(json);
  if (!parsed.success) return { type: "invalid", problem: firstOf(parsed.error) };
  const problem = problemOf(parsed.data);
  return problem === undefined ? { type: "valid", request: parsed.data } : { type: "invalid", problem };
}

const BatchRequest = z.strictObject({ custom_id: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/), params: z.unknown() });
const BatchBody = z.strictObject({ requests: z.array(BatchRequest).min(1) });

/** Reads the body that makes a batch. What is wrong with one request's `params` is told when it is worked, as by the API. */
export function readBatch(
  body: string,
  limits: { readonly requests: number; readonly bytes: number },
):
  | { readonly type: "valid"; readonly requests: readonly z.infer<typeof BatchRequest>[] }
  | { readonly type: "invalid"; readonly status: number; readonly problem: string } {
  const invalid = (problem: string, status = 400) => ({ type: "invalid" as const, status, problem });
  if (Buffer.byteLength(body) > limits.bytes) return invalid("Request exceeds the maximum size", 413);
  const json = parse(body);
  if (!json) return invalid("the body is not JSON");
  const parsed = BatchBody.safeParse(json.value);
  if (!parsed.success) return invalid(firstOf(parsed.error));
  const { requests } = parsed.data;
  if (requests.length > limits.requests) return invalid(`requests: at most ${limits.requests} requests are allowed`);
  const ids = new Set(requests.map(({ custom_id }) => custom_id));
  return ids.size < requests.length
    ? invalid("requests: custom_id must be unique within a batch")
    : { type: "valid", requests };
}

function parse(body: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(body) };
  } catch {
    return undefined;
  }
}

function firstOf({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`;
}

function problemOf(request: MessagesRequest): string | undefined {
  for (const key of ["temperature", "top_p", "top_k"]) {
    if (key in request) return `${key}: sampling parameters are not supported by this model`;
  }
  for (const key of ["thread", "previous_message_id"]) {
    if (key in request) return `${key}: Extra inputs are not permitted`;
  }
  const choice = z.looseObject({ type: z.string() }).safeParse(request["tool_choice"]);
  if (choice.success && (choice.data.type === "any" || choice.data.type === "tool")) {
    return "tool_choice: a forced tool choice is not supported by this model";
  }
  const names = (request.tools ?? []).map(({ name }) => name);
  if (new Set(names).size !== names.length) return "tools: Tool names must be unique.";
  const everything = [
    ...(request.tools ?? []),
    ...blocksOf(request.system ?? ""),
    ...request.messages.flatMap(({ content: inner }) => blocksOf(inner)),
  ];
  const breakpoints = everything.filter(
    (item) => item.cache_control !== undefined && item.cache_control !== null,
  ).length;
  if (breakpoints > 4) return `A maximum of 4 blocks with cache_control may be provided. Found ${breakpoints}.`;
  if (everything.some((item) => item["type"] === "text" && item["text"] === "")) {
    return "messages: text content blocks must be non-empty";
  }
  if (request.messages[0]?.role !== "user") return "messages: first message must use the user role";
  return unanswered(request);
}

/** Every call of an assistant message is answered in the message after it, and nothing else is answered there. */
function unanswered({ messages }: MessagesRequest): string | undefined {
  for (const [index, message] of messages.entries()) {
    const asked = message.role === "assistant" ? toolUses(message.content).map(({ id }) => id) : [];
    const next = messages[index + 1];
    const answered = next?.role === "user" ? toolResults(next.content).map(({ id }) => id) : [];
    const missing = asked.filter((id) => !answered.includes(id));
    if (missing.length > 0) {
      return `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}`;
    }
    const stray = answered.filter((id) => message.role === "assistant" && !asked.includes(id));
    if (stray.length > 0)
      return `messages.${index + 1}: unexpected \`tool_use_id\` in \`tool_result\` blocks: ${stray.join(", ")}`;
  }
  return undefined;
}

export function blocksOf(value: string | readonly Block[]): Block[] {
  return typeof value === "string" ? [{ type: "text", text: value }] : [...value];
}

export function textOf(value: string | readonly Block[]): string {
  return blocksOf(value)
    .flatMap((item) => (typeof item["text"] === "string" ? [item["text"]] : []))
    .join("\n");
}

export function toolUses(value: string | readonly Block[]): { id: string; name: string; input: unknown }[] {
  return blocksOf(value).flatMap((item) => {
    const read = ToolUse.safeParse(item);
    return read.success ? [read.data] : [];
  });
}

export function toolResults(value: string | readonly Block[]): { id: string; ok: boolean; output: string }[] {
  return blocksOf(value).flatMap((item) => {
    const read = ToolResult.safeParse(item);
    if (!read.success) return [];
    const { tool_use_id: id, is_error, content: inner } = read.data;
    const list = z.array(block).safeParse(inner);
    const output = typeof inner === "string" ? inner : list.success ? textOf(list.data) : "";
    return [{ id, ok: is_error !== true, output }];
  });
}
