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
import type { MessageParam, Tool, ToolResultBlockParam } from "@anthropic-ai/sdk/resources/messages/messages";
import type { z } from "zod";
import { messageOf } from "../core/errors.ts";
import { parkingOf } from "../core/parking.ts";
import type { Turn } from "../engine/ports.ts";
import type { Steering } from "../engine/state.ts";
import { type AskingOptions, askModel, contentOf, openingMessages } from "./asking.ts";
import { clip } from "./clip.ts";
import { sinceCommand } from "./commanded.ts";
import { FINISH, finishTool } from "./finish.ts";
import type { ModelReply, RequestedCall } from "./model.ts";
import { endedByStop, failed, HandingIn, type SessionEnd, trouble } from "./session-end.ts";
import type { ToolAnswer as HandsAnswer } from "../hands/sandbox.ts";
import { steer } from "./steering.ts";
import { storable, touches, withText, type Sent } from "./transcript.ts";

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

export interface ToolAnswer extends HandsAnswer {
  /** How long it ran, where the tools know better than who waited for it. */
  readonly seconds?: number | undefined;
}

export interface SessionTools {
  readonly declarations: readonly Tool[];
  /** Runs one call. A failing tool is an answer with `ok: false`; a throw means that the tool process is gone. */
  call(call: ToolCall, signal: AbortSignal): Promise<ToolAnswer>;
  /** Told of all the calls of a reply that `call` is about to be asked for, by tools that run them together. */
  take?(calls: readonly ToolCall[], text: string): void;
  /** The tools of this turn may change the work tree from now on. What it throws ends the session by that throw. */
  begin?(turn: number, signal: AbortSignal): Promise<void>;
  /** That turn is in the log. What it throws ends the session by that throw. */
  recorded?(turn: number): Promise<void>;
  /**
   * Throws what broke outside the tools while a turn's calls ran, once the turn with their answers is in the log: the agent is not
   * to blame, and whoever goes on has lost nothing. It ends the session by that throw.
   */
  rethrow?(): void;
  /** Makes the tools anew, on a fresh copy of the files. */
  renew?(): Promise<void>;
  /** True for tools that work elsewhere: they cannot change the work tree. */
  readonly elsewhere?: (name: string) => boolean;
}

export const noTools: SessionTools = {
  declarations: [],
  call: ({ name }) => Promise.resolve({ ok: false, output: `There is no tool called "${name}".` }),
};

export interface SessionOptions<T> extends AskingOptions {
  /** The first user message. */
  readonly opening: string;
  /** What was said since, when the conversation began in an earlier process. */
  readonly exchanges?: readonly Sent[];
  /** Said at the end of what was said so far. */
  readonly note?: string | undefined;
  /** What people have told the run by then. */
  readonly steering?: (() => readonly Steering[]) | undefined;
  /** How many of these words the opening holds. Default none. */
  readonly heard?: number | undefined;
  readonly schema: z.ZodType<T>;
  readonly tools: SessionTools;
  /** Follows the session's signal, later when the work is only parked: for its tools. */
  readonly graceful: AbortSignal;
}

const MAX_CONTINUATIONS = 2;

const CONTINUE = "Your reply reached its length limit and was cut off. Go on from where you stopped, in smaller steps.";
const INTERRUPTED = "Baton was stopped while this ran, and ended it. What it had changed by then is still there.";
const NOT_RUN = "Not run: Baton was stopped before. Call it again if it is still wanted.";

/** Whether a call was answered so because Baton stopped while it ran, or before. */
export function wasCutShort(output: string): boolean {
  return output === INTERRUPTED || output === NOT_RUN;
}

/** Runs a session to its end. Throws only what `onTurn` and the tools' `begin` and `recorded` throw. */
export async function runSession<T>(options: SessionOptions<T>, signal: AbortSignal): Promise<SessionEnd<T>> {
  return await new Session(options, signal).run();
}

type ToolRecord = Turn["tools"][number];
type Outcome<T> =
  | ({ readonly type: "answered" } & ToolAnswer)
  | { readonly type: "ended"; readonly end: SessionEnd<T>; readonly output: string };

