// A condition that can never hold is refused before anything runs: unknown stages and fields, values that are never taken.
import { describe, expect, test } from "vitest";
import { artifactNames } from "#src/workflows/artifacts.ts";
import { askedOf, checkExpression } from "#src/workflows/expression-check.ts";
import { parseExpression } from "#src/workflows/expression.ts";

const makes = new Map([
  ["plan", askedOf({ makes: "Plan" })],
  ["review", askedOf({ makes: "Review" })],
  ["reproduce", askedOf({ makes: "Reproduction" })],
  ["verify", undefined],
]);

function problems(text: string): string[] {
  const parsed = parseExpression(text);
  if (parsed.type === "invalid") throw new Error(JSON.stringify(parsed.problems));
  return checkExpression(parsed.expression, makes).map(({ offset, message }) => `${offset}: ${message}`);
}

describe("what can be", () => {
  test.each([
    "triage.size == 'l' or triage.size == 'xl'",
    "triage.duplicateOf",
    "triage.duplicateOf == 12",
    "not triage.securitySensitive and triage.confidence >= 0.7",
    "'ui' in triage.areas",
    "'crash' in triage.summary",
    "plan",
    "count(plan.tasks) > 1 and count(plan.questions) == 0",
    "'api' in plan.tasks.needs",
    "review.verdict == 'approve'",
    "not ('critical' in review.findings.severity)",
    "review.findings.path",
    "reproduce.reproduced == true",
    "triage.type == triage.runnerUp",
    "review.verdict in 'approve, changes'",
  ])("%s", (text) => {
    expect(problems(text)).toEqual([]);
  });

  test.each(artifactNames)("every field of a %s may be asked for", (name) => {
    const stages = new Map([["some", askedOf({ makes: name })]]);
    const parsed = parseExpression("some");
    expect(parsed.type === "ok" && checkExpression(parsed.expression, stages)).toEqual([]);
  });
});

describe("what cannot be", () => {
  test.each([
    ["count(plan.tasks) > 1 and plna.tasks", '26: there is no stage "plna" to ask — did you mean "plan"?'],
    ["other.x", '0: there is no stage "other" to ask — choose one of: triage, plan, review, reproduce, verify'],
    [
      "triage.size == small",
      "15: there is no stage \"small\" to ask — choose one of: triage, plan, review, reproduce, verify; if it is text, write 'small'",
    ],
    [
      "triage.duplicateOf == null",
      '22: there is no word "null" — what is absent is false by itself; write the path, or not and the path',
    ],
    ["verify.passed", '0: the stage "verify" hands nothing in — ask a stage that makes an artifact'],
    ["review.findngs", '7: review, which makes a Review, has no "findngs" — did you mean "findings"?'],
    ["plan.tasks.claim", '11: plan.tasks has no "claim" — did you mean "claims"?'],
    ["plan.tasks.owner", expect.stringMatching(/^11: plan\.tasks has no "owner" — choose one of: id, title, /)],
    ["triage.files", expect.stringMatching(/^7: triage, which makes a Triage, has no "files" — choose one of: type, /)],
    ["review.verdict.text", '15: review.verdict has no fields — take ".text" out'],
    ["plan.tasks.length > 3", '11: plan.tasks has no "length" — write count(plan.tasks)'],
    ["review.__proto__", expect.stringContaining('7: review, which makes a Review, has no "__proto__" — choose')],
    ["review.constructor", expect.stringContaining('7: review, which makes a Review, has no "constructor" — choose')],
    ["review.verdict == 'aprove'", "18: review.verdict is never \"aprove\" — did you mean 'approve'?"],
    ["'good' != review.verdict", '0: review.verdict is never "good" — write one of approve, changes'],
    [
      "'hihg' in review.findings.severity",
      '0: review.findings.severity is never "hihg" — write one of info, minor, major, critical',
    ],
    ["reproduce.reproduced == 'yes'", '24: reproduce.reproduced is never "yes" — write true or false'],
    [
      "review.findings.severity == 'critical'",
      "0: review.findings.severity is a list, which is not one value — write 'critical' in review.findings.severity",
    ],
    [
      "triage.labels != triage.size",
      "0: triage.labels is a list, which is not one value — write value in triage.labels",
    ],
    ["triage.severity >= 2", "0: triage.severity is not a number, so >= never holds — write == or !="],
    ["3 < plan.tasks", "4: plan.tasks is not a number, so < never holds — count it: count(plan.tasks)"],
    ["1 in triage.confidence", "5: triage.confidence is not a list or text, so nothing is in it — compare with =="],
    ["not (true and (review.verdict == 'x'))", expect.stringContaining('33: review.verdict is never "x"')],
  ])("%s", (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });
});

describe("a fan-out", () => {
  const stages = new Map([["look", askedOf({ makes: "Review", for_each: ["a", "b"] })]]);
  const found = (text: string) => {
    const parsed = parseExpression(text);
    return parsed.type === "ok"
      ? checkExpression(parsed.expression, stages).map(({ message }) => message)
      : ["invalid"];
  };

  test("is asked for its tasks, and for their results", () => {
    expect(found("count(look.failed) == 0 and 'critical' in look.results.findings.severity")).toEqual([]);
  });

  test("has no artifact of its own", () => {
    expect(found("look.verdict == 'approve'")).toEqual([
      'look, which makes a Review for each task, has no "verdict" — choose one of: done, failed, skipped, results',
    ]);
  });
});
