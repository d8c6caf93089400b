// Tells a test that failed from a test that never ran: the file does not parse, something it imports is not there, or no test was found.
// Where the runner reported tests, the report says which ran; these texts decide only about what did not, or where there is no report.
// An error of the same name thrown while a test runs (JSON.parse throws SyntaxError) is told apart by the frames below it.

export interface LoadFailure {
  readonly code: "syntax-error" | "import-error" | "no-tests" | "command-failed";
  /** The line that gave it away. */
  readonly line: string;
}

type Pattern = readonly [LoadFailure["code"], RegExp];

/** In order of how sure they are; the first that matches counts. A leading "# " is TAP's comment. */
const patterns: readonly Pattern[] = [
  // node: resolution comes before evaluation, so no test of that file can have run
  ["import-error", /^.*SyntaxError: The requested module .* does not provide an export named.*$/m],
  ["import-error", /^.*SyntaxError: Named export .* not found.*$/m],
  [
    "import-error",
    /^.*(?:ERR_MODULE_NOT_FOUND|ERR_PACKAGE_PATH_NOT_EXPORTED|ERR_UNSUPPORTED_DIR_IMPORT|ERR_UNKNOWN_FILE_EXTENSION|ERR_IMPORT_ATTRIBUTE_MISSING|ERR_PACKAGE_IMPORT_NOT_DEFINED).*$/m,
  ],
  ["import-error", /^.*Cannot find (?:module|package) ['"].*$/m],
  ["import-error", /^.*Failed to (?:load url|resolve import|resolve entry) .*$/m],
  [
    "syntax-error",
    /^.*SyntaxError: .*\n(?:.*\n){0,4}?[# ]*(?:at )?.*(?:compileSourceTextModule|wrapSafe|internalCompileFunction|compileFunction|node:internal\/(?:modules|vm)|@babel\/parser|babel-jest|esbuild).*$/m,
  ],
  ["syntax-error", /^.*ERR_(?:INVALID|UNSUPPORTED)_TYPESCRIPT_SYNTAX.*$/m],
  // bundlers behind vitest and jest
  [
    "syntax-error",
    /^.*(?:Transform failed with \d+ error|PARSE_ERROR|Failed to parse source|Unterminated|esbuild: ).*$/m,
  ],
  ["syntax-error", /^.*SyntaxError: .*(?:\(\d+:\d+\)|outside a module|Unexpected token 'export').*$/m],
  // TypeScript
  ["import-error", /^.*error TS(?:2304|2305|2306|2307|2614|2724|5083|6053):.*$/m],
  ["syntax-error", /^.*error TS\d+:.*$/m],
  // Python
  ["syntax-error", /^E\s+(?:SyntaxError|IndentationError|TabError): .*$/m],
  ["import-error", /^ImportError while (?:importing test module|loading conftest).*$/m],
  ["syntax-error", /^\s*File ".*", line \d+\n(?:.*\n){1,2}?(?:SyntaxError|IndentationError|TabError): .*$/m],
  ["import-error", /^ImportError: Failed to import test module.*$/m],
  [
    "import-error",
    /^E\s+(?:ModuleNotFoundError|ImportError): .*\n(?:.*\n)*?.*Interrupted: \d+ errors? during collection.*$/m,
  ],
  ["import-error", /^.*python[\d.]*: (?:No module named|can't open file) .*$/m],
  // Go
  ["syntax-error", /^.*\.go:\d+:\d+: (?:syntax error|expected ).*$/m],
  [
    "import-error",
    /^.*\.go:\d+:\d+: (?:undefined: |no required module|package \S+ is not in std|could not import).*$/m,
  ],
  ["import-error", /^.*\[setup failed\].*$/m],
  ["syntax-error", /^.*\[build failed\].*$/m],
  // Rust
  ["import-error", /^error\[E0(?:425|432|433|463|583)\]: .*$/m],
  ["syntax-error", /^error: could not compile .*$/m],
  // Java, Kotlin, C#
  ["import-error", /^.*(?:error: package \S+ does not exist|package \S+ does not exist$|cannot find symbol).*$/m],
  ["syntax-error", /^.*(?:COMPILATION ERROR|Compilation failed; see the compiler|error: class, interface).*$/m],
  ["syntax-error", /^.*error CS\d{4}:.*$/m],
  // Ruby, PHP
  ["syntax-error", /^.*(?:PHP Parse error|syntax error, unexpected|syntax errors? found).*$/m],
  ["import-error", /^.*cannot load such file -- .*$/m],
  // no test found
  ["no-tests", /^.*No test files found.*$/m],
  ["no-tests", /^.*No tests? (?:found|suite found|were found|executed|run\b).*$/im],
  ["no-tests", /^.*(?:no tests ran|collected 0 items|no tests to run|\[no test files\]|Ran 0 tests).*$/m],
  ["no-tests", /^.*Your test suite must contain at least one test.*$/m],
  ["no-tests", /^Could not find '.*'.*$/m],
  ["no-tests", /^ERROR: (?:not found|file or directory not found): .*$/m],
  ["no-tests", /^.*Tests run: 0,.*$/m],
  // the command itself
  ["command-failed", /^.*(?:command not found|: not found$|Permission denied$).*$/m],
  ["command-failed", /^.*npm (?:ERR!|error) Missing script.*$/m],
  ["command-failed", /^bash: -c: line \d+: .*syntax error.*$/m],
];

/** What kept tests from running, as far as the output tells; undefined when nothing does. */
export function loadFailure(output: string): LoadFailure | undefined {
  for (const [code, pattern] of patterns) {
    const found = pattern.exec(output);
    if (found) return { code, line: (found[0].split("\n")[0] ?? "").trim().slice(0, 300) };
  }
  return undefined;
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
