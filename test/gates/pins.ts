// Tests that pin what the little repository does today, and what an honest agent hands in with them.
import type { Characterization } from "#src/workflows/artifacts.ts";
import type { Files } from "./gate-world.ts";

/** A test file of these bodies, by test name. */
export function pinFile(bodies: Readonly<Record<string, string>>, source = "../src/split.js"): string {
  return [
    'import assert from "node:assert/strict";',
    'import { test } from "node:test";',
    'import { existsSync, readFileSync, writeFileSync } from "node:fs";',
    `import { split, tip } from "${source}";`,
    "",
    ...Object.entries(bodies).map(([name, body]) => `test("${name}", () => {\n${body}\n});\n`),
  ].join("\n");
}

export const bodies = {
  "cents are lost": "assert.deepEqual(split(1000, 3), [333, 333, 333]);",
  "a tip is rounded": "assert.equal(tip(1005), 101);",
};

export const pins: Files = { "test/pins.test.js": pinFile(bodies) };

export const characterization: Characterization = {
  testFiles: ["test/pins.test.js"],
  command: "node --test test/pins.test.js",
  covers: "what split and tip give for whole amounts",
  notes: "nothing is said of negative amounts",
};

/** The same behaviour, written otherwise. */
export const refactored: Files = {
  "src/split.js": [
    "export function split(total, people) {",
    "  const share = Math.floor(total / people);",
    "  return Array(people).fill(share);",
    "}",
    "export function tip(total) {",
    "  return Math.round(total / 10);",
    "}",
    "",
  ].join("\n"),
};
