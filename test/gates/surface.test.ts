import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { needs } from "../support/needs.ts";
import { openGateWorld, plainly, type Files } from "./gate-world.ts";

async function surface(start: Files, change: Files, run = plainly) {
  await using world = await openGateWorld(start, { run, inSandbox: run });
  return await world.check({ gate: "surface", head: await world.commit(change) });
}

const manifest = (more: object) => JSON.stringify({ name: "tab", type: "module", ...more }, null, 2);
const entry = { main: "./src/index.js", bin: { tab: "./src/cli.js" } };
const lib: Files = {
  "package.json": manifest(entry),
  "src/index.js": 'export { split } from "./split.js";\nexport * from "./tip.js";\n',
  "src/split.js": "export function split(total, people) {\n  return [total / people];\n}\n",
  "src/tip.js": "export const tip = (total) => total / 10;\nexport const round = Math.round;\n",
  "src/cli.js": "console.log(1);\n",
};

describe("surface says yes", () => {
  test("to another inside behind the same names, and says what was compared", async () => {
    const result = await surface(lib, {
      "src/index.js": 'export { divide as split } from "./bill.js";\nexport { round, tip } from "./bill.js";\n',
      "src/split.js": null,
      "src/tip.js": null,
      "src/bill.js": "export const [divide, tip, round] = [1, 2, 3];\n",
    });
    expect(result).toMatchObject({ passed: true, code: "unchanged" });
    expect(result.summary).toBe(
      "None of 3 names in 1 entry point is gone, nor a command or path of a package. Names and paths were compared, not what they take and give.",
    );
    expect(result.notes).toEqual([]);
    expect(result.evidence).toEqual([]);
  });

  test("to more names, commands and entries, which it notes", async () => {
    const result = await surface(lib, {
      "package.json": manifest({ ...entry, bin: { ...entry.bin, tip: "./src/tip.js" } }),
      "src/split.js": `${lib["src/split.js"]}export const evenly = 1;\n`,
      "src/index.js": `${lib["src/index.js"]}export { evenly } from "./split.js";\n`,
    });
    expect(result).toMatchObject({ passed: true, code: "unchanged" });
    expect(result.notes).toEqual(["added: tab, package.json: the command tip is new", 'added: tab ".": evenly is new']);
  });

  test("to a package that moved, under its name", async () => {
    const result = await surface(
      { "packages/a/package.json": manifest({ main: "index.js" }), "packages/a/index.js": "export const a = 1;\n" },
      {
        "packages/a/package.json": null,
        "packages/a/index.js": null,
        "packages/b/package.json": manifest({ main: "index.js" }),
        "packages/b/index.js": "export const a = 1;\n",
      },
    );
    expect(result).toMatchObject({ passed: true, code: "unchanged", notes: [] });
  });

  test("to TypeScript that is built elsewhere, read from its source", async () => {
    const start = {
      "package.json": manifest({
        exports: { ".": { types: "./dist/index.d.ts", import: "./dist/index.js" }, "./more": "./dist/esm/more.js" },
      }),
      "src/index.ts": 'export type * from "./shapes.js";\nexport { type Bill, pay } from "./shapes.js";\n',
      "src/shapes.ts": "export interface Bill {}\nexport function pay(): void {}\nexport class Tab {}\n",
      "src/more.ts": "export enum More { a }\n",
    };
    const same = await surface(start, {
      "src/shapes.ts": `export type Bill = object;\nexport const pay = 1;\nexport class Tab {}\n`,
    });
    expect(same).toMatchObject({ passed: true, code: "unchanged" });
    const less = await surface(start, {
      "src/shapes.ts": "export interface Bill {}\nexport type pay = 1;\nexport class Tab {}\n",
    });
    expect(less).toMatchObject({ passed: false, code: "export-changed" });
    expect(less.notes).toContain('tab "." (import): pay was a value and is a type only');
  });
});

