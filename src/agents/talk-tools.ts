// The tools by which the agents of a run talk to each other: which call of the engine's door each is, and what they answer. An agent has
// those that its definition names.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { Talk } from "../engine/talk-port.ts";
import type { Message, Note } from "../engine/talk-state.ts";
import { talkToolNames, type TalkToolName, type ToolName } from "../workflows/schema.ts";
import { clip } from "./clip.ts";
import { finishTool } from "./finish.ts";
import { withOwn } from "./own-tools.ts";
import type { SessionTools } from "./session.ts";
import { descriptions, inputs, type Input } from "./talk-inputs.ts";
import { no, taking, yes, type Act, type TextAnswer } from "./taking.ts";

/** Characters of one answer, and messages in it. */
const MOST_SHOWN = 12_000;
const MOST_MESSAGES = 50;

/** These tools, and those to talk to others that the agent has. `signal` is the work's: waiting ends with it. */
export function withTalk(
  tools: SessionTools,
  talk: Talk | undefined,
  granted: readonly ToolName[],
  signal: AbortSignal,
): SessionTools {
  const names = talkToolNames.filter((known) => granted.includes(known));
  if (!talk || names.length === 0) return tools;
  return withOwn(tools, names, { declare: declarationOf, acts: actsOf(talk) }, signal);
}

function declarationOf(tool: TalkToolName): Tool {
  return { name: tool, description: descriptions[tool], input_schema: finishTool(inputs[tool]).input_schema };
}

function actsOf(talk: Talk): Readonly<Record<TalkToolName, Act>> {
  return {
    note_write: taking(inputs.note_write, async ({ key, value, if_version: expected }) => {
      const answer = await talk.write(key, value, expected);
      return answer.type === "done" ? yes(`${key} is at version ${answer.version}.`) : no(answer.why);
    }),
    note_read: taking(inputs.note_read, async ({ key, prefix }) => {
      const notes = talk.notes(key ?? prefix).filter((note) => key === undefined || note.key === key);
      if (notes.length > 0) return yes(notesText(notes));
      return yes(key === undefined ? "There are no such notes." : `There is no note ${key}: it is at version 0.`);
    }),
    note_watch: taking(inputs.note_watch, async ({ keys, after_version: after, seconds }, signal) => {
      const { notes, version } = await talk.watch(keys, after, seconds * 1_000, signal);
      return yes(notes.length > 0 ? notesText(notes) : `None of them changed; the latest note has version ${version}.`);
    }),
    message_send: taking(inputs.message_send, async ({ to, text }) => {
      const answer = await talk.send(to, text);
      return answer.type === "done" ? yes(`Message ${answer.number} is said to ${to}.`) : no(answer.why);
    }),
    message_read: taking(inputs.message_read, async ({ topics, since, seconds }, signal) => {
      const to = topics ?? ["all", talk.name];
      const messages = await talk.messages(to, since, seconds * 1_000, signal);
      const others = talk.others();
      const who = `You are ${talk.name} to the others. At work beside you: ${others.join(", ") || "nobody"}.`;
      return yes(`${messagesText(messages)}\n${who}`);
    }),
    lock_paths: taking(inputs.lock_paths, (input, signal) => lock(talk, input, signal)),
    unlock_paths: taking(inputs.unlock_paths, async ({ paths }) => {
      const answer = await talk.unlock(paths);
      if (answer.type === "refused") return no(answer.why);
      return yes(answer.paths.length === 0 ? "You held nothing there." : `Given back: ${answer.paths.join(", ")}.`);
    }),
  };
}

async function lock(
  talk: Talk,
  { paths, minutes, seconds }: Input<"lock_paths">,
  signal: AbortSignal,
): Promise<TextAnswer> {
  const answer = await talk.lock(paths, minutes, seconds * 1_000, signal);
  if (answer.type === "refused") return no(answer.why);
  const where = paths.join(", ");
  if (answer.type === "granted")
    return yes(`You are alone in ${where} until ${new Date(answer.until).toISOString().slice(11, 16)} UTC.`);
  const { behind, times, escalated } = answer;
  const told = escalated
    ? "This is told to whoever conducts the work. Do without these paths if you can, and say in your result what is left."
    : "Do something else first, and ask again for the same paths: you keep your place.";
  return no(`Not yet: ${behind.join(", ")} come first in ${where}. You have waited ${times} times. ${told}`);
}

function notesText(notes: readonly Note[]): string {
  const shown = notes.map(({ key, version, by, value }) => `${key} (version ${version}, by ${by}):\n${value}`);
  return clip(shown.join("\n\n"), MOST_SHOWN);
}

function messagesText(messages: readonly Message[]): string {
  if (messages.length === 0) return "There is nothing new.";
  const shown: string[] = [];
  let left = MOST_SHOWN;
  for (const { number, from, to, text } of messages.slice(0, MOST_MESSAGES)) {
    const line = `${number}. ${from} to ${to}: ${text}`;
    if (line.length > left) break;
    left -= line.length;
    shown.push(line);
  }
  const last = messages[shown.length - 1]?.number ?? 0;
  const more = messages.length - shown.length;
  return `${shown.join("\n")}\n${more > 0 ? `There are ${more} more; read on` : "Next time, read"} with since ${last}.`;
}
