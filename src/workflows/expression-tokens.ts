// The words of a condition: numbers, 'text', paths and marks, with their places. What people write out of the habit of another
// language (=, &&, AND, “quotes”) is reported with what to write here, and read as what was meant, so that the rest is checked too.
import { nearest } from "./nearest.ts";
import { quote, type Problem } from "./source-file.ts";

/** A field of what a stage made: `review.findings.severity`. Without fields, the whole artifact. */
export interface Path {
  readonly type: "path";
  readonly stage: string;
  readonly fields: readonly string[];
  /** Where it begins in the text of the condition. There is no space in it, so its fields have their places too. */
  readonly offset: number;
}

export interface Literal {
  readonly type: "literal";
  readonly value: number | string | boolean;
  readonly offset: number;
}

export type Operator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in";

/** Signs and reserved words. */
export interface Mark {
  readonly type: "mark";
  readonly mark: Operator | "and" | "or" | "not" | "count" | "(" | ")" | "end";
  readonly offset: number;
}

export type Token = Path | Literal | Mark;

/** Nobody mends more than this at once. */
const MAX_PROBLEMS = 20;

/** Each kind of token; together they take any text apart in one pass, each character read a fixed number of times. */
const SPACE = /\s+/y;
const TEXT = /'[^']*'|"[^"]*"/y;
const CURLY = /[‘’‚‛“”„‟«»‹›`´][^‘’‚‛“”„‟«»‹›`´]*[‘’‚‛“”„‟«»‹›`´]?/y;
const NUMBER = /-?\d[\w.-]*/y;
const WORD = /[A-Za-z_][\w.-]*/y;
const SIGN = /===|!==|==|!=|<>|<=|>=|=<|=>|&&|\|\||[<>=&|!()]/y;
const OTHER = /[^\s\w'"‘’‚‛“”„‟«»‹›`´<>=&|!()]+/y;

const signs: ReadonlyMap<string, Mark["mark"]> = new Map(
  (["==", "!=", "<", "<=", ">", ">=", "(", ")"] as const).map((sign) => [sign, sign]),
);
/** Signs of other languages, and what they are called here. */
const foreign: ReadonlyMap<string, Mark["mark"]> = new Map([
  ["=", "=="],
  ["===", "=="],
  ["!==", "!="],
  ["<>", "!="],
  ["=<", "<="],
  ["=>", ">="],
  ["&&", "and"],
  ["&", "and"],
  ["||", "or"],
  ["|", "or"],
  ["!", "not"],
]);
const words: ReadonlyMap<string, Mark["mark"] | boolean> = new Map<string, Mark["mark"] | boolean>([
  ["and", "and"],
  ["or", "or"],
  ["not", "not"],
  ["in", "in"],
  ["true", true],
  ["false", false],
]);

/**
 * Takes a condition apart, in time that grows with the text only. The tokens end with the mark `end`. They are `whole` unless something
 * has no meaning at all: then they end before it, and what a parser says of them would mislead.
 */
export function tokensOf(text: string): { tokens: Token[]; problems: Problem[]; whole: boolean } {
  const tokens: Token[] = [];
  const problems: Problem[] = [];
  let at = 0;
  let whole = true;
  const take = (kind: RegExp): string | undefined => {
    kind.lastIndex = at;
    return kind.exec(text)?.[0];
  };
  while (at < text.length && problems.length < MAX_PROBLEMS) {
    const offset = at;
    const say = (message: string) => problems.push({ offset, message });
    const space = take(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const inQuotes = take(TEXT);
    const number = take(NUMBER);
    const word = take(WORD);
    const sign = take(SIGN);
    const curly = take(CURLY);
    if (inQuotes !== undefined) {
      tokens.push({ type: "literal", value: inQuotes.slice(1, -1), offset });
      at += inQuotes.length;
    } else if (number !== undefined) {
      if (!/^-?\d+(?:\.\d+)?$/.test(number))
        say(
          `${quote(number)} is not a number — write digits, such as 3 or 0.5; there is no arithmetic, and text stands in quotes`,
        );
      tokens.push({ type: "literal", value: Number.parseFloat(number), offset });
      at += number.length;
    } else if (word !== undefined) {
      at += word.length;
      tokens.push(readWord(word, offset, /^\s*\(/.test(text.slice(at, at + 100)), say));
    } else if (sign !== undefined) {
      const meant = foreign.get(sign);
      if (meant !== undefined) say(`${quote(sign)} has no meaning here — write ${meant}`);
      tokens.push({ type: "mark", mark: meant ?? signs.get(sign) ?? "==", offset });
      at += sign.length;
    } else if (curly !== undefined) {
      say(`${quote(curly)} is not in straight quotes — write '${curly.replace(/^.|.$/g, "").slice(0, 40)}'`);
      tokens.push({ type: "literal", value: curly.replace(/^.|.$/g, ""), offset });
      at += curly.length;
    } else if (text[at] === "'" || text[at] === '"') {
      say(`the text is not closed (${quote(text.slice(at))}) — end it with ${text[at]}`);
      tokens.push({ type: "literal", value: text.slice(at + 1), offset });
      at = text.length;
    } else {
      const other = take(OTHER) ?? text.charAt(at);
      say(`${quote(other)} has no meaning here — ${adviceFor(other)}`);
      whole = false;
      break;
    }
  }
  tokens.push({ type: "mark", mark: "end", offset: text.length });
  return { tokens, problems, whole: whole && problems.length < MAX_PROBLEMS };
}

function adviceFor(sign: string): string {
  if (sign.startsWith("[")) return "there are no lists; write a == 'x' or a == 'y'";
  if (/^[-+*/%]+$/.test(sign)) return "there is no arithmetic; compare with a number";
  return "take it out, or put it in quotes if it is text";
}

/** A reserved word or a path. `called`: an opening parenthesis follows. */
function readWord(word: string, offset: number, called: boolean, say: (message: string) => void): Token {
  const lower = word.toLowerCase();
  const reserved = words.get(lower);
  if (reserved !== undefined) {
    if (word !== lower) say(`${quote(word)} has no meaning here — write ${lower}`);
    return typeof reserved === "boolean"
      ? { type: "literal", value: reserved, offset }
      : { type: "mark", mark: reserved, offset };
  }
  if (called) {
    const near = nearest(word, ["count"]) ?? (/^(?:len|length|size|sum|number)$/i.test(word) ? "count" : undefined);
    if (word !== "count")
      say(
        `there is nothing called ${quote(word)} to apply — ${near === undefined ? "only count(path) can be, which counts a list" : `write ${near}(path)`}`,
      );
    return { type: "mark", mark: "count", offset };
  }
  const [stage = "", ...fields] = word.split(".");
  if (fields.includes("")) say(`${quote(word)} has a dot without a field — write stage.field, such as review.verdict`);
  else if (fields.some((field) => /^[\d-]/.test(field)))
    say(`${quote(word)} asks for one place of a list — a path goes through the whole list; use in or count`);
  return { type: "path", stage, fields, offset };
}
