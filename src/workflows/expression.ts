// The language of conditions: `when` and `until` of a stage. It reads what stages handed in and says yes or no; it can do nothing else,
// ends always, and fails never. Grammar, loosest first:
//
//   any        = all { "or" all }
//   all        = negation { "and" negation }
//   negation   = "not" negation | comparison
//   comparison = value [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") value ]
//   value      = number | 'text' | "text" | true | false | path | "count" "(" path ")" | "(" any ")"
//   path       = stage { "." field }
//
// A path through a list goes through each of its entries: `review.findings.severity` is the list of all severities. A path that leads
// nowhere, because the stage was passed over or the field was left out, is *nothing*: equal to nothing, in nothing, counted 0, and false.
// The place `triage` is the run's Triage. Stage names hold dashes, so there is no subtraction.
import { quote, type Problem } from "./source-file.ts";
import { tokensOf, type Literal, type Mark, type Operator, type Path, type Token } from "./expression-tokens.ts";

export type Expression =
  | Literal
  | Path
  | { readonly type: "count"; readonly path: Path }
  | { readonly type: "not"; readonly operand: Expression }
  | { readonly type: "all" | "any"; readonly operands: readonly Expression[] }
  | Comparison;

export interface Comparison {
  readonly type: "comparison";
  readonly operator: Operator;
  readonly left: Expression;
  readonly right: Expression;
}

/** Parentheses and nots may stand this deep in each other. */
const MAX_DEPTH = 50;
/** A list that a path gathers ends here; artifacts are bounded far below. */
const MAX_GATHERED = 10_000;

const A_VALUE = "write a path such as review.verdict, a number, 'text', true or false";

/** What people write between two values out of the habit of another language. */
const synonyms: Readonly<Record<string, string>> = {
  is: "write ==",
  equals: "write ==",
  eq: "write ==",
  matches: "write == or in",
  contains: "write the value first: 'value' in path",
  includes: "write the value first: 'value' in path",
  has: "write the value first: 'value' in path",
};

/** Reads a condition; never throws, in time that grows with the text only. Offsets count in the text, in UTF-16 units. */
export function parseExpression(
  text: string,
): { type: "ok"; expression: Expression } | { type: "invalid"; problems: Problem[] } {
  const { tokens, problems, whole } = tokensOf(text);
  if (tokens.length === 1 && problems.length === 0)
    return { type: "invalid", problems: [{ offset: 0, message: `the condition is empty — ${A_VALUE}` }] };
  if (!whole) return { type: "invalid", problems };
  const parser = new Parser(text, tokens);
  const expression = parser.whole();
  const all = [...problems, ...parser.problems];
  return expression && all.length === 0 ? { type: "ok", expression } : { type: "invalid", problems: all };
}

/** Every path of a condition, in the order of the text. */
export function pathsIn(expression: Expression): readonly Path[] {
  switch (expression.type) {
    case "literal":
      return [];
    case "path":
      return [expression];
    case "count":
      return [expression.path];
    case "not":
      return pathsIn(expression.operand);
    case "all":
    case "any":
      return expression.operands.flatMap(pathsIn);
    case "comparison":
      return [...pathsIn(expression.left), ...pathsIn(expression.right)];
  }
}

/** Recursive descent. A method that meets something it cannot read notes one problem and gives undefined, and so do those above it. */
class Parser {
  readonly problems: Problem[] = [];
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  whole(): Expression | undefined {
    const expression = this.#any();
    if (expression && !this.#is("end")) return this.#unexpected();
    return expression;
  }

  #any(): Expression | undefined {
    return this.#joined("any", "or", () => this.#joined("all", "and", () => this.#negation()));
  }

  #joined(type: "all" | "any", word: "and" | "or", next: () => Expression | undefined): Expression | undefined {
    const operands: Expression[] = [];
    do {
      const operand = next();
      if (!operand) return undefined;
      operands.push(operand);
    } while (this.#takes(word));
    const [only] = operands;
    return operands.length === 1 ? only : { type, operands };
  }

  #negation(): Expression | undefined {
    const { offset } = this.#token();
    if (!this.#takes("not")) return this.#comparison();
    const operand = this.#deeper(offset, () => this.#negation());
    return operand && { type: "not", operand };
  }

