import { describe, expect, test } from "vitest";
import { exitFailure, loadFailure } from "#src/gates/load-failure.ts";

describe("what kept tests from running is read off the output", () => {
  test.each([
    [
      "syntax-error",
      "file:///a.test.js:1\nfoo bar\n    ^^^\n\nSyntaxError: Unexpected identifier 'bar'\n    at compileSourceTextModule (node:internal/modules/esm/utils:319:16)\n",
    ],
    [
      "syntax-error",
      "/a.test.cjs:1\nfoo bar\n\nSyntaxError: Unexpected identifier\n    at wrapSafe (node:internal/modules/cjs/loader:1464:18)\n",
    ],
    [
      "import-error",
      "SyntaxError: The requested module '../src/a.js' does not provide an export named 'nope'\n    at #asyncInstantiate (node:internal/modules/esm/module_job:1:1)",
    ],
    ["import-error", "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/x/nope.js' imported from /x/a.test.js"],
    ["import-error", "Error: Cannot find module './nope'\nRequire stack:\n- /x/a.test.cjs"],
    ["import-error", "Test suite failed to run\n\n    Cannot find module '../nope' from 'a.test.js'"],
    ["import-error", "Error: Failed to load url ../nope (resolved id: ../nope). Does the file exist?"],
    ["syntax-error", 'Error: Transform failed with 1 error:\n/x/a.test.ts:1:4: ERROR: Expected ";"'],
    ["syntax-error", "Jest: Test suite failed to run\n\n    SyntaxError: /x/a.test.js: Unexpected token (3:4)\n"],
    ["import-error", "a.test.ts(1,19): error TS2307: Cannot find module './nope'"],
    ["syntax-error", "a.test.ts(1,19): error TS1005: ';' expected."],
    [
      "import-error",
      "______ ERROR collecting tests/test_b.py ______\nImportError while importing test module '/x/tests/test_b.py'.\n",
    ],
    [
      "syntax-error",
      'E     File "/x/tests/test_c.py", line 1\nE       def x(:\nE             ^\nE   SyntaxError: invalid syntax\n',
    ],
    ["import-error", "ImportError: Failed to import test module: test_b\n"],
    ["import-error", "/usr/bin/python3: No module named pytest"],
    ["import-error", "# a\n./a_test.go:9:2: undefined: nope\nFAIL\ta [build failed]"],
    [
      "syntax-error",
      "# a\n./a_test.go:3:1: syntax error: non-declaration statement outside function body\nFAIL\ta [setup failed]",
    ],
    [
      "import-error",
      'error[E0425]: cannot find function `nope` in crate `tab`\nerror: could not compile `tab` (test "two")',
    ],
    ["syntax-error", "error: expected one of `!` or `::`, found `x`\nerror: could not compile `tab` (lib)"],
    ["import-error", "[ERROR] COMPILATION ERROR : \n[ERROR] /x/TabTest.java:[3,8] cannot find symbol"],
    ["syntax-error", "[ERROR] COMPILATION ERROR : \n[ERROR] /x/TabTest.java:[3,8] ';' expected"],
    ["syntax-error", "PHP Parse error:  syntax error, unexpected token"],
    ["import-error", "cannot load such file -- nope (LoadError)"],
    ["no-tests", "No test files found, exiting with code 1"],
    ["no-tests", "No tests found, exiting with code 1"],
    ["no-tests", "===== no tests ran in 0.45s ====="],
    ["no-tests", "Could not find '/x/test/nope.test.js'"],
    ["no-tests", "testing: warning: no tests to run"],
    ["command-failed", "bash: line 1: nodee: command not found"],
    ["command-failed", 'npm error Missing script: "tset"'],
  ])("%s (%#)", (code, output) => {
    expect(loadFailure(output)).toMatchObject({ code });
  });

  test.each([
    "SyntaxError: Expected property name or '}' in JSON at position 1\n    at JSON.parse (<anonymous>)\n    at TestContext.<anonymous> (file:///x/a.test.js:6:104)\n    at Test.runInAsyncScope (node:async_hooks:227:14)\n",
    "TypeError: split is not a function\n    at TestContext.<anonymous> (file:///x/a.test.js:6:104)",
    "ReferenceError: total is not defined",
    "AssertionError [ERR_ASSERTION]: 999 !== 1000",
    "E   ValueError: not enough values to unpack",
    "--- FAIL: TestSplit (0.00s)\n    split_test.go:9: got 999, want 1000\nFAIL",
    "thread 'tests::adds' panicked at src/lib.rs:8:22:\nassertion `left == right` failed",
    "ℹ tests 3\nℹ fail 1",
  ])("a test that ran and failed is none (%#)", (output) => {
    expect(loadFailure(output)).toBeUndefined();
  });

  test("exit codes with a meaning of their own", () => {
    expect(exitFailure(127, false)?.code).toBe("command-failed");
    expect(exitFailure(126, false)?.code).toBe("command-failed");
    expect(exitFailure(5, true)?.code).toBe("no-tests");
    expect(exitFailure(4, true)?.code).toBe("no-tests");
    expect(exitFailure(5, false)).toBeUndefined();
    expect(exitFailure(1, true)).toBeUndefined();
  });
});
