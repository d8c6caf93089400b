// Reports as the runners wrote them (`recorded/`: node 24, pytest 9, vitest 5, cargo 1.95; go and Surefire by their documentation), and as nobody should.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseCargo } from "#src/gates/reports/cargo.ts";
import { goText, parseGo } from "#src/gates/reports/go.ts";
import { parseJest } from "#src/gates/reports/jest.ts";
import { parseJUnit } from "#src/gates/reports/junit.ts";
import { parseTap } from "#src/gates/reports/tap.ts";
import type { TestReport } from "#src/gates/reports/test-report.ts";

const recorded = (name: string) => readFileSync(join(import.meta.dirname, "recorded", name), "utf8");
const folder = "/home/clone";
const told = (report: TestReport | undefined) => report && Object.fromEntries(report.tests);

const nodeTests = {
  "test/a.test.js › plain": "passed",
  "test/a.test.js › fails": "failed",
  "test/a.test.js › sk": "skipped",
  "test/a.test.js › td": "skipped",
  "test/a.test.js › grp › in": "passed",
  "test/a.test.js › grp › same": "passed",
  "test/a.test.js › grp › deep › bad": "failed",
  "test/a.test.js › parent › child": "passed",
  "test/b.test.js": "failed",
  "test/c.test.js": "failed",
  "test/d.test.js": "passed",
  "test/e.test.js": "failed",
  "test/f.test.js": "passed",
  "test/g.test.js": "failed",
};

describe("JUnit XML", () => {
  test("of node --test: groups, and files that could not be loaded or ended early", () => {
    const report = parseJUnit(recorded("node.xml"), folder);
    expect(told(report)).toEqual(nodeTests);
    expect([...(report?.unloaded ?? [])]).toEqual([
      "test/b.test.js",
      "test/c.test.js",
      "test/e.test.js",
      "test/g.test.js",
    ]);
  });

  test("of pytest", () => {
    const report = parseJUnit(recorded("pytest.xml"), folder);
    expect(told(report)).toEqual({
      "tests.test_a › test_ok": "passed",
      "tests.test_a › test_bad": "failed",
      "tests.test_a › test_sk": "skipped",
      "tests.test_a › test_xf": "skipped",
      "tests.test_a › test_p[1]": "passed",
      "tests.test_a › test_p[2]": "passed",
      "tests.test_a.TestC › test_m": "failed",
    });
    expect(report?.unloaded.size).toBe(0);
    const collection = parseJUnit(recorded("pytest-collection.xml"), folder);
    expect([...(collection?.unloaded ?? [])]).toEqual(["tests.test_b", "tests.test_c"]);
  });

  test("of Surefire, several documents in one text", () => {
    const one = recorded("surefire.xml");
    expect(told(parseJUnit(one, folder))).toEqual({
      "a.TabTest › adds": "failed",
      "a.TabTest › fine": "passed",
      "a.TabTest › later": "skipped",
    });
    expect(parseJUnit(`${one}${one.replaceAll("TabTest", "TipTest")}`, folder)?.tests.size).toBe(6);
  });

  test.each([
    ["nothing", ""],
    ["another language", '{"tests": []}'],
    ["another XML", "<html><body/></html>"],
    ["a report that was cut off", recorded("node.xml").slice(0, 2_000)],
    ["one that wants entities expanded", `<!DOCTYPE x [<!ENTITY a "aaaa">]>${recorded("pytest.xml")}`],
    ["garbage between tags", "<testsuites><testsuite><<<>></testsuites>"],
  ])("is not read out of %s", (_, text) => {
    const report = parseJUnit(text, folder);
    expect(report?.tests.size ?? 0).toBe(0);
  });

  test("keeps both of two tests with one name", () => {
    const xml =
      '<testsuites><testcase name="x" classname="a"/><testcase name="x" classname="a"><failure/></testcase></testsuites>';
    expect(told(parseJUnit(xml, folder))).toEqual({ "a › x": "passed", "a › x #2": "failed" });
  });
});

describe("TAP", () => {
  test("of node --test: nested subtests", () => {
    const report = parseTap(recorded("node.tap"), folder);
    const withoutFile = Object.fromEntries(
      Object.entries(nodeTests).map(([id, status]) => [id.replace("test/a.test.js › ", ""), status]),
    );
    expect(told(report)).toEqual(withoutFile);
    expect(report?.unloaded.has("test/c.test.js")).toBe(true);
  });

  test("as tape writes it", () => {
    const text =
      "TAP version 13\n# splitting\nok 1 adds up\nnot ok 2 loses nothing\nok 3 later # SKIP no time\n\n1..3\n";
    expect(told(parseTap(text, folder))).toEqual({ "adds up": "passed", "loses nothing": "failed", later: "skipped" });
  });

  test("is not read out of ordinary text", () => {
    expect(parseTap("ok 1 - not a report\n", folder)).toBeUndefined();
    expect(parseTap("", folder)).toBeUndefined();
  });
});

describe("the JSON of jest and vitest", () => {
  test("with files that could not be loaded", () => {
    const report = parseJest(recorded("vitest.json"), folder);
    expect(told(report)).toEqual({
      "test/a.test.ts › plain": "passed",
      "test/a.test.ts › fails": "failed",
      "test/a.test.ts › sk": "skipped",
      "test/a.test.ts › td": "skipped",
      "test/a.test.ts › grp › in": "passed",
      "test/b.test.ts": "failed",
      "test/c.test.ts": "failed",
      "test/d.test.ts": "failed",
      "test/e.test.ts": "failed",
    });
    expect(report?.unloaded.size).toBe(4);
  });

  test.each(["", "{}", "[]", "null", '{"testResults":[{"name":1}]}', '{"testResults":'])(
    "is not read out of %j",
    (text) => {
      expect(parseJest(text, folder)).toBeUndefined();
    },
  );
});

describe("go test -json", () => {
  test("with a test that never ended, a package that was not built, and text in between", () => {
    const report = parseGo(recorded("go.jsonl"));
    expect(told(report)).toEqual({
      "example.com/shop › TestSplit": "failed",
      "example.com/shop › TestSplit/three": "failed",
      "example.com/shop › TestTip": "passed",
      "example.com/shop › TestSlow": "skipped",
      "example.com/shop › TestNeverEnds": "failed",
      "example.com/shop/web": "failed",
    });
    expect([...(report?.unloaded ?? [])]).toEqual(["example.com/shop/web"]);
  });

  test("reads as text for people", () => {
    const text = goText(recorded("go.jsonl"));
    expect(text).toContain("    split_test.go:9: got 999, want 1000\n");
    expect(text).toContain("web/web_test.go:9:2: undefined: nope\n");
    expect(text).not.toContain("Action");
  });

  test("is not read out of ordinary text", () => expect(parseGo("ok\texample.com/shop\t0.1s\n")).toBeUndefined());
});

describe("the text of cargo test", () => {
  test("names the binary of each test", () => {
    expect(told(parseCargo(recorded("cargo.txt")))).toEqual({
      "unittests src/lib.rs › tests::fine": "passed",
      "unittests src/lib.rs › tests::slow": "skipped",
      "unittests src/lib.rs › tests::adds": "failed",
      "tests/one.rs › it": "passed",
      "doc-tests tab › src/lib.rs - doc (line 2)": "passed",
    });
  });

  test("is not read out of a build that failed", () => {
    expect(parseCargo("error[E0425]: cannot find function\nerror: could not compile `tab`\n")).toBeUndefined();
  });
});
