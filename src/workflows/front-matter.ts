// Splits a Markdown file into its YAML front matter and the prose below it. Linear; never throws.
import { quote, type Problem, type SourceFile } from "./source-file.ts";

export interface FrontMatter {
  readonly yaml: string;
  /** Where the YAML begins in the file's text. */
  readonly offset: number;
  /** The Markdown below, with LF line ends, trimmed. */
  readonly prose: string;
}

/** The front matter is what stands between a first line `---` and the next line `---`. */
export function splitFrontMatter(
  source: SourceFile,
): { type: "ok"; frontMatter: FrontMatter } | { type: "invalid"; problem: Problem } {
  const { text } = source;
  const first = lineAt(text, 0);
  if (!isFence(first.line)) {
    const begins = first.line.trim() === "" ? "nothing" : quote(first.line.trim());
    return wrong(0, `there is no front matter (the first line holds ${begins}) — begin the file with a line ---`);
  }
  for (let start = first.next; start <= text.length && start !== -1;) {
    const { line, next } = lineAt(text, start);
    if (isFence(line)) {
      const yaml = text.slice(first.next, start);
      const prose = next === -1 ? "" : text.slice(next).replaceAll("\r\n", "\n").trim();
      return { type: "ok", frontMatter: { yaml, offset: first.next, prose } };
    }
    start = next;
  }
  return wrong(0, "the front matter is not closed — put a line --- below it");
}

function wrong(offset: number, message: string): { type: "invalid"; problem: Problem } {
  return { type: "invalid", problem: { offset, message } };
}

function isFence(line: string): boolean {
  return line.startsWith("---") && line.trimEnd() === "---";
}

/** The line that starts at `start`, and where the next one does; -1 when it is the last. */
function lineAt(text: string, start: number): { line: string; next: number } {
  const end = text.indexOf("\n", start);
  return end === -1 ? { line: text.slice(start), next: -1 } : { line: text.slice(start, end), next: end + 1 };
}
