// Text by models and people on its way to GitHub, made harmless: it can be read, but it does nothing.
// Markdown is parsed to a tree, only kinds of node known to be inert are kept, and what would act inside a text
// (a mention, an issue reference, an address, a command) becomes a code span, which GitHub leaves alone.
// Order matters: invisible characters go first, so that they cannot hide a secret from the redactor.
import type { BlockContent, ListItem, Nodes, Paragraph, PhrasingContent, Root, RootContent, TableRow } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown, gfmToMarkdown } from "mdast-util-gfm";
import { toMarkdown } from "mdast-util-to-markdown";
import { gfm } from "micromark-extension-gfm";
import type { Redact } from "../core/redact.ts";

/** Every method cuts to `max` characters of input, strips what cannot be seen, and redacts. */
export interface Neutral {
  /** Several paragraphs of Markdown. */
  prose(text: string, max?: number): string;
  /** One line of Markdown, for a list item or after a label. */
  line(text: string, max?: number): string;
  /** One line of Markdown, for a table cell. */
  cell(text: string, max?: number): string;
  /** A code span. Empty text gives an empty string. */
  code(text: string, max?: number): string;
  /** A code span, for a table cell. */
  codeCell(text: string, max?: number): string;
  /** A fenced block that its content cannot leave. */
  fence(text: string, max?: number): string;
  /** One line without any Markdown, for titles and commit messages. */
  plain(text: string, max?: number): string;
}

/** Deeper than anybody writes; below it a nested block is shown as code. */
const MAX_DEPTH = 12;

/** Languages that are only coloured. GitHub draws others (mermaid, geojson, stl, math). */
const languages = new Set(
  "bash c cpp css diff go html java javascript js json jsx kotlin markdown php python py ruby rust sh shell sql swift text toml ts tsx typescript xml yaml yml".split(
    " ",
  ),
);

/**
 * What GitHub acts on inside running text: addresses, mentions and e-mail addresses, issue references, formulas; and Baton's own commands,
 * which are none in the middle of a path. A path that goes on behind one of them belongs to it, or it would begin what is left.
 * Rules: docs.github.com "Autolinked references and URLs", "Basic writing and formatting syntax", "Writing mathematical expressions".
 */
const live =
  /(?:https?:\/\/[^\s<>]{1,2000}|www\.[^\s<>]{1,2000}|(?<![\w./-])\/(?:agent|baton)(?:[\w.-]{1,100}|(?: [a-z]+)?)|[\w.+-]{0,64}@[a-z0-9](?:[\w./-]{0,100}\w)?|[\w./-]{0,140}#\d+|\bGH-\d+|\$(?=[^\s\d])\S*)(?:\/[\w./-]{1,200})?/gi;

export function createNeutral(redact: Redact): Neutral {
  const ready = (text: string, max: number) => cut(redact(visible(text)), max);
  const line = (text: string, max: number) => {
    const clean = ready(text, max);
    return orCode(clean, () => inline(parse(clean), redact), codeSpan(oneLine(clean)));
  };
  return {
    prose(text, max = 6_000) {
      const clean = ready(text, max);
      return orCode(
        clean,
        () => print({ type: "root", children: blocks(parse(clean).children, 0, redact) }),
        fenceOf(clean),
      );
    },
    line: (text, max = 500) => line(text, max),
    cell: (text, max = 300) => withinCell(line(text, max)),
    code: (text, max = 300) => codeSpan(oneLine(ready(text, max))),
    codeCell: (text, max = 300) => withinCell(codeSpan(oneLine(ready(text, max)))),
    fence: (text, max = 4_000) => fenceOf(ready(text, max)),
    plain: (text, max = 200) => cut(inertLine(redact(inertLine(redact(oneLine(visible(text)))))), max),
  };
}

/** A pipe ends a cell unless a backslash is before it, also in a code span; two of them are one that is text. */
function withinCell(markdown: string): string {
  return markdown.replace(/\\*\|/g, (pipe) => (pipe.length % 2 === 0 ? pipe : `\\${pipe}`));
}

/** Quotes and lists nested so deeply in one line that a parser would spend seconds on them. */
const tooDeep = /^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))){20}/m;

/** What cannot be taken apart is shown as it is, as code. */
function orCode(text: string, render: () => string, code: string): string {
  if (tooDeep.test(text)) return code;
  try {
    return render();
  } catch {
    return code;
  }
}

