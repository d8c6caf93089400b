import { describe, expect, test } from "vitest";
import { isConfigFile } from "#src/gates/config-files.ts";
import { openGateWorld, type Files } from "./gate-world.ts";
import { fixed, reproduced, reproduction, tab } from "./tab.ts";

const start: Files = {
  ...tab,
  "test/__snapshots__/a.test.js.snap": "exports[`a 1`] = `1`;\n",
  "test/fixtures/bill.json": '{ "total": 1000 }\n',
  "vitest.config.ts": "export default {};\n",
  "pyproject.toml": '[project]\nname = "tab"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n',
  Makefile: "test:\n\tnode --test\n",
  "src/lib.rs":
    "pub fn f() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn one() {\n        assert_eq!(1, 1);\n    }\n}\n",
};

async function integrity(change: Files, added?: Files) {
  await using world = await openGateWorld(start);
  const commit = added && (await world.commit(added));
  const head = await world.commit(change, commit);
  return await world.check({
    gate: "integrity",
    head,
    reproduction: commit && { value: reproduction, commit },
  });
}

describe("integrity", () => {
  test.each<[string, Files]>([
    ["a fix and a test more", { ...fixed, ...reproduced }],
    [
      "a new test file with a snapshot",
      { "test/b.test.js": 'test("x", () => {});\n', "test/__snapshots__/b.test.js.snap": "x\n" },
    ],
    ["a snapshot that grew", { "test/__snapshots__/a.test.js.snap": "exports[`a 1`] = `1`;\nexports[`b 1`] = `2`;\n" }],
    [
      "a dependency more",
      { "package.json": JSON.stringify({ ...JSON.parse(tab["package.json"]), dependencies: { a: "1" } }) },
    ],
    [
      "a version in pyproject.toml",
      { "pyproject.toml": `${start["pyproject.toml"]}`.replace("name", 'version = "2"\nname') },
    ],
    ["Rust source beside its tests", { "src/lib.rs": `${start["src/lib.rs"]}`.replace("{}", "{ todo!() }") }],
  ])("says yes to %s", async (_, change) => {
    expect(await integrity(change)).toMatchObject({ passed: true, code: "intact", notes: [] });
  });

  test.each<[string, string, Files]>([
    ["test-deleted", "test/tip.test.js", { "test/tip.test.js": null }],
    ["test-deleted", "src/lib.rs", { "src/lib.rs": "pub fn f() {}\n" }],
    [
      "test-skipped",
      "src/lib.rs",
      { "src/lib.rs": `${start["src/lib.rs"]}`.replace("#[test]", "#[test]\n    #[ignore]") },
    ],
    [
      "test-skipped",
      "test/tip.test.js",
      { "test/tip.test.js": tab["test/tip.test.js"].replace("test(", "test.skip(") },
    ],
    ["test-skipped", "test/b.test.js", { "test/b.test.js": 'test.only("x", () => {});\n' }],
    [
      "assertion-removed",
      "test/split.test.js",
      { "test/split.test.js": tab["test/split.test.js"].replace(/.*\[500\].*\n/, "") },
    ],
    ["test-changed", "test/tip.test.js", { "test/tip.test.js": tab["test/tip.test.js"].replace("100)", "125)") }],
    ["test-changed", "test/fixtures/bill.json", { "test/fixtures/bill.json": '{ "total": 999 }\n' }],
    [
      "snapshot-changed",
      "test/__snapshots__/a.test.js.snap",
      { "test/__snapshots__/a.test.js.snap": "exports[`a 1`] = `2`;\n" },
    ],
    ["snapshot-changed", "test/__snapshots__/a.test.js.snap", { "test/__snapshots__/a.test.js.snap": null }],
    ["config-changed", "package.json", { "package.json": tab["package.json"].replace("node --test", "true") }],
    ["config-changed", "package.json", { "package.json": "not JSON" }],
    [
      "config-changed",
      "package.json",
      {
        "package.json": JSON.stringify({
          ...JSON.parse(tab["package.json"]),
          jest: { testPathIgnorePatterns: ["split"] },
        }),
      },
    ],
    [
      "config-changed",
      "vitest.config.ts",
      { "vitest.config.ts": "export default { test: { exclude: ['test/split.test.js'] } };\n" },
    ],
    ["config-changed", "vitest.config.ts", { "vitest.config.ts": null }],
    ["config-changed", "jest.config.js", { "jest.config.js": "" }],
    [
      "config-changed",
      "pyproject.toml",
      { "pyproject.toml": `${start["pyproject.toml"]}`.replace("-q", "-q --deselect tests/x") },
    ],
    [
      "config-changed",
      "pyproject.toml",
      { "pyproject.toml": `${start["pyproject.toml"]}[tool.coverage.report]\nfail_under = 0\n` },
    ],
    ["config-changed", "Makefile", { Makefile: "test:\n\ttrue\n" }],
    ["config-changed", "tests/conftest.py", { "tests/conftest.py": "collect_ignore = ['x']\n" }],
    ["config-changed", ".github/workflows/ci.yml", { ".github/workflows/ci.yml": "on: push\n" }],
  ])("says no: %s in %s (%#)", async (code, path, change) => {
    const result = await integrity({ ...fixed, ...change });
    expect(result).toMatchObject({ passed: false, code });
    expect(result.notes[0]).toContain(`${path}: `);
    expect(result.notes[0]).toContain(`(${code})`);
  });

  test("names every finding and gives the code of the first", async () => {
    const result = await integrity({ "test/tip.test.js": null, "vitest.config.ts": null });
    expect(result).toMatchObject({ code: "test-deleted" });
    expect(result.notes).toHaveLength(2);
    expect(result.summary).toContain("and 1 more finding");
  });

  test("holds for the reproduction's own test, too", async () => {
    const weakened = `${reproduced["test/split.test.js"]}`.replace("1000);", "999);");
    const result = await integrity({ ...fixed, "test/split.test.js": weakened }, reproduced);
    expect(result).toMatchObject({ passed: false, code: "test-changed" });
    const own = { "test/new.test.js": 'test("x", () => {\n  expect(1).toBe(2);\n});\n' };
    expect(await integrity({ ...fixed, "test/new.test.js": null }, own)).toMatchObject({ code: "test-deleted" });
    expect(await integrity(fixed, own)).toMatchObject({ passed: true });
  });
});

