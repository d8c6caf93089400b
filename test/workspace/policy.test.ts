import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { importLimits, refusals, steersGit } from "#src/workspace/policy.ts";

const plain = { path: "src/a.ts", mode: "100644", size: 10 };

describe("what may come in", () => {
  test.each([
    "src/a.ts",
    ".gitignore",
    "a/.gitattributes",
    ".gitkeep",
    ".github/workflows/ci.yml",
    ".gitlab-ci.yml",
    "git",
    "digit~1",
    "a b/ü.md",
    "日本語.txt",
    "...",
    ".config/.git-blame-ignore-revs",
    "weird:name",
    "x".repeat(importLimits.path),
  ])("%s", (path) => {
    expect(refusals([{ ...plain, path }])).toEqual([]);
    expect(refusals([{ ...plain, path, mode: "100755" }])).toEqual([]);
  });

  test("the deletion of anything, even of what could not be added", () => {
    expect(refusals([{ path: ".gitmodules", mode: "000000", size: 0 }])).toEqual([]);
  });
});

describe("what may not", () => {
  test.each([
    ["120000", /symbolic link/],
    ["160000", /repository of its own/],
    ["040000", /mode 040000/],
    ["100600", /mode 100600/],
    ["100666", /mode 100666/],
    ["", /mode/],
  ])("mode %s", (mode, said) => {
    expect(refusals([{ ...plain, mode }])).toEqual([expect.stringMatching(said)]);
    expect(refusals([{ ...plain, mode }])[0]).toContain("src/a.ts");
  });

  test.each([
    [".git/hooks/pre-commit", /steers git/],
    ["a/.GIT/config", /steers git/],
    [".git./config", /steers git/],
    [".git /config", /steers git/],
    [".git. . /config", /steers git/],
    ["git~1/config", /steers git/],
    ["GIT~2/config", /steers git/],
    [".git::$INDEX_ALLOCATION/config", /steers git/],
    [".git:x/config", /steers git/],
    [".g\u200cit/config", /steers git/],
    [".\ufeffgit/config", /steers git/],
    ["．git/config", /steers git/],
    [".ｇｉｔ/config", /steers git/],
    [".gitmodules", /steers git/],
    ["sub/.GitModules", /steers git/],
    ["gitmod~1", /steers git/],
    ["GI7EBA~1", /steers git/],
    ["/etc/passwd", /plain relative path/],
    ["../up", /plain relative path/],
    ["a/../b", /plain relative path/],
    ["a//b", /plain relative path/],
    ["./a", /plain relative path/],
    ["", /plain relative path/],
    ["a\\b", /backslash/],
    ["a\nb", /control/],
    ["a\u0000b", /control/],
    ["a\u001b[31m", /control/],
    ["a\u202eb", /control or invisible/],
    ["a\u2028b", /control or invisible/],
    ["a\ufffdb", /not UTF-8/],
    ["x".repeat(importLimits.path + 1), /path of 401 characters, at most 400/],
    [" ", /begins or ends with a space/],
    ["a/ /b", /begins or ends with a space/],
    [" a", /begins or ends with a space/],
    ["a/b ", /begins or ends with a space/],
    ["a /b", /begins or ends with a space/],
    ["a\u00a0", /begins or ends with a space/],
    ["\u3000/a", /begins or ends with a space/],
  ])("%j", (path, said) => {
    expect(refusals([{ ...plain, path }]).join("\n")).toMatch(said);
  });

  test("too many files, too large a file, too much together", () => {
    const many = Array.from({ length: importLimits.files + 1 }, (_, index) => ({ ...plain, path: `f${index}` }));
    expect(refusals(many.slice(1))).toEqual([]);
    expect(refusals(many)).toEqual([`2001 files differ, at most 2000 may`]);
    expect(refusals([{ ...plain, size: importLimits.file }])).toEqual([]);
    expect(refusals([{ ...plain, size: importLimits.file + 1 }])[0]).toContain("at most 10485760");
    const large = Array.from({ length: 6 }, (_, index) => ({ ...plain, path: `f${index}`, size: importLimits.file }));
    expect(refusals(large)).toEqual([
      `the changed files are ${6 * importLimits.file} bytes together, at most 52428800 may come in`,
    ]);
  });

  test("the reasons are bounded and fit to be shown", () => {
    const bad = Array.from({ length: 100 }, (_, index) => ({
      ...plain,
      path: `\u001b[31m${"x".repeat(500)}${index}`,
      mode: "120000",
    }));
    const reasons = refusals(bad);
    expect(reasons).toHaveLength(importLimits.reasons + 1);
    expect(reasons.at(-1)).toBe("and 280 more");
    for (const reason of reasons) {
      expect(reason.length).toBeLessThan(400);
      expect(reason).not.toMatch(/\p{Cc}/u);
    }
  });

  test("no disguise of .git that folds back to it", () => {
    const ignorable = fc.constantFrom("", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad");
    const tail = fc.constantFrom("", ".", " ", ". .", "::$INDEX_ALLOCATION", "...");
    const cased = fc.mixedCase(fc.constantFrom(".git", ".gitmodules", "git~1"));
    fc.assert(
      fc.property(cased, tail, ignorable, fc.nat(4), (name, end, hidden, at) => {
        expect(steersGit(`${name.slice(0, at)}${hidden}${name.slice(at)}${end}`)).toBe(true);
      }),
    );
  });
});
