// Conditions: every form of the language says what it should over real artifacts, every slip is named with the mend, and nothing that
// a person or a model can write makes it throw, hang or look where it should not.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, parseExpression, pathsIn } from "#src/workflows/expression.ts";
import { cost } from "#test/support/cost.ts";

const values = {
  triage: { type: "feature", size: "m", confidence: 0.8, labels: [], securitySensitive: false, summary: "Slow list" },
  plan: {
    summary: "Two parts",
    tasks: [
      { id: "api", needs: [], claims: ["src/api/**"] },
      { id: "page", needs: ["api"], claims: ["src/page/**", "public/**"] },
    ],
    questions: [],
  },
  review: {
    verdict: "changes",
    findings: [
      { severity: "minor", message: "Name it" },
      { severity: "critical", message: "Lost rows", path: "src/rows.ts" },
    ],
  },
  "look-around": { summary: "" },
};

function holds(text: string, over: Readonly<Record<string, unknown>> = values): boolean {
  const parsed = parseExpression(text);
  if (parsed.type === "invalid") throw new Error(JSON.stringify(parsed.problems));
  return evaluate(parsed.expression, over);
}

function problems(text: string): string[] {
  const parsed = parseExpression(text);
  if (parsed.type === "ok") throw new Error(`accepted: ${JSON.stringify(parsed.expression)}`);
  return parsed.problems.map(({ offset, message }) => `${offset}: ${message}`);
}

