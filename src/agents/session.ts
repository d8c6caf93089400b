// One conversation of one agent with one model, from its opening, or from where an earlier process left it, to `finish`, to a named
// failure, or to a trouble for which `recovery.ts` knows a remedy.
//
// The loop: *check the limits → ask the model → run the tools of the reply → record the turn*, until one of these ends it:
//   finish with valid input        finished; no further request is sent
//   finish with invalid input      told why and asked again, twice; the third time it is a trouble
//   a reply without any call       reminded, twice; then a trouble
//   a reply cut at its token limit told to go on, twice in a row; then `token-limit`
//   a limit                        `turn-limit`, `budget`, `time-limit`, checked before each request
//   the model, the tool process    a trouble
//   the signal                     `cancelled`, at once inside a reply, and inside a tool too unless the work is only parked:
//                                  then the tool may end within the grace, and the turn is recorded before the end
//
// The SDK's own tool runner is not used: it repairs tool input that was cut off and runs it, it sends one more paid request
// after `finish` unless stopped by hand, and a failed request ends its loop, where the policy of retries is Baton's.
import type {
  ContentBlockParam,
  MessageParam,
  TextBlockParam,
  Tool,
  ToolResultBlockParam,
} from "@anthropic-ai/sdk/resources/messages/messages";
import type { z } from "zod";
import { messageOf } from "../core/errors.ts";
import { parkingOf } from "../core/parking.ts";
import type { Failure } from "../engine/events.ts";
import type { Turn } from "../engine/ports.ts";
import { clip } from "./clip.ts";
import { FINISH, finishTool, readFinish } from "./finish.ts";
import type { Meter } from "./meter.ts";
import type { Model, ModelReply, RequestedCall } from "./model.ts";
import { addTokens, price, type TokenUsage } from "./prices.ts";
import type { Trouble, TroubleKind } from "./recovery.ts";
import { messagesOf, repairsIn, storable, touches, type Sent } from "./transcript.ts";

export interface SessionTools {
  readonly declarations: readonly Tool[];
  /** Runs one call. A failing tool is an answer with `ok: false`; a throw means that the tool process is gone. */
  call(
    call: { readonly name: string; readonly input: unknown },
    signal: AbortSignal,
  ): Promise<{ readonly ok: boolean; readonly output: string }>;
  /** The tools of this turn may change the work tree from now on. What it throws ends the session by that throw. */
  begin?(turn: number, signal: AbortSignal): Promise<void>;
  /** That turn is in the log. What it throws ends the session by that throw. */
  recorded?(turn: number): Promise<void>;
  /** Makes the tools anew, on a fresh copy of the files. */
  renew?(): Promise<void>;
}

export const noTools: SessionTools = {
  declarations: [],
  call: ({ name }) => Promise.resolve({ ok: false, output: `There is no tool called "${name}".` }),
};

export interface SessionOptions<T> {
  readonly model: Model;
  readonly modelId: string;
  readonly system: string;
  /** The first user message. */
  readonly opening: string;
  /** What was said since, when the conversation began in an earlier process. */
  readonly exchanges?: readonly Sent[];
  /** Said at the end of what was said so far. */
  readonly note?: string | undefined;
  readonly schema: z.ZodType<T>;
  readonly tools: SessionTools;
  readonly meter: Meter;
  /** Output tokens of one reply. */
  readonly outputTokens?: number | undefined;
  /** Follows the session's signal, later when the work is only parked: for its tools. */
  readonly graceful: AbortSignal;
  /** Awaited after every reply and its tools. What it throws ends the session by that throw. */
  readonly onTurn: (turn: Turn) => Promise<void>;
}

export type SessionEnd<T> =
  | { readonly type: "finished"; readonly value: T }
  | { readonly type: "failed"; readonly failure: Failure }
  | { readonly type: "trouble"; readonly trouble: Trouble };

const MAX_REPAIRS = 2;
const MAX_REMINDERS = 2;
const MAX_CONTINUATIONS = 2;
const OUTPUT_TOKENS = 16_000;
const cached = { cache_control: { type: "ephemeral" as const } };

const REMINDER = `You ended your reply without calling \`${FINISH}\`. If your work is done, or you are sure that it cannot be done, call \`${FINISH}\` now; otherwise go on with the tools.`;
const CONTINUE = "Your reply reached its length limit and was cut off. Go on from where you stopped, in smaller steps.";
const INTERRUPTED = "Baton was stopped while this ran, and ended it. What it had changed by then is still there.";
const NOT_RUN = "Not run: Baton was stopped before. Call it again if it is still wanted.";

/** Runs a session to its end. Throws only what `onTurn` and the tools' `begin` and `recorded` throw. */
export async function runSession<T>(options: SessionOptions<T>, signal: AbortSignal): Promise<SessionEnd<T>> {
  return await new Session(options, signal).run();
}

type ToolRecord = Turn["tools"][number];
type Outcome<T> =
  | { readonly type: "answered"; readonly ok: boolean; readonly output: string }
  | { readonly type: "ended"; readonly end: SessionEnd<T>; readonly output: string };

