// One conversation of one agent, from the brief to `finish` or to one named failure.
//
// The loop: *check the limits → ask the model → run the tools of the reply → record the turn*, until one of these ends it:
//   finish with valid input        finished; no further request is sent
//   finish with invalid input      told why and asked again, twice; the third time `invalid-output`
//   a reply without any call       reminded, twice; then `no-finish`
//   a reply cut at its token limit told to go on, twice in a row; then `token-limit`
//   a limit                        `turn-limit`, `budget`, `time-limit`, `token-limit`, checked before each request
//   the model                      `model-refused`, `model-unreachable`
//   the tool process               `tools-broken`
//   the signal                     `cancelled`, at once, also inside a reply and inside a tool
//
// The SDK's own tool runner is not used: it repairs tool input that was cut off and runs it, it sends one more paid request
// after `finish` unless stopped by hand, and a failed request ends its loop, where the policy of retries is Baton's.
import type {
  MessageParam,
  TextBlockParam,
  Tool,
  ToolResultBlockParam,
} from "@anthropic-ai/sdk/resources/messages/messages";
import type { z } from "zod";
import { messageOf } from "../core/errors.ts";
import { microDollars, type MicroDollars } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Failure, Spend } from "../engine/events.ts";
import type { Turn } from "../engine/ports.ts";
import { clip } from "./clip.ts";
import { FINISH, finishTool, readFinish } from "./finish.ts";
import type { Model, ModelReply, RequestedCall } from "./model.ts";
import type { ModelIds } from "./models.ts";
import { addTokens, isPriced, noTokens, price, type TokenUsage } from "./prices.ts";

export interface SessionTools {
  readonly declarations: readonly Tool[];
  /** Runs one call. A failing tool is an answer with `ok: false`; a throw means that the tool process is gone. */
  call(
    call: { readonly name: string; readonly input: unknown },
    signal: AbortSignal,
  ): Promise<{ readonly ok: boolean; readonly output: string }>;
}

export const noTools: SessionTools = {
  declarations: [],
  call: ({ name }) => Promise.resolve({ ok: false, output: `There is no tool called "${name}".` }),
};

export interface SessionLimits {
  /** Model replies. */
  readonly turns: number;
  /** No request is sent once this much is spent, so a session costs at most this and one reply more. */
  readonly microDollars: number;
  readonly milliseconds: number;
  /** Output tokens of one reply. Default 16,000. */
  readonly outputTokens?: number;
}

export interface SessionOptions<T> {
  readonly model: Model;
  /** The model to use and what to begin with instead when it is out of reach. */
  readonly modelIds: ModelIds;
  readonly system: string;
  /** The first user message. */
  readonly brief: string;
  readonly schema: z.ZodType<T>;
  readonly tools: SessionTools;
  readonly limits: SessionLimits;
  readonly log: Log;
  /** Awaited after every reply and its tools. What it throws ends the session by that throw. */
  readonly onTurn: (turn: Turn) => Promise<void>;
}

export type SessionResult<T> =
  | { readonly type: "finished"; readonly value: T; readonly spend: Spend }
  | { readonly type: "failed"; readonly failure: Failure; readonly spend: Spend };

const MAX_REPAIRS = 2;
const MAX_REMINDERS = 2;
const MAX_CONTINUATIONS = 2;
const OUTPUT_TOKENS = 16_000;
/** Node's timers take no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const cached = { cache_control: { type: "ephemeral" as const } };

const REMINDER = `You ended your reply without calling \`${FINISH}\`. If your work is done, or you are sure that it cannot be done, call \`${FINISH}\` now; otherwise go on with the tools.`;
const CONTINUE = "Your reply reached its length limit and was cut off. Go on from where you stopped, in smaller steps.";

/** Runs a session to its end. Throws only what `onTurn` throws. */
export async function runSession<T>(options: SessionOptions<T>, signal: AbortSignal): Promise<SessionResult<T>> {
  const session = new Session(options, signal);
  const result = await session.run();
  return { ...result, spend: session.spend };
}

type End<T> = { readonly type: "finished"; readonly value: T } | { readonly type: "failed"; readonly failure: Failure };
type ToolRecord = Turn["tools"][number];

class Session<T> {
  readonly #options: SessionOptions<T>;
  readonly #cancelled: AbortSignal;
  readonly #timeUp: AbortSignal;
  readonly #signal: AbortSignal;
  readonly #messages: MessageParam[];
  readonly #tools: readonly Tool[];
  #turn = 0;
  #repairs = 0;
  #reminders = 0;
  #continuations = 0;
  #used: TokenUsage = noTokens;
  #spent: MicroDollars = microDollars(0);

