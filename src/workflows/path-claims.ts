// The paths a task says it will change, and whether two tasks may change the same one. Pure.
//
// A path claim is a glob as picomatch reads it (with `dot`). How it is understood here:
//   - a claim that ends in a plain name, `src/a` or `packages/*/src`, or in a slash, claims that path and everything below it;
//   - a claim that ends in a name with a wildcard or a class, `src/*.ts` or `src/[ab].ts`, claims what it matches;
//   - no claims at all claim everything;
//   - braces, character classes, `(a|b)` and `@(a|b)` are each of their alternatives, and also the very text: there are folders called `[id]`;
//   - what is not analysed (ranges, other extglobs, escapes, quotes, `**` beside other letters, too many alternatives in a claim or in all
//     claims of a list) claims everything below the folders it plainly begins with; where not even these are sure (a negation, `..`, parentheses that do not pair), everything.
//
// The rule for two claims errs on one side: it may say that they overlap when no path matches both, never the other way round. So a wrong
// answer costs time, not work. An alternative is names with gaps: `**` is a gap between names, `*` a gap between letters. Two such sequences
// can be filled to be the same when both have a gap, and the shorter beginning and the shorter end fit the longer; when one has none, when
// the parts of the other fit into it, in order.

/** Alternatives of one claim beyond this are not told apart. */
const MAX_ALTERNATIVES = 64;
/** Brackets within brackets. */
const MAX_DEPTH = 10;
/** Alternatives of one list of claims beyond which a claim's own are not told apart. */
const MAX_LISTED = 128;
/** Comparisons after which two lists count as overlapping: a plan that a model wrote must not hold up the engine, with any two of its tasks. */
const MAX_STEPS = 5_000;

/** A sequence that begins with `head` and ends with `tail`, with anything between, but `between` in this order; without a gap, just `head`. */
interface Gapped<T> {
  readonly gap: boolean;
  readonly head: readonly T[];
  readonly between: readonly (readonly T[])[];
  readonly tail: readonly T[];
}

/** A name in a path: itself, or letters with gaps, in which `?` is any letter. */
type Name = string | Gapped<string>;

/** Claims made ready to be compared: the alternatives of all of them. */
type PathClaims = readonly Gapped<Name>[];

const EVERYTHING: Gapped<Name> = { gap: true, head: [], between: [], tail: [] };

/** What is known of lists of claims, which nobody changes: a board is looked at with every event of its run. */
const known = new WeakMap<readonly string[], { claims: PathClaims; overlaps: WeakMap<readonly string[], boolean> }>();

/** May two lists of path claims name the same path? True when in doubt; false only when no path can match a claim of each. */
export function overlaps(a: readonly string[], b: readonly string[]): boolean {
  const one = knownOf(a);
  const found = one.overlaps.get(b);
  if (found !== undefined) return found;
  const other = knownOf(b);
  const answer = claimsMeet(one.claims, other.claims);
  one.overlaps.set(b, answer);
  other.overlaps.set(a, answer);
  return answer;
}

function knownOf(list: readonly string[]) {
  const found = known.get(list) ?? { claims: readClaims(list), overlaps: new WeakMap() };
  known.set(list, found);
  return found;
}

function claimsMeet(a: PathClaims, b: PathClaims): boolean {
  let steps = 0;
  const isSameLetter = (x: string, y: string): boolean => {
    steps += 1;
    return x === y || x === "?" || y === "?" || steps > MAX_STEPS;
  };
  const isSameName = (x: Name, y: Name): boolean => {
    steps += 1;
    if (typeof x === "string") return typeof y === "string" ? x === y : fills(y, x, isSameLetter);
    return typeof y === "string" ? fills(x, y, isSameLetter) : meet(x, y, isSameLetter);
  };
  return a.some((x) => b.some((y) => meet(x, y, isSameName) || steps++ > MAX_STEPS));
}

function readClaims(claims: readonly string[]): PathClaims {
  if (claims.length === 0) return [EVERYTHING];
  let listed = 0;
  return claims.flatMap((claim) => {
    const found = readClaim(claim, MAX_LISTED - listed);
    listed += found.length;
    return found;
  });
}