describe("surface says no, and names each", () => {
  test.each<[string, Files, string, string[]]>([
    [
      "a renamed export",
      {
        "src/split.js": `${lib["src/split.js"]}`.replace("split", "divide"),
        "src/index.js": `${lib["src/index.js"]}`.replace("split", "divide"),
      },
      "export-removed",
      ['tab ".": split is gone', 'added: tab ".": divide is new'],
    ],
    ["a removed export", { "src/tip.js": "export const tip = 1;\n" }, "export-removed", ['tab ".": round is gone']],
    [
      "a name that is handed on, but not there any more",
      { "src/split.js": "export const divide = 1;\n" },
      "export-removed",
      ['tab ".": split is gone'],
    ],
    [
      "a name that two modules hand on, which then neither does",
      {
        "src/index.js": `${lib["src/index.js"]}export * from "./other.js";\n`,
        "src/other.js": "export const tip = 2;\n",
      },
      "export-removed",
      ['tab ".": tip is gone'],
    ],
    [
      "a default that only a star hands on",
      {
        "src/index.js": 'export * from "./split.js";\nexport * from "./tip.js";\n',
        "src/split.js": "export default 1;\n",
      },
      "export-removed",
      ['tab ".": split is gone'],
    ],
    [
      "a changed command",
      { "package.json": manifest({ ...entry, bin: { tab: "./src/main.js" } }), "src/main.js": "1;\n" },
      "export-changed",
      ["tab, package.json: the command tab was src/cli.js and is src/main.js"],
    ],
    [
      "a removed command",
      { "package.json": manifest({ main: entry.main }) },
      "export-removed",
      ["tab, package.json: the command tab is gone"],
    ],
    [
      "another entry module",
      { "package.json": manifest({ ...entry, main: "./src/split.js" }) },
      "export-removed",
      [
        'tab ".": tip is gone',
        'tab ".": round is gone',
        "tab, package.json: main was src/index.js and is src/split.js",
      ],
    ],
    [
      "another name of the package",
      { "package.json": manifest({ ...entry, name: "bill" }) },
      "export-changed",
      ["tab, package.json: name was tab and is bill"],
    ],
    [
      "another kind of module",
      { "package.json": manifest({ ...entry, type: "commonjs" }) },
      "export-changed",
      ["tab, package.json: type was module and is commonjs"],
    ],
    [
      "files that could be imported before",
      { "package.json": manifest({ ...entry, exports: { ".": "./src/index.js" } }) },
      "export-changed",
      ["tab, package.json: exports was absent: every file can be imported and is a closed list"],
    ],
    ["the whole package", { "package.json": null }, "export-removed", ['tab ".": split is gone']],
    ["a package.json nobody can read", { "package.json": "{" }, "export-removed", ['tab ".": split is gone']],
    [
      "an entry that cannot be parsed any more",
      { "src/tip.js": `${lib["src/tip.js"]}foo(\n` },
      "unreadable",
      ['tab ".": src/tip.js cannot be parsed: Unexpected token (4:0)'],
    ],
    [
      "an entry that is made too hard to read",
      { "src/tip.js": `export const a = ${"[".repeat(100_000)}${"]".repeat(100_000)};\n` },
      "unreadable",
      ['tab ".": src/tip.js is nested too deeply'],
    ],
    [
      "names that come from where nobody can look",
      { "src/index.js": `${lib["src/index.js"]}export * from "@/more";\n` },
      "unreadable",
      ['tab ".": src/index.js hands on everything of "@/more", which is not found'],
    ],
  ])("%s", async (_, change, code, lines) => {
    const result = await surface(lib, change);
    expect(result).toMatchObject({ passed: false, code });
    for (const line of lines) expect(result.notes).toContain(line);
    expect(result.summary).toContain("The change alters what");
  });

  test("a subpath, a condition's path, their order and a file of a pattern", async () => {
    const start = {
      "package.json": manifest({
        exports: {
          ".": { import: "./index.js", require: "./index.cjs" },
          "./parts/*": "./parts/*.js",
          "./package.json": "./package.json",
        },
      }),
      "index.js": "export const a = 1;\n",
      "index.cjs": "exports.a = 1;\nexports.b = 1;\n",
      "parts/one.js": "export const one = 1;\n",
      "parts/two.js": "export const two = 2;\n",
    };
    const change = (exports: object, files: Files = {}) =>
      surface(start, { "package.json": manifest({ exports }), ...files });
    const { exports } = JSON.parse(start["package.json"]);
    expect(await change(exports, { "index.cjs": "exports.b = exports.a = 2;\n" })).toMatchObject({ code: "unchanged" });
    const fewer = await change({ ".": exports["."] });
    expect(fewer.notes).toEqual(
      expect.arrayContaining([
        'tab, package.json: exports["./parts/*"] is gone',
        'tab "./parts/two": two is gone',
        'tab "./package.json": the file is gone',
      ]),
    );
    const swapped = await change({ ...exports, ".": { require: "./index.cjs", import: "./index.js" } });
    expect(swapped).toMatchObject({ passed: false, code: "export-changed" });
    const redirected = await change({ ...exports, ".": { node: "./parts/one.js", ...exports["."] } });
    expect(redirected).toMatchObject({ passed: false, code: "export-changed" });
    expect((await change(exports, { "parts/two.js": null })).notes).toEqual(['tab "./parts/two": two is gone']);
    expect((await change(exports, { "index.cjs": "exports.b = 1;\n" })).notes).toEqual([
      'tab "." (require): a is gone',
    ]);
    expect(await change(exports, { "index.cjs": "const x = {};\nmodule.exports = x;\n" })).toMatchObject({
      passed: false,
      code: "unreadable",
    });
  });
});

