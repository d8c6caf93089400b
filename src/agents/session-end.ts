// How a conversation ends, whoever holds it: what comes of handing in, of a reply that calls nothing, and of the reasons a model stops for.
//   finish with valid input        finished
//   finish with invalid input      told why and asked again, twice; the third time it is a trouble
//   a reply without any call       reminded, twice; then a trouble
import type { z } from "zod";
import type { Failure } from "../engine/events.ts";
import { clip } from "./clip.ts";
import { FINISH, readFinish } from "./finish.ts";
import type { ModelReply, RequestedCall } from "./model.ts";
import type { Trouble, TroubleKind } from "./recovery.ts";
import { repairsIn, type Sent } from "./transcript.ts";

export type SessionEnd<T> =
  | { readonly type: "finished"; readonly value: T }
  | { readonly type: "failed"; readonly failure: Failure }
  | { readonly type: "trouble"; readonly trouble: Trouble };

const MAX_REPAIRS = 2;
const MAX_REMINDERS = 2;

const REMINDER = `You ended your reply without calling \`${FINISH}\`. If your work is done, or you are sure that it cannot be done, call \`${FINISH}\` now; otherwise go on with the tools.`;

/** What comes of a call of `finish`; `answer` is for the model. */
export type Handed<T> =
  | { readonly type: "accepted"; readonly value: T }
  | { readonly type: "refused"; readonly answer: string }
  | { readonly type: "given-up"; readonly end: SessionEnd<T>; readonly answer: string };

/** Counts how often one conversation was repaired and reminded. */
export class HandingIn<T> {
  readonly #schema: z.ZodType<T>;
  #repairs: number;
  #reminders: number;

  /** `exchanges`: what was said before, and answered. */
  constructor(schema: z.ZodType<T>, exchanges: readonly Sent[]) {
    this.#schema = schema;
    this.#repairs = exchanges.reduce((sum, exchange) => sum + repairsIn(exchange), 0);
    this.#reminders = exchanges.filter(({ answer }) => answer?.some((block) => isText(block, REMINDER))).length;
  }

  /** A call of `finish`. */
  take({ input, problem }: Pick<RequestedCall, "input" | "problem">): Handed<T> {
    const read =
      problem === undefined ? readFinish(this.#schema, input) : { type: "invalid" as const, problems: `- ${problem}` };
    if (read.type === "valid") return { type: "accepted", value: read.value };
    if (this.#repairs >= MAX_REPAIRS)
      return { type: "given-up", end: this.#invalid(read.problems), answer: read.problems };
    this.#repairs += 1;
    return {
      type: "refused",
      answer: `The input is not valid, nothing was handed in:\n${read.problems}\nMend this and call finish again.`,
    };
  }

  /** What to say to a reply that called nothing; the end once it was said twice. */
  remind(): string | SessionEnd<T> {
    if (this.#reminders >= MAX_REMINDERS) return noFinish();
    this.#reminders += 1;
    return REMINDER;
  }

  /** How the conversation had ended, when its last reply was recorded and what came of it was not. */
  left({ reply }: Sent): SessionEnd<T> {
    const calls = reply.flatMap((block) => (block.type === "tool_use" ? [block] : []));
    const finish = calls.find(({ name }) => name === FINISH);
    if (!finish) return calls.length === 0 ? noFinish() : trouble("tools-broken", "The tools broke down.");
    const read = readFinish(this.#schema, finish.input);
    return read.type === "valid" ? { type: "finished", value: read.value } : this.#invalid(read.problems);
  }

  #invalid(problems: string): SessionEnd<T> {
    return trouble(
      "invalid-output",
      `The input of finish was invalid ${this.#repairs + 1} times; the last time:\n${problems}`,
    );
  }
}

/** Whether a reply ends the conversation by the reason the model stopped for, whatever it calls. */
export function endedByStop({
  stopReason,
  text,
}: Pick<ModelReply, "stopReason" | "text">): SessionEnd<never> | undefined {
  if (stopReason === "refusal")
    return trouble("refused", `The model declined to go on${text ? `: ${clip(text, 500)}` : "."}`);
  if (stopReason === "model_context_window_exceeded")
    return trouble("too-long", "The conversation no longer fits the model's context.");
  return undefined;
}

export function failed(code: Failure["code"], message: string): Extract<SessionEnd<never>, { type: "failed" }> {
  return { type: "failed", failure: { code, message: clip(message, 2_000) } };
}

export function trouble(
  kind: TroubleKind,
  message: string,
  until?: number,
): Extract<SessionEnd<never>, { type: "trouble" }> {
  return { type: "trouble", trouble: { kind, message: clip(message, 2_000), until } };
}

function noFinish(): SessionEnd<never> {
  return trouble(
    "no-finish",
    `The agent ended its reply without calling finish, also after ${MAX_REMINDERS} reminders.`,
  );
}

function isText(block: { readonly type: string; readonly text?: string }, text: string): boolean {
  return block.type === "text" && block.text === text;
}
