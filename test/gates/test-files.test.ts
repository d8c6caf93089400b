import { describe, expect, test } from "vitest";
import { isSnapshot, isTestFile } from "#src/gates/test-files.ts";

describe("a test file", () => {
  test.each([
    "test/split.test.js",
    "src/a.test.ts",
    "src/a.spec.tsx",
    "src/__tests__/a.js",
    "test.js",
    "tests/fixtures/a.json",
    "spec/a_spec.rb",
    "tests/test_a.py",
    "shop/tests.py",
    "shop/a_test.py",
    "conftest.py",
    "shop/a_test.go",
    "shop/testdata/in.txt",
    "tests/it.rs",
    "src/test/java/com/acme/AppTest.java",
    "app/src/AppTests.kt",
    "lib/TestApp.java",
    "src/AppIT.java",
    "tests/Unit/UserTest.php",
    "Shop.Tests/CartTests.cs",
    "Shop.UnitTests/Cart.cs",
    "src/__snapshots__/a.snap",
    "types/a.test-d.ts",
    "e2e/login.ts",
  ])("%s is one", (path) => expect(isTestFile(path)).toBe(true));

  test.each([
    "src/split.js",
    "src/latest.js",
    "src/contest.py",
    "src/attest.ts",
    "src/testing.ts",
    "src/protest/index.js",
    "pkg/spec/schema.go",
    "src/Latest.java",
    "src/manifest.json",
    "package.json",
    "vitest.config.ts",
    "src/inspect.rb",
    "docs/test.md",
    "src/testament.py",
  ])("%s is none", (path) => expect(isTestFile(path)).toBe(false));

  test("snapshots are told apart", () => {
    expect(isSnapshot("test/__snapshots__/a.snap")).toBe(true);
    expect(isSnapshot("testdata/out.golden")).toBe(true);
    expect(isSnapshot("test/a.test.ts")).toBe(false);
  });
});