describe("surface shows nothing, and says so", () => {
  test.each<[string, Files, string]>([
    ["where there is no package", { "a.txt": "a\n" }, "no package was found whose names can be read"],
    ["of an application", { "package.json": manifest({ private: true }), "app.js": "1;\n" }, "no package was found"],
    [
      "of a package without an entry",
      { "package.json": manifest({}), "src/a.js": "export const a = 1;\n" },
      "names no entry module",
    ],
    [
      "of a module that is built from what is not known",
      { "package.json": manifest({ main: "dist/tab.js" }) },
      "dist/tab.js is not in the repository",
    ],
    ["of Go", { "go.mod": "module tab\n", "a.go": "package tab\n" }, "go.mod"],
    ["of packages for tests", { "test/fixtures/a/package.json": manifest(entry) }, "no package was found"],
  ])("%s", async (_, start, why) => {
    const result = await surface(start, { "b.txt": "b\n" });
    expect(result).toMatchObject({ passed: true, code: "not-computed" });
    expect(result.summary).toMatch(/^Not computed, so nothing is shown: /);
    expect(result.summary).toContain(why);
  });

  test("but a renamed package is a no, even then", async () => {
    const result = await surface({ "package.json": manifest({}) }, { "package.json": manifest({ name: "bill" }) });
    expect(result).toMatchObject({ passed: false, code: "export-changed" });
  });

  test("for the part that cannot be read, beside one that can", async () => {
    const start = {
      ...lib,
      "Cargo.toml": "[package]\n",
      "packages/b/package.json": manifest({ name: "b", main: "dist/x.js" }),
    };
    const result = await surface(start, { "src/split.js": "export const split = 1;\n" });
    expect(result).toMatchObject({ passed: true, code: "partly-computed" });
    expect(result.summary).toContain(
      "Of what could be read, nothing is gone: 3 names in 1 entry point. Not computed: ",
    );
    expect(result.notes.filter((note) => note.startsWith("not computed: "))).toHaveLength(2);
  });
});

const shop: Files = {
  "pyproject.toml": '[project]\nname = "shop"\n[project.scripts]\nshop = "shop.cli:main"\n',
  "src/shop/__init__.py": 'from .bill import *\nfrom .bill import Bill\nfrom ._inner import tip\n\n__version__ = "1"\n',
  "src/shop/bill.py":
    '__all__ = ["split", "Bill"]\n\ndef split(total, people): ...\n\ndef helper(): ...\n\nclass Bill: ...\n',
  "src/shop/_inner.py": "import os\ntip = 1\n",
  "src/shop/cli.py": "from shop import split\n\ndef main(): ...\n",
  "tests/test_bill.py": "def test_a(): ...\n",
};

