// Text from outside, made into what people see of it on GitHub: what is hidden from them must not reach a model.
//
// Markdown goes through its syntax tree, so that code keeps its angle brackets and HTML loses them. Text that would take
// too long to parse is swept instead: everything in it that could be HTML goes, whatever it is part of.
// Whole: at most 50 ms for 64 KB. Sources: CommonMark 0.31, GFM, SECURITY.md ("text in").
import type { Nodes, Root } from "mdast";
import { createHtmlFilter, type HtmlFilter } from "./html.ts";
import { stripInvisible, stripInvisibleReferences } from "./invisible.ts";
import { lose, type Losses } from "./losses.ts";
import { checkLabel, sweep } from "./sweep.ts";
import { parsePieces } from "./markdown.ts";

/** Characters of one text that are read; GitHub's own limit for a body. */
export const MAX_TEXT = 65_536;
const MAX_TITLE = 500;

/** A Markdown text without what people cannot see. Counts in `losses` what went. */
export function sanitizeMarkdown(text: string, losses: Losses): string {
  const lines = text.replaceAll(/\r\n?/g, "\n");
  const source = lines.slice(0, MAX_TEXT);
  const filter = createHtmlFilter(losses);
  const parts = parsePieces(source).map((piece) => {
    if (piece.kind === "fence") return filter.text(checkBlock(piece.source, losses));
    if (piece.tree) return visible(piece.source, piece.tree, filter, losses);
    lose(losses, "intricate");
    return sweep(piece.source, filter, losses);
  });
  const clean = stripInvisible(parts.join(""), losses).toWellFormed();
  if (lines.length <= MAX_TEXT) return clean;
  lose(losses, "cut");
  return `${clean}\n\n[The rest of this text, ${lines.length - MAX_TEXT} characters, was left out.]`;
}

/** A one-line text (a title): no control or invisible characters, one line, at most 500 characters. */
export function sanitizeLine(text: string, losses: Losses): string {
  const line = stripInvisible(text.slice(0, MAX_TEXT).replaceAll(/\s+/g, " "), losses).trim().toWellFormed();
  return line.length <= MAX_TITLE ? line : `${line.slice(0, MAX_TITLE - 1).toWellFormed()}…`;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly make: () => string;
}

/** The source with every invisible part of its tree taken out. */
function visible(source: string, tree: Root, filter: HtmlFilter, losses: Losses): string {
  const used = usedLabels(tree);
  const edits: Edit[] = [];
  const edit = (start: number, end: number, make: () => string) => edits.push({ start, end, make });

  const visit = (node: Nodes): void => {
    const start = node.position?.start.offset ?? 0;
    const end = node.position?.end.offset ?? start;
    const own = source.slice(start, end);
    const drop = (loss: Parameters<typeof lose>[1]) =>
      edit(start, end, () => {
        lose(losses, loss);
        return "";
      });
    switch (node.type) {
      case "html":
        edit(start, end, () => filter.html(own));
        return;
      case "inlineCode":
        edit(start, end, () => filter.text(own));
        return;
      case "code":
        edit(start, end, () => filter.text(checkBlock(own, losses)));
        return;
      case "image":
      case "imageReference":
        if (node.alt) lose(losses, "image");
        edit(start, end, () => filter.text("[image]"));
        return;
      case "definition":
        if (!used.has(`link ${node.identifier}`)) drop("definition");
        else if (node.title !== null && node.title !== undefined) {
          lose(losses, "title");
          edit(start, end, () => filter.text(`[${node.label ?? node.identifier}]: ${bare(node.url)}`));
        }
        return;
      case "footnoteDefinition":
        if (!used.has(`footnote ${node.identifier}`)) {
          drop("footnote");
          return;
        }
        break;
      case "link": {
        const last = node.children.at(-1)?.position?.end.offset;
        if (last === undefined) {
          drop("hidden");
          return;
        }
        if (node.title === null || node.title === undefined) break;
        for (const child of node.children) visit(child);
        lose(losses, "title");
        edit(last, end, () => filter.text(`](${bare(node.url)})`));
        return;
      }
      default:
        break;
    }
    if ("children" in node) for (const child of node.children) visit(child);
  };
  visit(tree);

  let out = "";
  let at = 0;
  const gap = (end: number) => filter.text(stripInvisibleReferences(source.slice(at, end), losses));
  for (const { start, end, make } of edits) {
    out += gap(start) + make();
    at = end;
  }
  return out + gap(source.length);
}

/** Labels of definitions and footnotes that something visible refers to. */
function usedLabels(tree: Root): Set<string> {
  const used = new Set<string>();
  const visit = (node: Nodes): void => {
    if (node.type === "linkReference" && node.children.length > 0) used.add(`link ${node.identifier}`);
    if (node.type === "footnoteReference") used.add(`footnote ${node.identifier}`);
    if ("children" in node) for (const child of node.children) visit(child);
  };
  visit(tree);
  return used;
}

/** An address that needs no quoting in Markdown. */
function bare(url: string): string {
  return url.replaceAll(/[\s<>()]/g, (char) => encodeURIComponent(char).replace("(", "%28").replace(")", "%29"));
}

/** A code block, its first line checked. */
function checkBlock(block: string, losses: Losses): string {
  const end = block.indexOf("\n");
  return end === -1 ? checkLabel(block, losses) : checkLabel(block.slice(0, end), losses) + block.slice(end);
}