class Session<T> {
  readonly #options: SessionOptions<T>;
  readonly #cancelled: AbortSignal;
  /** For requests. */
  readonly #signal: AbortSignal;
  /** For tools. */
  readonly #toolSignal: AbortSignal;
  readonly #messages: MessageParam[];
  readonly #tools: readonly Tool[];
  #repairs: number;
  #reminders: number;
  #continuations: number;

  constructor(options: SessionOptions<T>, signal: AbortSignal) {
    const { meter, opening, exchanges = [], note } = options;
    this.#options = options;
    this.#cancelled = signal;
    this.#signal = AbortSignal.any([signal, meter.timeUp]);
    this.#toolSignal = AbortSignal.any([options.graceful, meter.timeUp]);
    this.#messages = withNote(
      [{ role: "user", content: [{ type: "text", text: opening, ...cached }] }, ...messagesOf(exchanges)],
      note,
    );
    this.#tools = [...options.tools.declarations, finishTool(options.schema)];
    const answered = exchanges.filter(({ answer }) => answer !== undefined);
    this.#repairs = answered.reduce((sum, exchange) => sum + repairsIn(exchange), 0);
    this.#reminders = answered.filter(({ answer }) => answer?.some((block) => isText(block, REMINDER))).length;
    const notCut = answered.toReversed().findIndex(({ stopReason }) => stopReason !== "max_tokens");
    this.#continuations = notCut === -1 ? answered.length : notCut;
  }

  async run(): Promise<SessionEnd<T>> {
    const { meter, modelId, onTurn, tools } = this.#options;
    const left = this.#left();
    if (left) return left;
    for (;;) {
      const stop = meter.stop(this.#cancelled);
      if (stop) return { type: "failed", failure: stop };
      const startedAt = performance.now();
      const seconds = () => (performance.now() - startedAt) / 1_000;
      const answer = await this.#ask();
      if (answer.type === "failed") {
        await recordWaste(this.#options, answer.wasted, seconds());
        const interrupted = meter.interrupted(this.#cancelled);
        if (interrupted) return { type: "failed", failure: interrupted };
        const { reason, message, waitMs } = answer;
        if (reason === "unaffordable") return failed("budget", message);
        if (reason === "aborted") return failed("cancelled", message);
        return trouble(reason, message, waitMs === undefined ? undefined : Date.now() + waitMs);
      }
      const { reply, wasted } = answer;
      const { turn, spend } = meter.count(modelId, addTokens(reply.usage, wasted));
      const touched = touches(reply.content);
      if (touched) await tools.begin?.(turn, this.#toolSignal);
      const records: ToolRecord[] = [];
      const end = await this.#answer(reply, records);
      const said = end ? undefined : this.#messages.at(-1)?.content;
      await onTurn({
        turn,
        model: modelId,
        spend,
        seconds: seconds(),
        text: clip(reply.text, 4_000),
        tools: records.slice(0, 100),
        exchange: {
          reply: storable(contentOf(reply)),
          stopReason: reply.stopReason,
          ...(Array.isArray(said) ? { answer: storable(said) } : {}),
        },
      });
      if (touched) await tools.recorded?.(turn);
      if (end) return end;
    }
  }

  /** How the conversation had ended, when its last reply was recorded and what came of it was not. */
  #left(): SessionEnd<T> | undefined {
    const last = this.#options.exchanges?.at(-1);
    if (!last || last.answer) return undefined;
    const calls = last.reply.flatMap((block) => (block.type === "tool_use" ? [block] : []));
    const ended = this.#endedBy({ stopReason: last.stopReason, text: "" });
    if (ended) return ended;
    const finish = calls.find(({ name }) => name === FINISH);
    if (finish) {
      const read = readFinish(this.#options.schema, finish.input);
      return read.type === "valid"
        ? { type: "finished", value: read.value }
        : trouble("invalid-output", this.#invalid(read.problems));
    }
    return calls.length === 0 ? this.#noFinish() : trouble("tools-broken", "The tools broke down.");
  }

  #ask() {
    const { outputTokens, system, model, modelId, meter } = this.#options;
    const prompt: TextBlockParam[] = [{ type: "text", text: system, ...cached }];
    return model.ask(
      {
        model: modelId,
        maxTokens: outputTokens ?? OUTPUT_TOKENS,
        system: prompt,
        tools: this.#tools,
        messages: withMovingBreakpoint(this.#messages),
      },
      { signal: this.#signal, affordable: (wasted) => meter.affords(modelId, wasted) },
    );
  }

  /** Whether a reply ends the conversation whatever it calls. */
  #endedBy({ stopReason, text }: Pick<ModelReply, "stopReason" | "text">): SessionEnd<T> | undefined {
    if (stopReason === "refusal")
      return trouble("refused", `The model declined to go on${text ? `: ${clip(text, 500)}` : "."}`);
    if (stopReason === "model_context_window_exceeded")
      return trouble("too-long", "The conversation no longer fits the model's context.");
    this.#continuations = stopReason === "max_tokens" ? this.#continuations + 1 : 0;
    if (this.#continuations <= MAX_CONTINUATIONS) return undefined;
    return failed("token-limit", `${this.#continuations} replies in a row were cut off at their token limit.`);
  }

  /** Works a whole reply: runs its calls in their order and puts the answers into the conversation. */
  async #answer(reply: ModelReply, records: ToolRecord[]): Promise<SessionEnd<T> | undefined> {
    const ended = this.#endedBy(reply);
    if (ended) return ended;
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
    if (reply.stopReason === "max_tokens") prompts.push(CONTINUE);
    else if (results.length === 0) {
      if (this.#reminders >= MAX_REMINDERS) return this.#noFinish();
      this.#reminders += 1;
      prompts.push(REMINDER);
    }
    this.#messages.push({ role: "assistant", content: contentOf(reply) });
    this.#messages.push({
      role: "user",
      content: [...results, ...prompts.map((text) => ({ type: "text" as const, text }))],
    });
    return undefined;
  }

  async #call(call: RequestedCall): Promise<Outcome<T>> {
    if (call.name === FINISH) return this.#finish(call);
    if (call.problem !== undefined) return answered(false, `${call.problem} Send it again, whole.`);
    const names = this.#tools.map(({ name }) => name);
    if (!names.includes(call.name)) {
      return answered(false, `There is no tool called "${clip(call.name, 100)}". You have: ${names.join(", ")}.`);
    }
    const parked = () => parkingOf(this.#cancelled) !== undefined && !this.#options.meter.timeUp.aborted;
    if (parked()) return answered(false, NOT_RUN);
    const interrupted = this.#options.meter.interrupted(this.#cancelled);
    if (interrupted) return { type: "ended", end: { type: "failed", failure: interrupted }, output: "not run" };
    try {
      const answer = await this.#options.tools.call({ name: call.name, input: call.input }, this.#toolSignal);
      return answered(answer.ok, answer.output);
    } catch (error) {
      if (parked()) return answered(false, INTERRUPTED);
      const failure = this.#options.meter.interrupted(this.#cancelled);
      const output = messageOf(error);
      const broken = trouble("tools-broken", `The tools broke down: ${output}`);
      return { type: "ended", end: failure ? { type: "failed", failure } : broken, output };
    }
  }

  #finish(call: RequestedCall): Outcome<T> {
    const read =
      call.problem === undefined
        ? readFinish(this.#options.schema, call.input)
        : { type: "invalid" as const, problems: `- ${call.problem}` };
    if (read.type === "valid")
      return { type: "ended", end: { type: "finished", value: read.value }, output: "accepted" };
    if (this.#repairs >= MAX_REPAIRS)
      return { type: "ended", end: trouble("invalid-output", this.#invalid(read.problems)), output: read.problems };
    this.#repairs += 1;
    return answered(
      false,
      `The input is not valid, nothing was handed in:\n${read.problems}\nMend this and call finish again.`,
    );
  }

  #invalid(problems: string): string {
    return `The input of finish was invalid ${this.#repairs + 1} times; the last time:\n${problems}`;
  }

  #noFinish(): SessionEnd<T> {
    return trouble(
      "no-finish",
      `The agent ended its reply without calling finish, also after ${MAX_REMINDERS} reminders.`,
    );
  }
}

/** Records what a request used that came to nothing: the ledger must say so. */
export async function recordWaste(
  { meter, modelId, onTurn }: Pick<SessionOptions<unknown>, "meter" | "modelId" | "onTurn">,
  wasted: TokenUsage,
  seconds: number,
): Promise<void> {
  if (price(modelId, wasted) === 0) return;
  const { turn, spend } = meter.count(modelId, wasted);
  await onTurn({ turn, model: modelId, spend, seconds, text: "(the reply broke off)", tools: [] });
}

function answered(ok: boolean, output: string): Extract<Outcome<never>, { type: "answered" }> {
  return { type: "answered", ok, output };
}

function failed(code: Failure["code"], message: string): Extract<SessionEnd<never>, { type: "failed" }> {
  return { type: "failed", failure: { code, message: clip(message, 2_000) } };
}

function trouble(kind: TroubleKind, message: string, until?: number): Extract<SessionEnd<never>, { type: "trouble" }> {
  return { type: "trouble", trouble: { kind, message: clip(message, 2_000), until } };
}

function contentOf({ content }: ModelReply): ContentBlockParam[] {
  return content.length > 0 ? content : [{ type: "text", text: "(no reply)" }];
}

function isText(block: { readonly type: string; readonly text?: string }, text: string): boolean {
  return block.type === "text" && block.text === text;
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

/** Adds a note to the last message, which is a user's. */
function withNote(messages: MessageParam[], text: string | undefined): MessageParam[] {
  const last = messages.at(-1);
  if (text === undefined || last?.role !== "user" || typeof last.content === "string") return messages;
  return messages.with(-1, { ...last, content: [...last.content, { type: "text", text }] });
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
