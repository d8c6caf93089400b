// The model's side of a conversation, whoever runs the tools: what is sent, within which limits, and what it counts for.
import type {
  ContentBlockParam,
  MessageParam,
  TextBlockParam,
  Tool,
} from "@anthropic-ai/sdk/resources/messages/messages";
import type { Spend } from "../engine/events.ts";
import type { Turn } from "../engine/ports.ts";
import type { Meter } from "./meter.ts";
import type { Model, ModelReply } from "./model.ts";
import { addTokens, price, type TokenUsage } from "./prices.ts";
import { failed, type SessionEnd, trouble } from "./session-end.ts";
import { messagesOf, withText, type Sent } from "./transcript.ts";

export interface AskingOptions {
  readonly model: Model;
  readonly modelId: string;
  readonly system: string;
  readonly meter: Meter;
  /** Output tokens of one reply. */
  readonly outputTokens?: number | undefined;
  /** Awaited after every reply and its tools. What it throws ends the session by that throw. */
  readonly onTurn: (turn: Turn) => Promise<void>;
}

export type Asked =
  | { readonly type: "reply"; readonly reply: ModelReply; readonly turn: number; readonly spend: Spend }
  | { readonly type: "ended"; readonly end: SessionEnd<never> };

const OUTPUT_TOKENS = 16_000;
const cached = { cache_control: { type: "ephemeral" as const } };

/**
 * One reply, counted, or why there is none: a limit, the model, or that `cancelled` was aborted. What broken tries used is recorded
 * as a turn of its own. Throws what `onTurn` throws.
 */
export async function askModel(
  options: AskingOptions,
  { messages, tools }: { readonly messages: readonly MessageParam[]; readonly tools: readonly Tool[] },
  cancelled: AbortSignal,
): Promise<Asked> {
  const { model, modelId, system, meter, outputTokens } = options;
  const stop = meter.stop(cancelled);
  if (stop) return ended({ type: "failed", failure: stop });
  const startedAt = performance.now();
  const prompt: TextBlockParam[] = [{ type: "text", text: system, ...cached }];
  const answer = await model.ask(
    {
      model: modelId,
      maxTokens: outputTokens ?? OUTPUT_TOKENS,
      system: prompt,
      tools,
      messages: withMovingBreakpoint(messages),
    },
    {
      signal: AbortSignal.any([cancelled, meter.timeUp]),
      affordable: (wasted) => meter.affords(modelId, wasted),
    },
  );
  if (answer.type === "reply")
    return {
      type: "reply",
      reply: answer.reply,
      ...meter.count(modelId, addTokens(answer.reply.usage, answer.wasted)),
    };
  await recordWaste(options, answer.wasted, (performance.now() - startedAt) / 1_000);
  const interrupted = meter.interrupted(cancelled);
  if (interrupted) return ended({ type: "failed", failure: interrupted });
  const { reason, message, waitMs } = answer;
  if (reason === "unaffordable") return ended(failed("budget", message));
  if (reason === "aborted") return ended(failed("cancelled", message));
  return ended(trouble(reason, message, waitMs === undefined ? undefined : Date.now() + waitMs));
}

const ended = (end: SessionEnd<never>): Asked => ({ type: "ended", end });

/** Records what a request used that came to nothing: the ledger must say so. */
export async function recordWaste(
  { meter, modelId, onTurn }: Pick<AskingOptions, "meter" | "modelId" | "onTurn">,
  wasted: TokenUsage,
  seconds: number,
): Promise<void> {
  if (price(modelId, wasted) === 0) return;
  const { turn, spend } = meter.count(modelId, wasted);
  await onTurn({ turn, model: modelId, spend, seconds, text: "(the reply broke off)", tools: [] });
}

/** The messages a conversation begins with: its opening, what was said since in an earlier process, and a note on that. */
export function openingMessages(opening: string, exchanges: readonly Sent[], note: string | undefined): MessageParam[] {
  return withText(messagesOf({ role: "user", content: [{ type: "text", text: opening, ...cached }] }, exchanges), note);
}

/** What a reply said, as it is sent back. */
export function contentOf({ content }: ModelReply): ContentBlockParam[] {
  return content.length > 0 ? content : [{ type: "text", text: "(no reply)" }];
}

/** Marks the end of the last user message, so that the next request finds everything up to here in the cache. */
function withMovingBreakpoint(messages: readonly MessageParam[]): MessageParam[] {
  const last = messages.at(-1);
  if (last?.role !== "user" || typeof last.content === "string") return [...messages];
  const content = last.content.map((block, index, blocks) =>
    index === blocks.length - 1 && (block.type === "text" || block.type === "tool_result")
      ? { ...block, ...cached }
      : block,
  );
  return [...messages.slice(0, -1), { role: "user", content }];
}
