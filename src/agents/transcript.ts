// A conversation as the log keeps it: what each turn added, whole, to be sent again by a later process.
import type { ContentBlockParam, MessageParam } from "@anthropic-ai/sdk/resources/messages/messages";
import { z } from "zod";
import type { Command, Turn } from "../engine/ports.ts";
import type { Steering } from "../engine/state.ts";
import { fleetToolNames, talkToolNames } from "../workflows/schema.ts";
import { withCommands, type SentTurn } from "./commanded.ts";
import { FINISH } from "./finish.ts";
import { READ_ARTIFACT } from "./handed-on.ts";
import { steer, type Steered } from "./steering.ts";

export type Exchange = NonNullable<Turn["exchange"]>;
type Blocks = Exchange["reply"];
type Json = Blocks[number][string];

/** Blocks as the log takes them: plain JSON without NUL, which databases refuse; otherwise unchanged. */
export function storable(blocks: readonly object[]): Blocks {
  return blocks.map((block) => Object.fromEntries(Object.entries(block).flatMap(([key, value]) => entry(key, value))));
}

function entry(key: string, value: unknown): [string, Json][] {
  return value === undefined ? [] : [[clean(key), jsonOf(value)]];
}

function jsonOf(value: unknown): Json {
  if (typeof value === "string") return clean(value);
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== "object" || value === null) return null;
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => entry(key, inner)));
}

const clean = (text: string) => text.replaceAll("\0", "\uFFFD").toWellFormed();

const Text = z.object({ type: z.literal("text"), text: z.string() });
const Thinking = z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() });
const Redacted = z.object({ type: z.literal("redacted_thinking"), data: z.string() });
const ToolUse = z.object({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: z.record(z.string(), z.unknown()),
});
const ToolResult = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: z.string(),
  is_error: z.boolean().exactOptional(),
});
const Sent = z.object({
  reply: z.array(z.discriminatedUnion("type", [Text, Thinking, Redacted, ToolUse])),
  stopReason: z.string(),
  answer: z.array(z.discriminatedUnion("type", [Text, ToolResult])).exactOptional(),
});
/**
 * An exchange that can be sent to the model again. `commanded`: its answer ends with another command. `steered`: what people had told the
 * run, said at the end of the message that it replies to.
 */
export type Sent = z.infer<typeof Sent> & { readonly commanded?: true; readonly steered?: Steered };

/**
 * The opening and the exchanges of recorded turns, in order, with what the agent was commanded and `told` on the way; undefined when one
 * of them is not what a session writes.
 */
export function readExchanges(
  opening: string,
  turns: readonly Turn[],
  commands: readonly Command[] = [],
  told: { readonly steering: readonly Steering[]; readonly heard?: number | undefined } = { steering: [] },
): { readonly opening: string; readonly exchanges: readonly Sent[] } | undefined {
  const spoken: SentTurn[] = [];
  for (const turn of turns) {
    // A reply that broke off was paid for, and said nothing.
    if (!turn.exchange) continue;
    const { data } = Sent.safeParse(turn.exchange);
    if (!data) return undefined;
    spoken.push({ turn, sent: data });
  }
  const commanded = withCommands(opening, spoken, commands);
  let heard = told.heard ?? 0;
  const exchanges = commanded.exchanges.map((sent, index) => {
    const until = spoken[index]?.turn.heard;
    const steered = until === undefined ? undefined : steer(told.steering.slice(0, until), heard, commanded.opening);
    if (!steered) return sent;
    heard = steered.heard;
    return { ...sent, steered };
  });
  const read = { opening: commanded.opening, exchanges };
  // Whatever is behind an unanswered reply was never sent.
  return read.exchanges.slice(0, -1).every(({ answer }) => answer !== undefined) ? read : undefined;
}

/** The messages of exchanges behind the first message, without a last reply that was not answered. */
export function messagesOf(first: MessageParam, exchanges: readonly Sent[]): MessageParam[] {
  return exchanges.reduce<MessageParam[]>(
    (messages, { steered, reply, answer }) =>
      answer
        ? [
            ...withText(messages, steered?.text),
            { role: "assistant", content: reply },
            { role: "user", content: answer },
          ]
        : messages,
    [first],
  );
}

/** Adds a text to the end of the last message, which is a user's. */
export function withText(messages: MessageParam[], text: string | undefined): MessageParam[] {
  const last = messages.at(-1);
  if (text === undefined || last?.role !== "user" || typeof last.content === "string") return messages;
  return messages.with(-1, { ...last, content: [...last.content, { type: "text", text }] });
}

/** How often `finish` was called with input that was refused. */
export function repairsIn({ reply, answer = [] }: Sent): number {
  const calls = reply.flatMap((block) => (block.type === "tool_use" && block.name === FINISH ? [block.id] : []));
  return answer.filter((block) => block.type === "tool_result" && block.is_error && calls.includes(block.tool_use_id))
    .length;
}

const harmless = new Set<unknown>([
  "read",
  "glob",
  "grep",
  "Read",
  "Glob",
  "Grep",
  READ_ARTIFACT,
  FINISH,
  ...fleetToolNames,
  ...talkToolNames,
]);

/** True when a tool of this reply may have changed the work tree; `elsewhere`: further tools that cannot. */
export function touches(reply: readonly ContentBlockParam[] | Blocks, elsewhere?: (name: string) => boolean): boolean {
  return reply.some((block) => {
    if (block["type"] !== "tool_use" || harmless.has(block["name"])) return false;
    const { name } = block;
    return typeof name !== "string" || elsewhere?.(name) !== true;
  });
}

/** The number of the last of these turns whose tools may have changed the work tree; 0 for none. */
export function lastTouch(turns: readonly Turn[], elsewhere?: (name: string) => boolean): number {
  return turns.findLast(({ exchange }) => exchange !== undefined && touches(exchange.reply, elsewhere))?.turn ?? 0;
}
