// Tells a test that failed from a test that never ran: the file does not parse, something it imports is not there, or no test was found.
// Where the runner reported tests, the report says which ran; these texts decide only about what did not, or where there is no report.
// An error of the same name thrown while a test runs (JSON.parse throws SyntaxError) is told apart by the frames below it.

export interface LoadFailure {
  readonly code: "syntax-error" | "import-error" | "no-tests" | "command-failed";
  /** The line that gave it away. */
  readonly line: string;
}

/**
 * A text that gives it away, and what must stand after it: in the rest of its line and the `lines` that follow.
 * The text comes out of a sandbox: no pattern may look further ahead than its own match, or a hostile one costs minutes.
 */
interface Pattern {
  readonly code: LoadFailure["code"];
  readonly first: RegExp;
  readonly after?: RegExp;
  readonly lines?: number;
}

function sign(code: LoadFailure["code"], first: RegExp, after?: RegExp, lines = 0): Pattern {
  return { code, first: new RegExp(first.source, `${first.flags}g`), ...(after && { after }), lines };
}

/** In order of how sure they are; the first that is found counts. */
const patterns: readonly Pattern[] = [
  // node: resolution comes before evaluation, so no test of that file can have run
  sign("import-error", /SyntaxError: The requested module /, / does not provide an export named/),
  sign("import-error", /SyntaxError: Named export /, / not found/),
  sign(
    "import-error",
    /ERR_MODULE_NOT_FOUND|ERR_PACKAGE_PATH_NOT_EXPORTED|ERR_UNSUPPORTED_DIR_IMPORT|ERR_UNKNOWN_FILE_EXTENSION|ERR_IMPORT_ATTRIBUTE_MISSING|ERR_PACKAGE_IMPORT_NOT_DEFINED/,
  ),
  sign("import-error", /Cannot find (?:module|package) ['"]/),
  sign("import-error", /Failed to (?:load url|resolve import|resolve entry) /),
  sign(
    "syntax-error",
    /SyntaxError: /,
    /\n.*(?:compileSourceTextModule|wrapSafe|internalCompileFunction|compileFunction|node:internal\/(?:modules|vm)|@babel\/parser|babel-jest|esbuild)/,
    5,
  ),
  sign("syntax-error", /ERR_(?:INVALID|UNSUPPORTED)_TYPESCRIPT_SYNTAX/),
  // bundlers behind vitest and jest
  sign("syntax-error", /Transform failed with \d+ error|PARSE_ERROR|Failed to parse source|Unterminated|esbuild: /),
  sign("syntax-error", /SyntaxError: /, /\(\d+:\d+\)|outside a module|Unexpected token 'export'/),
  // TypeScript
  sign("import-error", /error TS(?:2304|2305|2306|2307|2614|2724|5083|6053):/),
  sign("syntax-error", /error TS\d+:/),
  // Python
  sign("syntax-error", /^E[ \t]+(?:SyntaxError|IndentationError|TabError): /m),
  sign("import-error", /^ImportError while (?:importing test module|loading conftest)/m),
  sign(
    "syntax-error",
    /^[ \t]*File "/m,
    /^.*", line \d+\n(?:.*\n){1,2}?(?:SyntaxError|IndentationError|TabError): /,
    3,
  ),
  sign("import-error", /^ImportError: Failed to import test module/m),
  sign(
    "import-error",
    /^E[ \t]+(?:ModuleNotFoundError|ImportError): /m,
    /\n.*Interrupted: \d+ errors? during collection/,
    Infinity,
  ),
  sign("import-error", /python[\d.]*: (?:No module named|can't open file) /),
  // Go
  sign("syntax-error", /\.go:\d+:\d+: (?:syntax error|expected )/),
  sign("import-error", /\.go:\d+:\d+: (?:undefined: |no required module|package \S+ is not in std|could not import)/),
  sign("import-error", /\[setup failed\]/),
  sign("syntax-error", /\[build failed\]/),
  // Rust
  sign("import-error", /^error\[E0(?:425|432|433|463|583)\]: /m),
  sign("syntax-error", /^error: could not compile /m),
  // Java, Kotlin, C#
  sign("import-error", /error: package \S+ does not exist|package \S+ does not exist$|cannot find symbol/m),
  sign("syntax-error", /COMPILATION ERROR|Compilation failed; see the compiler|error: class, interface/),
  sign("syntax-error", /error CS\d{4}:/),
  // Ruby, PHP
  sign("syntax-error", /PHP Parse error|syntax error, unexpected|syntax errors? found/),
  sign("import-error", /cannot load such file -- /),
  // no test found
  sign("no-tests", /No test files found/),
  sign("no-tests", /No tests? (?:found|suite found|were found|executed|run\b)/i),
  sign("no-tests", /no tests ran|collected 0 items|no tests to run|\[no test files\]|Ran 0 tests/),
  sign("no-tests", /Your test suite must contain at least one test/),
  sign("no-tests", /^Could not find '/m, /'/),
  sign("no-tests", /^ERROR: (?:not found|file or directory not found): /m),
  sign("no-tests", /Tests run: 0,/),
  // the command itself
  sign("command-failed", /command not found|: not found$|Permission denied$/m),
  sign("command-failed", /npm (?:ERR!|error) Missing script/),
  sign("command-failed", /^bash: -c: line \d+: /m, /syntax error/),
];

/** Characters looked at: half of them from the start, where what does not load is told, and half from the end. */
const LOOKED_AT = 2 * 1024 * 1024;

/** What kept tests from running, as far as the output tells; undefined when nothing does. */
export function loadFailure(output: string): LoadFailure | undefined {
  const half = LOOKED_AT / 2;
  const text = output.length > LOOKED_AT ? `${output.slice(0, half)}\n${output.slice(-half)}` : output;
  for (const pattern of patterns) {
    const line = lineWith(text, pattern);
    if (line !== undefined) return { code: pattern.code, line: line.trim().slice(0, 300) };
  }
  return undefined;
}

/** The line that the pattern is found in. Each line is looked at a fixed number of times. */
function lineWith(text: string, { first, after, lines = 0 }: Pattern): string | undefined {
  first.lastIndex = 0;
  for (let found = first.exec(text); found; found = first.exec(text)) {
    const end = lineEnd(text, first.lastIndex);
    const told = () =>
      text.slice(found === null || found.index === 0 ? 0 : text.lastIndexOf("\n", found.index - 1) + 1, end);
    if (!after) return told();
    let last = end;
    for (let more = 0; more < lines && last < text.length; more += 1)
      last = lines === Infinity ? text.length : lineEnd(text, last + 1);
    if (after.test(text.slice(first.lastIndex, last))) return told();
    // What is not after the first of them is not after a later one either.
    if (lines === Infinity) return undefined;
    first.lastIndex = end;
  }
  return undefined;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}

/** Exit codes that shells (126, 127) and pytest (2 to 5) give a meaning of its own. */
export function exitFailure(exitCode: number | null, isPytest: boolean): LoadFailure | undefined {
  if (exitCode === 126) return { code: "command-failed", line: "exit code 126: the command may not be executed" };
  if (exitCode === 127) return { code: "command-failed", line: "exit code 127: the command was not found" };
  if (!isPytest) return undefined;
  if (exitCode === 2) return { code: "command-failed", line: "pytest's exit code 2: interrupted before the tests ran" };
  if (exitCode === 3) return { code: "command-failed", line: "pytest's exit code 3: internal error" };
  if (exitCode === 4) return { code: "no-tests", line: "pytest's exit code 4: it was called wrongly" };
  if (exitCode === 5) return { code: "no-tests", line: "pytest's exit code 5: no tests were collected" };
  return undefined;
}
