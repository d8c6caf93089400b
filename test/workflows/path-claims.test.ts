// Path claims: two that can name the same path are never said to be apart, with picomatch as the judge; and claims that a plan would
// keep apart are, because otherwise nothing would run side by side.
import fc from "fast-check";
import picomatch from "picomatch";
import { describe, expect, test } from "vitest";
import { overlaps } from "#src/workflows/path-claims.ts";

describe("what may name the same path", () => {
  test.each([
    ["src/a.ts", "src/a.ts"],
    ["src/a.ts", "./src/a.ts"],
    ["src/a.ts", "/src/a.ts"],
    ["src/a.ts", "src//a.ts"],
    ["src/a", "src/a/b.ts"],
    ["src/a/", "src/a/b.ts"],
    ["src", "src/a/b/c.ts"],
    ["packages/*/src", "packages/x/src/deep/file.ts"],
    ["packages/*/", "packages/x/src/deep/file.ts"],
    ["src/*.ts", "src/a.ts"],
    ["src/*.ts", "src/a*"],
    ["src/a*c", "src/ab*bc"],
    ["src/**", "src"],
    ["src/**", "src/a/b"],
    ["**/a.ts", "a.ts"],
    ["**/a.ts", "src/x/a.ts"],
    ["**/test/**", "src/test/a.ts"],
    ["src/**/a.ts", "src/a.ts"],
    ["src/**/a/**/b", "src/x/a/y/b"],
    ["src/**", "**/b.ts"],
    ["src/**/y/**", "src/y/*.ts"],
    // A plain name may be a folder, whatever it looks like.
    ["packages/**/index.ts", "packages/next.js"],
    ["**", "anything"],
    ["*", "README.md"],
    ["src/?.ts", "src/a.ts"],
    ["src/?.ts", "src/*.ts"],
    ["src/{a,b}.ts", "src/b.ts"],
    ["{src,test}/a", "test/a/b.ts"],
    ["src/{a,b/{c,d}}/x", "src/b/d/x"],
    ["src/a{,.test}.ts", "src/a.test.ts"],
    ["src/[ab].ts", "src/b.ts"],
    ["src/[a-z].ts", "src/q.ts"],
    ["src/[^a].ts", "src/b.ts"],
    ["app/[id]/page.tsx", "app/[id]/page.tsx"],
    ["app/[id]", "app/[id]/page.tsx"],
    ["app/[id]/*.tsx", "app/[id]/page.tsx"],
    ["app/(shop)/page.tsx", "app/(shop)/page.tsx"],
    ["app/(shop)/*.tsx", "app/shop/page.tsx"],
    ["app/[[...path]]/page.tsx", "app/[[...path]]/page.tsx"],
    ["src/(a|b).ts", "src/b.ts"],
    ["src/@(a|b).ts", "src/b.ts"],
    ["src/{,x/}a.ts", "src/a.ts"],
    ["src/{a,b}.ts", "src/?a,b?.ts"],
    ["src/(a+).ts", "src/aaa.ts"],
  ])("%s and %s", (a, b) => {
    expect(overlaps([a], [b])).toBe(true);
    expect(overlaps([b], [a])).toBe(true);
  });

  test("one pair of two lists is enough", () => {
    expect(overlaps(["docs/**", "src/a.ts"], ["test/**", "src/*.ts"])).toBe(true);
    expect(overlaps(["docs/**", "src/a.js"], ["test/**", "src/*.ts"])).toBe(false);
  });

  test("no claims claim everything", () => {
    expect(overlaps([], ["src/a.ts"])).toBe(true);
    expect(overlaps(["src/a.ts"], [])).toBe(true);
    expect(overlaps([], [])).toBe(true);
  });
});

