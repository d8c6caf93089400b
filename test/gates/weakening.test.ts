import { describe, expect, test } from "vitest";
import { skipMarker, weaknessOf, weaknessOfNew } from "#src/gates/weakening.ts";

const js = [
  'import { split } from "../src/split.js";',
  "",
  "// two cases",
  'test("one", () => {',
  "  expect(split(4, 2)).toEqual([2, 2]);",
  "});",
  'test("two", () => {',
  "  expect(split(1, 1)).toBe(1);",
  "  expect(split(2, 1)).toBe(2);",
  "});",
  "",
].join("\n");
const py = [
  "import pytest",
  "from shop import split",
  "",
  "def test_one():",
  "    assert split(4, 2) == [2, 2]",
  "",
  "class TestMore:",
  "    def test_two(self):",
  "        assert split(1, 1) == [1]",
  "",
].join("\n");
const go = [
  "package shop",
  "",
  'import "testing"',
  "",
  "func TestOne(t *testing.T) {",
  "\tif Split(4, 2) != 2 {",
  '\t\tt.Errorf("got %d", Split(4, 2))',
  "\t}",
  "}",
  "",
].join("\n");
const rust = ["#[test]", "fn one() {", "    assert_eq!(split(4, 2), 2);", "}", ""].join("\n");
const java = [
  "class SplitTest {",
  "  @Test",
  "  void one() {",
  "    assertEquals(2, Split.of(4, 2));",
  "  }",
  "}",
  "",
].join("\n");

describe("what may be done to an existing test file", () => {
  test.each([
    ["nothing", "a.test.ts", js, js],
    ["a test at the end", "a.test.ts", js, `${js}test("three", () => {\n  expect(1).toBe(1);\n});\n`],
    [
      "a test at the front",
      "a.test.ts",
      js,
      js.replace('test("one"', 'test("zero", () => {\n  expect(0).toBe(0);\n});\ntest("one"'),
    ],
    [
      "a test between two",
      "a.test.ts",
      js,
      js.replace('test("two"', 'test("zero", () => {\n  expect(0).toBe(0);\n});\ntest("two"'),
    ],
    [
      "a test before one with the same first line",
      "a.test.ts",
      'it("x", () => {\n  a();\n});\n',
      'it("x", () => {\n  b();\n});\nit("x", () => {\n  a();\n});\n',
    ],
    [
      "an assertion more",
      "a.test.ts",
      js,
      js.replace("  expect(split(2", "  expect(split(3, 1)).toBe(3);\n  expect(split(2"),
    ],
    ["another import", "a.test.ts", js, `import { tip } from "../src/tip.js";\n${js}`],
    ["a name more in an import", "a.test.ts", js, js.replace("{ split }", "{ split, tip }")],
    ["another comment", "a.test.ts", js, js.replace("// two cases", "// some cases")],
    ["blank lines", "a.test.ts", js, js.replaceAll("\n", "\n\n")],
    [
      "a function at the end, with a return in it",
      "test_a.py",
      py,
      `${py}\ndef helper():\n    return 3\n\ndef test_three():\n    assert helper() == 3\n`,
    ],
    ["a name more in a Python import", "test_a.py", py, py.replace("import split", "import split, tip")],
    [
      "a test function in Go",
      "a_test.go",
      go,
      `${go}\nfunc TestTwo(t *testing.T) {\n\tif Split(1, 1) != 1 {\n\t\tt.Fatal("no")\n\t}\n}\n`,
    ],
    ["a test in Rust", "tests/a.rs", rust, `${rust}\n#[test]\nfn two() {\n    assert_eq!(split(1, 1), 1);\n}\n`],
    [
      "a row more in a table",
      "a.test.ts",
      "it.each([\n  [1, 2]\n])('x', () => {});\n",
      "it.each([\n  [1, 2],\n  [2, 3]\n])('x', () => {});\n",
    ],
    ["brackets in strings", "a.test.ts", js, `${js}test("({[", () => {\n  expect(":-)").toBe(":-)");\n});\n`],
    [
      "skip switched off in an option",
      "a.test.ts",
      js,
      `${js}test("three", { skip: false }, () => {\n  expect(1).toBe(1);\n});\n`,
    ],
  ])("%s", (_, path, before, after) => {
    expect(weaknessOf(path, before, after)).toBeUndefined();
  });
});

