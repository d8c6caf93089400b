// Takes HTML out of text: comments and tags go, the text between them stays unless an element hides it.
//
// A filter is fed a document in order, as HTML and as plain text, and remembers across calls whether it is inside a
// hidden element. Every character is looked at a bounded number of times, so the time is linear whatever the text.
import { lose, type Losses } from "./losses.ts";

export interface HtmlFilter {
  /** HTML source: what of it people would see. */
  html(source: string): string;
  /** Text that is not HTML: itself, or nothing inside a hidden element. */
  text(source: string): string;
}

/** Elements whose content nobody sees on GitHub. */
const unseen = new Set(
  "script style template noscript iframe object embed svg math canvas audio video head title plaintext xmp noembed noframes".split(
    " ",
  ),
);
/** Elements that have no content and no end tag. */
const empty = new Set("area base br col embed hr img input link meta source track wbr".split(" "));
/** Elements people use for looks; taking their tags off loses nothing worth telling. */
const plain = new Set(
  "a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li ol p pre q s samp small span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var".split(
    " ",
  ),
);
/** Attributes and styles that make an element invisible, or too small to see. */
const hiding =
  /\shidden\b|\baria-hidden\s*=\s*["']?true|display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0*\.?0+\s*(?:[;"'%!]|$)|(?:font-size|line-height|width|height|max-width|max-height)\s*:\s*0*\.?0+\s*(?:[a-z%]{0,4}\s*)?(?:[;"'!]|$)|\s(?:width|height|size)\s*=\s*["']?0*\.?0*[01]?(?:px)?(?:["'\s]|$)|color\s*:\s*(?:transparent|#fff(?:fff)?\b|white\b)|\scolor\s*=\s*["']?(?:transparent|#fff(?:fff)?\b|white\b)|clip(?:-path)?\s*:|(?:text-indent|left|top|margin-left)\s*:\s*-\d{3,}/i;

/** A fresh filter for one document. `losses` is counted up. */
export function createHtmlFilter(losses: Losses): HtmlFilter {
  let hidden: { name: string; depth: number } | undefined;

  const open = (name: string, attributes: string): string => {
    if (hidden) {
      if (name === hidden.name && !empty.has(name)) hidden.depth += 1;
      return "";
    }
    if (name === "img") {
      lose(losses, "image");
      return "[image]";
    }
    if (unseen.has(name) || hiding.test(` ${attributes}`)) {
      lose(losses, "hidden");
      if (!empty.has(name)) hidden = { name, depth: 1 };
      return "";
    }
    if (!plain.has(name) || attributes.trim().replace(/^open(?:="")?$/i, "") !== "") lose(losses, "tag");
    return name === "br" ? "\n" : "";
  };

  const close = (name: string): string => {
    if (hidden?.name !== name) return "";
    hidden.depth -= 1;
    if (hidden.depth === 0) hidden = undefined;
    return "";
  };

  return {
    text: (source) => (hidden ? "" : source),
    html(source) {
      let out = "";
      let at = 0;
      while (at < source.length) {
        const next = source.indexOf("<", at);
        if (next === -1) {
          if (!hidden) out += source.slice(at);
          break;
        }
        if (!hidden) out += source.slice(at, next);
        const token = tokenAt(source, next);
        if (token.kind === "text") {
          if (!hidden) out += source.slice(next, token.end);
        } else if (token.kind === "open") out += open(token.name, token.attributes);
        else if (token.kind === "close") out += close(token.name);
        else lose(losses, token.kind);
        at = token.end;
      }
      return out;
    },
  };
}

type Token =
  | { kind: "comment" | "tag" | "text"; end: number }
  | { kind: "open"; end: number; name: string; attributes: string }
  | { kind: "close"; end: number; name: string };

/** The token that begins with the `<` at `start`. What is never closed reaches to the end. */
function tokenAt(source: string, start: number): Token {
  const until = (mark: string, from: number) => {
    const found = source.indexOf(mark, from);
    return found === -1 ? source.length : found + mark.length;
  };
  // `<!-->` is a whole comment (HTML, section 13.2.5.43), so the end is looked for from its first dash on.
  if (source.startsWith("<!--", start)) return { kind: "comment", end: until("-->", start + 2) };
  if (source.startsWith("<![CDATA[", start)) return { kind: "comment", end: until("]]>", start) };
  if (/[!?]/.test(source.charAt(start + 1))) return { kind: "comment", end: until(">", start) };
  const name = /^<(\/?)([a-zA-Z][^\s/>"'=<]{0,60})/.exec(source.slice(start, start + 64));
  if (!name) return { kind: "text", end: start + 1 };
  const from = start + name[0].length;
  const end = tagEnd(source, from);
  // A second `<` before the end: the first was a less-than sign.
  if (source.charAt(end - 1) !== ">") return { kind: source.charAt(end) === "<" ? "text" : "tag", end };
  const word = (name[2] ?? "").toLowerCase();
  if (name[1] === "/") return { kind: "close", end, name: word };
  return { kind: "open", end, name: word, attributes: source.slice(from, end - 1) };
}

/** Where a tag ends: behind its `>`, at an unquoted `<`, at a blank line (no tag spans one), or at the end. */
function tagEnd(source: string, from: number): number {
  let quote = "";
  for (let at = from; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === "\n" && /^[ \t]*(?:\n|$)/.test(source.slice(at + 1, at + 200))) return at;
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === '"' || char === "'") quote = char;
    else if (char === ">") return at + 1;
    else if (char === "<") return at;
  }
  return source.length;
}