describe("what is apart", () => {
  test.each([
    ["src/a.ts", "src/b.ts"],
    ["src/a", "src/ab"],
    ["src/a", "src/ab/c.ts"],
    ["src/a/**", "src/b/**"],
    ["src/api/**", "src/page/**"],
    ["src/*", "src/a/b.ts"],
    ["src/*.ts", "src/*.js"],
    ["src/a*", "src/b*"],
    ["src/*-a-*.ts", "src/one-b-two.ts"],
    ["src/*a*b*.ts", "src/xbxa.ts"],
    ["src/ab*b.ts", "src/ab.ts"],
    ["*.md", "docs/a.md"],
    ["**/*.ts", "*.md"],
    ["**/*.ts", "docs/*.md"],
    ["**/test/**", "src/*.ts"],
    ["**/a/**/b/*.ts", "x/b/a/c*.ts"],
    ["src/**/a.ts", "test/**/a.ts"],
    ["src/**/*.ts", "src/**/*.js"],
    ["packages/*/src", "packages/*/test"],
    ["src/?.ts", "src/ab.ts"],
    ["src/{a,b}.ts", "src/{c,d}.ts"],
    ["{src,test}/a", "{src,test}/b"],
    ["app/[id]/page.tsx", "app/[slug]/page.tsx"],
    ["app/(shop)/page.tsx", "app/(blog)/page.tsx"],
    ["(api)", "(page)"],
    ["(api)", "(api-2)"],
    ["src/@(a|b).ts", "src/@(c|d).ts"],
    ["src/!(a).ts", "test/a.ts"],
    ["src/[!/]x", "test/a.ts"],
    ["constructor", "__proto__"],
  ])("%s and %s", (a, b) => {
    expect(overlaps([a], [b])).toBe(false);
    expect(overlaps([b], [a])).toBe(false);
  });
});

