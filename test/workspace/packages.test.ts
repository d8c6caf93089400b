// Whose commands a path, a change or a shell command is about.
import { describe, expect, test } from "vitest";
import { detectPlaces } from "#src/workspace/commands.ts";
import {
  foldersOfPackages,
  fromRoot,
  installAll,
  packageOf,
  placed,
  seenFrom,
  suitesFor,
  type Package,
} from "#src/workspace/packages.ts";
import { RepoConfig } from "#src/workflows/repo-config.ts";

const pack = (path: string, commands: Package["commands"] = { test: `test ${path}` }, configured = true): Package => ({
  path,
  commands,
  scripts: {},
  configured,
});
const root = pack("", { test: "test all" });
const bare = pack("", {});
const api = pack("services/api");
const inner = pack("services/api/db");
const web = pack("web");
const silent = pack("docs", { lint: "x" });
const all = [api, inner, web, silent];

const places = (files: Readonly<Record<string, string>>, config: unknown = {}) =>
  detectPlaces({ paths: Object.keys(files), read: (path) => Promise.resolve(files[path]) }, RepoConfig.parse(config));
const manifest = (test: string, more: object = {}) => JSON.stringify({ scripts: { test }, ...more });

test.each([
  ["services/api/src/a.js", "services/api"],
  ["services/api/db/a.js", "services/api/db"],
  ["services/api", undefined],
  ["services/apis/a.js", undefined],
  ["web/a.js", "web"],
  ["README.md", undefined],
])("%s lies in %s: the longest path wins", (path, owner) => {
  expect(packageOf(path, all)?.path).toBe(owner);
});

describe("the suites of a change", () => {
  test.each<[string, string[], Package, string[]]>([
    ["a package's own", ["services/api/a.js"], root, ["services/api"]],
    ["two packages'", ["web/a.js", "services/api/a.js", "web/b.js"], root, ["services/api", "web"]],
    ["the root's and a package's", ["a.js", "web/a.js"], root, ["", "web"]],
    ["the root's for a package without one", ["docs/a.md"], root, [""]],
    ["every package's where the root has none", ["package.json"], bare, ["services/api", "services/api/db", "web"]],
    ["a package's own, whatever the root has", ["web/a.js"], bare, ["web"]],
    ["the root's when nothing is changed", [], root, [""]],
  ])("%s", (_, paths, of, suites) => {
    expect(suitesFor(paths, of, all).map(({ at }) => at)).toEqual(suites);
  });

  test("without packages and without tests there is none", () => {
    expect(suitesFor(["a.js"], bare, [])).toEqual([]);
  });
});

test.each([
  ["cd services/api && npm test", "services/api", "npm test"],
  ["cd ./web/ && a && b", "web", "a && b"],
  ["cd elsewhere && npm test", "", "cd elsewhere && npm test"],
  ["cd ../web && npm test", "", "cd ../web && npm test"],
  ["npm test", "", "npm test"],
  ["cd web; npm test", "", "cd web; npm test"],
])("%s runs in %j", (given, at, command) => {
  expect(placed(given, root, all)).toMatchObject({ at, command });
});

test("paths and commands as they are called there", () => {
  expect(seenFrom("web", ["web/a.js", "b.js"])).toEqual(["a.js", "b.js"]);
  expect(fromRoot({ at: "my web", command: "npm test" })).toBe("cd 'my web' && npm test");
  expect(fromRoot({ at: "", command: "npm test" })).toBe("npm test");
});

describe("the install of everything", () => {
  test("is the root's alone where no package installs anything", () => {
    expect(installAll(pack("", { install: "a; b" }), [api])).toBe("a; b");
    expect(installAll(bare, [api])).toBeUndefined();
  });

  test("stops where one that was named fails, whatever its command looks like", () => {
    const first = pack("a", { install: "npm ci" });
    const second = pack("b", { install: "x; y # z" });
    expect(installAll(pack("", { install: "npm ci" }), [first, second])).toBe(
      "npm ci && (cd a && npm ci) && (cd b || exit\nx; y # z\n)",
    );
    expect(installAll(pack("", { install: "false; true" }), [first])).toBe("(\nfalse; true\n) && (cd a && npm ci)");
  });

  test("goes on where one that was only found fails", () => {
    expect(installAll(bare, [pack("a", { install: "npm ci" }, false)])).toBe(
      "{ (cd a && npm ci) || echo 'the install of a failed' >&2; }",
    );
  });
});

describe("packages", () => {
  const files = {
    "services/api/package.json": manifest("node --test"),
    "services/api/package-lock.json": "{}",
    "tools/lint/go.mod": "module x",
    "web/README.md": "",
  };

  test("that are named have what is configured, and what their own files give away", async () => {
    const { packages } = await places(files, {
      packages: [{ path: "./services/api/", commands: { test: "npm run unit" } }, { path: "web" }],
    });
    expect(packages).toEqual([
      {
        path: "services/api",
        commands: { test: "npm run unit" },
        scripts: { test: "node --test" },
        configured: true,
      },
      { path: "web", commands: {}, scripts: {}, configured: true },
    ]);
  });

  test("are looked for where nobody names any and the root has no tests", async () => {
    const { packages, installAll: install } = await places(files);
    expect(packages.map(({ path, commands }) => [path, commands.test])).toEqual([
      ["services/api", "npm test"],
      ["tools/lint", "go test ./..."],
    ]);
    expect(install).toBeUndefined();
    expect((await places({ ...files, Makefile: "test:\n\ttrue\n" })).packages).toEqual([]);
    expect((await places(files, { commands: { test: "true" } })).packages).toEqual([]);
  });

  test("that their root's workspace installs are not installed again; one with a lock file of its own is", async () => {
    const needs = { dependencies: { x: "1" } };
    const { installAll: install } = await places(
      {
        "package.json": JSON.stringify({ workspaces: ["a"] }),
        "package-lock.json": "{}",
        "a/package.json": manifest("x", needs),
        "b/package.json": manifest("x", needs),
        "b/package-lock.json": "{}",
      },
      { packages: [{ path: "a" }, { path: "b" }] },
    );
    expect(install).toBe("npm ci && (cd b && npm ci)");
  });

  test("are the outermost folders with a manifest, not too deep, and no examples or fixtures", () => {
    const found = foldersOfPackages([
      "package.json",
      "a/package.json",
      "a/b/package.json",
      "c/d/e/go.mod",
      "c/d/e/f/go.mod",
      "w/x/y/z/go.mod",
      "examples/a/package.json",
      "x/test/package.json",
      "node_modules/a/package.json",
      ".hidden/go.mod",
      "a b/go.mod",
      ...Array.from({ length: 20 }, (_, at) => `many/${at + 10}/go.mod`),
    ]);
    expect(found.slice(0, 3)).toEqual(["a", "c/d/e", "many/10"]);
    expect(found).toHaveLength(12);
  });
});
