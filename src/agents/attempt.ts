// One attempt of one agent: its conversations one after the other, each until it ends or `recovery.ts` has another begun.
// Turns are numbered through, limits hold for all conversations together, and every turn and every beginning is told to the log
// before the work goes on.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { z } from "zod";
import type { Log } from "../core/log.ts";
import { withGrace } from "../core/parking.ts";
import type { Failure, Spend } from "../engine/events.ts";
import type { AgentEvents, AgentResult, SessionStart, Turn } from "../engine/ports.ts";
import type { Steering } from "../engine/state.ts";
import { fleetToolNames } from "../workflows/schema.ts";
import { recordWaste } from "./asking.ts";
import type { Circuits } from "./circuits.ts";
import { Meter, type SessionLimits } from "./meter.ts";
import type { Model } from "./model.ts";
import type { ModelIds } from "./models.ts";
import { isPriced } from "./prices.ts";
import { remedy, type Remedy, type Trouble, type TroubleKind } from "./recovery.ts";
import { runSession, type SessionOptions, type SessionTools } from "./session.ts";
import type { SessionEnd } from "./session-end.ts";
import { renewedOpening, summaryRequest } from "./summary.ts";
import { storable, type Sent } from "./transcript.ts";

/** A task in words; `heard`: how many of the words that people told the run are among them. */
export interface Brief {
  readonly text: string;
  readonly heard: number;
}

/** A conversation of the attempt. Its turns without their exchanges, unless an earlier process recorded them. */
export interface Spoken {
  readonly start: SessionStart;
  readonly turns: readonly Turn[];
}

export type Speak<T> = (options: SessionOptions<T>, signal: AbortSignal) => Promise<SessionEnd<T>>;

export interface AttemptOptions<T> {
  /** The agent's name. */
  readonly agent: string;
  readonly model: Model;
  /** The model to use, and what to go on with instead when it is out of reach. */
  readonly modelIds: ModelIds;
  readonly circuits: Circuits;
  readonly system: string;
  /** The task; `share` (0 to 1) says how much of its room each part of it may take. */
  readonly brief: (share: number) => Promise<Brief>;
  /** What people have told the run by then. */
  readonly steering?: (() => readonly Steering[]) | undefined;
  readonly schema: z.ZodType<T>;
  readonly tools: SessionTools;
  /** Those of its tools that come from outside: what was declared of them is recorded. */
  readonly foreign?: readonly Tool[] | undefined;
  /** Holds one conversation to its end; default: with the Messages API, from this process. */
  readonly speak?: Speak<T>;
  readonly limits: SessionLimits;
  /** How often in a row the run has waited before this. */
  readonly waits: number;
  readonly events: AgentEvents;
  readonly log: Log;
  /** What earlier processes recorded: go on with the last of these conversations. */
  readonly from?:
    | {
        readonly spoken: readonly [Spoken, ...Spoken[]];
        /** What was said in the last one. */
        readonly exchanges: readonly Sent[];
        readonly turnsBefore: number;
        readonly note: string | undefined;
        /** Why none of them can be gone on with, though the work goes on: another begins from what is known of them. */
        readonly anew?: string | undefined;
      }
    | undefined;
  /** Milliseconds that a running tool gets to end when the work is parked; default 10 s. */
  readonly graceMs?: number;
}

export type AttemptResult<T> = (
  | { readonly type: "finished"; readonly value: T }
  | { readonly type: "failed"; readonly failure: Failure }
  | Extract<AgentResult, { type: "wait" }>
) & { readonly spend: Spend };

const GRACE_MS = 10_000;
const SUMMARY_TOKENS = 4_000;
const REDUCED_SHARE = 0.2;
/** Troubles that count against the circuit of agent and model. */
const counted: ReadonlySet<TroubleKind> = new Set(["away", "refused", "invalid-output", "no-finish"]);

