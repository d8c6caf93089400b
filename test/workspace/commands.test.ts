import { describe, expect, test } from "vitest";
import { detectCommands } from "#src/workspace/commands.ts";

const detect = (files: Readonly<Record<string, string>>, configured = {}) =>
  detectCommands({ paths: Object.keys(files), read: (path) => Promise.resolve(files[path]) }, configured);
const manifest = (value: unknown) => JSON.stringify(value);
const jest = { scripts: { test: "jest", lint: "eslint .", "type-check": "tsc" }, devDependencies: { jest: "1" } };

describe("commands are read off a repository's files", () => {
  test.each<[string, Record<string, string>, Record<string, string>, string | undefined]>([
    [
      "npm with a lock file",
      { "package.json": manifest(jest), "package-lock.json": "" },
      { install: "npm ci", test: "npm test", lint: "npm run lint", typecheck: "npm run type-check" },
      "jest",
    ],
    [
      "npm without one",
      { "package.json": manifest(jest) },
      {
        install: "npm install --no-package-lock",
        test: "npm test",
        lint: "npm run lint",
        typecheck: "npm run type-check",
      },
      "jest",
    ],
    [
      "npm with nothing to install",
      { "package.json": manifest({ scripts: { test: "node --test" } }) },
      { test: "npm test" },
      "node",
    ],
    [
      "npm's placeholder",
      { "package.json": manifest({ scripts: { test: 'echo "Error: no test specified" && exit 1' } }) },
      {},
      undefined,
    ],
    [
      "pnpm",
      {
        "package.json": manifest({ scripts: { test: "vitest run", build: "tsc" }, dependencies: { a: "1" } }),
        "pnpm-lock.yaml": "",
      },
      { install: "pnpm install --frozen-lockfile", test: "pnpm test", build: "pnpm run build" },
      "vitest",
    ],
    [
      "yarn classic",
      { "package.json": manifest({ scripts: { test: "vitest" }, dependencies: { a: "1" } }), "yarn.lock": "" },
      { install: "yarn install --frozen-lockfile", test: "yarn test" },
      "vitest",
    ],
    [
      "yarn berry",
      {
        "package.json": manifest({ packageManager: "yarn@4.1.0", scripts: { test: "jest" }, dependencies: { a: "1" } }),
        "yarn.lock": "",
      },
      { install: "yarn install --immutable", test: "yarn test" },
      "jest",
    ],
    [
      "bun",
      { "package.json": manifest({ scripts: { test: "vitest run" }, dependencies: { a: "1" } }), "bun.lock": "" },
      { install: "bun install --frozen-lockfile", test: "bun run test" },
      "vitest",
    ],
    [
      "requirements.txt",
      { "requirements.txt": "pytest", "tests/test_a.py": "" },
      { install: "python3 -m pip install -r requirements.txt", test: "python3 -m pytest" },
      "pytest",
    ],
    [
      "pyproject.toml",
      { "pyproject.toml": "[project]\nname='a'\n[tool.pytest.ini_options]\n[tool.ruff]\n" },
      { install: "python3 -m pip install -e .", test: "python3 -m pytest", lint: "ruff check ." },
      "pytest",
    ],
    [
      "uv",
      { "pyproject.toml": "[project]\nname='a'\n", "uv.lock": "", "tests/test_a.py": "" },
      { install: "uv sync --frozen", test: "uv run python -m pytest" },
      "pytest",
    ],
    [
      "poetry",
      { "pyproject.toml": "[tool.poetry]\nname='a'\n", "tests/test_a.py": "" },
      { install: "poetry install --no-interaction", test: "poetry run python -m pytest" },
      "pytest",
    ],
    ["Python files alone", { "a.py": "", "test_a.py": "" }, { test: "python3 -m pytest" }, "pytest"],
    [
      "Go",
      { "go.mod": "module a\nrequire b v1\n" },
      { install: "go mod download", test: "go test ./...", lint: "go vet ./...", build: "go build ./..." },
      "go",
    ],
    [
      "Go with nothing to install",
      { "go.mod": "module a\n" },
      { test: "go test ./...", lint: "go vet ./...", build: "go build ./..." },
      "go",
    ],
    [
      "Cargo",
      { "Cargo.toml": "[package]\n[dependencies]\na='1'\n", "Cargo.lock": "" },
      { install: "cargo fetch --locked", test: "cargo test", lint: "cargo clippy", build: "cargo build" },
      "cargo",
    ],
    [
      "Maven's wrapper",
      { "pom.xml": "<project/>", mvnw: "" },
      {
        install: "./mvnw -B -q dependency:go-offline",
        test: "./mvnw -B -o test",
        build: "./mvnw -B -o package -DskipTests",
      },
      "maven",
    ],
    [
      "Gradle",
      { "build.gradle.kts": "" },
      {
        install: "gradle --console=plain testClasses",
        test: "gradle --console=plain --offline test",
        build: "gradle --console=plain --offline assemble",
      },
      "gradle",
    ],
    [
      "make",
      { Makefile: "CC := cc\ntest: all\n\tprove\nlint:\n\tx\n" },
      { test: "make test", lint: "make lint" },
      undefined,
    ],
    ["make without a test target", { Makefile: "test := 1\nall:\n\tcc\n" }, {}, undefined],
    ["nothing", { "README.md": "" }, {}, undefined],
    ["a package.json that is no JSON", { "package.json": "{" }, {}, undefined],
    ["a package.json in a folder", { "a/package.json": manifest(jest) }, {}, undefined],
  ])("%s", async (_, files, commands, runner) => {
    const found = await detect(files);
    expect(found.commands).toEqual(commands);
    expect(found.runner?.runner).toBe(runner);
    expect(Object.keys(found.source)).toEqual(Object.keys(commands));
  });

  test("what the config says wins, and the rest is still detected", async () => {
    const files = { "package.json": manifest(jest), "package-lock.json": "" };
    const found = await detect(files, { test: "npm run unit", lint: undefined });
    expect(found.commands).toMatchObject({ install: "npm ci", test: "npm run unit", lint: "npm run lint" });
    expect(found.source).toMatchObject({ test: "the repository's config", install: "package-lock.json" });
  });

  test("of several ecosystems the first that knows a command gives it", async () => {
    const found = await detect({ "package.json": manifest(jest), Makefile: "test:\n\tx\n", "go.mod": "module a\n" });
    expect(found.commands).toMatchObject({ test: "npm test", build: "go build ./..." });
  });
});
