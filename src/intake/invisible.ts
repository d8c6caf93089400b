// Removes characters that people cannot see: zero-width and bidirectional controls, tag characters, fillers, variation selectors,
// terminal control codes. Emoji keep their joiners and selectors, because those are visible.
import { lose, type Losses } from "./losses.ts";

/** Unicode's Default_Ignorable_Code_Point, interlinear annotation marks, and control codes other than tab and line feed. */
const unseen = /(?![\t\n])\p{Cc}|[\p{Default_Ignorable_Code_Point}\u{FFF9}-\u{FFFB}]/gu;
const pictograph = /^\p{Extended_Pictographic}/u;
const skinTone = /^[\u{1F3FB}-\u{1F3FF}]/u;
const references =
  /&(?:#(?:x([0-9a-f]{1,6})|(\d{1,7}))|(zwj|zwnj|shy|lrm|rlm|ZeroWidthSpace|NoBreak|af|it|ic|ApplyFunction|InvisibleTimes|InvisibleComma|Negative\w{1,20}Space));/gi;

/** The text without them. Linear in its length. */
export function stripInvisible(text: string, losses: Losses): string {
  return text.replace(unseen, (char, at: number) => {
    if (char === "\u{FE0F}" && (pictograph.test(before(text, at)) || keycap(text, at))) return char;
    if (char === "\u{200D}" && joinsEmoji(text, at)) return char;
    lose(losses, "invisible");
    return "";
  });
}

/** Removes character references (`&#8203;`, `&zwj;`) that stand for such characters. */
export function stripInvisibleReferences(text: string, losses: Losses): string {
  return text.replace(references, (reference: string, hex?: string, decimal?: string) => {
    const code = hex !== undefined ? Number.parseInt(hex, 16) : decimal !== undefined ? Number(decimal) : undefined;
    if (code !== undefined) {
      if (code === 0x9 || code === 0xa || code === 0xd || code > 0x10ffff) return reference;
      unseen.lastIndex = 0;
      if (!unseen.test(String.fromCodePoint(code))) return reference;
    }
    lose(losses, "invisible");
    return "";
  });
}

function joinsEmoji(text: string, at: number): boolean {
  if (!pictograph.test(text.slice(at + 1, at + 3))) return false;
  let end = at;
  if (text.charAt(end - 1) === "\u{FE0F}") end -= 1;
  let last = before(text, end);
  if (skinTone.test(last)) last = before(text, end - last.length);
  return pictograph.test(last);
}

function keycap(text: string, at: number): boolean {
  return /[0-9#*]/.test(text.charAt(at - 1)) && text.charAt(at + 1) === "\u{20E3}";
}

/** The code point that ends at `end`. */
function before(text: string, end: number): string {
  const unit = text.charCodeAt(end - 1);
  const isLow = unit >= 0xdc00 && unit <= 0xdfff;
  return text.slice(Math.max(0, isLow ? end - 2 : end - 1), end);
}
