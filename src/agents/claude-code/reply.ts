// A reply as the Messages API gives it, streamed or whole: what the program is told to do next. (Documented: the API's streaming
// events; of the program, that a request held open with pings is waited for.)
import type { ToolCall } from "../session.ts";

export interface Reply {
  readonly id: string;
  readonly model: string;
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

/** What keeps a request open: the API sends it too, and it says nothing. */
export const PING = frame({ type: "ping" });

/** The events of the streamed reply. */
export function streamed(reply: Reply): string {
  const message = messageOf(reply);
  const { content, stop_reason, stop_sequence, usage } = message;
  const events: { readonly type: string; readonly [more: string]: unknown }[] = [
    { type: "message_start", message: { ...message, content: [], stop_reason: null } },
  ];
  for (const [index, block] of content.entries()) {
    const [start, delta] =
      block.type === "text"
        ? [
            { ...block, text: "" },
            { type: "text_delta", text: block.text },
          ]
        : [
            { ...block, input: {} },
            { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
          ];
    events.push(
      { type: "content_block_start", index, content_block: start },
      { type: "content_block_delta", index, delta },
      { type: "content_block_stop", index },
    );
  }
  events.push({ type: "message_delta", delta: { stop_reason, stop_sequence }, usage }, { type: "message_stop" });
  return events.map(frame).join("");
}

/** The reply as one JSON body. */
export function whole(reply: Reply): string {
  return JSON.stringify(messageOf(reply));
}

function messageOf({ id, model, text, calls }: Reply) {
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: [
      ...(text.trim() === "" ? [] : [{ type: "text" as const, text }]),
      ...calls.map((call) => ({ type: "tool_use" as const, id: call.id, name: call.name, input: call.input })),
    ],
    stop_reason: "tool_use",
    stop_sequence: null,
    // What it cost is counted where it was asked for; nobody counts here.
    usage: { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
  };
}

function frame(event: { readonly type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