class Session<T> {
  readonly #options: SessionOptions<T>;
  readonly #cancelled: AbortSignal;
  /** For tools. */
  readonly #toolSignal: AbortSignal;
  #messages: MessageParam[];
  readonly #tools: readonly Tool[];
  readonly #handingIn: HandingIn<T>;
  #continuations: number;
  /** How many of the words that people told the run have been said. */
  #heard: number;
  /** The calls of this reply were handed over together. */
  #taken = false;

  constructor(options: SessionOptions<T>, signal: AbortSignal) {
    const { meter, opening, exchanges = [], note } = options;
    this.#options = options;
    this.#cancelled = signal;
    this.#toolSignal = AbortSignal.any([options.graceful, meter.timeUp]);
    this.#messages = openingMessages(opening, exchanges, note);
    this.#heard = exchanges.findLast(({ steered }) => steered)?.steered?.heard ?? options.heard ?? 0;
    this.#tools = [...options.tools.declarations, finishTool(options.schema)];
    const answered = sinceCommand(exchanges).filter(({ answer }) => answer !== undefined);
    this.#handingIn = new HandingIn(options.schema, answered);
    const notCut = answered.toReversed().findIndex(({ stopReason }) => stopReason !== "max_tokens");
    this.#continuations = notCut === -1 ? answered.length : notCut;
  }

