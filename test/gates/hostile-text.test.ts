// What a sandbox prints, reports and commits can be made to keep the one process that judges it busy. Each judge is given its
// worst texts, growing: one that needs more than its share of time for a small text is not asked about the next, which would hang.
import { expect, describe, test } from "vitest";
import { bentConfig } from "#src/gates/config-files.ts";
import { loadFailure } from "#src/gates/load-failure.ts";
import { parseCargo } from "#src/gates/reports/cargo.ts";
import { goText, parseGo } from "#src/gates/reports/go.ts";
import { parseJest } from "#src/gates/reports/jest.ts";
import { parseJUnit } from "#src/gates/reports/junit.ts";
import { parseTap } from "#src/gates/reports/tap.ts";
import { skipMarker, weaknessOf, weaknessOfNew } from "#src/gates/weakening.ts";
import { cost } from "#test/support/cost.ts";

/** Characters of the texts, in the order they are tried. */
const sizes = [4_000, 16_000, 64_000, 256_000, 1_500_000];
/** Far above what any of these takes on a busy machine, far below what matching each part against each other takes. */
const MOST_MS = 4_000;

/** Milliseconds for the longest text that was tried. */
function slowest(judge: (size: number) => unknown): number {
  let took = 0;
  for (const size of sizes) {
    took = cost(() => void judge(size), 1);
    if (took >= MOST_MS) break;
  }
  return took;
}

const fill = (part: string, size: number) => part.repeat(Math.ceil(size / part.length));

describe("the output of a command", () => {
  test.each([
    "E  ImportError: x\n",
    "E  ImportError: x ",
    "E\n",
    "\n",
    " ",
    "SyntaxError: x\n",
    "SyntaxError: ",
    "SyntaxError: The requested module x",
    "SyntaxError: Named export ",
    'File "a", line 1\n',
    'File "a", line 1',
    "  \n  ",
    "package package ",
    "package x",
    ".go:1:1: package ",
    "python3.",
    "bash: -c: line 1: ",
    "Could not find '",
    "error TS1",
  ])("of nothing but %j", (part) => {
    expect(slowest((size) => loadFailure(fill(part, size)))).toBeLessThan(MOST_MS);
    expect(slowest((size) => loadFailure(`${fill(part, size)}\u2028`))).toBeLessThan(MOST_MS);
  });

  test("is looked at from both ends, and a sign in the middle of very much of it is not", () => {
    const rest = "x\n".repeat(2_000_000);
    const told = "Cannot find module './nope'\n";
    expect(loadFailure(told + rest)?.code).toBe("import-error");
    expect(loadFailure(rest + told)?.code).toBe("import-error");
    expect(loadFailure(rest + told + rest)).toBeUndefined();
  });

  test("is still read across lines", () => {
    const many = "E   ImportError: no\n".repeat(50);
    expect(loadFailure(`${many}!!! Interrupted: 1 error during collection !!!`)?.code).toBe("import-error");
    expect(loadFailure(many)).toBeUndefined();
  });
});