describe("what may not", () => {
  const wrapPy = py.replace("    assert split(4", "    if False:\n        assert split(4");
  test.each([
    // skipped, each by its marker
    ["test-skipped", "a.test.ts", js, js.replace('test("one"', 'test.skip("one"')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one"', 'test.only("one"')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one"', 'test.todo("one"')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one"', 'test.concurrent.skip("one"')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one"', 'test.skipIf(true)("one"')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one"', 'test.fails("one"')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one"', 'xtest("one"')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one", ', 'test("one", { skip: true }, ')],
    ["test-skipped", "a.test.ts", js, js.replace('test("one", ', "test(\"one\", { todo: 'later' }, ")],
    ["test-skipped", "a.test.ts", js, js.replace("  expect(split(4", "  t.skip();\n  expect(split(4")],
    ["test-skipped", "a.test.ts", js, `describe.skip("all", () => {\n${js}});\n`],
    ["test-skipped", "a.test.ts", js, `${js}test.only("another", () => {\n  expect(1).toBe(1);\n});\n`],
    ["test-skipped", "a.test.ts", js, `${js}fit("another", () => {\n});\n`],
    ["test-skipped", "a.test.ts", js, `process.exit(0);\n${js}`],
    ["test-skipped", "test_a.py", py, py.replace("def test_one", "@pytest.mark.skip\ndef test_one")],
    ["test-skipped", "test_a.py", py, py.replace("def test_one", "@pytest.mark.xfail(reason='x')\ndef test_one")],
    ["test-skipped", "test_a.py", py, py.replace("class TestMore", "@unittest.skip('x')\nclass TestMore")],
    [
      "test-skipped",
      "test_a.py",
      py,
      py.replace("import pytest", "import pytest\npytest.skip(allow_module_level=True)"),
    ],
    ["test-skipped", "test_a.py", py, py.replace("        assert", "        self.skipTest('x')\n        assert")],
    ["test-skipped", "test_a.py", py, `import os\nos._exit(0)\n${py}`],
    ["test-skipped", "a_test.go", go, go.replace("\tif Split", '\tt.Skip("later")\n\tif Split')],
    ["test-skipped", "a_test.go", go, `//go:build never\n\n${go}`],
    ["test-skipped", "a_test.go", go, go.replace("\tif Split", "\tif testing.Short() {\n\t}\n\tif Split")],
    ["test-skipped", "tests/a.rs", rust, rust.replace("#[test]", "#[test]\n#[ignore]")],
    ["test-skipped", "tests/a.rs", rust, rust.replace("#[test]", '#[test]\n#[cfg(target_os = "none")]')],
    ["test-skipped", "SplitTest.java", java, java.replace("@Test", "@Disabled\n  @Test")],
    [
      "test-skipped",
      "SplitTest.java",
      java,
      java.replace("    assertEquals", "    assumeTrue(false);\n    assertEquals"),
    ],
    // fewer assertions
    ["assertion-removed", "a.test.ts", js, js.replace("  expect(split(2, 1)).toBe(2);\n", "")],
    ["assertion-removed", "a.test.ts", js, js.replace("  expect(split(2", "  // expect(split(2")],
    ["assertion-removed", "test_a.py", py, py.replace("        assert split(1, 1) == [1]", "        pass")],
    ["assertion-removed", "a.test.ts", js, ""],
    // altered
    ["test-changed", "a.test.ts", js, js.replace("toBe(2)", "toBe(3)")],
    ["test-changed", "a.test.ts", js, js.replace("toBe(2)", "toBeDefined()")],
    ["test-changed", "a.test.ts", js, js.replace(").toBe(2)", ").not.toBe(2)")],
    ["test-changed", "a.test.ts", js, js.replace('"../src/split.js"', '"./fake.js"')],
    ["test-changed", "a.test.ts", js, js.replace("{ split }", "{ split as real, fake as split }")],
    ["test-changed", "a.test.ts", js, js.replace('test("one"', 'test("uno"')],
    ["test-changed", "test_a.py", py, wrapPy],
    ["test-changed", "test_a.py", py, py.replace("== [2, 2]", "is not None")],
    ["test-changed", "a_test.go", go, go.replace("!= 2", "== 9")],
    ["test-changed", "SplitTest.java", java, java.replace("assertEquals(2", "assertEquals(3")],
    ["test-changed", "a.test.ts", js, js.split("\n").toReversed().join("\n")],
    // nothing removed, and yet
    [
      "test-changed",
      "a.test.ts",
      js,
      js.replace("  expect(split(1", "  try {\n  expect(split(1").replace("toBe(2);", "toBe(2);\n  } catch {}"),
    ],
    ["test-changed", "a.test.ts", js, js.replace("  expect(split(1", "  return;\n  expect(split(1")],
    [
      "test-changed",
      "a.test.ts",
      js,
      js.replace("  expect(split(1", "  if (false) {\n  expect(split(1").replace("toBe(2);", "toBe(2);\n  }"),
    ],
    [
      "test-changed",
      "a.test.ts",
      js,
      js.replace('test("two"', '/*\ntest("two"').replace("toBe(2);\n});", "toBe(2);\n});\n*/"),
    ],
    ["test-changed", "test_a.py", py, py.replace("    assert split(4", "    return\n    assert split(4")],
    [
      "test-changed",
      "test_a.py",
      py,
      py.replace("def test_one", '"""\ndef test_one').replace("== [2, 2]", '== [2, 2]\n"""'),
    ],
  ])("%s (%#)", (code, path, before, after) => {
    expect(after).not.toBe(before);
    expect(weaknessOf(path, before, after)).toMatchObject({ code });
  });

  test("a new file that picks single tests, which switches all others off", () => {
    expect(weaknessOfNew("b.test.ts", 'it.only("x", () => {});')).toMatchObject({ code: "test-skipped" });
    expect(weaknessOfNew("b.test.ts", 'test("x", { only: true }, () => {});')).toMatchObject({ code: "test-skipped" });
    expect(weaknessOfNew("b.test.ts", 'it.skip("x", () => {});\n// it.only(…)')).toBeUndefined();
  });

  test("words that only look like a marker are none", () => {
    expect(skipMarker('run(["--skip"]); expect(items.skip(2)).toBe(only);')).toBeUndefined();
    expect(skipMarker("list.only(1); const todo = 3; audit(x); profit(1)")).toBeUndefined();
  });
});
