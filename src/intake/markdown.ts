// Markdown as a syntax tree, within a bound of time.
//
// The parser is exact and, on hostile text, far worse than linear (64 KB of "- " take two minutes). So a linear look
// comes first: fenced code whose borders are certain is taken out, and what remains is parsed only when it holds few
// enough of the characters that cost time. Callers treat text without a tree as if every part of it could be hidden.
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import type { Root } from "mdast";

/** A stretch of the source. `fence` includes the fence's own lines. `tree` is undefined when parsing would cost too much. */
export interface Piece {
  readonly kind: "fence" | "text";
  readonly start: number;
  readonly source: string;
  readonly tree: Root | undefined;
}

/** Characters that start Markdown constructs; each costs the parser some 20 µs. */
const MAX_COSTLY = 1_500;
/** Quotes and lists inside one another that a single line may open. */
const MAX_MARKERS = 12;
/** Columns before a list marker: deeper ones nest too far. */
const MAX_INDENT = 60;

const extensions = [
  gfm(),
  {
    // None of these decides what is code, a quote, HTML or a link; the ones that pair delimiters cost the most.
    disable: {
      null: ["attention", "strikethrough", "setextUnderline", "wwwAutolink", "protocolAutolink", "emailAutolink"],
    },
  },
];
const mdastExtensions = [gfmFromMarkdown()];

/** Splits text (line ends are \n) into fenced code and the rest, each with its tree. Linear in the length; never throws. */
export function parsePieces(text: string): Piece[] {
  let left = MAX_COSTLY;
  const parse = (source: string): Root | undefined => {
    left -= costOf(source);
    return left < 0 ? undefined : treeOf(source);
  };
  const split = splitFences(text) ?? [{ kind: "text" as const, start: 0, source: text }];
  return split.map((piece) => ({ ...piece, tree: piece.kind === "text" ? parse(piece.source) : undefined }));
}

function treeOf(source: string): Root | undefined {
  try {
    return fromMarkdown(source, { extensions, mdastExtensions });
  } catch {
    // The parser has bugs on odd input; such text is treated as one that costs too much.
    return undefined;
  }
}

/** What parsing would cost, in the unit of `MAX_COSTLY`; infinite for text nested too deep. */
function costOf(source: string): number {
  let cost = 0;
  for (const line of source.split("\n")) {
    cost += 1;
    let markers = 0;
    let column = 0;
    let leading = true;
    for (let index = 0; index < line.length; index += 1) {
      const char = line.charAt(index);
      if (costly.has(char)) cost += 1;
      if (!leading) continue;
      column += char === "\t" ? 4 : 1;
      const spaced = index + 1 === line.length || " \t".includes(line.charAt(index + 1));
      if (char === ">" || (marks.has(char) && spaced)) {
        markers += 1;
        cost += 2;
        if (markers > MAX_MARKERS || column > MAX_INDENT) return Number.POSITIVE_INFINITY;
      } else if (!between.has(char)) leading = false;
    }
  }
  return cost;
}

const costly = new Set("[]*_<>`&!|\\~");
const marks = new Set("-+*.)");
const between = new Set(" \t0123456789");

/**
 * Fenced code blocks that stand at the very beginning of their lines, outside of everything else; undefined when that is not certain.
 * It is certain when no line outside of them could open an HTML block or a fence inside a list or quote: an unindented
 * fence closes every list and quote, so nothing else can hold it (CommonMark 0.31, sections 4.5, 4.6 and 5).
 * Text with definitions stays whole too, because what they define may be used on the other side of a fence.
 */
function splitFences(text: string): Omit<Piece, "tree">[] | undefined {
  const pieces: Omit<Piece, "tree">[] = [];
  let from = 0;
  let at = 0;
  let fence: string | undefined;
  const take = (kind: Piece["kind"], end: number) => {
    if (end > from) pieces.push({ kind, start: from, source: text.slice(from, end) });
    from = end;
  };
  while (at < text.length) {
    const newline = text.indexOf("\n", at);
    const end = newline === -1 ? text.length : newline + 1;
    const line = text.slice(at, newline === -1 ? text.length : newline);
    if (fence !== undefined) {
      if (closes(line, fence)) {
        take("fence", end);
        fence = undefined;
      }
    } else {
      fence = /^(`{3,}(?=[^`]*$)|~{3,})/.exec(line)?.[1];
      if (fence === undefined && /^[\s>*+\-\d.)]*(?:<|```|~~~|\[[^\]]{1,999}\]:)/.test(line)) return undefined;
      if (fence !== undefined) take("text", at);
    }
    at = end;
  }
  take(fence === undefined ? "text" : "fence", text.length);
  return pieces;
}

function closes(line: string, fence: string): boolean {
  const marks = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line)?.[1];
  return marks !== undefined && marks.startsWith(fence);
}
