// What the scripted model was asked and what the real API would have billed for it: by model and by conversation, also for
// replies that broke off. "Nothing is paid for twice" is counted here.
import { noUsage, type ScriptedUsage } from "./scripted-reply.ts";
import type { ScriptedCall } from "./scripted-script.ts";

export interface Billed {
  readonly requests: number;
  readonly billed: ScriptedUsage;
}

export interface ConversationLedger extends Billed {
  /** From the system prompt and the first message. */
  readonly id: string;
  readonly agent: string;
  readonly attempt: number;
  /** The beginning of its first message. */
  readonly brief: string;
  readonly models: readonly string[];
  /** Replies that were sent whole. */
  readonly answered: number;
  /** Whole replies to a request that had had one before: paid twice. */
  readonly repeated: number;
  readonly repeatedBilled: ScriptedUsage;
  /** Whole replies that called `finish`. */
  readonly finished: number;
  /** Requests that came after such a reply and do not show it: the work was begun again. */
  readonly askedAfterFinish: number;
}

export interface ModelLedger extends Billed {
  readonly byModel: Readonly<Record<string, Billed>>;
  readonly byOutcome: Readonly<Record<string, number>>;
  /** By plan and by condition. */
  readonly byFault: Readonly<Record<string, number>>;
  readonly repeated: number;
  readonly askedAfterFinish: number;
  /** In the order they began. */
  readonly conversations: readonly ConversationLedger[];
}

type Usage = { -readonly [Key in keyof ScriptedUsage]: number };
type Open<T> = { -readonly [Key in keyof T]: T[Key] extends ScriptedUsage ? Usage : T[Key] };

/** Counts calls when they have ended. */
export function createModelLedger() {
  const conversations = new Map<string, Open<ConversationLedger>>();
  const models = new Map<string, Open<Billed>>();
  const outcomes = new Map<string, number>();
  const faults = new Map<string, number>();
  const whole = new Set<string>();
  const all: Open<Billed> = { requests: 0, billed: { ...noUsage } };

  const add = (to: Open<Billed>, { billed }: ScriptedCall) => {
    to.requests += 1;
    addUsage(to.billed, billed);
  };

  return {
    /** Once for each call, at its end; `request` names what was asked. */
    count(call: ScriptedCall, request: string): void {
      const model = models.get(call.model) ?? { requests: 0, billed: { ...noUsage } };
      models.set(call.model, model);
      const conversation = conversations.get(call.conversation) ?? begun(call);
      conversations.set(call.conversation, conversation);
      for (const sum of [all, model, conversation]) add(sum, call);
      outcomes.set(call.outcome, (outcomes.get(call.outcome) ?? 0) + 1);
      if (call.fault !== undefined) faults.set(call.fault, (faults.get(call.fault) ?? 0) + 1);
      if (!conversation.models.includes(call.model)) conversation.models = [...conversation.models, call.model];
      if (conversation.finished > 0 && !call.showsFinish) conversation.askedAfterFinish += 1;
      if (call.outcome !== "answered") return;
      conversation.answered += 1;
      if (call.finished) conversation.finished += 1;
      if (whole.has(request)) {
        conversation.repeated += 1;
        addUsage(conversation.repeatedBilled, call.billed);
      }
      whole.add(request);
    },
    /** All tokens billed so far. */
    total: (): number => Object.values(all.billed).reduce((sum, tokens) => sum + tokens, 0),
    sums(): ModelLedger {
      const each = [...conversations.values()];
      return structuredClone({
        ...all,
        byModel: Object.fromEntries(models),
        byOutcome: Object.fromEntries(outcomes),
        byFault: Object.fromEntries(faults),
        repeated: each.reduce((sum, { repeated }) => sum + repeated, 0),
        askedAfterFinish: each.reduce((sum, { askedAfterFinish }) => sum + askedAfterFinish, 0),
        conversations: each,
      });
    },
  };
}

function begun({ conversation, agent, attempt, brief }: ScriptedCall): Open<ConversationLedger> {
  return {
    id: conversation,
    agent,
    attempt,
    brief: Buffer.from(brief.slice(0, 200)).toString("utf8"),
    models: [],
    requests: 0,
    billed: { ...noUsage },
    answered: 0,
    repeated: 0,
    repeatedBilled: { ...noUsage },
    finished: 0,
    askedAfterFinish: 0,
  };
}

function addUsage(to: Usage, more: ScriptedUsage): void {
  to.inputTokens += more.inputTokens;
  to.outputTokens += more.outputTokens;
  to.cacheReadTokens += more.cacheReadTokens;
  to.cacheWriteTokens += more.cacheWriteTokens;
}
