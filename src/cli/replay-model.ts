// The model of a recorded run: every attempt of every unit is given what was said in it, in its own order, whoever works beside it.
import type { ContentBlockParam } from "@anthropic-ai/sdk/resources/messages/messages";
import type { Model, ModelAnswer, RequestedCall } from "../agents/model.ts";
import { addTokens, noTokens, type TokenUsage } from "../agents/prices.ts";
import { readExchanges } from "../agents/transcript.ts";
import { wasNotDone } from "../agents/own-tools.ts";
import { BatonError } from "../core/errors.ts";
import { eventInWords } from "../engine/agree.ts";
import type { EventOf, Failure, RecordedEvent } from "../engine/events.ts";
import type { AgentEvents, AgentResult } from "../engine/ports.ts";
import type { Pace } from "./replay-pace.ts";
import { wasCut } from "./replay-recorded.ts";

type Said =
  | { readonly version: number; readonly event: EventOf<"agent.turn"> }
  | { readonly version: number; readonly event: EventOf<"session.started"> };

interface Attempt {
  readonly stage: string;
  readonly attempt: number;
}

const broken = { "tools-broken": "its tools broke down", "workspace-gone": "its files had not been kept" };

/** What was said in one attempt. Its agent tells it of the conversations it begins. */
export class Voice {
  readonly #of: Attempt;
  readonly #said: readonly Said[];
  readonly #pace: Pace;
  #at = 0;
  /** Conversations that the agent has begun. */
  #session = 0;
  #tell: AgentEvents | undefined;
  #ended = new AbortController();
  #failure: Failure | undefined;

  constructor(of: Attempt, said: readonly Said[], pace: Pace) {
    this.#of = of;
    this.#said = said;
    this.#pace = pace;
  }

  /** An agent begins to work, or goes on. */
  begin(tell: AgentEvents): AbortSignal {
    this.#tell = tell;
    this.#ended = new AbortController();
    return this.#ended.signal;
  }

  /** A conversation of this number has begun. */
  spoke(session: number): void {
    this.#session = session;
  }

  /** How the recorded attempt ended, where that is not made again but said again. */
  get result(): AgentResult | undefined {
    return this.#failure && { type: "failed", failure: this.#failure };
  }

  /** The next reply. Where none was recorded, it says so, or the request hangs as it did then. */
  async ask(signal: AbortSignal): Promise<ModelAnswer> {
    this.#pace.arrived(this.#who);
    let wasted: TokenUsage = noTokens;
    for (;;) {
      const next = this.#said[this.#at];
      if (!next) return await this.#unanswered(signal);
      const { version, event } = next;
      if (event.type === "session.started") {
        if (event.session > this.#session) return await this.#renewed(version, event, wasted, signal);
        this.#at += 1;
      } else if (!event.exchange) {
        wasted = addTokens(wasted, tokensOf(event));
        this.#at += 1;
      } else {
        // What the tools of a turn record themselves comes before the turn.
        const first = wasCut(event) ? version : (this.#pace.nextOf(this.#of.stage)?.version ?? version);
        await this.#pace.saidBefore(Math.min(first, version), this.#who, signal);
        // Also what was ended then: it had happened.
        if (signal.aborted && !wasCut(event)) return failed("aborted", "aborted", wasted);
        this.#at += 1;
        if (event.tools.some(({ output }) => wasNotDone(output))) {
          const why = `git, the disk or the log broke then under a tool of ${this.#of.stage}; here nothing broke`;
          this.#pace.stop(version, why);
          return await this.#hang(signal);
        }
        if (wasCut(event)) return await this.#cut(version, event, signal);
        return replyOf(this.#pace.commits.inNow(event), wasted);
      }
    }
  }

  /** What a summary cost; what it said is in no turn. */
  sumUp(): ModelAnswer {
    const next = this.#said[this.#at];
    if (next?.event.type !== "agent.turn" || next.event.exchange) return failed("away", "a replay has no summary");
    this.#at += 1;
    return replyOf(next.event, noTokens);
  }

  get #who(): string {
    return `${this.#of.stage}/${this.#of.attempt}`;
  }

  /** Another conversation was begun here: because of the model when it was too long for it, or away. */
  async #renewed(
    version: number,
    { why, session }: EventOf<"session.started">,
    wasted: TokenUsage,
    signal: AbortSignal,
  ): Promise<ModelAnswer> {
    if (why === "too-long") return failed("too-long", "as it was recorded", wasted);
    if (why === "other-model") return failed("away", "as it was recorded", wasted);
    const { stage, attempt } = this.#of;
    if (why === "tools-broken" || why === "workspace-gone")
      this.#pace.stop(version, `${stage} began another conversation then because ${broken[why]}; here nothing broke`);
    this.#pace.differs(version, {
      expected: `another request of ${stage} in conversation ${this.#session}`,
      recorded: `session.started ${stage} ${attempt}: conversation ${session} (${why})`,
    });
    return await this.#hang(signal);
  }

  /** No reply is left in the log. */
  async #unanswered(signal: AbortSignal): Promise<ModelAnswer> {
    const [next] = this.#pace.comingOf(this.#of.stage);
    const event = next?.event;
    if (next && event?.type === "agent.failed" && event.attempt === this.#of.attempt) {
      this.#fail(event.failure);
      return failed("aborted", "as it was recorded", noTokens);
    }
    if (next && event?.type === "agent.finished" && event.attempt === this.#of.attempt)
      this.#pace.differs(next.version, {
        expected: `another request of ${this.#of.stage}: its agent has not handed in`,
        recorded: eventInWords(event),
      });
    return await this.#hang(signal);
  }

  /** A reply whose tools were ended in the middle: what is known of it is recorded, nothing of it is done. */
  async #cut(version: number, event: EventOf<"agent.turn">, signal: AbortSignal): Promise<ModelAnswer> {
    const { type: _, stage, attempt: _attempt, ...turn } = event;
    const after = this.#said[this.#at]?.event;
    if (after?.type === "session.started") {
      this.#pace.stop(
        version,
        `the tools of ${stage} broke down in the middle of turn ${turn.turn} then; how they left its files is not in the log`,
      );
      return await this.#hang(signal);
    }
    await this.#tell?.turn(turn);
    return await this.#unanswered(signal);
  }

  #fail(failure: Failure): void {
    this.#failure = failure;
    this.#ended.abort(new Error("as it was recorded"));
  }

  /** Whoever hears nothing is ended by somebody else, or nothing is known of what came. */
  async #hang(signal: AbortSignal): Promise<ModelAnswer> {
    await this.#pace.forever(this.#who, signal);
    return failed("aborted", "the reply to this request was never recorded", noTokens);
  }
}

