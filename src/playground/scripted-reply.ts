// Writes one scripted turn as the Messages API would: server-sent events or one JSON body, with plausible token counts.
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { blocksOf, type MessagesRequest } from "./scripted-request.ts";

export interface ScriptedUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

export const noUsage: { -readonly [Key in keyof ScriptedUsage]: number } = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
};

/** How ids of tool calls begin in a reply that a planned fault spoiled. */
export const SPOILED = "toolu_spoiled";

/** A tool call; `rawInput` is streamed as it is instead of `input`, however broken. */
export interface ScriptedToolCall {
  readonly name: string;
  readonly input?: Readonly<Record<string, unknown>>;
  readonly rawInput?: string;
}

/** What the model says in one turn, and what goes wrong while it says it. */
export interface ScriptedTurn {
  readonly text?: string;
  readonly tools?: readonly ScriptedToolCall[];
  /** Default: "tool_use" with tools, else "end_turn". */
  readonly stopReason?: "end_turn" | "tool_use" | "max_tokens" | "refusal" | "model_context_window_exceeded";
  /** Default: counted from lengths, four characters a token, with a prompt cache that works. */
  readonly usage?: Partial<ScriptedUsage>;
  /** Milliseconds before the first byte. */
  readonly delayMs?: number;
  /** Milliseconds between the chunks of the stream, about 40 characters each. */
  readonly chunkMs?: number;
  /** An HTTP error instead of a reply. */
  readonly fail?: ScriptedFailure;
  /** Errors for the first requests of this turn, one each; the turn itself comes after them. */
  readonly failFirst?: readonly ScriptedFailure[];
  /** The connection breaks: before anything, in the middle of the last block, or just before the end of the message. */
  readonly cut?: "before" | "middle" | "end";
  /** An error event inside the stream, in the middle of the last block. */
  readonly streamError?: { readonly type: string; readonly message: string };
  /** Never goes on until the client leaves: before anything, or in the middle of the last block. */
  readonly hang?: "before" | "middle";
  /** In a batch: it is not worked within the day. */
  readonly expires?: true;
}

export interface ScriptedFailure {
  readonly status: number;
  readonly type?: string;
  readonly message?: string;
  /** `details.error_code` of the body. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends an error body as the API does. */
export function sendFailure(response: ServerResponse, failure: ScriptedFailure): void {
  response.writeHead(failure.status, { "content-type": "application/json", ...failure.headers });
  response.end(JSON.stringify(failureBody(failure)));
}

/** The body of an error. */
export function failureBody({ status, type, message, code }: ScriptedFailure) {
  const error = {
    type: type ?? usualType(status),
    message: message ?? `scripted ${status}`,
    ...(code === undefined ? {} : { details: { error_code: code } }),
  };
  return { type: "error", error };
}

function usualType(status: number): string {
  const types: Readonly<Record<number, string>> = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
  };
  return types[status] ?? "api_error";
}

/** The whole reply as data. `seed` makes its ids: the same turn always has the same ones. A `mark` is put on them. */
export function messageOf(turn: ScriptedTurn, request: MessagesRequest, seed: string, mark: "" | "spoiled" = "") {
  const id = createHash("sha256").update(seed).digest("hex").slice(0, 24);
  const content = [
    ...(turn.text === undefined ? [] : [{ type: "text" as const, text: turn.text }]),
    ...(turn.tools ?? []).map(({ name, input }, index) => ({
      type: "tool_use" as const,
      id: `toolu_${mark}${id}${index}`,
      name,
      input: input ?? {},
    })),
  ];
  const stop = turn.stopReason ?? (turn.tools?.length ? "tool_use" : "end_turn");
  return {
    id: `msg_${id}`,
    type: "message" as const,
    role: "assistant" as const,
    model: request.model,
    content,
    stop_reason: stop,
    stop_sequence: null,
    usage: usageOf(turn, request),
  };
}
type Message = ReturnType<typeof messageOf>;

const tokensOf = (value: unknown) => Math.ceil(JSON.stringify(value ?? "").length / 4);

