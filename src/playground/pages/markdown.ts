// GitHub-flavoured Markdown to HTML that is safe to show, whoever wrote it. The text is parsed to a tree and only what is known
// here is written out: of raw HTML a few harmless tags without attributes pass, comments vanish, the rest is shown as text.
import type { Definition, List, ListItem, Nodes, Root, Table } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";

export interface MarkdownPlace {
  /** Address of the repository's page, for `#12`: `http://…/owner/name`. */
  readonly repository: string;
  /** In comments a line break is a line break; in files it is a space. */
  readonly comment: boolean;
}

const passing = new Set("details summary sub sup br kbd b strong i em del s ins code samp p hr".split(" "));
const empty = new Set(["br", "hr"]);

export function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** HTML for `text`. What is left open in it is closed, so that it cannot reach out of the element it is put into. */
export function renderMarkdown(text: string, place: MarkdownPlace): string {
  const tree = fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  const writer = new Writer(tree, place);
  return writer.write(tree) + writer.closeAll();
}

class Writer {
  readonly #place: MarkdownPlace;
  readonly #definitions: Map<string, Definition>;
  /** Raw tags that are open, outermost first. */
  readonly #open: string[] = [];
  /** A link in a link would be taken apart by the browser. */
  #inLink = false;

  constructor(tree: Root, place: MarkdownPlace) {
    this.#place = place;
    const definitions = tree.children.filter((node) => node.type === "definition");
    this.#definitions = new Map(definitions.map((node) => [node.identifier, node]));
  }

  write(node: Nodes): string {
    switch (node.type) {
      case "root":
        return this.#all(node.children);
      case "paragraph":
        return `<p>${this.#all(node.children)}</p>`;
      case "heading":
        return `<h${node.depth}>${this.#all(node.children)}</h${node.depth}>`;
      case "text":
        return this.#text(node.value);
      case "emphasis":
        return `<em>${this.#all(node.children)}</em>`;
      case "strong":
        return `<strong>${this.#all(node.children)}</strong>`;
      case "delete":
        return `<del>${this.#all(node.children)}</del>`;
      case "inlineCode":
        return `<code>${escape(node.value)}</code>`;
      case "code":
        return code(node.value, node.lang ?? "");
      case "blockquote":
        return this.#quote(node.children);
      case "list":
        return this.#list(node);
      case "listItem":
        return this.#item(node, true);
      case "thematicBreak":
        return "<hr>";
      case "break":
        return "<br>";
      case "link":
        return this.#link(node.url, () => this.#all(node.children));
      case "image":
        // Nothing is fetched from elsewhere: a picture is a link to it.
        return this.#link(node.url, () => escape(node.alt || "image"));
      case "linkReference":
      case "imageReference": {
        const words = () => (node.type === "linkReference" ? this.#all(node.children) : escape(node.alt || "image"));
        const definition = this.#definitions.get(node.identifier);
        return definition ? this.#link(definition.url, words) : `[${words()}]`;
      }
      case "table":
        return this.#table(node);
      case "html":
        return this.#html(node.value);
      case "footnoteReference":
        return `<sup>${escape(node.identifier)}</sup>`;
      case "footnoteDefinition":
        return `<div class="footnote"><sup>${escape(node.identifier)}</sup> ${this.#all(node.children)}</div>`;
      default:
        return "";
    }
  }

  closeAll(): string {
    return this.#open
      .splice(0)
      .toReversed()
      .map((tag) => `</${tag}>`)
      .join("");
  }

  #all(nodes: readonly Nodes[]): string {
    return nodes.map((node) => this.write(node)).join("");
  }

  #link(url: string, words: () => string): string {
    if (this.#inLink) return words();
    this.#inLink = true;
    try {
      return link(url, words());
    } finally {
      this.#inLink = false;
    }
  }

