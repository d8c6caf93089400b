// The expressions of GitHub Actions (`${{ … }}` and `if:`), as far as the workflows here use them: literals, the operators || && ! == !=,
// property access with `.name`, `.*` and `['name']`, and the functions below. Whatever else an expression holds is an error.
// https://docs.github.com/actions/reference/evaluate-expressions-in-workflows-and-actions

/** Names that expressions begin with: `github`, `inputs`, `steps`, `needs` … */
export type Contexts = Readonly<Record<string, unknown>>;

/** How the job stands, for `always()` and its like. */
export interface Standing {
  readonly failed: boolean;
  readonly cancelled: boolean;
}

type Value = unknown;
interface Token {
  readonly type: "name" | "string" | "number" | "sign";
  readonly text: string;
}

const statusFunctions = /\b(?:always|success|failure|cancelled)\s*\(/;

/** Whether a step or a job runs. Without a word about how it stands, only while nothing has failed. */
export function isTrue(condition: string | undefined, contexts: Contexts, standing: Standing): boolean {
  const text = (condition ?? "").trim().replace(/^\$\{\{([^]*)\}\}$/, "$1");
  if (text === "") return !standing.failed && !standing.cancelled;
  const value = truthy(evaluate(text, contexts, standing));
  return statusFunctions.test(text) ? value : value && !standing.failed && !standing.cancelled;
}

/** A text with every `${{ … }}` in it worked out. */
export function fill(text: string, contexts: Contexts): string {
  return text.replaceAll(/\$\{\{([^]*?)\}\}/g, (_, inner: string) =>
    asText(evaluate(inner, contexts, { failed: false, cancelled: false })),
  );
}

/** Works an expression out. Throws for what this evaluator does not know. */
export function evaluate(text: string, contexts: Contexts, standing: Standing): Value {
  const tokens = tokenize(text);
  let at = 0;
  const peek = () => tokens[at];
  const isSign = (sign: string) => peek()?.type === "sign" && peek()?.text === sign;
  const take = (sign: string): boolean => {
    if (!isSign(sign)) return false;
    at += 1;
    return true;
  };
  const need = (sign: string) => {
    if (!take(sign)) throw new Error(`"${sign}" is missing in the expression ${text}`);
  };

  const or = (): Value => {
    let left = and();
    while (take("||")) {
      const right = and();
      left = truthy(left) ? left : right;
    }
    return left;
  };
  const and = (): Value => {
    let left = equality();
    while (take("&&")) {
      const right = equality();
      left = truthy(left) ? right : left;
    }
    return left;
  };
  const equality = (): Value => {
    let left = unary();
    for (;;) {
      if (take("==")) left = same(left, unary());
      else if (take("!=")) left = !same(left, unary());
      else return left;
    }
  };
  const unary = (): Value => (take("!") ? !truthy(unary()) : postfix());
  const postfix = (): Value => {
    let value = primary();
    for (;;) {
      if (take(".")) {
        if (take("*")) value = new Spread(Array.isArray(value) ? value : []);
        else value = property(value, name());
      } else if (take("[")) {
        value = property(value, asText(or()));
        need("]");
      } else return value instanceof Spread ? value.items : value;
      if (value instanceof Spread && !isSign(".")) return value.items;
    }
  };
  const name = (): string => {
    const token = peek();
    if (token?.type !== "name") throw new Error(`a name is missing in the expression ${text}`);
    at += 1;
    return token.text;
  };
  const primary = (): Value => {
    const token = peek();
    if (!token) throw new Error(`the expression ends too early: ${text}`);
    if (take("(")) {
      const value = or();
      need(")");
      return value;
    }
    at += 1;
    if (token.type === "string") return token.text;
    if (token.type === "number") return Number(token.text);
    if (token.type === "sign") throw new Error(`"${token.text}" is not expected in the expression ${text}`);
    if (isSign("(")) return call(token.text);
    if (token.text === "true" || token.text === "false") return token.text === "true";
    if (token.text === "null") return null;
    if (!Object.hasOwn(contexts, token.text)) throw new Error(`"${token.text}" is no context here: ${text}`);
    return contexts[token.text];
  };
  const call = (named: string): Value => {
    need("(");
    const given: Value[] = [];
    while (!take(")")) {
      given.push(or());
      if (!isSign(")")) need(",");
    }
    const [first, second] = given;
    switch (named.toLowerCase()) {
      case "always":
        return true;
      case "success":
        return !standing.failed && !standing.cancelled;
      case "failure":
        return standing.failed;
      case "cancelled":
        return standing.cancelled;
      case "contains":
        return Array.isArray(first)
          ? first.some((item) => same(item, second))
          : asText(first).toLowerCase().includes(asText(second).toLowerCase());
      case "startswith":
        return asText(first).toLowerCase().startsWith(asText(second).toLowerCase());
      case "endswith":
        return asText(first).toLowerCase().endsWith(asText(second).toLowerCase());
      case "join":
        return Array.isArray(first)
          ? first.map(asText).join(second === undefined ? "," : asText(second))
          : asText(first);
      case "format":
        return asText(first).replaceAll(/\{(\d+)\}/g, (_, index: string) => asText(given[Number(index) + 1]));
      case "tojson":
        return JSON.stringify(first, undefined, 2);
      case "fromjson":
        return JSON.parse(asText(first)) as unknown;
      default:
        throw new Error(`the function ${named} is not known here: ${text}`);
    }
  };

  const value = or();
  if (at < tokens.length) throw new Error(`"${tokens[at]?.text}" is not expected in the expression ${text}`);
  return value;
}

/** What `.*` gives: what follows is looked up in each. */
class Spread {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = /\s+|'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|([A-Za-z_][\w-]*)|(\|\||&&|==|!=|[!().,[\]*])/y;
  while (pattern.lastIndex < text.length) {
    const from = pattern.lastIndex;
    const found = pattern.exec(text);
    if (!found) throw new Error(`cannot read the expression from "${text.slice(from)}"`);
    const [, string, number, name, sign] = found;
    if (string !== undefined) tokens.push({ type: "string", text: string.replaceAll("''", "'") });
    else if (number !== undefined) tokens.push({ type: "number", text: number });
    else if (name !== undefined) tokens.push({ type: "name", text: name });
    else if (sign !== undefined) tokens.push({ type: "sign", text: sign });
  }
  return tokens;
}

function property(value: Value, key: string): Value {
  if (value instanceof Spread) return new Spread(value.items.map((item) => property(item, key)));
  if (typeof value !== "object" || value === null) return null;
  const found = Object.entries(value).find(([name]) => name.toLowerCase() === key.toLowerCase());
  return found?.[1] ?? null;
}

export function truthy(value: Value): boolean {
  return !(
    value === false ||
    value === 0 ||
    value === "" ||
    value === null ||
    value === undefined ||
    Number.isNaN(value)
  );
}

/** Texts are compared without case; what is of different kinds, as numbers. */
function same(left: Value, right: Value): boolean {
  const [a, b] = [left ?? null, right ?? null];
  if (typeof a === "string" && typeof b === "string") return a.toLowerCase() === b.toLowerCase();
  if (typeof a === typeof b && (a === null) === (b === null)) return a === b;
  return asNumber(a) === asNumber(b);
}

function asNumber(value: Value): number {
  if (value === null || value === "") return 0;
  return typeof value === "object" ? Number.NaN : Number(value);
}

export function asText(value: Value): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "Array" : "Object";
}
