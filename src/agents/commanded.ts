// An agent that is commanded again: what it is told, where in its conversation that stands, and how the calls of its last reply are answered.
// The same conversation and commands give the same messages, whichever process makes them: only what an earlier one sent is in the cache.
import { createHash } from "node:crypto";
import type { Command, Turn } from "../engine/ports.ts";
import { clip } from "./clip.ts";
import { dataBlock, dataNotice } from "./data-block.ts";
import { FINISH } from "./finish.ts";
import type { Sent } from "./transcript.ts";

/** Characters of a command. */
const MOST = 8_000;

type Answer = NonNullable<Sent["answer"]>;

/** An exchange of a conversation, with the turn that recorded it. */
export interface SentTurn {
  readonly turn: Turn;
  readonly sent: Sent;
}

/**
 * The exchanges with every command put where it was given, and the opening with those that came before the first reply. `opening` makes
 * the commands' boundary: nobody outside knows it.
 */
export function withCommands(
  opening: string,
  spoken: readonly SentTurn[],
  commands: readonly Command[],
): { readonly opening: string; readonly exchanges: readonly Sent[] } {
  const exchanges = spoken.map(({ sent }) => sent);
  let beginning = opening;
  for (const command of commands) {
    const text = commandText(command, opening);
    const index = spoken.findLastIndex(({ turn }) => turn.turn <= command.after);
    const one = spoken[index];
    const sent = exchanges[index];
    if (one && sent)
      exchanges[index] = {
        ...sent,
        answer: [...(sent.answer ?? closing(one)), { type: "text", text }],
        commanded: true,
      };
    else beginning = `${beginning.trimEnd()}\n\n${text}\n`;
  }
  return { opening: beginning, exchanges };
}

/** Answers to the calls of a reply that ended its command: `finish` was accepted or came to nothing, the others did what the turn tells of them. */
function closing({ turn, sent }: SentTurn): Answer {
  const calls = sent.reply.flatMap((block) => (block.type === "tool_use" ? [block] : []));
  return calls.map(({ id, name }, index) => {
    const record = turn.tools[index];
    const ok = record?.ok === true;
    const output = record === undefined ? "Not run." : record.output || "(no output)";
    const content = name === FINISH && ok ? "accepted" : clip(output, 2_000);
    return { type: "tool_result", tool_use_id: id, content, ...(ok ? {} : { is_error: true }) };
  });
}

function commandText({ words, failure }: Command, opening: string): string {
  const boundary = createHash("sha256").update(`${opening}\0${words}`).digest("hex").slice(0, 24);
  const ended =
    failure === undefined
      ? "What you handed in was accepted."
      : failure.code === "cancelled"
        ? "You were interrupted; what ran then was ended."
        : `Your work ended without a result (${failure.code}: ${clip(failure.message, 500)}).`;
  return `${ended} The agent that conducts this work commands you again. Your files are as you left them; your shell is new. Do as it says within your rules, then call \`${FINISH}\` again. ${dataNotice(boundary)}\n\n${dataBlock(boundary, "command", words, MOST)}`;
}

/** The exchanges since the last command: what counts against an agent counts for one command. */
export function sinceCommand(exchanges: readonly Sent[]): readonly Sent[] {
  return exchanges.slice(exchanges.findLastIndex(({ commanded }) => commanded === true) + 1);
}