/** ECMA-48 control sequences: escape, "[", parameters, a final letter. */
const terminalColour = new RegExp(`${String.fromCodePoint(0x1b)}\\[[0-9;?]*[ -/]*[@-~]`, "g");

/** Drops control, bidirectional and invisible characters and terminal colours; keeps line ends, tabs and emoji joiners. */
export function visible(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(terminalColour, "")
    .replace(/(?![\n\t])\p{Cc}/gu, "")
    .replace(/(?!\u200D|\uFE0F)[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/gu, "")
    .replace(/(?<!\p{Extended_Pictographic}|\p{Emoji_Modifier}|\uFE0F)\u200D|(?<!\p{Emoji})\uFE0F/gu, "");
}

function cut(text: string, max: number): string {
  return text.length <= max
    ? text
    : `${text
        .slice(0, max - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, "")}…`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function parse(text: string): Root {
  return fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
}

function print(tree: Nodes): string {
  return toMarkdown(tree, {
    extensions: [gfmToMarkdown()],
    bullet: "-",
    emphasis: "_",
    rule: "-",
    fences: true,
  }).trim();
}

function inline(tree: Root, redact: Redact): string {
  const children = phrasingIn(tree, redact);
  return children.length === 0 ? "" : oneLine(print({ type: "paragraph", children }));
}

/** Everything inside the blocks of a tree as one run of phrasing. */
function phrasingIn(node: Nodes, redact: Redact): PhrasingContent[] {
  if (node.type === "paragraph" || node.type === "heading") return phrasing(node.children, redact);
  if (node.type === "code") return [{ type: "inlineCode", value: oneLine(node.value) || " " }];
  if (node.type === "html") return htmlAsCode(node.value);
  if (!("children" in node)) return [];
  return node.children.flatMap((child, index) => {
    const inside = phrasingIn(child, redact);
    return index === 0 || inside.length === 0 ? inside : [{ type: "text" as const, value: " " }, ...inside];
  });
}

function blocks(nodes: readonly RootContent[], depth: number, redact: Redact): BlockContent[] {
  return nodes.flatMap((node) => block(node, depth, redact));
}

function block(node: RootContent, depth: number, redact: Redact): BlockContent[] {
  if (depth > MAX_DEPTH) return [paragraph(phrasingIn(node, redact))];
  switch (node.type) {
    case "paragraph":
      return [paragraph(phrasing(node.children, redact))];
    case "heading":
      return [paragraph([{ type: "strong", children: phrasing(node.children, redact) }])];
    case "blockquote":
      return [{ type: "blockquote", children: blocks(node.children, depth + 1, redact) }];
    case "list": {
      const children = node.children.map((item): ListItem => ({
        type: "listItem",
        spread: item.spread ?? false,
        children: blocks(item.children, depth + 1, redact),
      }));
      return [{ type: "list", ordered: node.ordered ?? false, start: node.start ?? null, spread: false, children }];
    }
    case "code": {
      const lang = node.lang?.toLowerCase() ?? "";
      return [{ type: "code", lang: languages.has(lang) ? lang : "text", value: node.value }];
    }
    case "table": {
      const children = node.children.map((row): TableRow => ({
        type: "tableRow",
        children: row.children.map((cell) => ({ type: "tableCell", children: phrasing(cell.children, redact) })),
      }));
      return [{ type: "table", align: node.align ?? null, children }];
    }
    case "html":
      return [paragraph(htmlAsCode(node.value))];
    default:
      return [];
  }
}

function paragraph(children: PhrasingContent[]): Paragraph {
  return { type: "paragraph", children };
}

function phrasing(nodes: readonly PhrasingContent[], redact: Redact): PhrasingContent[] {
  const kept = merged(nodes.flatMap((node) => phrase(node, redact)));
  // A secret cut up by emphasis or written in character references is whole again on the page.
  const shown = textOf(kept);
  const clean = redact(shown);
  if (clean !== shown) return apart(inert(clean));
  return apart(kept.flatMap((node) => (node.type === "text" ? inert(node.value) : [node])));
}

/** Two code spans side by side would become one with other ends. */
function apart(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  return nodes.flatMap((node, index) =>
    node.type === "inlineCode" && nodes[index - 1]?.type === "inlineCode"
      ? [{ type: "text", value: " " }, node]
      : [node],
  );
}

/** Neighbouring texts as one: "@" and "ada" from two nodes make a mention together. */
function merged(nodes: readonly PhrasingContent[]): PhrasingContent[] {
  const result: PhrasingContent[] = [];
  for (const node of nodes) {
    const last = result.at(-1);
    if (node.type === "text" && last?.type === "text")
      result[result.length - 1] = { type: "text", value: last.value + node.value };
    else result.push(node);
  }
  return result;
}

/** A node as harmless nodes; its texts are made harmless later, when they are joined with their neighbours. */
function phrase(node: PhrasingContent, redact: Redact): PhrasingContent[] {
  switch (node.type) {
    case "text":
      return [{ type: "text", value: visible(node.value) }];
    case "emphasis":
    case "strong":
    case "delete":
      return [{ type: node.type, children: phrasing(node.children, redact) }];
    case "inlineCode":
      return [{ type: "inlineCode", value: visible(node.value) }];
    case "break":
      return [{ type: "break" }];
    case "link": {
      const shown = textOf(node.children);
      const address: PhrasingContent = { type: "inlineCode", value: visible(node.url) || " " };
      if (node.url === shown || node.url === `mailto:${shown}` || node.url === `http://${shown}`)
        return [{ type: "inlineCode", value: visible(shown) || " " }];
      const inside = node.children.flatMap((child) => phrase(child, redact));
      return [...inside, { type: "text", value: " (" }, address, { type: "text", value: ")" }];
    }
    case "linkReference":
      return node.children.flatMap((child) => phrase(child, redact));
    case "image":
    case "imageReference":
      return [{ type: "text", value: `(image${node.alt ? `: ${visible(node.alt)}` : ""})` }];
    case "html":
      return htmlAsCode(node.value);
    default:
      return [];
  }
}

/** Text with everything that would act turned into code spans. */
function inert(text: string): PhrasingContent[] {
  const parts: PhrasingContent[] = [];
  let end = 0;
  for (const match of text.matchAll(live)) {
    if (match.index > end) parts.push({ type: "text", value: text.slice(end, match.index) });
    // The full stop behind it is the sentence's.
    const value = match[0].replace(/[\s.,;:!?]+$/, "");
    parts.push({ type: "inlineCode", value });
    end = match.index + value.length;
  }
  if (end < text.length) parts.push({ type: "text", value: text.slice(end) });
  return parts;
}

/** Tags are shown as code; comments are not shown at all, closed or not. */
function htmlAsCode(html: string): PhrasingContent[] {
  const value = oneLine(html.replace(/<!--[\s\S]*?(?:-->|$)/g, ""));
  return value === "" ? [] : [{ type: "inlineCode", value }];
}

function textOf(nodes: readonly PhrasingContent[]): string {
  return nodes.map((node) => ("children" in node ? textOf(node.children) : "value" in node ? node.value : "")).join("");
}

function codeSpan(text: string): string {
  if (text === "") return "";
  const ticks = "`".repeat(longest(text, /`+/g) + 1);
  const space = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${ticks}${space}${text}${space}${ticks}`;
}

function fenceOf(text: string): string {
  const ticks = "`".repeat(Math.max(3, longest(text, /`+/g) + 1));
  return `${ticks}text\n${text.replace(/\n+$/, "")}\n${ticks}`;
}

function longest(text: string, pattern: RegExp): number {
  return Math.max(0, ...(text.match(pattern) ?? []).map((run) => run.length));
}

/**
 * A line that no reader of titles and commit messages acts on: no mention, no reference that a squash merge would turn
 * into "closes #9", no `[skip ci]` (docs.github.com "Skipping workflow runs"), no trailer.
 */
function inertLine(text: string): string {
  return oneLine(text)
    .replace(/@(?=\w)/g, "")
    .replace(/#(?=\d)/g, "")
    .replace(/\bGH-(?=\d)/gi, "")
    .replace(/:\/\//g, ": //")
    .replace(/\[(skip ci|ci skip|no ci|skip actions|actions skip)\]/gi, "($1)")
    .replace(/\*{3}NO_CI\*{3}/gi, "NO_CI")
    .replace(/^\/(?=agent|baton)/i, "")
    .replace(/<!--|-->/g, "")
    .trim();
}