/** Whether two sequences can be the same. */
function meet<T>(a: Gapped<T>, b: Gapped<T>, same: (x: T, y: T) => boolean): boolean {
  if (a.gap && b.gap) {
    const begins = Math.min(a.head.length, b.head.length);
    const ends = Math.min(a.tail.length, b.tail.length);
    return (
      fits(a.head.slice(0, begins), b.head, 0, same) &&
      fits(a.tail.slice(a.tail.length - ends), b.tail, b.tail.length - ends, same)
    );
  }
  return a.gap ? fills(a, b.head, same) : fills(b, a.head, same);
}

/** Whether the gaps of a sequence can be filled so that it is this one. Each part goes to the first place where it fits. */
function fills<T>(
  { gap, head, between, tail }: Gapped<T>,
  whole: ArrayLike<T>,
  same: (x: T, y: T) => boolean,
): boolean {
  if (!gap && head.length !== whole.length) return false;
  const end = whole.length - tail.length;
  if (head.length > end || !fits(head, whole, 0, same) || !fits(tail, whole, end, same)) return false;
  let from = head.length;
  for (const part of between) {
    while (from + part.length <= end && !fits(part, whole, from, same)) from += 1;
    from += part.length;
    if (from > end) return false;
  }
  return true;
}

function fits<T>(part: readonly T[], whole: ArrayLike<T>, at: number, same: (x: T, y: T) => boolean): boolean {
  return part.every((element, index) => {
    const other = whole[at + index];
    return other !== undefined && same(element, other);
  });
}

/** UTF-16 units, as picomatch's `?` counts. */
function letters(text: string): string[] {
  return Array.from({ length: text.length }, (_, index) => text.charAt(index));
}

function gapped<T>(parts: readonly (readonly T[])[]): Gapped<T> {
  const [head = [], ...rest] = parts;
  const tail = rest.pop();
  return { gap: tail !== undefined, head, between: rest.filter((part) => part.length > 0), tail: tail ?? [] };
}

