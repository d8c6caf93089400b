// Which lines a patch shows: whatever the lines themselves look like, and wherever it was cut.
import { expect, test } from "vitest";
import { linesOf } from "#src/workspace/patch-lines.ts";

const patch = (...lines: string[]) => linesOf(lines.join("\n"));
const header = (path: string) => [
  `diff --git a/${path} b/${path}`,
  "index 1..2 100644",
  `--- a/${path}`,
  `+++ b/${path}`,
];

test("each piece of each file, as it is behind the change", () => {
  const found = patch(
    ...header("src/a.js"),
    "@@ -1,3 +1,4 @@ function",
    " one",
    "-two",
    "+deux",
    "+trois",
    " four",
    "@@ -40 +41 @@",
    "-old",
    "+new",
    "\\ No newline at end of file",
    ...header("with space.md").slice(0, 3),
    "+++ b/with space.md\t",
    "@@ -0,0 +1,2 @@",
    "+a",
    "+b",
  );
  expect([...found]).toEqual([
    [
      "src/a.js",
      [
        { from: 1, to: 4 },
        { from: 41, to: 41 },
      ],
    ],
    ["with space.md", [{ from: 1, to: 2 }]],
  ]);
});

test("a line of the file that looks like a header is none", () => {
  const found = patch(
    ...header("a"),
    "@@ -1,2 +1,4 @@",
    "+++ b/secret.txt",
    "+@@ -1,9 +1,900 @@",
    "--- a/other",
    " @@ -1 +1,800 @@",
    "+diff --git a/x b/x",
  );
  expect([...found]).toEqual([["a", [{ from: 1, to: 4 }]]]);
});

test("nothing of a file that is deleted, is no text, or has a name that git quotes", () => {
  const found = patch(
    ...header("gone").slice(0, 3),
    "+++ /dev/null",
    "@@ -1 +0,0 @@",
    "-x",
    "diff --git a/logo.png b/logo.png",
    "Binary files a/logo.png and b/logo.png differ",
    'diff --git "a/gr\\303\\266\\303\\237e" "b/gr\\303\\266\\303\\237e"',
    '+++ "b/gr\\303\\266\\303\\237e"',
    "@@ -1 +1 @@",
    "-x",
    "+y",
    ...header("after"),
    "@@ -1 +1 @@",
    "-x",
    "+y",
  );
  expect([...found]).toEqual([["after", [{ from: 1, to: 1 }]]]);
});