/** Everything up to the last breakpoint is read from the cache as far as the request before this one had it, else written. */
function usageOf(turn: ScriptedTurn, request: MessagesRequest) {
  const fixed = tokensOf(request.tools) + tokensOf(request.system);
  const messages = request.messages.map(tokensOf);
  const total = fixed + messages.reduce((sum, count) => sum + count, 0);
  const before = fixed + messages.slice(0, -2).reduce((sum, count) => sum + count, 0);
  const caches = JSON.stringify(request).includes('"cache_control"');
  const read = caches && messages.length > 2 ? before : 0;
  const write = caches ? total - read : 0;
  const output = tokensOf(turn.text) + (turn.tools ?? []).reduce((sum, call) => sum + tokensOf(call), 0);
  return {
    input_tokens: turn.usage?.inputTokens ?? (caches ? 3 : total),
    output_tokens: turn.usage?.outputTokens ?? output,
    cache_read_input_tokens: turn.usage?.cacheReadTokens ?? read,
    cache_creation_input_tokens: turn.usage?.cacheWriteTokens ?? write,
  };
}

/**
 * What a request of a batch is billed for its prompt: the cache has what an earlier request began with, up to the last breakpoint
 * both have. `cached` holds the beginnings so far, and gets this one's.
 */
export function batchUsage(request: MessagesRequest, cached: Set<string>): Partial<ScriptedUsage> {
  const blocks = [
    ...(request.tools ?? []),
    ...blocksOf(request.system ?? ""),
    ...request.messages.flatMap(({ content }) => blocksOf(content)),
  ];
  const length = (count: number) => tokensOf(blocks.slice(0, count));
  const ends = blocks.flatMap((block, index) => (block["cache_control"] ? [index + 1] : []));
  const nameOf = (end: number) =>
    createHash("sha256")
      .update(JSON.stringify(blocks.slice(0, end)))
      .digest("hex");
  const read = ends.findLast((end) => cached.has(nameOf(end))) ?? 0;
  for (const end of ends) cached.add(nameOf(end));
  const written = ends.at(-1) ?? 0;
  const readTokens = read === 0 ? 0 : length(read);
  const prefix = written === 0 ? 0 : length(written);
  return {
    cacheReadTokens: readTokens,
    cacheWriteTokens: prefix - readTokens,
    inputTokens: length(blocks.length) - prefix,
  };
}

/** How long the prompt is, by the same measure as the usage that is told. */
export function inputTokensOf(request: MessagesRequest): number {
  return (
    tokensOf(request.tools) + tokensOf(request.system) + request.messages.reduce((sum, one) => sum + tokensOf(one), 0)
  );
}

export interface StreamEvent {
  readonly [more: string]: unknown;
  readonly type: string;
  readonly delta?: { readonly [more: string]: unknown; readonly text?: string; readonly partial_json?: string };
}
/** The events of a streamed reply. The last block's middle is where `undefined` stands: faults happen there. */
export function* eventsOf(message: Message, turn: ScriptedTurn): Generator<StreamEvent | undefined> {
  const { content, stop_reason, stop_sequence, usage } = message;
  yield {
    type: "message_start",
    message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
  };
  yield { type: "ping" };
  const calls = turn.tools ?? [];
  const firstCall = content.length - calls.length;
  for (const [index, block] of content.entries()) {
    const start = block.type === "text" ? { ...block, text: "" } : { ...block, input: {} };
    yield { type: "content_block_start", index, content_block: start };
    const raw = calls[index - firstCall]?.rawInput;
    const chunks = pieces(block.type === "text" ? block.text : (raw ?? JSON.stringify(block.input)));
    const middle = Math.floor(chunks.length / 2);
    for (const [at, piece] of chunks.entries()) {
      if (index === content.length - 1 && at === middle) yield undefined;
      const delta =
        block.type === "text" ? { type: "text_delta", text: piece } : { type: "input_json_delta", partial_json: piece };
      yield { type: "content_block_delta", index, delta };
    }
    yield { type: "content_block_stop", index };
  }
  if (content.length === 0) yield undefined;
  yield { type: "message_delta", delta: { stop_reason, stop_sequence }, usage };
  yield { type: "message_stop" };
}

function pieces(text: string): string[] {
  const size = Math.max(1, Math.min(40, Math.ceil(text.length / 2)));
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  );
}
