// Compares two versions of one test file and names what makes the tests in it weaker. Pure: text in, finding out.
//
// The rule is simpler than recognising every way to weaken a test: a line of code that was there must still be there, unchanged
// and in its order. What is added must stand beside the tests that were there, not around or inside them. Blank lines and
// comments may come and go; a name may join an import. Whatever this lets through, the baseline gate still runs the old files.

export type WeaknessCode = "test-skipped" | "assertion-removed" | "test-changed";

export interface Weakness {
  readonly code: WeaknessCode;
  readonly what: string;
}

const assertion =
  /\b(?:assert\w*|expect\w*|should\w*|require\.\w+|verify\w*|XCTAssert\w*|panics?|throws|rejects|raises\w*|toBe\w*|toEqual\w*)\b|\bt\.(?:Error|Fatal|Fail|is|ok|equal|deepEqual|not|true|false)\w*\(/i;

/**
 * Characters of a line that is judged. A change can hold a line of megabytes, made to keep the matching below busy; besides,
 * every pattern here must go through a line once, whatever stands in it.
 */
const LONGEST = 10_000;

const callers = new Set(["it", "test", "describe", "suite", "context", "specify"]);
const callersToo = new Set([...callers, "bench", "t"]);
const offWords = new Set(["skip", "todo", "only", "fails", "failing", "skipIf", "runIf"]);

/** Marks that switch tests off, or all others by picking one; what is chained to `it` and its like is looked at besides. */
const off: readonly RegExp[] = [
  /\b(?:x|f)(?:it|describe|test|context|specify|feature|scenario)\s*[.(]/,
  /\b(?:this|t|ctx|context|task)\.(?:skip|todo)\s*\(/,
  /[{,]\s*["']?(?:skip|todo|only)["']?\s*:(?!\s*(?:false|undefined)\b)/,
  /\bpytest\.(?:mark\.(?:skip|skipif|xfail)|skip|xfail|importorskip)\b/,
  /\bunittest\.(?:skip\w*|expectedFailure)\b|@(?:skip|skipIf|skipUnless|expectedFailure)\b/,
  /\b(?:self\.skipTest\(|raise\s+(?:unittest\.)?SkipTest\b|__test__\s*=\s*False|collect_ignore)/,
  /\bt\.(?:Skip|Skipf|SkipNow)\(|\btesting\.Short\(\)/,
  /^\/\/\s*(?:go:build|\+build)\b/,
  /#!?\[\s*(?:ignore|cfg)\b/,
  /@(?:Disabled|Ignore|EnabledIf|EnabledOn|DisabledIf|DisabledOn)\w*\b|\bassum(?:e|ing)(?:True|False|That)?\s*\(/,
  /\bmarkTest(?:Skipped|Incomplete)\b/,
  /\[\s*Ignore\b|\bSkip\s*=\s*"|\bAssert\.(?:Ignore|Inconclusive|Pass)\b/,
  /^\s*(?:skip|pending)\b(?:\s+["'(]|\s*$)/,
];

/** Picks one test and thereby switches the others off, in the whole run for some runners: refused in new files too. */
const only = /\bf(?:it|describe|context)\s*\(|[{,]\s*["']?only["']?\s*:\s*true\b/;

/** Ends the runner from inside. */
const exits =
  /\b(?:process\.(?:exit|abort|kill|reallyExit)\b|os\._exit\b|sys\.exit\b|os\.Exit\b|System\.exit\b|std::process::exit\b)/;

/** A chain of names, such as `test.concurrent.skip`, from one of `from` to one of `to`. */
function chained(line: string, from: ReadonlySet<string>, to: ReadonlySet<string>): string | undefined {
  for (const [chain] of line.matchAll(/\w+(?:\.\w+)*/g)) {
    const words = chain.split(".");
    const start = words.findIndex((word) => from.has(word));
    const end = words.findLastIndex((word) => to.has(word));
    if (start !== -1 && start < end) return words.slice(start, end + 1).join(".");
  }
  return undefined;
}

/** The marker in a line that switches tests off, if any. */
export function skipMarker(line: string): string | undefined {
  const chain = chained(line, callersToo, offWords);
  if (chain !== undefined) return shown(chain);
  for (const pattern of off) {
    const found = pattern.exec(line);
    if (found) return shown(found[0]);
  }
  return undefined;
}

/** What is wrong with a test file that is new. */
export function weaknessOfNew(path: string, text: string): Weakness | undefined {
  const lines = codeLines(path, text);
  if (isCode(path)) {
    const long = tooLong(lines);
    if (long) return long;
  }
  const onlyWord = new Set(["only"]);
  const line = lines.find((candidate) => chained(candidate, callers, onlyWord) !== undefined || only.test(candidate));
  return line === undefined
    ? undefined
    : { code: "test-skipped", what: `picks single tests, which switches others off: \`${shown(line)}\`` };
}

/** What makes `after` weaker than `before`; undefined when everything that was there still stands. */
export function weaknessOf(path: string, before: string, after: string): Weakness | undefined {
  const old = codeLines(path, before);
  const now = codeLines(path, after);
  const hunks = addedHunks(old, now);
  const added = hunks?.flat() ?? surplus(now, old);
  const long = tooLong(added);
  if (long) return long;
  const known = new Set(old);

  for (const line of added) {
    const marker = skipMarker(line);
    if (marker !== undefined && !known.has(line))
      return { code: "test-skipped", what: `adds \`${marker}\`: \`${shown(line)}\`` };
    if (exits.test(line)) return { code: "test-skipped", what: `may end the test runner early: \`${shown(line)}\`` };
  }
  if (!hunks) return whatChanged(old, now);
  const intruding = hunks.find((hunk) => !standsAlone(hunk));
  return intruding && { code: "test-changed", what: `wraps or cuts short what was there: \`${shown(intruding[0])}\`` };
}

/** Fails closed: nothing is said for a line that nobody reads. */
function tooLong(lines: readonly string[]): Weakness | undefined {
  const line = lines.find(({ length }) => length > LONGEST);
  return line === undefined
    ? undefined
    : {
        code: "test-changed",
        what: `cannot be judged: a line of ${line.length} characters was added, ${LONGEST} are read: \`${shown(line)}\``,
      };
}

/** True when some line of code in it may find a test wrong: in doubt it does. */
export function asserts(path: string, text: string): boolean {
  return codeLines(path, text).some((line) => {
    const code = line.slice(0, LONGEST);
    if (importLine.test(code) || /=\s*require\s*\(/.test(code)) return false;
    return assertion.test(code) || exits.test(code) || fails.test(code);
  });
}

/** What may end a test badly without being an assertion by name, in whatever language. */
const fails =
  /\b(?:throw|raise|die|abort|exit|fail\w*|check\w*|ensure\w*|refute\w*|must_\w+|same|match\w*|equals?|is_?deeply|cmp_ok|deepEqual|snapshot\w*|like|contains?)\b|[=!]=|\[\[? |>>> |\bt\.\w+\(/i;

/** True for a file in a programming language, by its name. */
export function isCode(path: string): boolean {
  return /\.(?:[cm]?[jt]sx?|vue|svelte|py|go|rs|rb|php|java|kts?|scala|groovy|cs|fs|vb|swift|c|cc|cpp|h|hpp|exs?|dart|lua|sh|bats|feature)$/i.test(
    path,
  );
}

function whatChanged(old: readonly string[], now: readonly string[]): Weakness {
  const gone = surplus(old, now);
  const fresh = surplus(now, old);
  const count = (lines: readonly string[]) => lines.filter((line) => assertion.test(line)).length;
  const example = gone.find((line) => assertion.test(line)) ?? gone[0];
  if (example === undefined) return { code: "test-changed", what: "lines that were there stand in another order" };
  if (count(fresh) < count(gone))
    return {
      code: "assertion-removed",
      what: `${count(gone) - count(fresh)} fewer lines that assert, among them \`${shown(example)}\``,
    };
  return { code: "test-changed", what: `a line that was there is gone or altered: \`${shown(example)}\`` };
}

function shown(line = ""): string {
  return line.slice(0, LONGEST).trim().slice(0, 160);
}

/** Comments that tools obey are code. */
const directive =
  /go:build|\+build|@ts-|eslint|oxlint|biome|prettier|@vitest|@jest|istanbul|c8 ignore|v8 ignore|noqa|type: *ignore|pragma|rubocop/;

function codeLines(path: string, text: string): string[] {
  const comment = /\.(?:py|rb|exs?|sh|ya?ml|toml)$/.test(path) ? /^\s*#(?!!)/ : /^\s*\/\//;
  return text
    .split(/\r\n?|[\n\u2028\u2029]/)
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== "" && (!comment.test(line) || directive.test(line)));
}

type Hunk = readonly string[];

/** The added lines, in runs, when `old` is all still there in its order; undefined when it is not. */
function addedHunks(old: readonly string[], now: readonly string[]): Hunk[] | undefined {
  const forward = alignedHunks(old, now);
  if (!forward || forward.every(standsAlone)) return forward;
  // Equal lines (a closing bracket) can be paired in more than one way; from the end, another block may come out whole.
  return alignedHunks(old.toReversed(), now.toReversed())?.map((lines) => lines.toReversed());
}

function alignedHunks(old: readonly string[], now: readonly string[]): Hunk[] | undefined {
  const hunks: string[][] = [];
  let current: string[] = [];
  let index = 0;
  let isNext = sameLine(old[0]);
  for (const line of now) {
    if (isNext(line)) {
      index += 1;
      isNext = sameLine(old[index]);
      if (current.length > 0) hunks.push(current);
      current = [];
    } else {
      current.push(line);
    }
  }
  if (current.length > 0) hunks.push(current);
  return index === old.length ? hunks : undefined;
}

/** The same line, but for a name that joined an import or a comma that a further item needs. Many lines may be asked about. */
function sameLine(old: string | undefined): (now: string) => boolean {
  if (old === undefined) return () => false;
  const withComma = `${old},`;
  let was: readonly string[] | undefined;
  return (now) => {
    if (now === old || now === withComma) return true;
    was ??= importLine.test(old) ? words(old) : [];
    return was.length > 0 && importLine.test(now) && isWiderImport(was, words(now));
  };
}

const importLine = /^\s*(?:import|from|use|using|const\s*\{[^}]*\}\s*=\s*require)\b|^\s*\}\s*from\s/;

function words(line: string): readonly string[] {
  return line.match(/["'][^"']*["']|[\w$.*:]+/g) ?? [];
}

function isWiderImport(was: readonly string[], is: readonly string[]): boolean {
  if (is.length < was.length) return false;
  if (is.includes("as") && !was.includes("as")) return false;
  let index = 0;
  for (const word of is) if (word === was[index]) index += 1;
  // Nothing but names may have joined: a second source would be another import.
  const joined = surplus(is, was);
  return index === was.length && joined.every((word) => /^[\w$]+$/.test(word));
}

/** Complete in itself: opens and closes its own brackets and comments, and does not leave a block that it did not open. */
function standsAlone(lines: readonly string[]): boolean {
  let depth = 0;
  let ownFunction = false;
  for (const line of lines) {
    const code = withoutStrings(line);
    if (
      depth === 0 &&
      !ownFunction &&
      /^\s*(?:return|raise|throw|break|continue|goto|exit|if\s*\(?(?:false|0)|if False)\b/.test(code)
    )
      return false;
    if (/^\s*(?:async\s+)?(?:def|class|fn|func|fun|function)\b/.test(code)) ownFunction = true;
    for (const character of code) {
      if ("([{".includes(character)) depth += 1;
      if (")]}".includes(character)) depth -= 1;
      if (depth < 0) return false;
    }
  }
  const text = lines.join("\n");
  const occurrences = (mark: string) => text.split(mark).length - 1;
  return (
    depth === 0 &&
    occurrences("/*") === occurrences("*/") &&
    occurrences('"""') % 2 === 0 &&
    occurrences("'''") % 2 === 0 &&
    !/^\s*(?:try|if False)\s*:\s*$/.test(lines.at(-1) ?? "")
  );
}

/** The code of a line: strings and regular expressions emptied, a comment at its end left out. */
function withoutStrings(line: string): string {
  const code = withoutPatterns(withoutQuoted(line));
  const ends = [code.indexOf("//"), code.search(/\s#\s/)].filter((at) => at !== -1);
  return code.slice(0, Math.min(code.length, ...ends));
}

function withoutQuoted(line: string): string {
  // A quote that is not closed leaves none behind it of its kind that is: no kind is followed to the end twice.
  const open = new Set<string>();
  let code = "";
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    const isQuote = `"'\``.includes(character) && !open.has(character);
    const end = isQuote ? closing(line, at + 1, character) : -1;
    if (isQuote && end === -1) open.add(character);
    code += end === -1 ? character : '""';
    if (end !== -1) at = end;
  }
  return code;
}

function closing(line: string, from: number, quote: string): number {
  for (let at = from; at < line.length; at += 1) {
    if (line.charAt(at) === quote) return at;
    if (line.charAt(at) === "\\") at += 1;
  }
  return -1;
}

/**
 * Empties regular expressions that stand in a line. Whether one that starts here ends, and where, follows from where one ends
 * that starts behind it: read from the end, each character is looked at once.
 */
function withoutPatterns(line: string): string {
  const length = line.length;
  if (!line.includes("/")) return line;
  /** Where the slash is that ends a pattern whose inside goes on at this place, and the place behind a character class; -1 for nowhere. */
  const slash = new Int32Array(length + 3).fill(-1);
  const behind = new Int32Array(length + 3).fill(-1);
  for (let at = length - 1; at >= 0; at -= 1) {
    const character = line.charAt(at);
    behind[at] = (character === "]" ? at + 1 : behind[at + (character === "\\" ? 2 : 1)]) ?? -1;
    const next = character === "[" ? (behind[at + 1] ?? -1) : at + (character === "\\" ? 2 : 1);
    slash[at] = (character === "/" ? at : next === -1 ? -1 : slash[next]) ?? -1;
  }
  let code = "";
  for (let at = 0; at < length; at += 1) {
    const end = line.charAt(at) === "/" && !"/*".includes(line.charAt(at + 1)) ? (slash[at + 1] ?? -1) : -1;
    let flags = end + 1;
    while (end !== -1 && flags < length && "dgimsuvy".includes(line.charAt(flags))) flags += 1;
    if (end !== -1 && /^(?:[),;.\s]|$)/.test(line.charAt(flags))) {
      code += '""';
      at = flags - 1;
    } else {
      code += line.charAt(at);
    }
  }
  return code;
}

/** Elements of `left` that `right` has fewer of. */
function surplus(left: readonly string[], right: readonly string[]): string[] {
  const rest = new Map<string, number>();
  for (const item of right) rest.set(item, (rest.get(item) ?? 0) + 1);
  return left.filter((item) => {
    const others = rest.get(item) ?? 0;
    rest.set(item, others - 1);
    return others <= 0;
  });
}
