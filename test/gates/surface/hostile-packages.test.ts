// Packages that are made to be hard to compare: their names are followed in Baton's own thread, which must stay free for its beats.
import { describe, expect, test } from "vitest";
import { findPackages, javaScriptSurface, labelPackages, type Side } from "#src/gates/surface/javascript.ts";
import { unreadable } from "#src/gates/surface/module-record.ts";
import { readModule } from "#src/gates/surface/read-module.ts";

type Files = Readonly<Record<string, string>>;

/** The surface of a package at the root, and the longest time in milliseconds of the processor that nobody else had a turn. */
async function surfaceOf(files: Files) {
  const read = new Map(Object.entries(files).map(([path, text]) => [path, readModule(path, text)]));
  const side: Side = {
    paths: Object.keys(files),
    read: (path) => Promise.resolve(files[path]),
    readModule: (path) => Promise.resolve(read.get(path) ?? unreadable(`${path} is not there`)),
  };
  let held = 0;
  let last = process.threadCpuUsage();
  const look = () => {
    const { user, system } = process.threadCpuUsage(last);
    held = Math.max(held, (user + system) / 1_000);
    last = process.threadCpuUsage();
  };
  const timer = setInterval(look, 1);
  const packages = await findPackages(side);
  const parts = await javaScriptSurface(side, packages, labelPackages(packages.known, packages.known).before);
  look();
  clearInterval(timer);
  return { parts, held };
}

const manifest = (more: object) => JSON.stringify({ name: "tab", ...more });
const lines = (many: number, line: (at: number) => string) =>
  Array.from({ length: many }, (_, at) => line(at)).join("\n");
const numbered = (many: number, of: (at: number) => string) =>
  Object.fromEntries(Array.from({ length: many }, (_, at) => [of(at), ""]));

describe("a package that is made to be hard to compare", () => {
  test("has patterns for more entries than there is memory for: so many are read, and the rest is not", async () => {
    const patterns = Object.fromEntries(Array.from({ length: 8_000 }, (_, at) => [`./${at}/*`, "./*"]));
    const { parts } = await surfaceOf({
      "package.json": manifest({ exports: patterns }),
      ...numbered(5_000, (at) => `text/${at}.md`),
    });
    expect(parts.get("tab, further entries")).toEqual(unreadable("200 are read"));
    expect([...parts.keys()].filter((name) => name.startsWith('tab "'))).toHaveLength(200);
  });

  test("has patterns of which none means a file, and each is looked for in all of them", async () => {
    const patterns = Object.fromEntries(Array.from({ length: 8_000 }, (_, at) => [`./${at}/*`, `./${at}/*`]));
    const { parts } = await surfaceOf({
      "package.json": manifest({ exports: patterns }),
      ...numbered(5_000, (at) => `text/${at}.md`),
    });
    expect(parts.get("tab, further entries")).toEqual(unreadable("200 are read"));
  });

  test("exports so many names that each must cost little", async () => {
    const names = lines(19_000, (at) => `a as b${at},`);
    const { parts, held } = await surfaceOf({
      "package.json": manifest({ type: "module", main: "a.js" }),
      "a.js": `const a = 1;\nexport {\n${names}\n};`,
    });
    const part = parts.get('tab "."');
    expect(part?.type === "names" && part.items.size).toBe(19_000);
    expect(held).toBeLessThan(1_000);
  });

  test.each<[string, Files]>([
    [
      "names that lead through hundreds of modules each",
      {
        "a.js": lines(400, (at) => `export * from "./m${at}.js";`),
        ...Object.fromEntries(
          Array.from({ length: 400 }, (_, at) => [
            `m${at}.js`,
            lines(50, (name) => `export const n${at}_${name} = 1;`),
          ]),
        ),
      },
    ],
    [
      "a name that is renamed from module to module without end",
      {
        "a.js": lines(30_000, (at) => `export { n${at + 1} as n${at} } from "./b.js";`),
        "b.js": lines(30_000, (at) => `export { n${at + 1} as n${at} } from "./a.js";`),
      },
    ],
    [
      "imports from a hundred thousand places",
      { "a.js": lines(100_000, (at) => `export { a as a${at} } from "./${at}";`) },
    ],
    [
      "entries that all lead to everything",
      {
        ...Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`e${at}.js`, 'export * from "./b.js";'])),
        "b.js": lines(10_000, (at) => `export const n${at} = 1;`),
      },
    ],
  ])("has %s: others have their turn, and what is too much is said to be", async (_, files) => {
    const exports = Object.fromEntries(
      Object.keys(files)
        .filter((path) => path === "a.js" || path.startsWith("e"))
        .map((path) => [path === "a.js" ? "." : `./${path}`, `./${path}`]),
    );
    const { parts, held } = await surfaceOf({ "package.json": manifest({ type: "module", exports }), ...files });
    expect([...parts.values()].some((part) => part.type === "unreadable" && part.why.includes("more places"))).toBe(
      true,
    );
    expect(held).toBeLessThan(1_000);
  });
});
