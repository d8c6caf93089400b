// What a new conversation of the same attempt is told of the ones before it: their turns as text, and why it begins.
// Model words and tool output are data here too, whoever asked for them.
import type { Turn } from "../engine/ports.ts";
import { clip } from "./clip.ts";
import { dataBlock, dataNotice, newBoundary } from "./data-block.ts";
import type { Remedy } from "./recovery.ts";

/** Characters of a transcript. */
const WHOLE = 60_000;
const REDUCED = 6_000;
/** Turns that are told in full, counted from the end; of those before only the heads are. */
const RECENT = 12;

/** The turns of an attempt as text, oldest first: what was said, which tools were called, what they answered. Deterministic. */
export function transcript(turns: readonly Turn[], max = WHOLE): string {
  const told = turns.filter(({ exchange, tools }) => exchange !== undefined || tools.length > 0);
  const room = max <= REDUCED ? 100 : 2_000;
  const lines = told.map(({ turn, text, tools }, index) => {
    const recent = index >= told.length - RECENT;
    const most = recent ? room : room / 10;
    const said = text.trim() === "" ? "" : ` ${clip(text.trim(), most)}`;
    const calls = tools.map(
      ({ name, input, ok, output }) =>
        `  ${name} ${clip(input, most)}\n  → ${ok ? "ok" : "failed"}: ${clip(output, most)}`,
    );
    return [`Turn ${turn}:${said}`, ...calls].join("\n");
  });
  return lines.length === 0 ? "(nothing yet)" : clip(lines.join("\n"), max);
}

/** Said to whoever conducts others, behind each of these. */
const FLEET =
  "The agents you created in this attempt are as they were, whatever became of your conversation, and so is what was merged of their work.";

type Renewal = Extract<Remedy, { type: "renew" }>;

const because: Readonly<Record<Renewal["why"], string>> = {
  "too-long":
    "You have worked on this before, in a conversation that became too long. The files are as you left them. Go on from there.",
  "other-model":
    "Another model has worked on this before you, and cannot go on. The files are as it left them. Go on from there.",
  "invalid-output":
    "You have worked on this before. The files are as you left them, but the result you handed in was not valid, also after it was refused with reasons. Look at the work once more, then call `finish` with input that fits its schema exactly.",
  "workspace-gone":
    "You have worked on this before, and are commanded again. The files you worked in were not kept: you have a fresh copy, as it was when you last handed in a change, or else as it was at the beginning. Work what you are told now.",
  "tools-broken":
    "You have worked on this before, until the tools broke down. You have a fresh copy of the files now, as they were at the beginning: nothing of what you changed is left. Do again what is worth it.",
};

/** The opening of a renewed conversation: the brief, why it is renewed, and what was done. `summary` replaces the turns where a model wrote one. */
export function renewedOpening(
  brief: string,
  { why, form }: Pick<Renewal, "why" | "form">,
  earlier: {
    readonly turns: readonly Turn[];
    readonly summary?: string | undefined;
    readonly trouble: string;
    /** It has agents of its own. */
    readonly conducts: boolean;
  },
): string {
  const boundary = newBoundary();
  const { turns, summary, trouble, conducts } = earlier;
  if (turns.length === 0 && why === "other-model") return brief;
  const done =
    summary === undefined
      ? dataBlock(boundary, "what was done", transcript(turns, form === "reduced" ? REDUCED : WHOLE), WHOLE)
      : dataBlock(boundary, "a summary of what was done", summary, WHOLE);
  return `${brief.trimEnd()}\n\n## What happened before\n\n${because[why]}${conducts ? ` ${FLEET}` : ""}\n\n${dataNotice(boundary)}\n\n${dataBlock(boundary, "why it could not go on", trouble, 2_000)}\n\n${done}\n`;
}

/** The message that asks a model to sum up. */
export function summaryRequest(brief: string, turns: readonly Turn[]): string {
  const boundary = newBoundary();
  return `${brief.trimEnd()}\n\n## Sum up\n\nThe conversation about this became too long and is ended. ${dataNotice(boundary)}\n\n${dataBlock(boundary, "the conversation", transcript(turns, 2 * WHOLE), 2 * WHOLE)}\n\nWrite down, in at most 800 words, what whoever goes on must know: what was found out (with paths and lines), which files were changed and how, which commands were run with which result, what was tried in vain, and what is still to be done. Nothing else; call no tool.\n`;
}

/** Put at the end of a conversation that goes on in another process. */
export const NEW_SHELL =
  "[Note from Baton: it was started again meanwhile. The files are as you left them. Your shell is new: background processes, shell variables and its working directory are gone.]";