export interface RecordedModel extends Model {
  /** What was said in an attempt. */
  voice(of: Attempt): Voice;
}

/** The model of a log. `events`: without what was begun anew. */
export function recordedModel(events: readonly Pick<RecordedEvent, "version" | "event">[], pace: Pace): RecordedModel {
  const voices = new Map<string, Voice>();
  const voice = ({ stage, attempt }: Attempt): Voice => {
    const key = `${stage}/${attempt}`;
    const known = voices.get(key) ?? new Voice({ stage, attempt }, saidIn(events, { stage, attempt }), pace);
    voices.set(key, known);
    return known;
  };
  return {
    voice,
    of: (attempt) => ({
      warm: () => Promise.resolve(),
      // A summary is asked for without tools.
      ask: ({ tools }, { signal }) =>
        tools.length === 0 ? Promise.resolve(voice(attempt).sumUp()) : voice(attempt).ask(signal),
    }),
    warm: () => Promise.resolve(),
    ask: () => Promise.reject(new BatonError("unscripted-call", "a recorded model is asked by its agents only")),
  };
}

function saidIn(events: readonly Pick<RecordedEvent, "version" | "event">[], { stage, attempt }: Attempt): Said[] {
  return events.flatMap(({ version, event }): Said[] => {
    if (!("attempt" in event) || event.stage !== stage || event.attempt !== attempt) return [];
    if (event.type === "agent.turn") return [{ version, event }];
    return event.type === "session.started" ? [{ version, event }] : [];
  });
}

function tokensOf({ spend }: EventOf<"agent.turn">): TokenUsage {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = spend;
  return { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens };
}

function failed(reason: "away" | "too-long" | "aborted", message: string, wasted: TokenUsage = noTokens): ModelAnswer {
  return { type: "failed", reason, message, wasted };
}

function replyOf(turn: EventOf<"agent.turn">, wasted: TokenUsage): ModelAnswer {
  const { type: _, stage: _stage, attempt: _attempt, ...rest } = turn;
  const [exchange] = readExchanges("", [rest])?.exchanges ?? [];
  if (turn.exchange && !exchange)
    throw new BatonError("invalid-event", `turn ${turn.turn} of ${turn.stage} holds no reply that can be said again`);
  const content: ContentBlockParam[] = exchange?.reply ?? [{ type: "text", text: turn.text }];
  const calls = content.flatMap((block): RequestedCall[] =>
    block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input, problem: undefined }] : [],
  );
  return {
    type: "reply",
    wasted,
    reply: {
      content,
      text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n"),
      calls,
      stopReason: exchange?.stopReason ?? "end_turn",
      usage: tokensOf(turn),
    },
  };
}
