// What people read of a run that nobody works on for now: why, until when, and what they can do about it.
import { assertNever } from "../core/errors.ts";
import type { WaitReason } from "../engine/events.ts";
import { isForPeople, openAsks } from "../engine/asks.ts";
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

/** One line: what it waits for, and the news behind it; by whom it is paused. "" for a run that is not held. `ask`: the address of the comment that asks. */
export function heldLine({ paused, waiting, finished }: State, neutral: Neutral, ask?: string): string {
  if (finished) return "";
  if (paused) return `**Paused** by ${neutral.code(paused.by.login, 60)} with ${neutral.code(paused.quote, 200)}.`;
  if (!waiting) return "";
  if (waiting.reason === "approval") return `**Why it waits:** ${linked("its plan", ask)} is to be approved.`;
  if (waiting.reason === "answer") return `**Why it waits:** ${linked("its questions", ask)} are to be answered.`;
  const message = closed(neutral.line(waiting.message, 300));
  return `**Why it waits:** ${reasonOf(waiting.reason)}${message === "" ? "." : ` (${message})`}`;
}

/** What people are asked while other work goes on; "" when the run waits for nothing else, or asks nothing. Markdown. */
export function askedLine(state: State, ask?: string): string {
  const [first] = openAsks(state);
  if (!first || (!state.paused && state.waiting && isForPeople(state.waiting.reason))) return "";
  return first.asked.for === "approval"
    ? `**Waiting for you:** ${linked("the plan", ask)} is to be approved (\`/agent approve\`); what does not need it goes on.`
    : `**Waiting for you:** ${linked("the questions", ask)} are to be answered (by a comment); what does not need it goes on.`;
}

/** What was cut may have opened parentheses that it does not close. */
function closed(text: string): string {
  const open = text.split("(").length - text.split(")").length;
  return `${text}${")".repeat(Math.max(0, open))}`;
}

function linked(text: string, url: string | undefined): string {
  return url === undefined ? text : `[${text}](${url})`;
}

/** What comes next for it, and the commands that change that; undefined for a run that is not held. Markdown. */
export function heldNext({ paused, waiting }: State, ask?: string): string | undefined {
  if (paused) return "nothing until somebody says so. `/agent resume` goes on, `/agent stop` ends it.";
  if (!waiting) return undefined;
  const { until, since, reason } = waiting;
  if (reason === "approval")
    return `a person approves ${linked("the plan", ask)}: \`/agent approve\`, \`/agent approve with: …\`, \`/agent reject: …\`, or an edit of its YAML. \`/agent stop\` ends it.`;
  if (reason === "answer")
    return `somebody answers ${linked("the questions", ask)}, by a comment below them. \`/agent stop\` ends it.`;
  const then =
    until === undefined
      ? `it goes on when ${mendOf(reason)}`
      : `it goes on by itself at ${clock(until, since)}, from where it is`;
  return `${then}. \`/agent resume\` tries at once, \`/agent stop\` ends it.`;
}

function reasonOf(reason: Exclude<WaitReason, "approval" | "answer">): string {
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
    case "no-job":
      return "no job of GitHub Actions works it";
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
