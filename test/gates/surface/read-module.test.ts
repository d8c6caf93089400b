// What a module's text says it exports, in every way there is to say it; and texts that are made to be hard to read.
import { afterAll, describe, expect, test } from "vitest";
import { openModuleReader } from "#src/gates/surface/module-reader.ts";
import { parseManifest } from "#src/gates/surface/package-manifest.ts";
import { readModule } from "#src/gates/surface/read-module.ts";

/** "name: space", "name < module imported", "* module"; or why not. */
function told(path: string, text: string): string[] {
  const read = readModule(path, text);
  if (read.type === "unreadable") return [read.why];
  return [
    ...read.module.exports.map((one) =>
      "space" in one
        ? `${one.name}: ${one.space}`
        : `${one.name} < ${one.from} ${one.imported}${one.typeOnly ? " as a type" : ""}`,
    ),
    ...read.module.stars.map(({ from, typeOnly }) => `* ${from}${typeOnly ? " as types" : ""}`),
  ];
}

describe("an ECMAScript module", () => {
  test.each<[string, string, string[]]>([
    [
      "a.js",
      "export const a = 1, { b, c: [d = 2, , ...e], ...f } = x;",
      ["a", "b", "d", "e", "f"].map((name) => `${name}: value`),
    ],
    [
      "a.js",
      "export function f() {} export class C {} export default class {}",
      ["f: value", "C: value", "default: value"],
    ],
    ["a.ts", "export class C {} export default abstract class {}", ["C: both", "default: both"]],
    [
      "a.ts",
      "export enum E {} export namespace N {} export interface I {} export type T = 1;",
      ["E: both", "N: unknown", "I: type", "T: type"],
    ],
    ["a.ts", "export declare function f(): void; export default interface D {}", ["f: value", "default: type"]],
    [
      "a.ts",
      "interface A {} const A = 1; class B {} export { A, B as default, C };",
      ["A: both", "default: both", "C: unknown"],
    ],
    ["a.ts", "const a = 1; export type { a };", ["a: type"]],
    [
      "a.js",
      'export { a, b as "x y" } from "m"; export * as ns from "n"; export * from "o";',
      ["a < m a", "x y < m b", "ns < n *", "* o"],
    ],
    [
      "a.ts",
      'export type { A } from "m"; export { type B } from "m"; export type * from "o";',
      ["A < m A as a type", "B < m B as a type", "* o as types"],
    ],
    [
      "a.ts",
      'import d, { b as c } from "m"; import * as n from "n"; import type { T } from "t"; export { d, c, n, T }; export default d;',
      ["d < m default", "c < m b", "n < n *", "T < t T as a type", "default < m default"],
    ],
    ["a.ts", "const f = () => 1; export = f;", ["module.exports: unknown"]],
    [
      "a.d.ts",
      "declare function f(): void; interface I {} export declare const g: 1;",
      ["g: value", "f: value", "I: type", "g: value"],
    ],
    ["a.d.ts", "declare function f(): void; interface I {} export { f };", ["f: value"]],
    ["a.tsx", "export const a = <b>c</b>;", ["a: value"]],
    ["a.ts", "export const a = <b>c;", ["a: value"]],
    ["a.mjs", "1;", []],
    ["a.js", "export const = 1", ["a.js cannot be parsed: Unexpected token (1:13)"]],
  ])("%s: %s", (path, text, expected) => expect(told(path, text)).toEqual(expected));
});

describe("a CommonJS module", () => {
  test.each<[string, string[]]>([
    ["exports.a = 1; module.exports.b = 2; exports['c'] = exports.d = 3; exports.a();", ["a", "b", "c", "d"]],
    [
      "exports = module.exports = { a, 'b': 1, c() {} }; if (require.main === module) module.exports.a();",
      ["a", "b", "c"],
    ],
    ["var a = exports.a = () => module.id + exports.a;", ["a"]],
    ["module.exports = class {};", ["module.exports"]],
    ["module.exports = f; module.exports.g = 1; function f() {}", ["module.exports", "g"]],
    ["Object.defineProperty(exports, '__esModule', {}); Object.defineProperty(module.exports, 'a', {});", ["a"]],
    ["const o = { exports: 1, module: 2 }; o.exports = o.module;", []],
    ["console.log(1)", []],
  ])("%s", (text, names) => expect(told("a.cjs", text)).toEqual(names.map((name) => `${name}: value`)));

  test("hands on everything of another", () => {
    expect(told("a.js", 'module.exports = require("./b");')).toEqual(["* ./b"]);
    expect(told("a.js", 'module.exports = { ...require("./b"), a: 1 };')).toEqual(["a: value", "* ./b"]);
  });

  test.each([
    "const api = { a: 1 }; module.exports = api;",
    "module.exports = { ...api };",
    "module.exports = { [a]: 1 };",
    "module.exports = f; function f() {} f.g = 1;",
    "module.exports = make();",
    "if (a) exports.b = 1;",
    "function late() { exports.b = 1; }",
    "exports[a] = 1;",
    "Object.assign(exports, a);",
    "Object.defineProperty(exports, a, {});",
    "(function (exports) { exports.a = 1; })(exports);",
    "fill(module.exports);",
    "fill({ exports });",
    "delete exports.a;",
    "[exports.a] = [1];",
    "exports.a++;",
    "for (exports.a of b);",
    "const { exports: e } = module;",
    "const e = exports;",
  ])("is unreadable when it says %s", (text) => {
    expect(readModule("a.js", text)).toMatchObject({ type: "unreadable" });
  });
});

describe("a text that is made to be hard to read", () => {
  const limits = { milliseconds: 3_000, memoryMb: 64 };
  const reader = openModuleReader(limits);
  afterAll(() => reader[Symbol.asyncDispose]());
  const easy = "export const a = 1;";

  test("takes no longer than its share, and the next one is read", async () => {
    const started = performance.now();
    const hard = `export const a = ${"<T>(".repeat(40)}1${")".repeat(40)};`;
    expect(await reader.read("a.ts", hard)).toEqual({ type: "unreadable", why: "a.ts takes too long to parse" });
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(await reader.read("a.ts", easy)).toMatchObject({ type: "read" });
  });

  test.each(["[", "(", "{", "a?(", "!", "a=>", "class{a=", "`${", "a<b<", "export {", "/*", "<a>"])(
    "of nothing but %s ends no process",
    async (part) => {
      const text = part.repeat(Math.floor(200_000 / part.length));
      expect((await reader.read("a.tsx", `export const a = ${text}`)).type).toBe("unreadable");
      expect(await reader.read("a.ts", easy)).toMatchObject({ type: "read" });
    },
  );

  test("has no more than its share of memory, and no more than so many characters are read", async () => {
    await using small = openModuleReader({ memoryMb: 24 });
    expect(await small.read("a.ts", `[${"a.b,".repeat(249_000)}0]`)).toMatchObject({ type: "unreadable" });
    expect(await small.read("a.ts", easy)).toMatchObject({ type: "read" });
    expect(await reader.read("a.ts", " ".repeat(1_000_001))).toMatchObject({
      why: "a.ts has 1000001 characters, and 1000000 are read",
    });
  });

  test("is no package.json", () => {
    const nested = (depth: number) => `{"exports":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    expect(parseManifest(nested(10))).toBeDefined();
    expect(parseManifest(nested(100_000))).toBeUndefined();
    expect(parseManifest(`{"name":"${"a".repeat(300_000)}"}`)).toBeUndefined();
    expect(parseManifest("[]")).toBeUndefined();
    expect(parseManifest("")).toBeUndefined();
  });
});
