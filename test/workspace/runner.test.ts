import { describe, expect, test } from "vitest";
import { runnerOf } from "#src/workspace/runner.ts";

const scripts = {
  test: "npm run lint && vitest run",
  unit: "node --test test/*.test.js",
  outer: "npm run test",
  pnpmOuter: "pnpm test",
  loop: "npm run loop",
  piped: "jest | tee out.txt",
  lint: "eslint .",
};

describe("the runner of a command", () => {
  test.each([
    ["node --test", "node", ""],
    ["FOO=1 node --import tsx --test a.test.ts", "node", ""],
    ["npx --yes vitest run a.test.ts", "vitest", ""],
    ["./node_modules/.bin/jest a", "jest", ""],
    ["cross-env NODE_ENV=test jest", "jest", ""],
    ["yarn jest a", "jest", ""],
    ["python3 -m pytest -q 'tests/a b.py'", "pytest", ""],
    ["uv run python -m pytest", "pytest", ""],
    ["cd web && go test ./...", "go", ""],
    ["cargo test -p a", "cargo", ""],
    ["./mvnw -B test", "maven", ""],
    ["./gradlew test", "gradle", ""],
    ["npm test", "vitest", "-- "],
    ["npm test -- a.test.ts", "vitest", ""],
    ["npm run outer", "vitest", "-- -- "],
    ["pnpm run test", "vitest", ""],
    ["npm run pnpmOuter", "vitest", "-- "],
    ["npm run unit", "node", "-- "],
    ["npm run piped", "jest", undefined],
    ["vitest run > out.txt", "vitest", undefined],
    ["vitest run # all", "vitest", undefined],
    ["vitest run || true", "vitest", undefined],
    ["jest; vitest run", "vitest", ""],
  ])("%s", (command, runner, append) => {
    expect(runnerOf(command, scripts)).toMatchObject({ runner });
    expect(runnerOf(command, scripts)?.append).toBe(append);
  });

  test.each([
    "node test.js",
    "npm run lint",
    "npm run nothing",
    "npm run loop",
    "npm test -w packages/a",
    "echo vitest",
    "make test",
    "",
    "'unclosed",
    "npm run constructor",
  ])("none is known for %j", (command) => expect(runnerOf(command, scripts)).toBeUndefined());
});