  async run(): Promise<SessionEnd<T>> {
    const { modelId, onTurn, tools } = this.#options;
    const left = this.#left();
    if (left) return left;
    for (;;) {
      const startedAt = performance.now();
      const heard = this.#hear();
      const asked = await askModel(this.#options, { messages: this.#messages, tools: this.#tools }, this.#cancelled);
      if (asked.type === "ended") return asked.end;
      const { reply, turn, spend } = asked;
      const touched = touches(reply.content, tools.elsewhere);
      if (touched) await tools.begin?.(turn, this.#toolSignal);
      const records: ToolRecord[] = [];
      const end = await this.#answer(reply, records);
      const said = end ? undefined : this.#messages.at(-1)?.content;
      await onTurn({
        turn,
        model: modelId,
        spend,
        seconds: (performance.now() - startedAt) / 1_000,
        text: clip(reply.text, 4_000),
        tools: records.slice(0, 100),
        exchange: {
          reply: storable(contentOf(reply)),
          stopReason: reply.stopReason,
          ...(Array.isArray(said) ? { answer: storable(said) } : {}),
        },
        ...heard,
      });
      if (touched) await tools.recorded?.(turn);
      tools.rethrow?.();
      if (end) return end;
    }
  }

  /** Says what people have told the run since; what the turn that replies to it records of that. */
  #hear(): Pick<Turn, "heard"> {
    const { steering, opening } = this.#options;
    const steered = steer(steering?.() ?? [], this.#heard, opening);
    if (!steered) return {};
    this.#messages = withText(this.#messages, steered.text);
    this.#heard = steered.heard;
    return { heard: steered.heard };
  }

  /** How the conversation had ended, when its last reply was recorded and what came of it was not. */
  #left(): SessionEnd<T> | undefined {
    const last = this.#options.exchanges?.at(-1);
    if (!last || last.answer) return undefined;
    return this.#endedBy({ stopReason: last.stopReason, text: "" }) ?? this.#handingIn.left(last);
  }

  /** Whether a reply ends the conversation whatever it calls. */
  #endedBy(reply: Pick<ModelReply, "stopReason" | "text">): SessionEnd<T> | undefined {
    const ended = endedByStop(reply);
    if (ended) return ended;
    this.#continuations = reply.stopReason === "max_tokens" ? this.#continuations + 1 : 0;
    if (this.#continuations <= MAX_CONTINUATIONS) return undefined;
    return failed("token-limit", `${this.#continuations} replies in a row were cut off at their token limit.`);
  }

  /** Works a whole reply: runs its calls in their order and puts the answers into the conversation. */
  async #answer(reply: ModelReply, records: ToolRecord[]): Promise<SessionEnd<T> | undefined> {
    const ended = this.#endedBy(reply);
    if (ended) return ended;
    const results: ToolResultBlockParam[] = [];
    this.#hand(reply);
    for (const call of reply.calls) {
      const startedAt = performance.now();
      const outcome = await this.#call(call);
      if (outcome.type === "ended") {
        records.push(recordOf(call, { ok: outcome.end.type === "finished", output: outcome.output }, startedAt));
        return outcome.end;
      }
      records.push(recordOf(call, outcome, startedAt));
      const content = outcome.output === "" ? "(no output)" : outcome.output;
      results.push({ type: "tool_result", tool_use_id: call.id, content, ...(outcome.ok ? {} : { is_error: true }) });
    }
    const prompts: string[] = [];
    if (reply.stopReason === "max_tokens") prompts.push(CONTINUE);
    else if (results.length === 0) {
      const reminder = this.#handingIn.remind();
      if (typeof reminder !== "string") return reminder;
      prompts.push(reminder);
    }
    this.#messages.push({ role: "assistant", content: contentOf(reply) });
    this.#messages.push({
      role: "user",
      content: [...results, ...prompts.map((text) => ({ type: "text" as const, text }))],
    });
    return undefined;
  }

  /** Hands the calls of a reply over together, to tools that run them so. */
  #hand({ calls, text }: ModelReply): void {
    const { tools, meter } = this.#options;
    this.#taken = tools.take !== undefined && meter.interrupted(this.#cancelled) === undefined;
    if (!this.#taken) return;
    const runnable = calls.filter((call) => call.name !== FINISH && this.#refusal(call) === undefined);
    if (runnable.length > 0) tools.take?.(runnable, text);
  }

  async #call(call: RequestedCall): Promise<Outcome<T>> {
    if (call.name === FINISH) return this.#finish(call);
    const refusal = this.#refusal(call);
    if (refusal !== undefined) return answered(false, refusal);
    const { tools, meter } = this.#options;
    const parked = () => parkingOf(this.#cancelled) !== undefined && !meter.timeUp.aborted;
    // What was taken with the others is under way, or has run.
    if (parked() && !this.#taken) return answered(false, NOT_RUN);
    const interrupted = meter.interrupted(this.#cancelled);
    if (interrupted && !parked())
      return { type: "ended", end: { type: "failed", failure: interrupted }, output: "not run" };
    try {
      const { id, name, input } = call;
      return { type: "answered", ...(await tools.call({ id, name, input }, this.#toolSignal)) };
    } catch (error) {
      if (parked()) return answered(false, INTERRUPTED);
      const failure = meter.interrupted(this.#cancelled);
      const output = messageOf(error);
      const broken = trouble("tools-broken", `The tools broke down: ${output}`);
      return { type: "ended", end: failure ? { type: "failed", failure } : broken, output };
    }
  }

  /** Why a call is not run, told to the model. */
  #refusal({ name, problem }: RequestedCall): string | undefined {
    if (problem !== undefined) return `${problem} Send it again, whole.`;
    const names = this.#tools.map((tool) => tool.name);
    if (names.includes(name)) return undefined;
    return `There is no tool called "${clip(name, 100)}". You have: ${names.join(", ")}.`;
  }

  #finish(call: RequestedCall): Outcome<T> {
    const handed = this.#handingIn.take(call);
    if (handed.type === "refused") return answered(false, handed.answer);
    return handed.type === "accepted"
      ? { type: "ended", end: { type: "finished", value: handed.value }, output: "accepted" }
      : { type: "ended", end: handed.end, output: handed.answer };
  }
}

function answered(ok: boolean, output: string): Extract<Outcome<never>, { type: "answered" }> {
  return { type: "answered", ok, output };
}

function recordOf(call: RequestedCall, { ok, output, seconds = 0 }: ToolAnswer, startedAt: number): ToolRecord {
  return {
    name: clip(call.name, 100),
    input: clip(JSON.stringify(call.input) ?? "", 2_000),
    ok,
    output: clip(output, 2_000),
    seconds: seconds || (performance.now() - startedAt) / 1_000,
  };
}
