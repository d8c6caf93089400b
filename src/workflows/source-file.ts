// A text file that people wrote, with the one thing every problem in it needs: `file:line:column: what is wrong — what to do`.

/** Larger files are refused before anything reads them. */
export const MAX_FILE_BYTES = 256 * 1024;
/** More problems than this are counted, not listed: nobody mends fifty at once. */
const MAX_LISTED = 20;

/** What is wrong at an offset of the file's text, in words, with the value and what to do. */
export interface Problem {
  readonly offset: number;
  readonly message: string;
}

export interface SourceFile {
  /** As it is shown in messages: a path relative to the repository. */
  readonly file: string;
  /** The text without a byte-order mark. */
  readonly text: string;
  /** Problems as lines, in the order of the file, each once; the rest beyond 20 as one line that counts them. */
  report(problems: readonly Problem[]): string[];
}

/** Takes a file's text; says so when it is too large or not text at all. Line and column count from 1, columns in UTF-16 units as editors do. */
export function openSource(
  text: string,
  file: string,
): { type: "ok"; source: SourceFile } | { type: "invalid"; problems: string[] } {
  if (text.length > MAX_FILE_BYTES || Buffer.byteLength(text, "utf8") > MAX_FILE_BYTES)
    return { type: "invalid", problems: [`${file}:1:1: the file is larger than 256 KiB — make it shorter`] };
  const body = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const nul = body.indexOf("\0");
  const source: SourceFile = { file, text: body, report: (problems) => report(file, body, problems) };
  if (nul !== -1)
    return {
      type: "invalid",
      problems: source.report([{ offset: nul, message: "the file holds a NUL character — save it as UTF-8 text" }]),
    };
  return { type: "ok", source };
}

function report(file: string, text: string, problems: readonly Problem[]): string[] {
  const sorted = problems.toSorted((a, b) => a.offset - b.offset);
  const lines: string[] = [];
  const seen = new Set<string>();
  let line = 1;
  let lineStart = 0;
  for (const { offset, message } of sorted) {
    if (lines.length === MAX_LISTED) break;
    for (let next = text.indexOf("\n", lineStart); next !== -1 && next < offset; next = text.indexOf("\n", lineStart)) {
      line += 1;
      lineStart = next + 1;
    }
    const entry = `${file}:${line}:${offset - lineStart + 1}: ${message}`;
    if (seen.has(entry)) continue;
    seen.add(entry);
    lines.push(entry);
  }
  const left = sorted.length - lines.length;
  if (lines.length === MAX_LISTED && left > 0)
    lines.push(`${file}: and ${left} more problem${left === 1 ? "" : "s"} — mend these first, then check again`);
  return lines;
}

/** Where a reported problem stands. */
interface Place {
  /** "owner/name", when it is another repository's file. */
  readonly repo: string | undefined;
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  /** The problem without its place. */
  readonly message: string;
}

/** Takes a line that `report` made apart; undefined for the one that only counts the rest. */
export function placeOf(problem: string): Place | undefined {
  const [, repo, file, line, column, message] =
    /^(?:([\w.-]+\/[\w.-]+):(?=\.github\/))?(.+?):(\d+):(\d+): ([^]*)$/.exec(problem) ?? [];
  if (file === undefined || message === undefined) return undefined;
  return { repo, file, line: Number(line), column: Number(column), message };
}

/** A value as a message quotes it: on one line, at most 60 characters; lists and mappings are only described. */
export function quote(value: unknown): string {
  const text = shown(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return `a mapping with ${Object.keys(value).slice(0, 3).join(", ") || "no keys"}`;
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? typeof value);
}
