// The results of a batch, as they come: one JSON object a line, in no order, each checked before it counts. A stream that ends inside a
// line broke off, and says so by an exception; a line whole as JSON but of another shape is one result that cannot be read.
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import type { ModelReply } from "./model.ts";

/** What came of one request. Nothing is billed for one that errored, expired or was canceled. */
export type BatchResult = { readonly id: string } & (
  | { readonly type: "succeeded"; readonly reply: Omit<ModelReply, "content"> }
  | { readonly type: "errored"; readonly message: string }
  | { readonly type: "canceled" }
  | { readonly type: "expired" }
  | { readonly type: "unreadable"; readonly message: string }
);

/** No result has a longer line; what is longer is not read into memory. */
const LONGEST_LINE = 8 * 1024 * 1024;

const count = z.number().int().nonnegative();
const Message = z.looseObject({
  content: z.array(
    z.looseObject({
      type: z.string(),
      text: z.string().optional(),
      id: z.string().optional(),
      name: z.string().optional(),
      input: z.unknown().optional(),
    }),
  ),
  stop_reason: z.string(),
  usage: z.looseObject({
    input_tokens: count,
    output_tokens: count,
    cache_read_input_tokens: count.nullish(),
    cache_creation_input_tokens: count.nullish(),
  }),
});
const Line = z.looseObject({
  custom_id: z.string(),
  result: z.discriminatedUnion("type", [
    z.looseObject({ type: z.literal("succeeded"), message: Message }),
    z.looseObject({
      type: z.literal("errored"),
      error: z.looseObject({ error: z.looseObject({ type: z.string(), message: z.string() }) }),
    }),
    z.looseObject({ type: z.literal("canceled") }),
    z.looseObject({ type: z.literal("expired") }),
  ]),
});
const Named = z.looseObject({ custom_id: z.string() });

/** Hands over each result until `take` says "enough". Throws when the stream breaks off, and what `take` throws. */
export async function readResults(
  body: ReadableStream<Uint8Array>,
  take: (result: BatchResult) => "enough" | void,
): Promise<void> {
  for await (const line of linesOf(body)) if (line.trim() !== "" && take(read(line)) === "enough") return;
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
    if (rest.length > LONGEST_LINE) throw new Error(`a line of the results is longer than ${LONGEST_LINE} characters`);
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

function read(line: string): BatchResult {
  const json = parse(line);
  const parsed = Line.safeParse(json);
  if (!parsed.success) {
    const named = Named.safeParse(json);
    if (!named.success) throw new Error(`a line of the results is none: ${line.slice(0, 200)}`);
    const [issue] = parsed.error.issues;
    const message = `${issue?.path.join(".") ?? "the line"}: ${issue?.message ?? "invalid"}`;
    return { id: named.data.custom_id, type: "unreadable", message };
  }
  const { custom_id: id, result } = parsed.data;
  if (result.type === "canceled" || result.type === "expired") return { id, type: result.type };
  if (result.type === "errored") {
    const { type, message } = result.error.error;
    return { id, type: "errored", message: `${type}: ${message}` };
  }
  return { id, type: "succeeded", reply: replyOf(result.message) };
}

function parse(line: string): unknown {
  try {
    const json: unknown = JSON.parse(line);
    return json;
  } catch (error) {
    throw new Error(`the results broke off: ${messageOf(error)}`, { cause: error });
  }
}

function replyOf({ content, stop_reason, usage }: z.infer<typeof Message>): Omit<ModelReply, "content"> {
  return {
    text: content.flatMap((block) => (block.type === "text" ? [block.text ?? ""] : [])).join("\n"),
    calls: content.flatMap((block) =>
      block.type === "tool_use"
        ? [{ id: block.id ?? "", name: block.name ?? "", input: block.input, problem: undefined }]
        : [],
    ),
    stopReason: stop_reason,
    usage: {
      inputTokens: usage.input_tokens,
      outputTokens: usage.output_tokens,
      cacheReadTokens: usage.cache_read_input_tokens ?? 0,
      cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
    },
  };
}
