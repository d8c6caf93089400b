// Takes what people may not see out of Markdown without parsing it: line by line and by pairs of brackets, in linear time.
// Used on its own where parsing would take too long; then it takes too much rather than too little.
import type { HtmlFilter } from "./html.ts";
import { stripInvisibleReferences } from "./invisible.ts";
import { lose, type Losses } from "./losses.ts";

/** Text without a tree: whatever could be HTML, an image, a link's title or a definition goes, code or not. */
export function sweep(source: string, filter: HtmlFilter, losses: Losses): string {
  const text = withoutImages(stripInvisibleReferences(filter.html(source), losses), losses)
    .replaceAll(/(?<!\\)\[\s{0,50}\]\([^()\n]{0,1000}\)/g, () => {
      lose(losses, "hidden");
      return "";
    })
    .replaceAll(
      /(\]\([^\s()]{1,1000})\s{1,10}(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'|\([^()\n]{0,500}\))\s{0,10}\)/g,
      (_, link) => {
        lose(losses, "title");
        return `${String(link)})`;
      },
    );
  let inDefinition = false;
  return text
    .split("\n")
    .filter((line) => {
      const begins = /^[\s>*+\-\d.)]{0,80}\[[^\]\n]{1,999}\]:/.test(line);
      if (begins) lose(losses, line.trimStart().startsWith("[^") ? "footnote" : "definition");
      // What a definition goes on with is shown to nobody either; it ends at a blank line at the latest.
      inDefinition = begins || (inDefinition && line.trim() !== "");
      return !inDefinition;
    })
    .map((line) => checkLabel(line, losses))
    .join("\n");
}

/** A line that opens a fenced block names a language and nothing else: the rest of such a line is shown to nobody. */
export function checkLabel(line: string, losses: Losses): string {
  const opening = /^([\s>*+\-\d.)]{0,80}(?:`{3,}(?!.*`)|~{3,}))[ \t]*(.*)/.exec(line);
  if (!opening) return line;
  const [, fence = "", info = ""] = opening;
  const language = /^[\w+#.-]{1,20}(?=\s|$)/.exec(info)?.[0] ?? "";
  if (info.trim() === language) return line;
  lose(losses, "label");
  return fence + language;
}

function withoutImages(text: string, losses: Losses): string {
  const pairs = bracketPairs(text);
  let out = "";
  let at = 0;
  for (;;) {
    const next = text.indexOf("![", at);
    if (next === -1) return out + text.slice(at);
    const end = pairs.get(next + 1);
    if (end === undefined) {
      out += text.slice(at, next + 2);
      at = next + 2;
      continue;
    }
    lose(losses, "image");
    out += `${text.slice(at, next)}[image]`;
    const opener = text.charAt(end + 1);
    at = (opener === "(" || opener === "[" ? pairs.get(end + 1) : undefined) ?? end;
    at += 1;
  }
}

/** For each opening bracket or parenthesis the place of the one that closes it; none spans a blank line. */
function bracketPairs(text: string): Map<number, number> {
  const pairs = new Map<number, number>();
  const open: Record<"]" | ")", number[]> = { "]": [], ")": [] };
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "\\") at += 1;
    else if (char === "[") open["]"].push(at);
    else if (char === "(") open[")"].push(at);
    else if (char === "]" || char === ")") {
      const start = open[char].pop();
      if (start !== undefined) pairs.set(start, at);
    } else if (char === "\n" && text.charAt(at + 1) === "\n") {
      open["]"] = [];
      open[")"] = [];
    }
  }
  return pairs;
}