describe("a test file", () => {
  const before = 'test("one", () => {\n  expect(1).toBe(1);\n});\n';

  test.each([
    "/[",
    "/\\/",
    "/a",
    "/[/",
    '"',
    '\\"',
    "'\\\"`",
    "//",
    " # ",
    "it.",
    "it.it.skip_",
    "x.",
    "{ ",
    "@Skip",
    "[ ",
    "raise ",
    "import ",
    "const {",
    "\u2028",
    "\u2028//",
    "a\n",
    "it.skip_\n",
    "/*\n",
    "import a\n",
    "}\n{\n",
    "f();\n",
    "const { a } = require\n",
  ])("of %j", (part) => {
    expect(slowest((size) => weaknessOf("a.test.ts", before, before + fill(part, size)))).toBeLessThan(MOST_MS);
    expect(
      slowest((size) => weaknessOf("a.test.ts", before + fill(part, size / 2), before + fill(part, size))),
    ).toBeLessThan(MOST_MS);
    expect(slowest((size) => weaknessOfNew("a.test.ts", fill(part, size)))).toBeLessThan(MOST_MS);
    expect(slowest((size) => weaknessOfNew("data.txt", fill(part, size)))).toBeLessThan(MOST_MS);
    expect(slowest((size) => skipMarker(fill(part, size)))).toBeLessThan(MOST_MS);
    // As many lines as fit, each as long as one may be.
    const line = `${fill(part.trimEnd() || part, 9_000).slice(0, 9_000)}x\n`;
    expect(slowest((size) => weaknessOf("a.test.ts", before, before + fill(line, size)))).toBeLessThan(MOST_MS);
    expect(
      slowest((size) => weaknessOf("a.test.ts", `import ${line}`, `import ${fill("a, ", 9_000)}\n${fill(line, size)}`)),
    ).toBeLessThan(MOST_MS);
  });

  test("with many lines of one kind beside many others", () => {
    const mark = "it.skip('x')\n";
    expect(
      slowest((size) => weaknessOf("a.test.ts", fill("a();\n", size) + mark, fill("a();\n", size) + fill(mark, size))),
    ).toBeLessThan(MOST_MS);
    const wide = `import { ${fill("ab, ", 9_000)} } from "a"\n`;
    expect(slowest((size) => weaknessOf("a.test.ts", wide, fill('import { a } from "a"\n', size)))).toBeLessThan(
      MOST_MS,
    );
  });

  test("with an added line too long to be judged is refused", () => {
    const line = `f("${"x".repeat(10_000)}");\n`;
    expect(weaknessOf("a.test.ts", before, before + line)).toMatchObject({
      code: "test-changed",
      what: expect.stringContaining("cannot be judged"),
    });
    expect(weaknessOfNew("a.test.ts", line)).toMatchObject({ code: "test-changed" });
    expect(weaknessOfNew("fixtures/a.json", line)).toBeUndefined();
    expect(weaknessOf("a.test.ts", line + before, line + before)).toBeUndefined();
  });

  test("cannot hide a skip in a long chain, nor code behind a line end that is none for others", () => {
    expect(skipMarker(`test${".concurrent".repeat(200)}.skip("x")`)).toMatch(/^test\.concurrent/);
    expect(skipMarker("x.skip(it)")).toBeUndefined();
    expect(weaknessOf("a.test.ts", before, `// note\u2028process.exit(0)\n${before}`)).toMatchObject({
      code: "test-skipped",
    });
  });

  test.each([
    [String.raw`x.match(/[/{]\/\{/g);`, true],
    [String.raw`x.match(/[{/g; f();`, false],
    [String.raw`f("\"{", '{', ${"`{`"});`, true],
    [String.raw`f("{);`, false],
    ["f(); // {", true],
    ["a / b; } c(d);", false],
  ])("is read past strings and patterns: %s", (line, stands) => {
    expect(weaknessOf("a.test.ts", before, `${before}${line}\n`) === undefined).toBe(stands);
  });
});

describe("a report", () => {
  const tap = (part: string) => (size: number) => parseTap(`TAP version 13\n${fill(part, size)}`, "");
  const xml = (part: string, start = "<testsuites>", end = "</testsuites>") => {
    return (size: number) => parseJUnit(start + fill(part, size) + end, "");
  };
  test.each<[string, (size: number) => unknown]>([
    ["tap: failures without an end", tap("not ok 1 - x\n")],
    ["tap: failures with one end", (size) => parseTap(`TAP version 13\n${fill("not ok 1 x\n", size)}...\n`, "")],
    ["tap: version lines", tap("TAP version 13\n\n")],
    ["tap: spaces", tap(" ")],
    ["tap: skip marks", tap("#skip")],
    ["tap: skip marks in one name", (size) => parseTap(`TAP version 13\nok ${fill("#skip_", size)}\u2028`, "")],
    [
      "tap: a long group name",
      (size) => parseTap(`TAP version 13\n# Subtest: ${fill("x", size)}\n${fill("    ok 1\n", size)}`, ""),
    ],
    ["tap: a depth that was never opened", tap(`${" ".repeat(400)}# Subtest: x\n${" ".repeat(800)}ok\n`)],
    ["junit: suites that are not closed", xml("<testsuite ")],
    ["junit: roots that are not closed", xml("<testsuites ", "", "</testsuites")],
    ["junit: ends", xml("</testsuites>", "", "x")],
    ["junit: white space at the end", xml(" ", "<testsuites></testsuites>", "x")],
    ["junit: depth", xml("<testsuite>")],
    ["junit: many documents", xml("<?xml version='1.0'?><testsuite></testsuite>", "", "")],
    ["junit: ampersands", xml("&", '<testsuites><testcase name="', '"/></testsuites>')],
    ["junit: entities", xml("&amp;", '<testsuites><testcase name="', '"/></testsuites>')],
    ["junit: entities without an end", xml("&#x", '<testsuites><testcase name="', '"/></testsuites>')],
    ["junit: attributes", xml("a='b' ", "<testsuites><testcase ", "/></testsuites>")],
    ["junit: attributes without a value", xml("a = ", "<testsuites><testcase ", "/></testsuites>")],
    ["junit: quotes", xml('<a "')],
    ["junit: elements", xml("<a/>x")],
    ["junit: tests", xml("<testcase/>")],
    ["junit: comments", xml("<!-->")],
    ["junit: opening angles", xml("<")],
    [
      "junit: tests in groups with long names",
      (size) =>
        parseJUnit(
          `<testsuites>${`<testsuite name="${fill("x", size / 40)}">`.repeat(40)}${fill("<testcase/>", size)}${"</testsuite>".repeat(40)}</testsuites>`,
          "",
        ),
    ],
    [
      "junit: elements in elements with long names",
      (size) => parseJUnit(`<testsuites><${fill("x", size)}>${fill("<a/>", size)}</x></testsuites>`, ""),
    ],
    [
      "jest: tests in a file with a long name",
      (size) => {
        const one = { ancestorTitles: [], title: "x", status: "passed" };
        const assertionResults = Array.from({ length: Math.ceil(size / 60) }, () => one);
        return parseJest(JSON.stringify({ testResults: [{ name: fill("x", size), assertionResults }] }), "");
      },
    ],
    ["jest: depth", (size) => parseJest(`{"testResults":${fill("[", size)}`, "")],
    [
      "cargo: tests in a binary with a long name",
      (size) => parseCargo(`  Running ${fill("x", size)}\nrunning 1 test\n${fill("test a ... ok\n", size)}`),
    ],
    ["cargo: one line", (size) => parseCargo(`running 1 test\ntest ${fill("a - should panic ... ", size)}`)],
    ["go: starts", (size) => parseGo(fill('{"Action":"run","Test":"a"}\n', size))],
    ["go: braces", (size) => goText(fill('{"', size))],
  ])("%s", (_, judge) => expect(slowest(judge)).toBeLessThan(MOST_MS));

  test("longer than a command may print is left unread", () => {
    const long = " ".repeat(16 * 1024 * 1024);
    expect(parseTap(`TAP version 13\nok 1 - x\n${long}`, "")).toBeUndefined();
    expect(parseJUnit(`${long}<testsuites><testcase name="x"/></testsuites>`, "")).toBeUndefined();
    expect(parseJest(`{"testResults":[]}${long}`, "")).toBeUndefined();
    expect(parseGo(`{"Action":"pass","Test":"a"}\n${long}`)).toBeUndefined();
    expect(parseCargo(`running 1 test\ntest a ... ok\n${long}`)).toBeUndefined();
  });

  test("in XML of more tags or documents than anybody writes is left unread", () => {
    const xml = (count: number) => `<testsuites><testcase name="x"/>${"<a/>".repeat(count)}</testsuites>`;
    expect(parseJUnit(xml(1_000_000), "")).toBeUndefined();
    expect(parseJUnit(xml(100), "")?.tests.size).toBe(1);
    const documents = (count: number) => "<?xml version='1.0'?><testsuite/>".repeat(count);
    expect(parseJUnit(documents(50_001), "")).toBeUndefined();
    expect(parseJUnit(documents(100), "")).toBeDefined();
  });

  test("of more tests than are compared is none, rather than a part of one", () => {
    const lines = (count: number) => `TAP version 13\n${"ok 1 x\n".repeat(count)}`;
    expect(parseTap(lines(100_000), "")?.tests.size).toBe(100_000);
    expect(parseTap(lines(100_001), "")).toBeUndefined();
  });
});

describe("a file with settings", () => {
  test.each([
    ["pyproject.toml", "["],
    ["pyproject.toml", "[ "],
    ["pyproject.toml", "[ ]"],
    ["pyproject.toml", "[a]\nb=1\n"],
    ["pyproject.toml", "[x]\u2028"],
    ["Cargo.toml", "[ \n"],
    ["pom.xml", "<dependencies>"],
    ["pom.xml", "<!--"],
    ["pom.xml", "<version>"],
    ["pom.xml", "<dependencyManagement><dependencies><!--"],
    ["a.csproj", "<PackageReference "],
    ["build.gradle", "Implementation"],
    ["package.json", "["],
  ])("%s of %j", (name, part) => {
    expect(slowest((size) => bentConfig(name, "", fill(part, size)))).toBeLessThan(MOST_MS);
    expect(slowest((size) => bentConfig(name, "", `[${fill(" ", size)}${part}`))).toBeLessThan(MOST_MS);
  });

  test("is still compared without what may change", () => {
    const pom = (version: string) =>
      `<project><!-- ${version} --><dependencies><a>${version}</a></dependencies><version>${version}</version><build/></project>`;
    expect(bentConfig("pom.xml", pom("1"), pom("2"))).toBeUndefined();
    expect(bentConfig("pom.xml", pom("1"), pom("1").replace("<build/>", ""))).toContain("pom.xml");
    expect(bentConfig("pom.xml", pom("1"), pom("1").replace("-->", ""))).toContain("pom.xml");
    expect(bentConfig("pyproject.toml", "[[ tool.x ]] # a\na=1\n", "[[tool.x]]\na=2\n")).toBe("changes [tool.x]");
    expect(bentConfig("pyproject.toml", "[project]\na=1\n", "[project]\na=2\n")).toBeUndefined();
  });
});