describe.skipIf(!(await needs("python3")))("of Python, surface", () => {
  const python = (change: Files) => surface(shop, change);

  test("says yes to another inside, without running it", async () => {
    const result = await python({
      "src/shop/_inner.py": null,
      "src/shop/money.py": 'tip = 1\nraise SystemExit("run!")\n',
      "src/shop/__init__.py": "from .bill import Bill, split\nfrom .money import tip\n",
      "ast.py": 'raise SystemExit("hijacked")\n',
      "json.py": 'raise SystemExit("hijacked")\n',
      "src/shop/bill.py":
        '__all__ = ["split"]\n__all__ += ["Bill"]\n\nsplit = lambda: 1\n\nif True:\n    class Bill: ...\nelse:\n    Bill = None\n',
    });
    expect(result).toMatchObject({ passed: true, code: "unchanged" });
    expect(result.summary).toContain("None of 6 names in 3 entry points is gone");
    expect(result.notes).toContain("added: shop.money is new");
  });

  test.each<[string, Files, string, string]>([
    [
      "a renamed function",
      { "src/shop/bill.py": '__all__ = ["divide", "Bill"]\ndef divide(): ...\nclass Bill: ...\n' },
      "export-removed",
      "shop.bill: split is gone",
    ],
    [
      "a name that is only listed",
      { "src/shop/bill.py": '__all__ = ["split", "Bill"]\nclass Bill: ...\n' },
      "export-removed",
      "shop.bill: split was there and is listed, but not there",
    ],
    [
      "a name that the package no longer hands on",
      { "src/shop/__init__.py": "from .bill import split, Bill\n" },
      "export-removed",
      "shop: tip is gone",
    ],
    ["a module that is gone", { "src/shop/cli.py": null }, "export-removed", "shop.cli: main is gone"],
    [
      "a module that became private",
      { "src/shop/cli.py": null, "src/shop/_cli.py": "def main(): ...\n" },
      "export-removed",
      "shop.cli: main is gone",
    ],
    [
      "a name that is deleted again",
      { "src/shop/cli.py": "def main(): ...\ndel main\n" },
      "export-removed",
      "shop.cli: main is gone",
    ],
    [
      "another command",
      { "pyproject.toml": `${shop["pyproject.toml"]}`.replace("cli:main", "cli:run") },
      "export-changed",
      "the Python package's settings: the command shop was shop.cli:main and is shop.cli:run",
    ],
    [
      "a module that does not parse",
      { "src/shop/cli.py": "def main(:\n" },
      "unreadable",
      "shop.cli: it cannot be parsed: SyntaxError",
    ],
    [
      "one that is nested beyond reason",
      { "src/shop/cli.py": `x = ${"(".repeat(5_000)}${")".repeat(5_000)}\n` },
      "unreadable",
      "shop.cli: it cannot be parsed",
    ],
    [
      "names that are made while it runs",
      { "src/shop/cli.py": 'globals()["main"] = 1\n' },
      "unreadable",
      "shop.cli: it makes names by globals()",
    ],
    [
      "settings that nobody can read",
      { "pyproject.toml": "[project\n" },
      "unreadable",
      "the Python package's settings: it is not TOML",
    ],
  ])("says no: %s", async (_, change, code, line) => {
    const result = await python(change);
    expect(result).toMatchObject({ passed: false, code });
    expect(result.notes.some((note) => note.startsWith(line))).toBe(true);
  });

  test("is not computed where there is no Python to read it with", async () => {
    const same = await surface(shop, { "src/shop/cli.py": null }, async (command, signal) =>
      command.argv[0] === "python3"
        ? await plainly({ ...command, argv: ["/nowhere/python3"] }, signal)
        : await plainly(command, signal),
    );
    expect(same).toMatchObject({ passed: true, code: "not-computed" });
    expect(same.summary).toContain("no python3");
  });
});

test.skipIf(!(await needs("bubblewrap")))("surface reads Python in the sandbox", async () => {
  await using sandbox = await openSandbox({ mode: "required", log: silentLog });
  const same = await surface(shop, { "src/shop/_inner.py": "tip = 2\n" }, sandbox.run);
  expect(same).toMatchObject({ passed: true, code: "unchanged" });
  expect(same.evidence.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  expect(await surface(shop, { "src/shop/_inner.py": "" }, sandbox.run)).toMatchObject({ passed: false });
});