/** Works an attempt to its end, or until it must wait. Throws only what its events and its tools' bookkeeping throw. */
export async function workAttempt<T>(options: AttemptOptions<T>, signal: AbortSignal): Promise<AttemptResult<T>> {
  const meter = new Meter(options.limits, options.from?.turnsBefore ?? 0);
  using grace = withGrace(signal, options.graceMs ?? GRACE_MS);
  for (const id of options.modelIds) {
    if (!isPriced(id))
      options.log.warn("the price of this model is unknown; counted as the dearest known one", { model: id });
  }
  const result = await new Attempt(options, meter, { signal, graceful: grace.signal }).run();
  return { ...result, spend: meter.spend };
}

type End<T> = Exclude<SessionEnd<T>, { type: "trouble" }> | Extract<Remedy, { type: "wait" }>;

class Attempt<T> {
  readonly #options: AttemptOptions<T>;
  readonly #meter: Meter;
  readonly #signals: { readonly signal: AbortSignal; readonly graceful: AbortSignal };
  readonly #spoken: { readonly start: SessionStart; readonly turns: Turn[] }[];
  /** Models that were tried in vain since the last wait. */
  readonly #tried = new Set<string>();

  constructor(options: AttemptOptions<T>, meter: Meter, signals: { signal: AbortSignal; graceful: AbortSignal }) {
    this.#options = options;
    this.#meter = meter;
    this.#signals = signals;
    this.#spoken = (options.from?.spoken ?? []).map(({ start, turns }) => ({ start, turns: [...turns] }));
  }

  async run(): Promise<End<T>> {
    const { from, log, tools, waits } = this.#options;
    let end = from ? await this.#goOn(from) : await this.#first();
    while (end.type === "trouble") {
      const { trouble } = end;
      const stop = this.#meter.interrupted(this.#signals.signal);
      if (stop) return { type: "failed", failure: stop };
      const model = this.#spoken.at(-1)?.start.model ?? this.#options.modelIds[0];
      this.#tried.add(model);
      const answer = remedy(trouble, {
        now: Date.now(),
        waits,
        model,
        fallback: this.#closed().find((id) => !this.#tried.has(id)),
        sessions: this.#spoken.map(({ start: { why }, turns }) => ({ why, turns: turns.filter(isReply).length })),
      });
      log.warn("a conversation could not go on", {
        model,
        trouble: trouble.kind,
        remedy: answer.type,
        why: trouble.message,
      });
      if (answer.type === "fail") return { type: "failed", failure: answer.failure };
      if (answer.type === "wait") return answer;
      if (answer.why === "tools-broken") await tools.renew?.();
      end = await this.#anew(answer, trouble);
    }
    return end;
  }