describe("what is not analysed", () => {
  test.each([
    "src/!(a).ts",
    "src/+(a|b).ts",
    "src/a\\*",
    "src/[a-",
    "src/**x",
    "src/[[:alpha:]]",
    'src/"a"',
    "src/{a,b}+",
    "src/{1..3}.ts",
  ])("%s claims everything below src, and nothing else", (claim) => {
    expect(overlaps([claim], ["src/some/where.ts"])).toBe(true);
    expect(overlaps([claim], ["lib/some/where.ts"])).toBe(false);
  });

  test.each([
    "!src/a.ts",
    "./!src/a.ts",
    "../lib/a.ts",
    "src/../lib",
    "src/a|lib/b",
    "src/(a",
    "src/{a,(b}",
    "",
    ".",
    "/",
    "{..,a}/b",
  ])("%j claims everything", (claim) => {
    expect(overlaps([claim], ["lib/some/where.ts"])).toBe(true);
  });

  test.each([
    ["src/a.b/{1..2}", "src/a/b/1"],
    ["src/a./***/x", "src/ab/1/x"],
    ["src/a.b/***", "src/a-b/x"],
  ])("a folder with a dot is no sure beginning where picomatch steps back: %s", (claim, path) => {
    expect(picomatch(claim)(path)).toBe(true);
    expect(overlaps([claim], [path])).toBe(true);
    expect(overlaps([claim], ["lib/a/b/1"])).toBe(false);
  });

  test("more alternatives than are told apart claim everything below their folder", () => {
    const many = `src/${"{a,b}".repeat(40)}`;
    expect(overlaps([many], ["src/x"])).toBe(true);
    expect(overlaps([many], ["lib/x"])).toBe(false);
    expect(overlaps([`src/${"{a,".repeat(300)}b${"}".repeat(300)}`], ["lib/x"])).toBe(false);
  });

  test("lists that take too long to compare count as overlapping", () => {
    const slow = Array.from({ length: 20 }, (_, index) => `${"a".repeat(150)}${index}*b`);
    const other = Array.from({ length: 20 }, (_, index) => `${"a".repeat(150)}${index}*c`);
    expect(overlaps(slow.slice(0, 3), other.slice(0, 3))).toBe(false);
    const plain = (name: string) => Array.from({ length: 300 }, (_, index) => `src/${name}${index}.ts`);
    expect(overlaps(plain("a").slice(0, 20), plain("b").slice(0, 20))).toBe(false);
    const began = performance.now();
    expect(overlaps(slow, other)).toBe(true);
    expect(overlaps(plain("a"), plain("b"))).toBe(true);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

const pairs = [
  ["(", ")"],
  ["{", "}"],
] as const;

/** Whether a claim names a path, as the first lines of path-claims.ts say it: by picomatch, or because it lies below a plain name. */
function names(claim: string, path: string): boolean {
  const matches = (glob: string, dot: boolean) => {
    try {
      return picomatch(glob, { dot })(path);
    } catch {
      return false;
    }
  };
  const plain = !/[*?[\]{}()|"\\!@+]/.test(claim);
  const folder = claim.replace(/\/$/, "");
  const last = claim.split("/").at(-1) ?? "";
  // Of `(*|a/)` the last name is the end of a group: what it ends in, its alternatives say.
  const isWhole = pairs.every(([open, close]) => last.split(open).length === last.split(close).length);
  const below = folder !== "" && (claim.endsWith("/") || (isWhole && !/[*?[]/.test(last)));
  return (
    matches(claim, true) ||
    matches(claim, false) ||
    (plain && (path === folder || path.startsWith(`${folder}/`))) ||
    (below && matches(`${folder}/**`, true))
  );
}

const letter = fc.constantFrom("a", "b", ".", "-", "c");
const name = fc
  .array(letter, { minLength: 1, maxLength: 3 })
  .map((letters) => letters.join(""))
  .filter((word) => word !== "." && word !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));

/** A glob that is made from a path, so that it mostly matches it: parts of it are replaced by what stands for them. */
function globOf(from: string): fc.Arbitrary<string> {
  const letterGlob = (char: string) =>
    fc.oneof(
      { arbitrary: fc.constant(char), weight: 6 },
      fc.constantFrom(
        "?",
        "*",
        `[${char}x]`,
        `[^x]`,
        `[a-c]`,
        `{${char},x}`,
        `{x,${char}}`,
        `@(${char}|x)`,
        `(${char})`,
      ),
      fc.constantFrom(`${char}*`, `*${char}`, `{,${char}}*`, `{${char}*,x}`, `!(x)`, `+(${char}|x)`, `?(x)${char}`),
    );
  const nameGlob = (word: string) =>
    fc.oneof(
      { arbitrary: fc.tuple(...Array.from(word, letterGlob)).map((parts) => parts.join("")), weight: 4 },
      fc.constantFrom(
        word,
        "*",
        "**",
        `{${word},x}`,
        `{x/y,${word}}`,
        `**/${word}`,
        `${word}/**`,
        `{${word}/**,x}`,
        `**${word}`,
      ),
    );
  return fc
    .tuple(fc.tuple(...from.split("/").map(nameGlob)), fc.nat(5), fc.constantFrom("", "", "/", "/**", "/*"))
    .map(
      ([parts, length, end]) => `${parts.slice(0, Math.max(1, length)).join("/")}${length < parts.length ? end : ""}`,
    );
}

/** Signs in any order: whatever picomatch makes of them. */
const soup = fc
  .array(
    fc.constantFrom(
      ...'a b a / / . * ** ? ! + @ | , \\ " ^ $ - .. 1 ( ) [ ] { }'.split(" "),
      ..."[a] {a,b} (a|b) !(a) +(a) {a..b} ./ [^ (?: (?=".split(" "),
      "\0",
    ),
    { minLength: 1, maxLength: 9 },
  )
  .map((signs) => signs.join(""));

describe("whatever the claims", () => {
  test("two globs that match one path overlap", () => {
    let both = 0;
    fc.assert(
      fc.property(
        path.chain((of) => fc.tuple(fc.constant(of), globOf(of), globOf(of))),
        ([of, a, b]) => {
          if (!names(a, of) || !names(b, of)) return;
          both += 1;
          expect([a, b, of, overlaps([a], [b]), overlaps([b], [a])]).toEqual([a, b, of, true, true]);
        },
      ),
      { numRuns: 1_500 },
    );
    // The property says something only where both match.
    expect(both).toBeGreaterThan(300);
  });

  test("a glob made of any signs overlaps with every path that it matches", () => {
    let matched = 0;
    const shortPath = fc.array(fc.constantFrom("a", "b", "ab", "aa", "a.b", "1", "-", "^", "a|b"), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(soup, fc.array(shortPath, { minLength: 10, maxLength: 10 }), (glob, paths) => {
        const compact = glob.replace(/\\(?=\/|$)/g, "");
        const own = compact.replace(/\*\*|[*?]/g, "b").replace(/[[\](){}"\\!@+|,^$\0]/g, "");
        for (const of of [own, ...paths.map((parts) => parts.join("/"))]) {
          if (of.split("/").some((part) => ["", ".", ".."].includes(part)) || !names(glob, of)) continue;
          matched += 1;
          expect([glob, of, overlaps([glob], [of])]).toEqual([glob, of, true]);
        }
      }),
      { numRuns: 1_500 },
    );
    expect(matched).toBeGreaterThan(300);
  });

  test("the answer is the same both ways, and a claim overlaps with itself", () => {
    fc.assert(
      fc.property(fc.array(soup, { maxLength: 3 }), fc.array(soup, { maxLength: 3 }), (a, b) => {
        expect(overlaps(a, b)).toBe(overlaps(b, a));
        expect(overlaps(a, a)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
