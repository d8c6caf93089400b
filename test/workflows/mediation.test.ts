// `mediates`, `pick` and `reads`: each mistake is refused with its place and the mend.
import { describe, expect, test } from "vitest";
import { parseWorkflow } from "#src/workflows/parse.ts";

const agents = new Set(["scout", "planner", "summarizer"]);

/** The problems of a workflow whose stages begin on line 6. */
function problems(...stages: string[]): string[] {
  const head = "---\nname: flow\ndescription: Something\nbudget: { run: 5.00, time: 45m }\nstages:\n";
  const parsed = parseWorkflow(`${head}${stages.map((stage) => `  ${stage}\n`).join("")}---\nWords.`, "flow.md", {
    agents,
  });
  return parsed.type === "ok" ? [] : parsed.problems;
}

const scout = "scout: { agent: scout, makes: Report }";
const plan = "plan: { agent: planner, makes: Plan }";

describe("a stage in another's place", () => {
  test("is read: an agent that mediates, and one or several paths that are picked", () => {
    expect(problems(scout, "short: { agent: summarizer, needs: [scout], mediates: scout, makes: Report }")).toEqual([]);
    expect(problems(plan, "part: { needs: [plan], pick: plan.tasks.title }")).toEqual([]);
    expect(problems(plan, "part: { needs: [plan], pick: [plan.summary, plan.tasks.title], when: plan.tasks }")).toEqual(
      [],
    );
    expect(
      problems(
        "look: { agent: scout, for_each: [a, b], makes: Report }",
        "part: { needs: [look], pick: look.results.summary }",
        "more: { agent: summarizer, needs: [part], mediates: part, makes: Report }",
      ),
    ).toEqual([]);
  });

  test.each([
    [
      "short: { agent: summarizer, mediates: scout, makes: Report }",
      '7:41: short mediates "scout", which it does not need — add it to needs',
    ],
    [
      "short: { needs: [scout], gates: [scope], otherwise: { again: 0, ending: failed }, mediates: scout }",
      "short has mediates, but no agent — add agent:, or take mediates out",
    ],
    [
      "short: { needs: [scout], pick: scout.sumary }",
      '7:40: short picks "scout.sumary": scout, which makes a Report, has no "sumary" — did you mean "summary"?',
    ],
    [
      "short: { needs: [scout], pick: scout }",
      'short picks the whole of "scout" — name a field, such as scout.summary',
    ],
    [
      "short: { needs: [scout], pick: count(scout.sections) }",
      'short picks "count(scout.sections)", which is no path — write a stage and a field',
    ],
    ["short: { pick: scout.summary }", 'short picks from "scout", which it does not need — add it to needs'],
    [
      "short: { needs: [scout], agent: summarizer, makes: Report, pick: scout.summary }",
      "short picks and does nothing else — move agent to another stage",
    ],
    [
      "short: { needs: [scout], gates: [scope], pick: scout.summary }",
      "short picks and does nothing else — move gates to another stage",
    ],
    [
      "short: { needs: [scout], writes: lessons, pick: scout.summary }",
      "short picks and does nothing else — move writes to another stage",
    ],
    [
      "short: { needs: [scout], wait: answer, pick: scout.summary }",
      "short waits for a person and does nothing else — move pick to another stage",
    ],
  ])("%s", (stage, message) => {
    expect(problems(scout, stage).join("\n")).toContain(message);
  });

  test("picks from one stage only, and mediates one that hands something in", () => {
    expect(problems(scout, plan, "part: { needs: [scout, plan], pick: [scout.summary, plan.summary] }")[0]).toContain(
      'part picks from "scout" and from "plan" — pick from one',
    );
    const gate = "check: { needs: [scout], gates: [scope], otherwise: { again: 0, ending: failed } }";
    expect(
      problems(scout, gate, "short: { agent: summarizer, needs: [check], mediates: check, makes: Report }")[0],
    ).toContain('short mediates "check", which hands nothing in — name a stage that makes an artifact');
  });
});

describe("a stage that reads a kind of artifact", () => {
  test("is read where another stage makes it and does not come after", () => {
    expect(problems(scout, "plan: { agent: planner, reads: [Report], makes: Plan }")).toEqual([]);
  });

  test.each([
    [
      "plan: { agent: planner, reads: [Findings], makes: Plan }",
      '7:35: plan reads "Findings", which no stage makes that may come before it — choose one of: Report',
    ],
    ["plan: { agent: planner, reads: [Report, Report], makes: Plan }", 'plan reads "Report" twice — keep one'],
    ["plan: { agent: planner, reads: [Raport], makes: Plan }", "did you mean Report?"],
    [
      "plan: { needs: [scout], reads: [Report], gates: [scope], otherwise: { again: 0, ending: failed } }",
      "plan has reads, but no agent",
    ],
  ])("%s", (stage, message) => {
    expect(problems(scout, stage).join("\n")).toContain(message);
  });

  test("is refused where only a stage behind it makes that", () => {
    const later = "after: { agent: scout, needs: [plan], makes: Report }";
    expect(problems("plan: { agent: planner, reads: [Report], makes: Plan }", later)[0]).toContain(
      'plan reads "Report", which no stage makes that may come before it',
    );
  });
});