  #comparison(): Expression | undefined {
    const left = this.#value();
    const token = this.#token();
    if (!left || token.type !== "mark" || !isOperator(token.mark)) return left;
    this.#at += 1;
    const right = this.#value();
    if (!right) return undefined;
    const operator = token.mark;
    if (operator.startsWith("<") || operator.startsWith(">")) {
      const side = [left, right].find((each) => each.type === "literal" && typeof each.value !== "number");
      if (side?.type === "literal")
        return this.#say(
          side.offset,
          `${quote(side.value)} has no order — ${operator} compares numbers; write == or !=`,
        );
    }
    return { type: "comparison", operator, left, right };
  }

  #value(): Expression | undefined {
    const token = this.#token();
    if (token.type !== "mark") {
      this.#at += 1;
      return token;
    }
    if (this.#takes("count")) return this.#count();
    if (!this.#takes("(")) {
      if (token.mark === "end") return this.#say(token.offset, `a value is missing at the end — ${A_VALUE}`);
      return this.#say(token.offset, `${quote(token.mark)} stands where a value belongs — ${A_VALUE}`);
    }
    const inner = this.#deeper(token.offset, () => this.#any());
    return inner && (this.#closes(token.offset) ? inner : undefined);
  }

  #count(): Expression | undefined {
    const opening = this.#token();
    this.#at += 1;
    const path = this.#token();
    if (path.type !== "path") return this.#say(path.offset, "count takes a path — write it as count(review.findings)");
    this.#at += 1;
    return this.#closes(opening.offset) ? { type: "count", path } : undefined;
  }

  #closes(opening: number): boolean {
    if (this.#takes(")")) return true;
    if (this.#is("end")) this.#say(opening, 'the "(" is not closed — add ")"');
    else this.#unexpected();
    return false;
  }

  #deeper(offset: number, next: () => Expression | undefined): Expression | undefined {
    if (this.#depth === MAX_DEPTH) return this.#say(offset, `nested deeper than ${MAX_DEPTH} levels — make it flatter`);
    this.#depth += 1;
    const expression = next();
    this.#depth -= 1;
    return expression;
  }

  /** Something stands behind a whole comparison that neither joins nor closes it. */
  #unexpected(): undefined {
    const token = this.#token();
    const { offset } = token;
    if (token.type === "mark") {
      if (token.mark === ")") return this.#say(offset, '")" closes nothing — take it out, or open it with "("');
      if (token.mark === "not")
        return this.#say(offset, '"not" stands between two values — write it before them: not (a in b)');
      if (isOperator(token.mark))
        return this.#say(offset, `${quote(token.mark)} compares a third value — join two comparisons with and`);
    }
    const [word = ""] = /^(?:[^\s()]+|[()])/.exec(this.#text.slice(offset, offset + 60)) ?? [];
    const advice = token.type === "path" && token.fields.length === 0 ? ownEntry(synonyms, token.stage) : undefined;
    if (typeof advice === "string") return this.#say(offset, `${quote(word)} has no meaning here — ${advice}`);
    return this.#say(
      offset,
      `${quote(word)} follows without a word between — write and, or, or a comparison before it`,
    );
  }

  #token(): Token {
    return this.#tokens[this.#at] ?? { type: "mark", mark: "end", offset: this.#text.length };
  }

  #is(mark: Mark["mark"]): boolean {
    const token = this.#token();
    return token.type === "mark" && token.mark === mark;
  }

  #takes(mark: Mark["mark"]): boolean {
    if (!this.#is(mark)) return false;
    this.#at += 1;
    return true;
  }

  #say(offset: number, message: string): undefined {
    this.problems.push({ offset, message });
  }
}

function isOperator(mark: Mark["mark"]): mark is Operator {
  return ["==", "!=", "<", "<=", ">", ">=", "in"].includes(mark);
}

/** Whether a condition holds over what the stages made, by stage. Values are data as JSON has it; only what is their own is looked at. Never throws. */
export function evaluate(expression: Expression, values: Readonly<Record<string, unknown>>): boolean {
  return holds(valueOf(expression, values));
}

function valueOf(expression: Expression, values: Readonly<Record<string, unknown>>): unknown {
  switch (expression.type) {
    case "literal":
      return expression.value;
    case "path":
      return valueAt(expression, values);
    case "count": {
      const value = valueAt(expression.path, values);
      if (Array.isArray(value)) return value.length;
      return isNothing(value) ? 0 : 1;
    }
    case "not":
      return !evaluate(expression.operand, values);
    case "all":
      return expression.operands.every((operand) => evaluate(operand, values));
    case "any":
      return expression.operands.some((operand) => evaluate(operand, values));
    case "comparison":
      return compare(expression.operator, valueOf(expression.left, values), valueOf(expression.right, values));
  }
}

/** What a value counts for by itself: nothing, false, 0, empty text and an empty list are false. */
function holds(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return Boolean(value);
}

function compare(operator: Operator, left: unknown, right: unknown): boolean {
  switch (operator) {
    case "==":
      return isSame(left, right);
    case "!=":
      return !isSame(left, right);
    case "in":
      if (Array.isArray(right)) return right.some((entry) => isSame(left, entry));
      return typeof left === "string" && typeof right === "string" && right.includes(left);
    case "<":
      return typeof left === "number" && typeof right === "number" && left < right;
    case "<=":
      return typeof left === "number" && typeof right === "number" && left <= right;
    case ">":
      return typeof left === "number" && typeof right === "number" && left > right;
    case ">=":
      return typeof left === "number" && typeof right === "number" && left >= right;
  }
}

/** Numbers, texts and truth values can be the same; lists, mappings and nothing are the same as nothing. */
function isSame(left: unknown, right: unknown): boolean {
  return left === right && ["number", "string", "boolean"].includes(typeof left);
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null;
}

/** What a path leads to; undefined for nothing. */
export function valueAt({ stage, fields }: Path, values: Readonly<Record<string, unknown>>): unknown {
  let value = ownEntry(values, stage);
  for (const field of fields) value = Array.isArray(value) ? gather(value, field) : ownEntry(value, field);
  return value;
}

/** The field of each entry, in one list: entries without it are left out, and fields that are lists themselves are strung together. */
function gather(entries: readonly unknown[], field: string): unknown[] {
  const found: unknown[] = [];
  for (const entry of entries) {
    const value = ownEntry(entry, field);
    for (const each of Array.isArray(value) ? value : [value]) {
      if (found.length === MAX_GATHERED) return found;
      if (!isNothing(each)) found.push(each);
    }
  }
  return found;
}

/** Own data only: what is inherited (`constructor`, `__proto__`) leads nowhere, and no getter runs. */
function ownEntry(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}