describe("what a condition says", () => {
  test.each([
    // Literals, and what each counts for by itself.
    ["true", true],
    ["false", false],
    ["1", true],
    ["0", false],
    ["-0.5", true],
    ["'x'", true],
    ['""', false],
    // Fields.
    ["triage.size == 'm'", true],
    ['triage.size == "l"', false],
    ["'m' == triage.size", true],
    ["triage.size != 'm'", false],
    ["triage.confidence >= 0.8", true],
    ["triage.confidence > 0.8", false],
    ["triage.confidence < 1", true],
    ["triage.confidence <= 0.5", false],
    ["triage.securitySensitive", false],
    ["triage.securitySensitive == false", true],
    ["triage.labels", false],
    ["plan.tasks", true],
    ["plan", true],
    ["look-around.summary", false],
    ["look-around", true],
    // Through lists.
    ["'critical' in review.findings.severity", true],
    ["'major' in review.findings.severity", false],
    ["'api' in plan.tasks.needs", true],
    ["count(plan.tasks) == 2", true],
    ["count(plan.tasks.claims) == 3", true],
    ["count(review.findings.path) == 1", true],
    ["review.findings.line", false],
    ["count(plan.questions)", false],
    ["count(plan.summary)", true],
    // Text within text.
    ["'low' in triage.summary", true],
    ["'fast' in triage.summary", false],
    ["'' in triage.summary", true],
    // Nothing.
    ["docs", false],
    ["docs.summary == 'x'", false],
    ["docs.summary != 'x'", true],
    ["docs.summary == docs.summary", false],
    ["triage.duplicateOf", false],
    ["triage.duplicateOf > 0", false],
    ["'x' in docs.files", false],
    ["docs.summary in 'x'", false],
    ["count(docs.files) == 0", true],
    ["triage.size.letters.more", false],
    // Kinds that do not go together.
    ["triage.size < 5", false],
    ["triage.size >= 5", false],
    ["triage.size <= triage.type", false],
    ["triage.type < triage.size", false],
    ["triage.size > triage.type", false],
    ["triage.size >= triage.type", false],
    ["1 == '1'", false],
    ["1 in triage.summary", false],
    ["1 in 1", false],
    ["plan.tasks == plan.tasks", false],
    ["triage == triage", false],
    // Joining: not before and before or.
    ["true or false and false", true],
    ["(true or false) and false", false],
    ["not false and false", false],
    ["not (false and false)", true],
    ["not triage.size == 'm'", false],
    ["not not true", true],
    ["(triage.size) == ('m')", true],
    ["(1 == 1) == true", true],
    ["triage.size == 'l' or triage.size == 'm' or triage.size == 's'", true],
    ["  triage.size\n  ==\t'm'  ", true],
    ["triage.size=='m'and(count(plan.tasks)>1)", true],
  ])("%s: %s", (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  test("dashes belong to names, and reserved words may be parts of them", () => {
    expect(holds("not-here.or-so == 'x'", { "not-here": { "or-so": "x" } })).toBe(true);
    expect(holds("in.and == 1", { in: { and: 1 } })).toBe(true);
    expect(holds("count == 1", { count: 1 })).toBe(true);
  });

  test("a fan-out that made a list is gone through like any list", () => {
    const build = [{ files: ["a", "b"] }, { files: [] }, { files: ["c"] }];
    expect(holds("count(build.files) == 3 and 'c' in build.files", { build })).toBe(true);
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "length", "at"])(
    "%s leads nowhere: inherited things are no fields",
    (name) => {
      const lists = { list: [1], text: "x", mapping: { inner: {} } };
      for (const path of [name, `list.${name}`, `text.${name}`, `mapping.${name}`, `mapping.inner.${name}.${name}`])
        expect([path, holds(path, lists), holds(`count(${path}) == 0`, lists)]).toEqual([path, false, true]);
    },
  );

  test("a getter is not run", () => {
    const trap = {
      get field(): string {
        throw new Error("ran");
      },
    };
    expect(holds("trap.field", { trap })).toBe(false);
  });

  test("a list that refers to itself ends", () => {
    const list: unknown[] = [];
    list.push(list, { again: list });
    expect(holds(`list${".again".repeat(80)}`, { list })).toBe(true);
  });

  test("lists that are shared many times over are not multiplied without end", () => {
    const last = { next: Array.from({ length: 100 }, () => ({ next: 1 })) };
    let shared: unknown = last;
    for (let level = 0; level < 6; level += 1) {
      const below = shared;
      shared = { next: Array.from({ length: 100 }, () => below) };
    }
    expect(holds(`count(shared${".next".repeat(8)}) == 10000`, { shared })).toBe(true);
  });
});

describe("paths", () => {
  test("each is told with its place, in the order of the text", () => {
    const parsed = parseExpression("not plan or count(a-b.c.d) > 1 and 'x' in (review.findings)");
    if (parsed.type === "invalid") throw new Error("refused");
    expect(pathsIn(parsed.expression).map(({ stage, fields, offset }) => ({ stage, fields, offset }))).toEqual([
      { stage: "plan", fields: [], offset: 4 },
      { stage: "a-b", fields: ["c", "d"], offset: 18 },
      { stage: "review", fields: ["findings"], offset: 43 },
    ]);
  });
});

const aValue = "write a path such as review.verdict, a number, 'text', true or false";

describe("what is wrong with a condition", () => {
  test.each([
    ["", [`0: the condition is empty — ${aValue}`]],
    [" \n", [`0: the condition is empty — ${aValue}`]],
    ["plan.size = 'm'", ['10: "=" has no meaning here — write ==']],
    ["a === 1 or b !== 1", ['2: "===" has no meaning here — write ==', '13: "!==" has no meaning here — write !=']],
    ["a <> 1", ['2: "<>" has no meaning here — write !=']],
    ["a => 1", ['2: "=>" has no meaning here — write >=']],
    ["a && b", ['2: "&&" has no meaning here — write and']],
    ["a || !b", ['2: "||" has no meaning here — write or', '5: "!" has no meaning here — write not']],
    ["a AND Not b", ['2: "AND" has no meaning here — write and', '6: "Not" has no meaning here — write not']],
    ["a == True", ['5: "True" has no meaning here — write true']],
    ["a == “x”", ["5: \"“x”\" is not in straight quotes — write 'x'"]],
    ["a == `x`", ["5: \"`x`\" is not in straight quotes — write 'x'"]],
    ["a == 'x", ["5: the text is not closed (\"'x\") — end it with '"]],
    ['a == "it', ['5: the text is not closed ("\\"it") — end it with "']],
    ["a in ['x', 'y']", ["5: \"[\" has no meaning here — there are no lists; write a == 'x' or a == 'y'"]],
    ["count(a) - 1 > 2", ['9: "-" has no meaning here — there is no arithmetic; compare with a number']],
    ["count(a) -1 > 2", ['9: "-1" follows without a word between — write and, or, or a comparison before it']],
    ["a > 5m", [expect.stringContaining('4: "5m" is not a number')]],
    ["a > 1.2.3", [expect.stringContaining('4: "1.2.3" is not a number')]],
    ["a ? b : c", ['2: "?" has no meaning here — take it out, or put it in quotes if it is text']],
    ["a == größer", [expect.stringContaining('7: "öß" has no meaning here')]],
    ["a..b", ['0: "a..b" has a dot without a field — write stage.field, such as review.verdict']],
    ["a.b.", ['0: "a.b." has a dot without a field — write stage.field, such as review.verdict']],
    [
      "plan.tasks.0.id == 'x'",
      ['0: "plan.tasks.0.id" asks for one place of a list — a path goes through the whole list; use in or count'],
    ],
    ["len(a) > 1", ['0: there is nothing called "len" to apply — write count(path)']],
    ["cuont(a) > 1", ['0: there is nothing called "cuont" to apply — write count(path)']],
    ["max(a) > 1", ['0: there is nothing called "max" to apply — only count(path) can be, which counts a list']],
    ["count(3)", ["6: count takes a path — write it as count(review.findings)"]],
    ["count(count(a))", ["6: count takes a path — write it as count(review.findings)"]],
    ["count()", ["6: count takes a path — write it as count(review.findings)"]],
    ["count(a", ['5: the "(" is not closed — add ")"']],
    ["a and (b or c", ['6: the "(" is not closed — add ")"']],
    ["1 (b)", ['2: "(" follows without a word between — write and, or, or a comparison before it']],
    ["(a b)", ['3: "b" follows without a word between — write and, or, or a comparison before it']],
    ["a)", ['1: ")" closes nothing — take it out, or open it with "("']],
    ["()", [`1: ")" stands where a value belongs — ${aValue}`]],
    ["a and", [`5: a value is missing at the end — ${aValue}`]],
    ["or a", [`0: "or" stands where a value belongs — ${aValue}`]],
    ["a == == b", [`5: "==" stands where a value belongs — ${aValue}`]],
    ["a == not b", [`5: "not" stands where a value belongs — ${aValue}`]],
    ["a not in b", ['2: "not" stands between two values — write it before them: not (a in b)']],
    ["1 < a < 3", ['6: "<" compares a third value — join two comparisons with and']],
    ["a == b == c", ['7: "==" compares a third value — join two comparisons with and']],
    ["a is 'x'", ['2: "is" has no meaning here — write ==']],
    ["a contains 'x'", ["2: \"contains\" has no meaning here — write the value first: 'value' in path"]],
    ["a constructor 'x'", [expect.stringContaining('2: "constructor" follows without a word between')]],
    ["triage.severity >= 'high'", ['19: "high" has no order — >= compares numbers; write == or !=']],
    ["true < 1", ["0: true has no order — < compares numbers; write == or !="]],
  ])("%j", (text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  test("fifty levels are read, one more is not", () => {
    for (const [open, close] of [
      ["(", ")"],
      ["not ", ""],
    ] as const) {
      const nested = (levels: number) => `${open.repeat(levels)}true${close.repeat(levels)}`;
      expect(parseExpression(nested(50)).type).toBe("ok");
      expect(problems(nested(51))).toEqual([`${50 * open.length}: nested deeper than 50 levels — make it flatter`]);
    }
  });

  test("more than twenty slips are not all listed", () => {
    expect(problems("a && ".repeat(100)).length).toBe(20);
    expect(problems(`a${".".repeat(10_000)}`)).toHaveLength(1);
  });
});

/** What conditions are made of, and what they are not: bits that come close to it. */
const bits = fc.constantFrom(
  ...`and or not in count ( ) == != < >= = && ! ' " “ [ , - true 1 -2.5 'text' plan plan.tasks a-b.c .`.split(" "),
  ..."__proto__ constructor.name".split(" "),
  " ",
  "\n",
  "\0",
);
const text = fc.oneof(
  fc.array(bits, { maxLength: 40 }).map((list) => list.join(" ")),
  fc.array(bits, { maxLength: 40 }).map((list) => list.join("")),
  fc.string({ unit: "binary", maxLength: 100 }),
);

describe("whatever is written", () => {
  test("reading it never throws, and a problem has a place in the text and an advice", () => {
    fc.assert(
      fc.property(text, (written) => {
        const parsed = parseExpression(written);
        if (parsed.type === "ok") return;
        expect(parsed.problems.length).toBeGreaterThan(0);
        for (const { offset, message } of parsed.problems) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(offset).toBeLessThanOrEqual(written.length);
          expect(message).toMatch(/ — ./);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test("what can be read gives yes or no, over whatever there is", () => {
    const anything = fc.anything({
      withNullPrototype: true,
      withMap: true,
      withDate: true,
      withBigInt: true,
      withSparseArray: true,
    });
    const things = fc.dictionary(fc.constantFrom("plan", "a-b", "constructor", "__proto__"), anything);
    const whole = fc.letrec<{ any: string; value: string }>((tie) => ({
      value: fc.oneof(
        fc.constantFrom("plan", "plan.tasks", "a-b.c", "constructor.name", "1", "'x'", "true", "count(plan.tasks)"),
        tie("any").map((inner) => `(${inner})`),
      ),
      any: fc.oneof(
        { maxDepth: 5 },
        tie("value"),
        fc
          .tuple(tie("value"), fc.constantFrom("==", "!=", "in", "and", "or"), tie("value"))
          .map((parts) => parts.join(" ")),
        tie("value").map((inner) => `not ${inner}`),
      ),
    })).any;
    fc.assert(
      fc.property(whole, things, (written, over) => {
        expect(typeof holds(written, over)).toBe("boolean");
        expect(holds(`not (${written})`, over)).toBe(!holds(written, over));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["nested", (n: number) => "(".repeat(n)],
    ["negated", (n: number) => "not ".repeat(n)],
    ["joined", (n: number) => `${"a == 1 or b and ".repeat(n)}c`],
    ["unclosed", (n: number) => `a == '${"x ".repeat(n)}`],
    ["quotes", (n: number) => "'\"".repeat(n)],
    ["curly", (n: number) => "“".repeat(n)],
    ["dots", (n: number) => `a${".b".repeat(n)}`],
    ["digits", (n: number) => "1".repeat(n)],
    ["calls", (n: number) => `count${" ".repeat(n)}(a)`],
    ["signs", (n: number) => "=".repeat(n)],
    ["unknown", (n: number) => "#".repeat(n)],
  ])("a long text takes no longer than its length: %s", (_, of) => {
    const text = of(50_000);
    const spent = cost(() => {
      const parsed = parseExpression(text);
      if (parsed.type === "ok") evaluate(parsed.expression, values);
    }, 1);
    // A quadratic reader needs minutes here.
    expect(spent).toBeLessThan(2_000);
  });
});
