// The map of a repository: small, whatever the repository's size.
import { expect, test } from "vitest";
import { mapOf } from "#src/workspace/repo-map.ts";

test("shows folders with what is below them, and the files at the top", () => {
  const map = mapOf([
    "README.md",
    "src/a.ts",
    "src/deep/b.ts",
    "src/deep/deeper/deepest/c.ts",
    "test/a.test.ts",
    "a.json",
  ]);
  expect(map.split("\n")).toEqual(["src/ 3", "  deep/ 2", "    deeper/ 1", "test/ 1", "README.md", "a.json"]);
});

test("shows fewer levels where all do not fit, and never more than its room", () => {
  const wide = Array.from({ length: 400 }, (_, index) => `packages/p${index}/src/index.ts`);
  expect(mapOf(wide)).toBe("packages/ 400");
  const flat = Array.from({ length: 5_000 }, (_, index) => `file-${index}.ts`);
  expect(mapOf(flat).length).toBeLessThan(3_100);
  expect(mapOf([])).toBe("");
});
