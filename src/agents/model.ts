// The model: one request gives one whole streamed reply or one clear failure; nothing is thrown. The SDK (`sdk.ts`) is imported
// at the first request, because it costs a cold start 180 ms. It never retries; `judge` decides.
import type {
  ContentBlock,
  ContentBlockParam,
  MessageParam,
  TextBlockParam,
  Tool,
  Usage,
} from "@anthropic-ai/sdk/resources/messages/messages";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../core/log.ts";
import { givenUp, judge, pauseMs, type Fault, type GiveUp } from "./model-fault.ts";
import { addTokens, noTokens, type TokenUsage } from "./prices.ts";
import { connectionFault, openSdk, type Federation, type Sdk } from "./sdk.ts";

export interface ModelRequest {
  readonly model: string;
  readonly maxTokens: number;
  readonly system: readonly TextBlockParam[];
  readonly tools: readonly Tool[];
  readonly messages: readonly MessageParam[];
}

/** A tool call of a reply. With a `problem` its input did not arrive whole, and it must not be executed. */
export interface RequestedCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly problem: string | undefined;
}

export interface ModelReply {
  /** The reply as it is sent back with the next request. */
  readonly content: ContentBlockParam[];
  readonly text: string;
  readonly calls: readonly RequestedCall[];
  readonly stopReason: string;
  readonly usage: TokenUsage;
}

/** `wasted` is what tries that came to nothing used all the same. */
export type ModelAnswer =
  | { readonly type: "reply"; readonly reply: ModelReply; readonly wasted: TokenUsage }
  | {
      readonly type: "failed";
      readonly reason: GiveUp | "unaffordable" | "aborted";
      readonly message: string;
      /** How long the API asks to wait, in milliseconds. */
      readonly waitMs?: number | undefined;
      readonly wasted: TokenUsage;
    };

export interface AskOptions {
  readonly signal: AbortSignal;
  /** Asked before every try but the first, with what the earlier ones wasted; false ends it as `unaffordable`. */
  readonly affordable?: (wasted: TokenUsage) => boolean;
}

export interface Model {
  /** One streamed reply, after at most `tries` tries. Aborting closes the connection at once. */
  ask(request: ModelRequest, options: AskOptions): Promise<ModelAnswer>;
  /** Imports the SDK ahead of the first request. */
  warm(): Promise<void>;
  /** The same model as one attempt's agent asks it, where it matters who asks; absent where it does not. */
  readonly of?: (attempt: { readonly stage: string; readonly attempt: number }) => Model;
}

export interface ModelOptions {
  /** Unused with `federation`. */
  readonly apiKey: string;
  readonly baseURL: string;
  readonly federation?: Federation | undefined;
  readonly log: Log;
  /** Default: 3 tries, 1 s before the second, 10 minutes for one reply. */
  readonly patience?: { readonly tries?: number; readonly firstPauseMs?: number; readonly replyMs?: number };
}

/** A model behind the Messages API at `baseURL`. Does no I/O until it is asked. */
export function createModel({ apiKey, baseURL, federation, log, patience = {} }: ModelOptions): Model {
  const { tries = 3, firstPauseMs = 1_000, replyMs = 600_000 } = patience;
  let opened: Promise<Sdk> | undefined;
  const open = () => (opened ??= openSdk(apiKey, baseURL, federation));

  return {
    warm: async () => void (await open()),
    ask: async (request, { signal, affordable }) => {
      const sdk = await open();
      let wasted = noTokens;
      for (let attempt = 1; ; attempt += 1) {
        const answer = await tryOnce(sdk, request, signal, replyMs);
        if (answer.type === "reply") return { ...answer, wasted };
        wasted = addTokens(wasted, answer.used);
        if (answer.type === "aborted") return { type: "failed", reason: "aborted", message: "Aborted.", wasted };
        const judged = judge(answer.fault);
        const verdict = judged.type === "again" && attempt >= tries ? givenUp(answer.fault, tries) : judged;
        log.warn("model request failed", {
          model: request.model,
          try: attempt,
          status: answer.fault.status,
          error: answer.fault.message,
        });
        if (verdict.type === "give-up") {
          const { reason, why: message, waitMs } = verdict;
          return { type: "failed", reason, message, waitMs, wasted };
        }
        const pause = pauseMs(answer.fault, attempt + 1, firstPauseMs, Math.random);
        await delay(pause, undefined, { signal }).catch(() => undefined);
        if (affordable && !affordable(wasted)) {
          const message = `The budget was used up by replies that broke off: ${answer.fault.message}`;
          return { type: "failed", reason: "unaffordable", message, wasted };
        }
      }
    },
  };
}