  /** The models whose circuit is not open, in their order. */
  #closed(): string[] {
    const { agent, circuits, modelIds } = this.#options;
    return modelIds.filter((id) => circuits.open(agent, id) === undefined);
  }

  async #first(): Promise<SessionEnd<T>> {
    const { modelIds, brief } = this.#options;
    const [usual] = modelIds;
    const [model] = this.#closed();
    const open = model === undefined ? this.#circuitOpen(usual) : undefined;
    return open ?? (await this.#begin(model ?? usual, "first", await brief(1)));
  }

  async #goOn({ exchanges, note, anew }: NonNullable<AttemptOptions<T>["from"]>): Promise<SessionEnd<T>> {
    const last = this.#spoken.at(-1);
    if (!last) throw new Error("there is no conversation to go on with");
    if (anew !== undefined) {
      const { model } = last.start;
      const renewal = { type: "renew", why: "workspace-gone", model, form: "whole" } as const;
      return this.#circuitOpen(model) ?? (await this.#anew(renewal, { kind: "tools-broken", message: anew }));
    }
    // What only has to be handed in asks no model.
    const asks = exchanges.at(-1)?.answer !== undefined || exchanges.length === 0;
    const open = asks ? this.#circuitOpen(last.start.model) : undefined;
    return open ?? (await this.#converse(last, exchanges, note));
  }

  #circuitOpen(model: string): SessionEnd<T> | undefined {
    const { agent, circuits } = this.#options;
    const open = circuits.open(agent, model);
    if (!open) return undefined;
    const message = `The agent ${agent} does not ask ${model} for now: three conversations in a row failed alike (${open.failure}). It is tried again by itself.`;
    return { type: "trouble", trouble: { kind: "circuit-open", message, until: open.until } };
  }

  async #begin(model: string, why: SessionStart["why"], { text: opening, heard }: Brief): Promise<SessionEnd<T>> {
    const { foreign = [] } = this.#options;
    const tools = foreign.length > 0 ? { tools: storable(foreign) } : {};
    const session = (this.#spoken.at(-1)?.start.session ?? 0) + 1;
    const start: SessionStart = { session, model, why, opening, ...tools, ...(heard > 0 ? { heard } : {}) };
    const spoken = { start, turns: [] };
    this.#spoken.push(spoken);
    await this.#options.events.session(start);
    return await this.#converse(spoken, [], undefined);
  }

  async #converse(
    { start: { model: modelId, opening, heard }, turns }: { start: SessionStart; turns: Turn[] },
    exchanges: readonly Sent[],
    note: string | undefined,
  ): Promise<SessionEnd<T>> {
    const { agent, circuits, model, system, schema, tools, limits, steering, speak = runSession } = this.#options;
    const end = await speak(
      {
        model,
        modelId,
        system,
        opening,
        exchanges,
        note,
        steering,
        heard,
        schema,
        tools,
        meter: this.#meter,
        outputTokens: limits.outputTokens,
        graceful: this.#signals.graceful,
        onTurn: (turn) => this.#record(turns, turn),
      },
      this.#signals.signal,
    );
    if (end.type === "finished") await circuits.succeeded(agent, modelId);
    if (end.type === "trouble" && counted.has(end.trouble.kind))
      await circuits.failed(agent, modelId, end.trouble.kind, end.trouble.message);
    return end;
  }

  async #record(turns: Turn[], turn: Turn): Promise<void> {
    // Kept short: what was said whole is in the conversation, and in the log.
    turns.push(turn.exchange ? { ...turn, exchange: { reply: [], stopReason: turn.exchange.stopReason } } : turn);
    await this.#options.events.turn(turn);
  }

  async #anew(renewal: Extract<Remedy, { type: "renew" }>, trouble: Trouble): Promise<SessionEnd<T>> {
    const stop = this.#meter.stop(this.#signals.signal);
    if (stop) return { type: "failed", failure: stop };
    const brief = await this.#options.brief(renewal.form === "reduced" ? REDUCED_SHARE : 1);
    const turns = this.#spoken.flatMap((spoken) => spoken.turns);
    const conducts = this.#options.tools.declarations.some(({ name }) =>
      fleetToolNames.some((known) => known === name),
    );
    const summary = renewal.form === "summary" ? await this.#sumUp(renewal.model, brief.text, turns) : undefined;
    const text = renewedOpening(brief.text, renewal, { turns, summary, trouble: trouble.message, conducts });
    return await this.#begin(renewal.model, renewal.why, { ...brief, text });
  }

  /** A summary by the model; undefined when it gives none, and then the turns speak for themselves. */
  async #sumUp(modelId: string, brief: string, turns: readonly Turn[]): Promise<string | undefined> {
    const { model, system } = this.#options;
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1_000;
    const answer = await model.ask(
      {
        model: modelId,
        maxTokens: SUMMARY_TOKENS,
        system: [{ type: "text", text: system }],
        tools: [],
        messages: [{ role: "user", content: summaryRequest(brief, turns) }],
      },
      {
        signal: AbortSignal.any([this.#signals.signal, this.#meter.timeUp]),
        affordable: (wasted) => this.#meter.affords(modelId, wasted),
      },
    );
    const last = this.#spoken.at(-1)?.turns ?? [];
    const onTurn = (turn: Turn) => this.#record(last, turn);
    await recordWaste({ meter: this.#meter, modelId, onTurn }, answer.wasted, seconds());
    if (answer.type === "failed") return undefined;
    const { turn, spend } = this.#meter.count(modelId, answer.reply.usage);
    await onTurn({
      turn,
      model: modelId,
      spend,
      seconds: seconds(),
      text: "(a summary of the conversation)",
      tools: [],
    });
    const text = answer.reply.text.trim();
    return text === "" || answer.reply.stopReason === "refusal" ? undefined : text;
  }
}

function isReply({ exchange }: Turn): boolean {
  return exchange !== undefined;
}
