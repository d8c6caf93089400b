// Triage by words on issues as people write them, and on text made to be slow or empty.
import { describe, expect, test } from "vitest";
import { guess } from "#src/triage/heuristics.ts";
import { Triage, type IssueType } from "#src/workflows/artifacts.ts";

const issues: readonly (readonly [IssueType, string, string])[] = [
  [
    "bug",
    "TypeError: Cannot read properties of undefined (reading 'map')",
    "Since 3.2 my page crashes.\n\n    at render (src/list.js:14:22)\n    at main (src/app.js:3:1)",
  ],
  ["bug", "sum() returns the wrong total for negative numbers", "sum(-1, 2) gives 3 instead of 1."],
  [
    "bug",
    "[Bug]: date picker",
    "### Steps to reproduce\n1. open\n2. click\n\n### Expected behavior\nopens\n\n### Actual behavior\nnothing",
  ],
  ["bug", "CLI hangs forever on Windows", "It used to work in 1.4. Regression in 1.5, the process never ends."],
  [
    "bug",
    "Parser fails on empty input",
    'Traceback (most recent call last):\n  File "p.py", line 3, in <module>\nValueError: empty',
  ],
  [
    "bug",
    "panic on startup",
    "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d",
  ],
  [
    "bug",
    "--verbose doesn't work",
    "Running with the flag prints nothing more than without it. Version 2.0.1 on Debian.",
  ],
  [
    "feature",
    "Add support for YAML config files",
    "It would be nice to be able to write the config in YAML, I'd like comments in it.",
  ],
  ["feature", "feat: dark mode", "Please add a setting for it."],
  ["feature", "Allow users to export results as CSV", "An option to download the table would be useful for our team."],
  ["feature", "Feature request: keyboard shortcuts", "I wish there were shortcuts for the common actions."],
  [
    "refactor",
    "Refactor the http client",
    "There is duplicated code in client.ts and retry.ts, let's extract it. No behaviour changes.",
  ],
  [
    "refactor",
    "Split up utils.ts",
    "It is too long and hard to read; dead code in there as well. Clean up and rename.",
  ],
  ["refactor", "chore: convert callbacks to async/await", "Modernize the storage module."],
  ["docs", "Typo in README", '"recieve" should be "receive" in the installation section.'],
  ["docs", "docs: the tutorial links to a page that is gone", "Broken link in the documentation of plugins."],
  ["question", "How do I configure a proxy?", "Is there a way to set it for one request only?"],
  ["question", "Question about licensing", "What is the license of the icons? Can I use them commercially?"],
  ["duplicate", "Crash when saving", "I think this is a duplicate of #41."],
  ["invalid", "x", ""],
];

describe("twenty issues as people write them", () => {
  test.each(issues)("%s: %s", (type, title, body) => {
    const triage = guess({ title, body });
    expect(triage.type).toBe(type);
    expect(Triage.safeParse(triage).error).toBeUndefined();
    expect(triage.runnerUp).not.toBe(type);
  });

  test("it is never surer than 0.65, and least sure with nothing to go by", () => {
    for (const [, title, body] of issues) expect(guess({ title, body }).confidence).toBeLessThanOrEqual(0.65);
    expect(
      guess({ title: "Something about the parser module", body: "I looked at it yesterday evening." }).confidence,
    ).toBeLessThan(0.5);
  });

  test("says what it saw, and asks when a bug report says next to nothing", () => {
    expect(guess({ title: "it is broken", body: "" }).missing).toHaveLength(1);
    expect(guess({ title: issues[0]?.[1] ?? "", body: issues[0]?.[2] ?? "" })).toMatchObject({
      evidence: expect.arrayContaining(["a stack trace"]),
      areas: ["src/list.js", "src/app.js"],
      severity: "high",
      missing: [],
    });
    expect(guess({ title: "Path traversal in the upload", body: "…" }).securitySensitive).toBe(true);
    expect(guess({ title: "Crash when saving", body: "duplicate of #41" }).duplicateOf).toBe(41);
  });
});

test.each([
  ["spaces", " ".repeat(100_000)],
  ["lines", "\n".repeat(100_000)],
  ["slashes", "a/".repeat(50_000)],
  ["words", "split ".repeat(20_000)],
  ["questions", "? ".repeat(50_000)],
  ["indents", "\n  at ".repeat(20_000)],
])("text made of %s is read in a moment", (_, body) => {
  const startedAt = performance.now();
  guess({ title: body.slice(0, 1_000), body });
  expect(performance.now() - startedAt).toBeLessThan(250);
});
