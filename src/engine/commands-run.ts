// The commands that an agent ran last, as far as people are shown them: a bounded part of the fold.
import { z } from "zod";
import type { EventOf } from "./events.ts";

/** A shell command of an agent. */
export interface CommandRun {
  readonly command: string;
  /** It ended in time, with exit code 0. */
  readonly ok: boolean;
  /** The end of what it printed. */
  readonly tail: string;
}

/** So many of an attempt are kept. */
export const COMMANDS_KEPT = 6;
const COMMAND = 400;
const TAIL = 600;

const Input = z.object({ command: z.string() });

/** The last commands of an attempt after one more turn of its agent. */
export function commandsAfter(before: readonly CommandRun[], { tools }: EventOf<"agent.turn">): readonly CommandRun[] {
  const ran = tools.flatMap(({ name, input, ok, output }) =>
    name === "bash" ? [{ command: cut(commandIn(input)), ok, tail: output.trimEnd().slice(-TAIL).toWellFormed() }] : [],
  );
  return ran.length === 0 ? before : [...before, ...ran].slice(-COMMANDS_KEPT);
}

/** The command of a call; its input as it is where that was too long to be recorded whole. */
function commandIn(input: string): string {
  try {
    return Input.parse(JSON.parse(input)).command;
  } catch {
    return input;
  }
}

function cut(command: string): string {
  return command.length <= COMMAND ? command : `${command.slice(0, COMMAND - 1).toWellFormed()}…`;
}
