// From the lessons an agent proposes to the file that Baton proposes to people: the repository's instructions to agents, with a line more
// for each. The same input gives the same file, byte by byte; a gate makes it again to know its own. What people wrote stays as it is.
import { GUIDE_BYTES, guideFiles } from "./guides.ts";
import { citedAs, sourcesOf, type Hindsight } from "./hindsight.ts";
import type { Lesson, Lessons } from "./lessons.ts";
import type { ReadFile } from "./load.ts";
import { lineEnd } from "./plain-text.ts";
import type { LeftOut, ProposedFiles } from "./setup-files.ts";

const HEADING = "## Lessons from earlier runs";

export interface Learned {
  readonly lessons: Lessons;
  readonly hindsight: Hindsight;
  /** Every path of the repository at the commit in question, and how its files are read. */
  readonly paths: readonly string[];
  readonly read: ReadFile;
}

/** The file of the lessons, and those that could not become part of it: nothing shows them, or they are known. */
export async function proposeLessons({ lessons, hindsight, paths, read }: Learned): Promise<ProposedFiles> {
  const guides = await Promise.all(guideFiles.map(async (path) => ({ path, text: await read(path) })));
  const there = guides.filter(({ text }) => text !== undefined && !isLink(text, paths));
  const { path, text = "" } = there[0] ?? { path: guideFiles[0] ?? "", text: guides[0]?.text };
  const known = there.map((guide) => bare(guide.text ?? ""));
  const sources = sourcesOf(hindsight);
  const leftOut: LeftOut[] = [];
  let next = text;
  for (const [index, lesson] of [...lessons.lessons.entries()].toReversed()) {
    const { instruction, evidence } = lesson;
    const leave = (why: string) => leftOut.unshift({ what: labelOf(index, lesson), why, mendable: false });
    const invented = evidence.filter((source) => !sources.has(source));
    const longer = withLesson(next, lesson, hindsight);
    if (invented.length > 0) leave(`${invented.join(", ")} is nothing that Baton had collected`);
    else if (known.some((one) => one.includes(bare(instruction)))) leave("the instructions say so already");
    else if (!isWhole(text) || isLink(text, paths)) leave(`\`${path}\` is no text that a line could be added to`);
    else if (Buffer.byteLength(longer) > GUIDE_BYTES)
      leave(`\`${path}\` would be longer than the ${GUIDE_BYTES} bytes that agents read of it: shorten it first`);
    else {
      next = longer;
      known.push(bare(instruction));
    }
  }
  return { files: next === text ? [] : [{ path, text: next }], leftOut };
}

/** True for the files that lessons may stand in, and no other. */
export function isLessonsFile(path: string): boolean {
  return guideFiles.includes(path);
}

/** The lessons that the file gets, of those that were proposed. */
export function takenLessons({ lessons }: Lessons, leftOut: readonly Pick<LeftOut, "what">[]): Lesson[] {
  return lessons.filter((lesson, index) => !leftOut.some(({ what }) => what === labelOf(index, lesson)));
}

function labelOf(index: number, { instruction }: Lesson): string {
  return `${index + 1}. ${instruction}`;
}

/** With the lesson as the first line of its section; the section stands last, where there is none yet. */
function withLesson(text: string, { applies, instruction, evidence }: Lesson, hindsight: Hindsight): string {
  const end = lineEnd(text);
  const line = `- For ${applies}: ${instruction} (from ${[...new Set(evidence.map((source) => citedAs(source, hindsight)))].join(", ")})`;
  const lines = text.split(end);
  const at = lines.indexOf(HEADING);
  if (at >= 0) {
    const hasItems = lines[at + 1] === "" && lines[at + 2]?.startsWith("- ") === true;
    return [...lines.slice(0, at + 1), "", line, ...(hasItems ? lines.slice(at + 2) : lines.slice(at + 1))].join(end);
  }
  const before = text === "" ? "" : `${text}${text.endsWith(end) ? "" : end}${end}`;
  return `${before}${HEADING}${end}${end}${line}${end}`;
}

/** git keeps a link as a file that holds a path. */
function isLink(text: string, paths: readonly string[]): boolean {
  return !/\s/.test(text) && paths.includes(text.replace(/^\.\//, ""));
}

/** False for bytes that are no UTF-8: they would be lost. */
function isWhole(text: string): boolean {
  return !text.includes("\uFFFD");
}

/** What makes two instructions the same: their letters and digits. */
function bare(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}