describe("files that configure", () => {
  test.each([
    "vitest.config.mts",
    "vite.config.js",
    "vitest.workspace.ts",
    "vitest.config.unit.ts",
    "packages/a/jest.config.cjs",
    "jest-e2e.config.json",
    "jest.setup.ts",
    "src/setupTests.js",
    "test/global-setup.ts",
    ".mocharc.yml",
    "ava.config.js",
    "playwright.config.ts",
    "tsconfig.json",
    "tsconfig.build.json",
    "eslint.config.js",
    ".eslintrc.cjs",
    ".oxlintrc.json",
    "biome.json",
    "pytest.ini",
    "tox.ini",
    "conftest.py",
    "a/conftest.py",
    ".coveragerc",
    "ruff.toml",
    "mypy.ini",
    ".golangci.yml",
    ".cargo/config.toml",
    "build.rs",
    "phpunit.xml.dist",
    ".rspec",
    "codecov.yml",
    "Makefile",
    "justfile",
    ".github/dependabot.yml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".husky/pre-commit",
    "gradle.properties",
  ])("%s does", (path) => expect(isConfigFile(path)).toBe(true));

  test.each([
    "src/config.ts",
    "src/jest.ts",
    "README.md",
    "src/setup.ts",
    "docs/testing.md",
    "package.json",
    "src/latest.config.json",
    "src/make.js",
  ])("%s does not", (path) => expect(isConfigFile(path)).toBe(false));
});