/** What a claim may stand for: more than one thing only where there are no more than `most`. */
function readClaim(claim: string, most: number): Gapped<Name>[] {
  const text = claim.trim().replace(/^(?:\.?\/)+/, "");
  // Negated, the claim is all that the rest is not; picomatch drops NULs, so nothing is where it seems.
  if (text.startsWith("!") || text.includes("\0")) return [EVERYTHING];
  // One more is added for the very text.
  const told = Math.max(1, Math.min(MAX_ALTERNATIVES, most - 1));
  const alternatives = text.includes("***") ? undefined : new Alternatives(text, told).whole();
  if (!alternatives) return [hasSureBeginning(text) ? below(plainFolders(text)) : EVERYTHING];
  const found = [...new Set(alternatives)].map(readAlternative);
  return /[[{(]/.test(text) ? [...found, below(namesOf(text))] : found;
}

/** A claim without alternatives: names, `*`, `?` and `**`. */
function readAlternative(text: string): Gapped<Name> {
  const names = namesOf(text);
  if (names.includes("..")) return EVERYTHING;
  const unclear = names.findIndex((name) => name.includes("**") && name !== "**");
  if (unclear !== -1) names.splice(unclear, names.length, "**");
  else if (text.endsWith("/") || !/[*?]/.test(names.at(-1) ?? "")) names.push("**");
  const parts: Name[][] = [[]];
  for (const name of names) {
    if (name === "**") parts.push([]);
    else parts.at(-1)?.push(/[*?]/.test(name) ? gapped(name.split("*").map(letters)) : name);
  }
  return gapped(parts);
}

function namesOf(text: string): string[] {
  return text.split("/").filter((name) => name !== "" && name !== ".");
}

/** These folders and all that is in them. */
function below(folders: readonly string[]): Gapped<Name> {
  return { ...EVERYTHING, head: folders.includes("..") ? [] : folders };
}

/**
 * The folders a glob begins with before anything in it has a meaning. They end before a name with a dot or the like too: where picomatch
 * has to step back, such a sign stands for any (`a.b/{1..2}` matches `a/b/1`).
 */
function plainFolders(text: string): string[] {
  const plain = text.slice(0, /[*?[\]{}()|"\\!@+]|$/.exec(text)?.index);
  const folders = plain.split("/").slice(0, -1);
  const unsure = folders.findIndex((name) => !/^[\w-]*$/.test(name));
  return namesOf((unsure === -1 ? folders : folders.slice(0, unsure)).join("/"));
}

/** Whether what a glob begins with holds for all it matches: not when a `|` may part it in two, or brackets do not pair. */
function hasSureBeginning(text: string): boolean {
  if (text.includes("|") && /["\\[\]]/.test(text)) return false;
  const open: string[] = [];
  for (const [sign] of text.matchAll(/[(){}|]/g)) {
    if (sign === "(" || sign === "{") open.push(sign);
    else if (sign === "|" ? open.length === 0 : open.pop() !== (sign === ")" ? "(" : "{")) return false;
  }
  return open.length === 0;
}

/** Takes brackets apart: `src/{a,b}/[id].ts` is the list of what it may stand for. Each method gives undefined for what is not analysed. */
class Alternatives {
  readonly #text: string;
  readonly #most: number;
  #at = 0;
  #depth = 0;
  #groups = 0;

  constructor(text: string, most: number) {
    this.#text = text;
    this.#most = most;
  }

  whole(): readonly string[] | undefined {
    const found = this.#sequence("");
    return this.#at === this.#text.length ? found : undefined;
  }

  /** Up to what ends it: `,` and `}` in braces, `|` and `)` in a group, or the end. */
  #sequence(ends: "" | ",}" | "|)"): string[] | undefined {
    let found = [""];
    while (this.#at < this.#text.length) {
      const sign = this.#text.charAt(this.#at);
      const next = this.#text.charAt(this.#at + 1);
      if (ends.includes(sign)) return found;
      if (/[)}\]|"\\]/.test(sign) || (next === "(" && /[!+*?]/.test(sign))) return undefined;
      // A group makes a `+` in it a repetition, as it is behind any bracket.
      if (sign === "+" && this.#groups > 0) return undefined;
      const options = this.#options(sign, next);
      if (!options || found.length * options.length > this.#most) return undefined;
      found = found.flatMap((before) => options.map((option) => before + option));
    }
    return ends === "" ? found : undefined;
  }

  #options(sign: string, next: string): string[] | undefined {
    if (!/[[{(]/.test(sign) && !(sign === "@" && next === "(")) {
      this.#at += 1;
      return [sign];
    }
    if (this.#depth === MAX_DEPTH) return undefined;
    this.#depth += 1;
    const options = sign === "[" ? this.#class() : sign === "{" ? this.#braces() : this.#group();
    this.#depth -= 1;
    const after = this.#text.charAt(this.#at);
    return after === "+" || (after === "?" && this.#text.charAt(this.#at - 1) === ")") ? undefined : options;
  }

  /** One letter of a class, or its very text. A class in which a slash could hide is not analysed. */
  #class(): string[] | undefined {
    const simple = /\[([!^]?)((?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.])+)\]/y;
    simple.lastIndex = this.#at;
    const [text, negated, members = ""] = simple.exec(this.#text) ?? [];
    if (text === undefined) return undefined;
    this.#at += text.length;
    const some = negated === "" && !members.includes("-") ? [...new Set(members)] : ["?"];
    return [text, ...(some.length > 8 ? ["?"] : some)];
  }

  #braces(): string[] | undefined {
    this.#at += 1;
    const start = this.#at;
    const options = this.#listed(",}");
    if (!options) return undefined;
    // A range; picomatch reads what stands around one in ways of its own.
    if (this.#text.slice(start, this.#at).includes("..")) return undefined;
    return options.count > 1 ? options.found : withBrackets(options.found, "{", "}");
  }

  #group(): string[] | undefined {
    this.#at = this.#text.indexOf("(", this.#at) + 1;
    if (this.#text.charAt(this.#at) === "?") return undefined;
    this.#groups += 1;
    const options = this.#listed("|)");
    this.#groups -= 1;
    if (!options) return undefined;
    return options.count > 1 ? options.found : withBrackets(options.found, "(", ")");
  }

  #listed(ends: ",}" | "|)"): { found: string[]; count: number } | undefined {
    const found: string[] = [];
    for (let count = 1; ; count += 1) {
      const sequence = this.#sequence(ends);
      if (!sequence || found.length + sequence.length > this.#most) return undefined;
      found.push(...sequence);
      this.#at += 1;
      if (this.#text.charAt(this.#at - 1) === ends.charAt(1)) return { found, count };
    }
  }
}

/** Brackets around one thing may be letters of the name. */
function withBrackets(found: readonly string[], open: string, close: string): string[] {
  return [...found, ...found.map((each) => `${open}${each}${close}`)];
}
