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

/** Marks that switch tests off, or all others by picking one. */
const off: readonly RegExp[] = [
  /\b(?:it|test|describe|suite|context|specify|bench|t)(?:\.\w+)*\.(?:skip|todo|only|fails|failing|skipIf|runIf)\b/,
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
const only =
  /\b(?:it|test|describe|suite|context|specify)(?:\.\w+)*\.only\b|\bf(?:it|describe|context)\s*\(|[{,]\s*["']?only["']?\s*:\s*true\b/;

/** Ends the runner from inside. */
const exits =
  /\b(?:process\.(?:exit|abort|kill|reallyExit)\b|os\._exit\b|sys\.exit\b|os\.Exit\b|System\.exit\b|std::process::exit\b)/;

/** The marker in a line that switches tests off, if any. */
export function skipMarker(line: string): string | undefined {
  for (const pattern of off) {
    const found = pattern.exec(line);
    if (found) return found[0].trim();
  }
  return undefined;
}

/** What is wrong with a test file that is new. */
export function weaknessOfNew(path: string, text: string): Weakness | undefined {
  const line = codeLines(path, text).find((candidate) => only.test(candidate));
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

  for (const line of added) {
    const marker = skipMarker(line);
    if (marker !== undefined && !old.includes(line))
      return { code: "test-skipped", what: `adds \`${marker}\`: \`${shown(line)}\`` };
    if (exits.test(line)) return { code: "test-skipped", what: `may end the test runner early: \`${shown(line)}\`` };
  }
  if (!hunks) return whatChanged(old, now);
  const intruding = hunks.find((hunk) => !standsAlone(hunk));
  return intruding && { code: "test-changed", what: `wraps or cuts short what was there: \`${shown(intruding[0])}\`` };
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
  return line.trim().slice(0, 160);
}

/** Comments that tools obey are code. */
const directive =
  /go:build|\+build|@ts-|eslint|oxlint|biome|prettier|@vitest|@jest|istanbul|c8 ignore|v8 ignore|noqa|type: *ignore|pragma|rubocop/;

function codeLines(path: string, text: string): string[] {
  const comment = /\.(?:py|rb|exs?|sh|ya?ml|toml)$/.test(path) ? /^\s*#(?!!)/ : /^\s*\/\//;
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== "" && (!comment.test(line) || directive.test(line)));
}

type Hunk = readonly string[];

/** The added lines, in runs, when `old` is all still there in its order; undefined when it is not. */
function addedHunks(old: readonly string[], now: readonly string[]): Hunk[] | undefined {
  const forward = alignedHunks(old, now, sameLine);
  if (!forward || forward.every(standsAlone)) return forward;
  // Equal lines (a closing bracket) can be paired in more than one way; from the end, another block may come out whole.
  return alignedHunks(old.toReversed(), now.toReversed(), sameLine)?.map((lines) => lines.toReversed());
}

function alignedHunks(
  old: readonly string[],
  now: readonly string[],
  same: (old: string, now: string) => boolean,
): Hunk[] | undefined {
  const hunks: string[][] = [];
  let current: string[] = [];
  let index = 0;
  for (const line of now) {
    const next = old[index];
    if (next !== undefined && same(next, line)) {
      index += 1;
      if (current.length > 0) hunks.push(current);
      current = [];
    } else {
      current.push(line);
    }
  }
  if (current.length > 0) hunks.push(current);
  return index === old.length ? hunks : undefined;
}

/** The same line, but for a name that joined an import or a comma that a further item needs. */
function sameLine(old: string, now: string): boolean {
  return old === now || `${old},` === now || isWiderImport(old, now);
}

const importLine = /^\s*(?:import|from|use|using|const\s*\{[^}]*\}\s*=\s*require)\b|^\s*\}\s*from\s/;

function isWiderImport(old: string, now: string): boolean {
  if (!importLine.test(old) || !importLine.test(now)) return false;
  const words = (line: string): readonly string[] => line.match(/["'][^"']*["']|[\w$.*:]+/g) ?? [];
  const was = words(old);
  const is = words(now);
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
    !/^\s*(?:try|if False)\s*:\s*$/m.test(lines.at(-1) ?? "")
  );
}

function withoutStrings(line: string): string {
  return line
    .replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`/g, '""')
    .replace(/\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[\n])+\/[dgimsuvy]*(?=[),;.\s]|$)/g, '""')
    .replace(/(?:\/\/|\s#\s).*$/, "");
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