  constructor(options: SessionOptions<T>, signal: AbortSignal) {
    this.#options = options;
    this.#cancelled = signal;
    this.#timeUp =
      options.limits.milliseconds > 0
        ? AbortSignal.timeout(Math.min(Math.ceil(options.limits.milliseconds), LONGEST_TIMER_MS))
        : AbortSignal.abort();
    this.#signal = AbortSignal.any([signal, this.#timeUp]);
    this.#messages = [{ role: "user", content: [{ type: "text", text: options.brief, ...cached }] }];
    this.#tools = [...options.tools.declarations, finishTool(options.schema)];
    for (const id of options.modelIds) {
      if (!isPriced(id))
        options.log.warn("the price of this model is unknown; counted as the dearest known one", { model: id });
    }
  }

  get spend(): Spend {
    return { turns: this.#turn, ...this.#used, microDollars: this.#spent };
  }

  async run(): Promise<End<T>> {
    let model = this.#options.modelIds[0];
    const fallbacks = this.#options.modelIds.slice(1);
    for (;;) {
      const stop = this.#interrupted() ?? this.#exhausted();
      if (stop) return stop;
      const startedAt = performance.now();
      const seconds = () => (performance.now() - startedAt) / 1_000;
      const answer = await this.#ask(model);
      if (answer.type === "failed") {
        await this.#recordWaste(model, answer.wasted, seconds());
        const interrupted = this.#interrupted();
        if (interrupted) return interrupted;
        const next = answer.reason === "unreachable" && this.#messages.length === 1 ? fallbacks.shift() : undefined;
        if (next === undefined) return failed(failureCodes[answer.reason], answer.message);
        this.#options.log.warn("falling back to another model", { from: model, to: next });
        model = next;
        continue;
      }
      const { reply, wasted } = answer;
      this.#turn += 1;
      const spend = this.#count(model, addTokens(reply.usage, wasted), 1);
      const tools: ToolRecord[] = [];
      const end = await this.#answer(reply, tools);
      await this.#options.onTurn({
        turn: this.#turn,
        model,
        spend,
        seconds: seconds(),
        text: clip(reply.text, 4_000),
        tools: tools.slice(0, 100),
      });
      if (end) return end;
    }
  }

  #ask(model: string) {
    const { limits, system, model: service } = this.#options;
    const prompt: TextBlockParam[] = [{ type: "text", text: system, ...cached }];
    return service.ask(
      {
        model,
        maxTokens: limits.outputTokens ?? OUTPUT_TOKENS,
        system: prompt,
        tools: this.#tools,
        messages: withMovingBreakpoint(this.#messages),
      },
      {
        signal: this.#signal,
        affordable: (wasted) => this.#spent + price(model, wasted) < limits.microDollars,
      },
    );
  }

  /** Works a whole reply: runs its calls in their order and puts the answers into the conversation. */
  async #answer(reply: ModelReply, records: ToolRecord[]): Promise<End<T> | undefined> {
    if (reply.stopReason === "refusal") {
      return failed("model-refused", `The model declined to go on${reply.text ? `: ${clip(reply.text, 500)}` : "."}`);
    }
    if (reply.stopReason === "model_context_window_exceeded") {
      return failed("token-limit", "The conversation no longer fits the model's context.");
    }
    const cutOff = reply.stopReason === "max_tokens";
    this.#continuations = cutOff ? this.#continuations + 1 : 0;
    if (this.#continuations > MAX_CONTINUATIONS) {
      return failed("token-limit", `${this.#continuations} replies in a row were cut off at their token limit.`);
    }
    const results: ToolResultBlockParam[] = [];
    for (const call of reply.calls) {
      const startedAt = performance.now();
      const outcome = await this.#call(call);
      if (outcome.type === "ended") {
        records.push(recordOf(call, outcome.end.type === "finished", outcome.output, startedAt));
        return outcome.end;
      }
      records.push(recordOf(call, outcome.ok, outcome.output, startedAt));
      const content = outcome.output === "" ? "(no output)" : outcome.output;
      results.push({ type: "tool_result", tool_use_id: call.id, content, ...(outcome.ok ? {} : { is_error: true }) });
    }
    const prompts: string[] = [];
    if (cutOff) prompts.push(CONTINUE);
    else if (results.length === 0) {
      if (this.#reminders >= MAX_REMINDERS) {
        return failed(
          "no-finish",
          `The agent ended its reply without calling finish, also after ${MAX_REMINDERS} reminders.`,
        );
      }
      this.#reminders += 1;
      prompts.push(REMINDER);
    }
    const content = reply.content.length > 0 ? reply.content : [{ type: "text" as const, text: "(no reply)" }];
    this.#messages.push({ role: "assistant", content });
    this.#messages.push({
      role: "user",
      content: [...results, ...prompts.map((text) => ({ type: "text" as const, text }))],
    });
    return undefined;
  }

  async #call(
    call: RequestedCall,
  ): Promise<
    | { readonly type: "answered"; readonly ok: boolean; readonly output: string }
    | { readonly type: "ended"; readonly end: End<T>; readonly output: string }
  > {
    const answered = (ok: boolean, output: string) => ({ type: "answered" as const, ok, output });
    const ended = (end: End<T>, output: string) => ({ type: "ended" as const, end, output });
    if (call.name === FINISH) {
      const read =
        call.problem === undefined
          ? readFinish(this.#options.schema, call.input)
          : { type: "invalid" as const, problems: `- ${call.problem}` };
      if (read.type === "valid") return ended({ type: "finished", value: read.value }, "accepted");
      if (this.#repairs >= MAX_REPAIRS) {
        const message = `The input of finish was invalid ${this.#repairs + 1} times; the last time:\n${read.problems}`;
        return ended(failed("invalid-output", message), read.problems);
      }
      this.#repairs += 1;
      return answered(
        false,
        `The input is not valid, nothing was handed in:\n${read.problems}\nMend this and call finish again.`,
      );
    }
    if (call.problem !== undefined) return answered(false, `${call.problem} Send it again, whole.`);
    const names = this.#tools.map(({ name }) => name);
    if (!names.includes(call.name)) {
      return answered(false, `There is no tool called "${clip(call.name, 100)}". You have: ${names.join(", ")}.`);
    }
    const interrupted = this.#interrupted();
    if (interrupted) return ended(interrupted, "not run");
    try {
      const answer = await this.#options.tools.call({ name: call.name, input: call.input }, this.#signal);
      return answered(answer.ok, answer.output);
    } catch (error) {
      const message = messageOf(error);
      return ended(this.#interrupted() ?? failed("tools-broken", `The tools broke down: ${message}`), message);
    }
  }

  #interrupted(): Extract<End<T>, { type: "failed" }> | undefined {
    if (this.#cancelled.aborted) return failed("cancelled", "The session was cancelled.");
    if (!this.#timeUp.aborted) return undefined;
    return failed(
      "time-limit",
      `The agent did not finish within ${Math.round(this.#options.limits.milliseconds / 1_000)} s.`,
    );
  }

  #exhausted(): End<T> | undefined {
    const { limits } = this.#options;
    if (this.#turn >= limits.turns) {
      return failed("turn-limit", `The agent did not finish within ${limits.turns} turns.`);
    }
    if (this.#spent >= limits.microDollars) {
      const dollars = (amount: number) => `$${(amount / 1_000_000).toFixed(4)}`;
      const message = `${dollars(this.#spent)} are spent of the ${dollars(limits.microDollars)} this attempt may cost.`;
      return failed("budget", message);
    }
    return undefined;
  }

  #count(model: string, usage: TokenUsage, turns: number): Spend {
    const cost = price(model, usage);
    this.#used = addTokens(this.#used, usage);
    this.#spent = microDollars(this.#spent + cost);
    return { turns, ...usage, microDollars: cost };
  }

  /** A request that came to nothing may have cost something; the ledger must say so. */
  async #recordWaste(model: string, wasted: TokenUsage, seconds: number): Promise<void> {
    if (price(model, wasted) === 0) return;
    this.#turn += 1;
    const spend = this.#count(model, wasted, 1);
    await this.#options.onTurn({ turn: this.#turn, model, spend, seconds, text: "(the reply broke off)", tools: [] });
  }
}

const failureCodes = {
  unreachable: "model-unreachable",
  "too-long": "token-limit",
  unaffordable: "budget",
  aborted: "cancelled",
} as const;

function failed(code: Failure["code"], message: string): { readonly type: "failed"; readonly failure: Failure } {
  return { type: "failed", failure: { code, message: clip(message, 2_000) } };
}

function recordOf(call: RequestedCall, ok: boolean, output: string, startedAt: number): ToolRecord {
  return {
    name: clip(call.name, 100),
    input: clip(JSON.stringify(call.input) ?? "", 2_000),
    ok,
    output: clip(output, 2_000),
    seconds: (performance.now() - startedAt) / 1_000,
  };
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