type Try =
  | { readonly type: "reply"; readonly reply: ModelReply }
  | { readonly type: "fault"; readonly fault: Fault; readonly used: TokenUsage }
  | { readonly type: "aborted"; readonly used: TokenUsage };

async function tryOnce(sdk: Sdk, request: ModelRequest, signal: AbortSignal, replyMs: number): Promise<Try> {
  if (signal.aborted) return { type: "aborted", used: noTokens };
  const tooSlow = AbortSignal.timeout(replyMs);
  /** The input of each tool call as it was streamed, by block. */
  const inputs = new Map<number, string>();
  let begun: TokenUsage | undefined;
  let characters = 0;
  // A reply that breaks off is paid for as far as it came; output is counted by its length until the API says it.
  const used = () =>
    begun ? { ...begun, outputTokens: Math.max(begun.outputTokens, Math.ceil(characters / 4)) } : noTokens;
  try {
    const stream = sdk.client.messages.stream(
      {
        model: request.model,
        max_tokens: request.maxTokens,
        system: [...request.system],
        tools: [...request.tools],
        messages: [...request.messages],
      },
      { signal: AbortSignal.any([signal, tooSlow]) },
    );
    stream.on("streamEvent", (event) => {
      if (event.type === "message_start") begun = tokens(event.message.usage);
      if (event.type !== "content_block_delta") return;
      if (event.delta.type === "text_delta") characters += event.delta.text.length;
      if (event.delta.type !== "input_json_delta") return;
      characters += event.delta.partial_json.length;
      inputs.set(event.index, (inputs.get(event.index) ?? "") + event.delta.partial_json);
    });
    const message = await stream.finalMessage();
    if (message.stop_reason === null) throw new Error("the reply ended without a stop reason");
    const blocks = message.content.map((block, index) => readBlock(block, inputs.get(index)));
    return {
      type: "reply",
      reply: {
        content: blocks.flatMap(({ param }) => (param ? [param] : [])),
        text: message.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n"),
        calls: blocks.flatMap(({ call }) => (call ? [call] : [])),
        stopReason: message.stop_reason,
        usage: tokens(message.usage),
      },
    };
  } catch (error) {
    if (signal.aborted) return { type: "aborted", used: used() };
    if (!tooSlow.aborted) return { type: "fault", fault: sdk.faultOf(error), used: used() };
    const late = new Error(`no whole reply within ${replyMs / 1_000} s`);
    return { type: "fault", fault: connectionFault(late), used: used() };
  }
}

function tokens(usage: Usage): TokenUsage {
  return {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_input_tokens ?? 0,
    cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
  };
}

/**
 * A block as it is sent back, and the call it makes. The SDK mends a cut-off tool input into valid JSON
 * (`rm -rf /tmp/x` of `rm -rf /tmp/xyz`), so the streamed text itself is parsed, strictly.
 */
function readBlock(
  block: ContentBlock,
  streamed: string | undefined,
): { param?: ContentBlockParam; call?: RequestedCall } {
  if (block.type === "text") return block.text.trim() === "" ? {} : { param: { type: "text", text: block.text } };
  if (block.type === "thinking" || block.type === "redacted_thinking") return { param: block };
  if (block.type !== "tool_use") return {};
  const { id, name } = block;
  const input = streamed === undefined || streamed === "" ? block.input : parse(streamed);
  const whole = typeof input === "object" && input !== null && !Array.isArray(input);
  const problem = whole
    ? undefined
    : "The input of this call did not arrive as one whole JSON object, so it was not run.";
  return { param: { type: "tool_use", id, name, input: whole ? input : {} }, call: { id, name, input, problem } };
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
