// What people read of a run that nobody works on for now: why, until when, and what they can do about it.
import { assertNever } from "../core/errors.ts";
import type { WaitReason } from "../engine/events.ts";
import type { State, Waiting } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";

/** "14:05 UTC", with the date when it is not the day of `now`; both in milliseconds since 1970. */
export function clock(at: number, now: number): string {
  const [day = "", time = ""] = new Date(at).toISOString().split("T");
  const today = new Date(now).toISOString().slice(0, 10);
  return `${day === today ? "" : `${day} `}${time.slice(0, 5)} UTC`;
}

/** "Waiting until 14:05 UTC"; without a time "Waiting", and "Waiting for you" for what only a person can give. */
export function waitWord({ until, since, reason }: Waiting): string {
  if (isForPeople(reason)) return "Waiting for you";
  return until === undefined ? "Waiting" : `Waiting until ${clock(until, since)}`;
}

/** One line: what it waits for, and the news behind it; by whom it is paused. "" for a run that is not held. */
export function heldLine({ paused, waiting, finished }: State, neutral: Neutral): string {
  if (finished) return "";
  if (paused) return `**Paused** by ${neutral.code(paused.by.login, 60)} with ${neutral.code(paused.quote, 200)}.`;
  if (!waiting) return "";
  const message = neutral.line(waiting.message, 300);
  return `**Why it waits:** ${reasonOf(waiting.reason)}${message === "" ? "." : ` (${message})`}`;
}

/** What comes next for it, and the commands that change that; undefined for a run that is not held. Markdown. */
export function heldNext({ paused, waiting }: State): string | undefined {
  if (paused) return "nothing until somebody says so. `/agent resume` goes on, `/agent stop` ends it.";
  if (!waiting) return undefined;
  const { until, since, reason } = waiting;
  if (reason === "approval")
    return "a person approves the plan: `/agent approve`, `/agent approve with: …`, `/agent reject: …`, or an edit of the plan. `/agent stop` ends it.";
  if (reason === "answer") return "a person answers: `/agent tell …`. `/agent stop` ends it.";
  const then =
    until === undefined
      ? `it goes on when ${mendOf(reason)}`
      : `it goes on by itself at ${clock(until, since)}, from where it is`;
  return `${then}. \`/agent resume\` tries at once, \`/agent stop\` ends it.`;
}

/** What a run waits for until somebody gives it, whatever is mended. */
function isForPeople(reason: WaitReason): boolean {
  return reason === "approval" || reason === "answer";
}

function reasonOf(reason: WaitReason): string {
  switch (reason) {
    case "model-limit":
      return "the model's rate limit is used up, or it is overloaded";
    case "model-account":
      return "the model's account is refused: its key, or its spending limit";
    case "model-away":
      return "the model cannot be reached";
    case "circuit-open":
      return "an agent and its model failed in the same way several times in a row, so they are left alone for a while";
    case "github-limit":
      return "GitHub's rate limit is used up";
    case "github-away":
      return "GitHub cannot be reached";
    case "broken":
      return "something Baton needs is broken";
    case "approval":
      return "its plan is to be approved";
    case "answer":
      return "its questions are to be answered";
    default:
      return assertNever(reason);
  }
}

/** Completes "it goes on when …". */
function mendOf(reason: WaitReason): string {
  return reason === "model-account"
    ? "whoever runs Baton has mended the account and somebody says so"
    : "that is mended and somebody says so";
}
