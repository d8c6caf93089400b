// The little repository most gate tests work on: splitting a bill loses a cent. And what an honest agent makes of it.
import type { Reproduction } from "#src/workflows/artifacts.ts";
import type { Files } from "./gate-world.ts";

export const tab = {
  "package.json": JSON.stringify({ name: "tab", type: "module", scripts: { test: "node --test" } }, null, 2),
  "src/split.js": [
    "export function split(total, people) {",
    "  return Array.from({ length: people }, () => Math.floor(total / people));",
    "}",
    "export function tip(total) {",
    "  return Math.round(total / 10);",
    "}",
    "",
  ].join("\n"),
  "test/split.test.js": [
    'import assert from "node:assert/strict";',
    'import { test } from "node:test";',
    'import { split } from "../src/split.js";',
    "",
    'test("everyone pays the same", () => {',
    "  assert.deepEqual(split(1200, 4), [300, 300, 300, 300]);",
    "  assert.deepEqual(split(500, 1), [500]);",
    "});",
    "",
  ].join("\n"),
  "test/tip.test.js": [
    'import assert from "node:assert/strict";',
    'import { test } from "node:test";',
    'import { tip } from "../src/split.js";',
    "",
    'test("a tenth", () => {',
    "  assert.equal(tip(1000), 100);",
    "});",
    "",
  ].join("\n"),
} satisfies Files;

const added = [
  'test("no cent is lost", () => {',
  "  assert.equal(split(1000, 3).reduce((a, b) => a + b, 0), 1000);",
  "});",
  "",
].join("\n");

/** The test added to the file that is there. */
export const reproduced: Files = { "test/split.test.js": `${tab["test/split.test.js"]}\n${added}` };

export const fixed: Files = {
  "src/split.js": tab["src/split.js"].replace(
    "() => Math.floor(total / people)",
    "(_, i) => Math.floor(total / people) + (i < total % people ? 1 : 0)",
  ),
};

export const reproduction: Reproduction = {
  reproduced: true,
  testFiles: ["test/split.test.js"],
  command: "node --test test/split.test.js",
  expectedFailure: "999 !== 1000",
  notes: "split(1000, 3) gives 999",
};
