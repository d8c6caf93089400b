// A model that says again what it said in a recorded run, turn by turn.
import type { ContentBlockParam } from "@anthropic-ai/sdk/resources/messages/messages";
import type { Model, ModelAnswer, RequestedCall } from "../agents/model.ts";
import { noTokens } from "../agents/prices.ts";
import { readExchanges } from "../agents/transcript.ts";
import { BatonError } from "../core/errors.ts";
import type { EventOf, RecordedEvent } from "../engine/events.ts";

export interface RecordedModel extends Model {
  /** The next requests are of this attempt. */
  turnTo(stage: string, attempt: number): void;
}

type Said =
  | { readonly type: "turn"; readonly turn: EventOf<"agent.turn"> }
  | { readonly type: "trouble"; readonly session: EventOf<"session.started"> };

/** The model of a log. Asked more than was recorded, it says so by `unscripted-call`. */
export function recordedModel(events: readonly RecordedEvent[]): RecordedModel {
  const said = new Map<string, Said[]>();
  for (const { event } of events) {
    if (event.type !== "agent.turn" && event.type !== "session.started") continue;
    const key = `${event.stage}/${event.attempt}`;
    const list = said.get(key) ?? [];
    said.set(key, list);
    if (event.type === "agent.turn") {
      // A reply that broke off, and a summary, are not part of the conversation.
      if (event.exchange) list.push({ type: "turn", turn: event });
    } else if (event.why === "other-model" || event.why === "too-long") list.push({ type: "trouble", session: event });
  }
  let at = "";

  return {
    turnTo(stage, attempt) {
      at = `${stage}/${attempt}`;
    },
    warm: () => Promise.resolve(),
    async ask({ tools, messages }): Promise<ModelAnswer> {
      const failed = (reason: "away" | "too-long", message: string): ModelAnswer => ({
        type: "failed",
        reason,
        message,
        wasted: noTokens,
      });
      // A summary is asked for without tools; without one the turns speak for themselves.
      if (tools.length === 0) return failed("away", "a replay has no summary");
      const next = said.get(at)?.shift();
      if (!next)
        throw new BatonError(
          "unscripted-call",
          `${at}: the recorded conversation has no reply to request ${messages.length}`,
        );
      if (next.type === "trouble")
        return failed(next.session.why === "too-long" ? "too-long" : "away", "as it was recorded");
      return replyOf(next.turn);
    },
  };
}

function replyOf(turn: EventOf<"agent.turn">): ModelAnswer {
  const { type: _, stage: _stage, attempt: _attempt, ...rest } = turn;
  const [exchange] = readExchanges("", [rest])?.exchanges ?? [];
  if (!exchange)
    throw new BatonError("invalid-event", `turn ${turn.turn} of ${turn.stage} holds no reply that can be said again`);
  const content: ContentBlockParam[] = exchange.reply;
  const calls = content.flatMap((block): RequestedCall[] =>
    block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input, problem: undefined }] : [],
  );
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = turn.spend;
  return {
    type: "reply",
    wasted: noTokens,
    reply: {
      content,
      text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n"),
      calls,
      stopReason: exchange.stopReason,
      usage: { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens },
    },
  };
}