  #text(value: string): string {
    const words = value.split(/(?<![\w/&])([#@][\w-]+)/).map((part, at) => {
      if (at % 2 === 0) return escape(part);
      if (/^#\d+$/.test(part) && !this.#inLink)
        return `<a href="${escape(this.#place.repository)}/issues/${part.slice(1)}">${part}</a>`;
      return part.startsWith("@") ? `<strong class="mention">${escape(part)}</strong>` : escape(part);
    });
    const text = words.join("");
    return this.#place.comment ? text.replaceAll("\n", "<br>\n") : text;
  }

  #quote(children: readonly Nodes[]): string {
    const inner = this.#all(children);
    const alert = /^<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*(?:<br>)?\s*/.exec(inner);
    const kind = alert?.[1]?.toLowerCase();
    if (!alert || kind === undefined) return `<blockquote>${inner}</blockquote>`;
    const title = kind[0]?.toUpperCase() + kind.slice(1);
    return `<div class="alert alert-${kind}"><p class="alert-title">${title}</p><p>${inner.slice(alert[0].length)}</div>`;
  }

  #list(node: List): string {
    const loose = node.spread === true || node.children.some((item) => item.spread === true);
    const items = node.children.map((item) => this.#item(item, loose)).join("");
    const tasks = node.children.some(({ checked }) => typeof checked === "boolean") ? ' class="tasks"' : "";
    if (node.ordered !== true) return `<ul${tasks}>${items}</ul>`;
    const start = typeof node.start === "number" && node.start !== 1 ? ` start="${node.start}"` : "";
    return `<ol${start}${tasks}>${items}</ol>`;
  }

  #item(node: ListItem, loose: boolean): string {
    const inner = node.children
      .map((child) => (child.type === "paragraph" && !loose ? this.#all(child.children) : this.write(child)))
      .join("\n");
    if (typeof node.checked !== "boolean") return `<li>${inner}</li>`;
    return `<li class="task"><input type="checkbox" disabled${node.checked ? " checked" : ""}> ${inner}</li>`;
  }

  #table(node: Table): string {
    const rows = node.children.map((row, at) => {
      const tag = at === 0 ? "th" : "td";
      const cells = row.children.map((cell, column) => {
        const align = node.align?.[column];
        return `<${tag}${align ? ` class="${align}"` : ""}>${this.#all(cell.children)}</${tag}>`;
      });
      return `<tr>${cells.join("")}</tr>`;
    });
    return `<div class="table"><table><thead>${rows[0] ?? ""}</thead><tbody>${rows.slice(1).join("")}</tbody></table></div>`;
  }

  #html(value: string): string {
    const visible = value.replaceAll(/<!--[\s\S]*?(?:-->|$)/g, "");
    return visible
      .split(/(<\/?[a-zA-Z][a-zA-Z0-9]*(?:\s+open(?:="")?)?\s*\/?>)/)
      .map((part, at) => (at % 2 === 0 ? escape(part) : this.#tag(part)))
      .join("");
  }

  #tag(tag: string): string {
    const name = (/[a-zA-Z][a-zA-Z0-9]*/.exec(tag)?.[0] ?? "").toLowerCase();
    if (!passing.has(name)) return escape(tag);
    if (empty.has(name)) return `<${name}>`;
    if (!tag.startsWith("</")) {
      this.#open.push(name);
      return name === "details" && /\sopen/.test(tag) ? "<details open>" : `<${name}>`;
    }
    const from = this.#open.lastIndexOf(name);
    if (from < 0) return "";
    return this.#open
      .splice(from)
      .toReversed()
      .map((inner) => `</${inner}>`)
      .join("");
  }
}

/** Addresses of the web and of mail, and relative ones; browsers drop control characters, so none is let through. */
function link(url: string, words: string): string {
  const scheme = /^([^/?#]*):/.exec(url)?.[1]?.toLowerCase();
  const known = scheme === undefined || ["http", "https", "mailto"].includes(scheme);
  // oxlint-disable-next-line no-control-regex
  const safe = known && !url.startsWith("//") && !/[\u0000-\u0020\\]/.test(url);
  return safe ? `<a href="${escape(url)}" rel="nofollow noreferrer">${words}</a>` : words;
}

function code(value: string, language: string): string {
  if (language !== "diff") return `<pre><code>${escape(value)}</code></pre>`;
  const lines = value.split("\n").map((line) => {
    const kind = line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : line.startsWith("@@") ? "hunk" : "";
    return kind === "" ? escape(line) : `<span class="${kind}">${escape(line)}</span>`;
  });
  return `<pre><code>${lines.join("\n")}</code></pre>`;
}
