// Workflow files: the good one is read, and every bad one is refused with the place and the mend.
import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseWorkflow } from "#src/workflows/parse.ts";
import { cost } from "#test/support/cost.ts";

const head = `---
name: flow
description: Something
budget: { run: 5.00, time: 45m }
stages:
`;
const agents = new Set(["fixer", "reviewer", "reproducer"]);

/** The problems of a workflow whose stages begin on line 6. */
function problems(stages: string): string[] {
  const parsed = parseWorkflow(`${head}${stages}\n---\nWords.`, "flow.md", { agents });
  return parsed.type === "ok" ? [] : parsed.problems;
}

const change = "fix: { agent: fixer, makes: Change }";
const verify = "verify: { needs: [fix], gates: [scope], otherwise: { back_to: fix, max: 2, ending: failed } }";

describe("a good workflow", () => {
  test("Baton's own bug workflow is read as its stages, gates and limits", async () => {
    const text = await readFile(join(import.meta.dirname, "../../workflows/bug.md"), "utf8");
    const parsed = parseWorkflow(text, "workflows/bug.md");
    if (parsed.type !== "ok") throw new Error(parsed.problems.join("\n"));
    expect(Object.keys(parsed.workflow.stages)).toEqual([
      "reproduce",
      "diagnose",
      "fix",
      "verify",
      "review",
      "publish",
    ]);
    expect(parsed.workflow.stages["verify"]).toMatchObject({
      gates: ["scope", "integrity", "green", "baseline"],
      otherwise: { back_to: "fix", max: 3, ending: "needs-a-person" },
    });
    expect(parsed.workflow.budget).toEqual({ run: 5, turns: 200, time: "45m" });
    expect(parsed.prose).toMatch(/^# A defect/);
  });

  test("a byte-order mark and CRLF line ends change nothing", () => {
    const text = `\uFEFF${head}  ${change}\n---\nWords\nmore`.replaceAll("\n", "\r\n");
    const parsed = parseWorkflow(text, "flow.md");
    expect(parsed).toMatchObject({ type: "ok", prose: "Words\nmore" });
  });

  test("stages may be written in any order", () => {
    expect(problems(`  ${verify}\n  ${change}`)).toEqual([]);
  });
});

describe("places", () => {
  test("line and column are those of the value that is wrong, after a byte-order mark and with CRLF too", () => {
    const text = `${head}  fix: { agent: fixer, makes: Change, turns: 0 }\n---\n`;
    const place = "flow.md:6:46: stages.fix.turns is 0 — write a whole number, at least 1 and at most 500";
    for (const variant of [text, `\uFEFF${text}`, text.replaceAll("\n", "\r\n")])
      expect(parseWorkflow(variant, "flow.md")).toEqual({ type: "invalid", problems: [place] });
  });

  test("all problems are told at once, in the order of the file", () => {
    const parsed = parseWorkflow(
      "---\nnaem: flow\ndescription: 5\nbudget: { run: -1, time: soon }\nstages: { fix: { makes: Chnge } }\n---\n",
      "flow.md",
    );
    expect(parsed).toEqual({
      type: "invalid",
      problems: [
        'flow.md:2:1: unknown key "naem" — did you mean "name"?',
        "flow.md:3:14: description is 5 — write text of 1 to 300 characters",
        "flow.md:4:16: budget.run is -1 — write a number, above 0 and at most 1000",
        'flow.md:4:26: budget.time is "soon" — write a duration like 90s, 10m or 1h',
        'flow.md:5:25: stages.fix.makes is "Chnge" — did you mean Change? write one of Triage, Reproduction, Diagnosis, Change, Plan, Review, Report, Findings, Characterization, Conclusion, Setup, Lessons, Remarks',
      ],
    });
  });

  test("more than twenty problems are counted, not listed", () => {
    const keys = Array.from({ length: 100 }, (_, index) => `zzz${index}: 1`).join("\n");
    const parsed = parseWorkflow(`---\n${keys}\n---\n`, "flow.md");
    if (parsed.type === "ok") throw new Error("accepted");
    expect(parsed.problems).toHaveLength(21);
    expect(parsed.problems.at(-1)).toMatch(/and \d+ more problems — mend these first/);
  });
});

describe("front matter", () => {
  test.each([
    ["", "flow.md:1:1: there is no front matter (the first line holds nothing) — begin the file with a line ---"],
    [
      "# Bug\n",
      'flow.md:1:1: there is no front matter (the first line holds "# Bug") — begin the file with a line ---',
    ],
    ["---\nname: flow\n", "flow.md:1:1: the front matter is not closed — put a line --- below it"],
    [
      "----\nname: flow\n----\n",
      'flow.md:1:1: there is no front matter (the first line holds "----") — begin the file with a line ---',
    ],
    ["---\nname: \0\n---\n", "flow.md:2:7: the file holds a NUL character — save it as UTF-8 text"],
    [" ".repeat(300_000), "flow.md:1:1: the file is larger than 256 KiB — make it shorter"],
    [`---\nname: ${"é".repeat(10_000)}\n---\n`, "flow.md:2:1: more than 16 KiB of YAML — make it shorter"],
    [
      "---\nname: [\n---\n",
      'flow.md:2:8: Flow sequence in block collection must be sufficiently indented and end with a ] ("name: [") — indent it like its neighbours, with spaces',
    ],
    ["---\nname:\n\tx: 1\n---\n", 'flow.md:3:1: Tabs are not allowed as indentation ("x: 1") — indent with spaces'],
    ["---\nname: a\nname: b\n---\n", 'flow.md:3:1: the key "name" is here twice — keep one of them'],
    ["---\n__proto__: { name: flow }\n---\n", 'flow.md:2:1: unknown key "__proto__" — take it out'],
    [
      "---\nname: !!binary aGk=\n---\n",
      'flow.md:2:16: tags are not taken ("tag:yaml.org,2002:binary") — write the plain value',
    ],
  ])("%j", (text, problem) => {
    const parsed = parseWorkflow(text, "flow.md");
    if (parsed.type === "ok") throw new Error("accepted");
    expect(parsed.problems[0]).toBe(problem);
  });

  test("anchors and aliases are refused before they can grow", () => {
    const bomb = ["a: &a [x, x]", ...Array.from({ length: 12 }, (_, i) => `b${i}: &b${i} [*a, *a, *a, *a]`)].join("\n");
    const parsed = parseWorkflow(`---\n${bomb}\n---\n`, "flow.md");
    if (parsed.type === "ok") throw new Error("accepted");
    expect(parsed.problems[0]).toMatch(/^flow\.md:2:7: anchors are not taken \(&a\)/);
  });

  test("deep nesting is refused, not followed", () => {
    const parsed = parseWorkflow(`---\nname: ${"[".repeat(8_000)}${"]".repeat(8_000)}\n---\n`, "flow.md");
    expect(parsed.type).toBe("invalid");
    const shallow = parseWorkflow(`---\nname: ${"[".repeat(25)}${"]".repeat(25)}\n---\n`, "flow.md");
    if (shallow.type === "ok") throw new Error("accepted");
    expect(shallow.problems.join()).toContain("nested deeper than 20 levels — make it flatter");
  });
});

describe("names", () => {
  test("a workflow is called like its file", () => {
    const parsed = parseWorkflow(`${head}  ${change}\n---\n`, ".github/baton/workflows/other.md");
    expect(parsed).toEqual({
      type: "invalid",
      problems: [
        '.github/baton/workflows/other.md:2:7: name is "flow", but the file is called other.md — make them the same',
      ],
    });
  });

  test("a stage that is needed must exist", () => {
    expect(problems(`  ${change}\n  ${verify.replace("[fix]", "[fx]")}`)[0]).toBe(
      'flow.md:7:21: verify needs the stage "fx", which does not exist — did you mean "fix"?',
    );
  });

  test("a stage to go back to must exist", () => {
    expect(problems(`  ${change}\n  ${verify.replace("back_to: fix", "back_to: mend")}`)).toEqual([
      'flow.md:7:65: verify goes back to the stage "mend", which does not exist — choose one of: fix, verify',
    ]);
  });

  test("an agent must exist, when the names are given", () => {
    const stages = "  fix: { agent: fxer, makes: Change }";
    expect(problems(stages)).toEqual([
      'flow.md:6:17: fix names the agent "fxer", which does not exist — did you mean "fixer"?',
    ]);
    expect(parseWorkflow(`${head}${stages}\n---\n`, "flow.md").type).toBe("ok");
  });

  test("a stage's name is checked", () => {
    expect(problems("  Fix It: { agent: fixer, makes: Change }")).toEqual([
      'flow.md:6:3: the key "Fix It" in stages is not valid — write lower-case letters, digits and dashes, starting with a letter',
    ]);
    expect(problems("  0: { agent: fixer }")).toEqual([
      'flow.md:6:3: the key "0" in stages is not valid — write lower-case letters, digits and dashes, starting with a letter',
      'flow.md:6:15: stages.0 has an agent ("fixer") that hands nothing in — add makes: with the artifact',
    ]);
  });

  test("stages that are a list are told to be one, and nothing else", () => {
    expect(problems("  - agent: fixer\n    needs: [1]\n  - agent: fixer")).toEqual([
      "flow.md:6:3: stages is a list of 2 — write a mapping of names",
    ]);
  });
});

describe("the graph", () => {
  test("a circle is named in full", () => {
    const stages = `  ${change.replace("fix: {", "fix: { needs: [verify],")}\n  ${verify}`;
    expect(problems(stages).join("\n")).toContain("fix → verify → fix — take one of these needs out");
  });

  test("a stage that needs itself is a circle", () => {
    expect(problems("  fix: { agent: fixer, makes: Change, needs: [fix] }").join()).toContain("fix → fix");
  });

  test("two circles are both named", () => {
    const stage = (name: string, need: string) => `  ${name}: { agent: fixer, makes: Change, needs: [${need}] }`;
    const found = problems([stage("a", "b"), stage("b", "a"), stage("c", "d"), stage("d", "c")].join("\n")).join("\n");
    expect(found).toContain("a → b → a");
    expect(found).toContain("c → d → c");
  });

  test("back_to is upstream, and another stage, and one with an agent", () => {
    const later = "later: { agent: fixer, makes: Change, needs: [verify] }";
    expect(problems(`  ${change}\n  ${later}\n  ${verify.replace("back_to: fix", "back_to: later")}`).join()).toContain(
      'verify goes back to "later", which it does not come after — name one of its needs, or what they need',
    );
    expect(problems(`  ${change}\n  ${verify.replace("back_to: fix", "back_to: verify")}`).join()).toContain(
      "verify goes back to itself — use again instead of back_to and max",
    );
    const third = "third: { needs: [verify], gates: [scope], otherwise: { back_to: verify, max: 1, ending: failed } }";
    expect(problems(`  ${change}\n  ${verify}\n  ${third}`).join()).toContain(
      'third goes back to "verify", which has no agent to do better — name a stage that has one',
    );
  });

  test("more than fifty stages are refused", () => {
    const stages = Array.from({ length: 51 }, (_, index) => `  s${index}: { agent: fixer, makes: Change }`).join("\n");
    expect(problems(stages)).toEqual(["flow.md:5:1: 51 stages — a workflow has at most 50; make it shorter"]);
  });
});

describe("what a stage is", () => {
  test.each([
    ["fix: {}", "flow.md:6:3: fix does nothing — give it an agent, gates, pick, pull_request or review"],
    [
      "fix: { agent: fixer }",
      'flow.md:6:17: fix has an agent ("fixer") that hands nothing in — add makes: with the artifact',
    ],
    ["fix: { makes: Change }", 'flow.md:6:17: fix makes "Change" but has no agent to make it — add agent:'],
    [
      "fix: { agent: fixer, makes: Change, gates: [scope] }",
      "flow.md:6:3: fix has gates that may say no, and does not say what happens then — add otherwise: { again: 0, ending: needs-a-person }",
    ],
    [
      "look: { agent: reviewer, makes: Review }",
      "flow.md:6:3: look has a Review that may say no, and does not say what happens then — add otherwise: { again: 0, ending: needs-a-person }",
    ],
    [
      "show: { agent: reproducer, makes: Reproduction }",
      "flow.md:6:3: show has a Reproduction that may say no, and does not say what happens then — add otherwise: { again: 0, ending: needs-a-person }",
    ],
    [
      "fix: { agent: fixer, makes: Change, gates: [green], otherwise: { again: 1, ending: failed } }",
      'flow.md:6:47: fix has the gate "green", but no stage before it makes a Reproduction — add one, or take the gate out',
    ],
    [
      "fix: { agent: fixer, makes: Change, gates: [red], otherwise: { again: 1, ending: failed } }",
      'flow.md:6:47: fix has the gate "red", but no stage before it makes a Reproduction — add one, or take the gate out',
    ],
    ...["pinned", "kept"].map((gate) => [
      `fix: { agent: fixer, makes: Change, gates: [${gate}], otherwise: { again: 1, ending: failed } }`,
      `flow.md:6:47: fix has the gate "${gate}", but no stage before it makes a Characterization — add one, or take the gate out`,
    ]),
    [
      "fix: { agent: fixer, makes: Change, gates: [scope, scope], otherwise: { again: 1, ending: failed } }",
      'flow.md:6:54: fix has the gate "scope" twice — keep one',
    ],
    [
      "fix: { agent: fixer, makes: Setup, gates: [tried], writes: setup, otherwise: { again: 1, ending: failed } }",
      "flow.md:6:17: fix writes a setup, which no agent does — move agent to a stage before it",
    ],
    [
      "fix: { writes: setup }",
      "flow.md:6:18: fix writes a setup, but no stage before it makes a Setup — add one, or take writes out",
    ],
    [
      "fix: { writes: setup }",
      "flow.md:6:18: fix writes a setup that nobody has tried — add gates: [tried] to the stage that makes the Setup",
    ],
    [
      "fix: { writes: lessons }",
      "flow.md:6:18: fix writes lessons, but no stage before it makes Lessons — add one, or take writes out",
    ],
    [
      "fix: { writes: lessons }",
      "flow.md:6:18: fix writes lessons that nothing shows — add a stage with collects: hindsight before the one that makes the Lessons",
    ],
    [
      "look: { collects: hindsight, agent: fixer }",
      "flow.md:6:39: look collects and does nothing else — move agent to another stage",
    ],
    [
      "look: { collects: hindsight }\n  more: { needs: [look], collects: hindsight }",
      "flow.md:7:36: more collects hindsight, which a stage before it does already — keep one",
    ],
    [
      "fix: { agent: fixer, makes: Change, gates: [tried], otherwise: { again: 1, ending: failed } }",
      'flow.md:6:47: fix has the gate "tried", but no stage before it makes a Setup — add one, or take the gate out',
    ],
    [
      "fix: { agent: fixer, makes: Change, time: 0m }",
      'flow.md:6:45: stages.fix.time is "0m" — write a duration above 0 and at most 24h',
    ],
    [
      "fix: { agent: fixer, makes: Change, otherwise: { again: 1, then: failed } }",
      'flow.md:6:62: unknown key "then" in stages.fix.otherwise — take it out; known here: ending',
    ],
    [
      "fix: { agent: fixer, makes: Change, otherwise: { back_to: fix, mx: 1, ending: failed } }",
      'flow.md:6:66: unknown key "mx" in stages.fix.otherwise — did you mean "max"?',
    ],
    [
      "look: { agent: scout, makes: Report }\n  say: { needs: [look], review: comment }",
      "flow.md:7:33: say publishes a review, but no stage before it makes Remarks — add one, or take review out",
    ],
    [
      "look: { agent: scout, makes: Remarks }\n  say: { needs: [look], review: comment, agent: fixer }",
      "flow.md:7:49: say publishes the review and does nothing else — move agent to a stage before it",
    ],
    [
      "look: { agent: scout, makes: Remarks }\n  say: { needs: [look], review: comment }\n  more: { needs: [say], agent: scout, makes: Report }",
      "flow.md:8:18: more comes after say, which publishes the review — put it before",
    ],
    [
      "look: { agent: scout, makes: Remarks }\n  say: { needs: [look], review: comment }\n  again: { needs: [look], review: comment }",
      "flow.md:8:35: again publishes a second review (say does already) — keep one",
    ],
    [
      "fix: { agent: fixer, makes: Change }\n  look: { needs: [fix], agent: scout, makes: Remarks }\n  say: { needs: [look], review: comment }",
      "flow.md:6:31: fix leaves a commit, and say publishes a review, for which nothing is changed — let it make a Report",
    ],
    [
      "look: { agent: scout, makes: Remarks, gates: [scope], otherwise: { again: 1, ending: failed } }\n  say: { needs: [look], review: comment }",
      "flow.md:6:48: look has gates, which judge changes, and say publishes a review, for which nothing is changed — take them out",
    ],
    [
      "look: { agent: scout, makes: Remarks, for_each: [a, b] }\n  say: { needs: [look], review: comment }",
      "flow.md:6:32: look is a fan-out that makes Remarks for each task; a run has one — make it in a stage of its own",
    ],
  ])("%s", (stage, problem) => {
    expect(problems(`  ${stage}`)).toContain(problem);
  });

  test("green is fine behind a Reproduction, however far upstream", () => {
    const reproduce =
      "reproduce: { agent: reproducer, makes: Reproduction, gates: [red], otherwise: { again: 1, ending: could-not-reproduce } }";
    const fix = "fix: { agent: fixer, makes: Change, needs: [reproduce] }";
    expect(problems(`  ${reproduce}\n  ${fix}\n  ${verify.replace("[scope]", "[green]")}`)).toEqual([]);
  });
});

test("pinned and kept are fine with a Characterization, here and upstream, and surface needs nothing", () => {
  const pin =
    "pin: { agent: fixer, makes: Characterization, gates: [pinned], otherwise: { again: 1, ending: failed } }";
  const fix = "fix: { agent: fixer, makes: Change, needs: [pin] }";
  expect(problems(`  ${pin}\n  ${fix}\n  ${verify.replace("[scope]", "[kept, surface]")}`)).toEqual([]);
  const publish = "publish: { needs: [verify], pull_request: draft }";
  const pinsOnly = verify.replace("needs: [fix]", "needs: [pin]").replace("[scope]", "[scope, integrity]");
  expect(problems(`  ${pin}\n  ${pinsOnly.replace("back_to: fix", "back_to: pin")}\n  ${publish}`)).toEqual([]);
});

describe("the pull request", () => {
  const checked = verify.replace("[scope]", "[scope, integrity]");
  const publish = "publish: { needs: [verify], pull_request: draft }";

  test("comes last and once", () => {
    expect(problems(`  ${change}\n  ${checked}\n  ${publish}`)).toEqual([]);
    const second = "again: { needs: [publish], pull_request: draft }";
    expect(problems(`  ${change}\n  ${checked}\n  ${publish}\n  ${second}`)).toEqual([
      "flow.md:9:44: again opens a second pull request (publish does already) — keep one",
    ]);
    const after = "after: { agent: fixer, makes: Report, needs: [publish] }";
    expect(problems(`  ${change}\n  ${checked}\n  ${publish}\n  ${after}`)).toEqual([
      "flow.md:9:48: after comes after publish, which opens the pull request — put it before",
    ]);
  });

  test("waits for every other stage, so that no gate can be left aside", () => {
    expect(problems(`  ${change}\n  ${checked}\n  ${publish.replace("[verify]", "[fix]")}`)).toEqual([
      "flow.md:7:3: verify does not lead to publish, so nobody would wait for it — name it in the needs of a later stage",
    ]);
  });

  test("needs a commit to show", () => {
    const look = "look: { agent: fixer, makes: Report }";
    expect(problems(`  ${look}\n  ${publish.replace("[verify]", "[look]")}`)).toEqual([
      "flow.md:7:43: publish opens a pull request, but no stage before it makes a Change — add one, or take pull_request out",
    ]);
  });

  test("is checked as a whole: what leaves a commit behind the last check is refused", () => {
    const late = "late: { agent: fixer, needs: [verify], makes: Change }";
    expect(problems(`  ${change}\n  ${checked}\n  ${late}\n  ${publish.replace("[verify]", "[late]")}`)).toEqual([
      'flow.md:8:3: late leaves a commit that nobody checks: it comes behind the last gate "scope" and "integrity" — move those gates behind it',
    ]);
    const again = checked.replace("verify:", "again:").replace("[fix]", "[late]");
    expect(
      problems(`  ${change}\n  ${checked}\n  ${late}\n  ${again}\n  ${publish.replace("[verify]", "[again]")}`),
    ).toEqual([]);
  });

  const tried =
    "survey: { agent: fixer, makes: Setup, gates: [tried, scope, integrity], otherwise: { again: 1, ending: failed } }";
  const write = "write: { needs: [survey], writes: setup }";

  test("is checked as a whole: files that Baton writes behind the last check are refused as well", () => {
    expect(problems(`  ${tried}\n  ${write}\n  ${publish.replace("[verify]", "[write]")}`)).toEqual([
      'flow.md:7:3: write leaves a commit that nobody checks: it comes behind the last gate "scope" and "integrity" — move those gates behind it',
    ]);
  });

  test.each([
    [
      "before it",
      `  fix: { agent: fixer, makes: Change }\n  ${tried.replace("agent", "needs: [fix], agent")}\n  ${write}`,
    ],
    ["behind it", `  ${tried}\n  ${write}\n  fix: { agent: fixer, needs: [write], makes: Change }`],
    ["of the same kind", `  ${tried}\n  ${write}\n  ${write.replace("write:", "fix:").replace("[survey]", "[write]")}`],
  ])("of files that Baton writes holds nothing else: a commit %s is refused", (_, stages) => {
    const all = `${stages}\n  ${checked.replace("[fix]", "[write, fix]")}\n  ${publish}`;
    expect(problems(all).filter((text) => text.includes("write writes"))).toEqual([
      expect.stringContaining(
        'write writes a setup, which is all that its pull request may hold, and "fix" leaves a commit too — keep one',
      ),
    ]);
  });

  test("of files that Baton writes is of one kind: proposals of another would be written in their place, or not at all", () => {
    const look = "collect: { collects: hindsight }\n  reflect: { agent: fixer, needs: [collect], makes: Lessons }";
    const all = `  ${tried}\n  ${look}\n  ${write.replace("[survey]", "[survey, reflect]")}\n  ${checked.replace("[fix]", "[write]")}\n  ${publish}`;
    expect(problems(all).filter((text) => text.includes("write writes"))).toEqual([
      expect.stringContaining(
        'write writes a setup, and "reflect" makes Lessons, which are another proposal — keep one',
      ),
    ]);
  });

  const lessons = (collect: string, reflect: string, rest = "") =>
    [
      `  collect: { collects: hindsight${collect} }`,
      `  reflect: { agent: fixer, needs: [collect], makes: Lessons${reflect} }`,
      `  write: { needs: [reflect], writes: lessons, gates: [scope, integrity], otherwise: { back_to: reflect, max: 1, ending: failed }${rest} }`,
      `  publish: { needs: [write], pull_request: draft${rest} }`,
    ].join("\n");
  const large = `, when: triage.size == "xl"`;
  const nothing = "there would be nothing to write";

  test.each([
    [large, "", `stands on "collect", which has when: passed over, ${nothing} — take it out there, or give`],
    ["", large, `stands on "reflect", which has when: passed over, ${nothing} — take it out there, or give`],
    [
      "",
      ", on_failure: degrade",
      `stands on "reflect", which is passed over when it fails (on_failure: degrade): then ${nothing}`,
    ],
  ])("of what was passed over is none: collect%s, reflect%s", (collect, reflect, problem) => {
    expect(problems(lessons(collect, reflect))).toEqual([expect.stringContaining(problem)]);
  });

  test("of a setup that was passed over is none, and where what writes it is passed over with it all is well", () => {
    const setup = `  ${tried.replace(/ }$/, `${large} }`)}\n  ${write}`;
    expect(problems(setup).join()).toContain(`writes a setup, which stands on "survey", which has when`);
    expect(problems(lessons(large, large, large))).toEqual([]);
    const always = lessons("", large).replace("needs: [reflect]", "needs: [reflect, other]");
    expect(problems(`${always}\n  other: { agent: fixer, needs: [collect], makes: Lessons }`)).toEqual([]);
  });

  test("is checked: scope and integrity at the least", () => {
    expect(problems(`  ${change}\n  ${verify}\n  ${publish}`)).toEqual([
      'flow.md:8:45: publish opens a pull request that nobody checked: no stage before it has the gate "integrity" — add it',
    ]);
  });

  test("is all its stage does", () => {
    expect(problems(`  ${change}\n  ${checked}\n  ${publish.replace("draft }", "draft, gates: [scope] }")}`)).toEqual([
      "flow.md:8:59: publish opens the pull request and does nothing else — move gates to a stage before it",
    ]);
  });
});

describe("anything at all", () => {
  const words = fc.constantFrom(
    ..."--- \n|: |- |{ |} |[ |] |, |\t|\r\n|&a |*a |!!str |%YAML|? |'|\"|#|name|stages|needs|otherwise|back_to|gates|red|fix|verify|agent|Change|again|ending|pull_request|5|\uFEFF|é|\u2028|  |>\n|@|`|__proto__|~|.inf|<<|constructor".split(
      "|",
    ),
  );
  const soup = fc.array(words, { maxLength: 120 }).map((parts) => parts.join(""));
  const mutated = fc.tuple(fc.nat(), fc.nat({ max: 30 }), soup).map(([where, cut, insert]) => {
    const good = `${head}  ${change}\n  ${verify.replace("[scope]", "[scope, integrity]")}\n  publish: { needs: [verify], pull_request: draft }\n---\nWords`;
    const from = where % good.length;
    return good.slice(0, from) + insert.slice(0, 20) + good.slice(from + cut);
  });
  const file = fc.oneof(
    fc.string({ maxLength: 300, unit: "binary" }),
    soup,
    soup.map((text) => `---\n${text}\n---\n`),
    mutated,
  );

  test("is answered without throwing, and every problem has a place and a mend", () => {
    fc.assert(
      fc.property(file, (text) => {
        const parsed = parseWorkflow(text, "flow.md", { agents });
        if (parsed.type === "ok") return;
        expect(parsed.problems.length).toBeGreaterThan(0);
        for (const line of parsed.problems) expect(line).toMatch(/^flow\.md(:\d+:\d+)?: .+( — .+|\?)$/su);
      }),
      { numRuns: 1_000 },
    );
  });

  const unit = fc.constantFrom(
    "[",
    "{",
    "{a: ",
    "- ",
    "? ",
    ": ",
    "&a ",
    "! ",
    ",",
    "[]",
    "]",
    "a:\n",
    "a:\t\n",
    "-\n",
    "a: [\n",
    '"',
    "\\",
    "\n",
    " ",
    "#\n",
    "k: v\n",
    "*a,",
    "a, ",
  );

  test("costs in proportion to its length", () => {
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 3 }), (parts) => {
        const block = parts.join("");
        const yaml = block.repeat(Math.floor(16_000 / block.length));
        const costOf = (text: string) => cost(() => parseWorkflow(`---\n${text}\n---\n`, "flow.md"), 2);
        // Four times the text; a quadratic reader would cost sixteen times as much. The constant covers small figures.
        expect(costOf(yaml)).toBeLessThan(9 * costOf(yaml.slice(0, 4_000)) + 60);
      }),
      { numRuns: 12 },
    );
  });
});

const plans = "plan: { agent: fixer, makes: Plan }";
const fan = (more: string) => `build: { agent: fixer, needs: [plan], for_each: plan.tasks, makes: Change${more} }`;

describe("fan-outs, waits and conditions", () => {
  test.each([
    [`  ${plans}\n  ${fan(", merge: reviewer, parallel: 3, retry: 2, budget: 1.5, model: deep, on_failure: degrade")}`],
    [`  ${plans}\n  ok: { needs: [plan], wait: approval }\n  fix: { agent: fixer, needs: [ok], makes: Change }`],
    [`  ${plans}\n  fix: { agent: fixer, needs: [plan], makes: Change, when: count(plan.tasks) > 1 }`],
    [`  look: { agent: fixer, for_each: [a, b], makes: Review }`],
    // Without a plan there is nothing to ask, where the workflow says so; and of two plans the last one is asked about.
    [
      `  plan: { agent: fixer, makes: Plan, when: triage.size == "xl" }\n  ok: { needs: [plan], when: triage.size == "xl", wait: approval }`,
    ],
    [
      `  rough: { agent: fixer, makes: Plan, on_failure: continue }\n  plan: { agent: fixer, needs: [rough], makes: Plan }\n  ok: { needs: [plan], wait: approval }`,
    ],
    [`  plan: { agent: fixer, makes: Plan, on_failure: continue }\n  ok: { needs: [plan], wait: answer }`],
    // What is passed over together proves nothing, and publishes nothing.
    [
      `  c: { agent: fixer, makes: Conclusion }\n  v: { needs: [c], when: c.files, gates: [scope, integrity], otherwise: { back_to: c, max: 1, ending: failed } }\n  p: { needs: [v], when: c.files, pull_request: draft }`,
    ],
    [
      `  fix: { agent: fixer, makes: Review, until: fix.verdict == "approve", otherwise: { again: 1, ending: failed } }`,
    ],
  ])("%s is well", (stages) => {
    expect(problems(stages)).toEqual([]);
  });

  test.each([
    [`  ${plans}\n  ${fan("")}`, "leaves commits side by side, and does not say who mends"],
    [`  ${plans}\n  ${fan(", merge: fxer")}`, 'names the agent "fxer", which does not exist — did you mean "fixer"?'],
    [
      `  fix: { agent: fixer, for_each: pln.tasks, makes: Change, merge: fixer }`,
      'works the tasks of "pln", which it does not come after',
    ],
    [
      `  ${change}\n  b: { agent: fixer, needs: [fix], for_each: fix.tasks, makes: Report }`,
      'works the tasks of "fix", which makes no Plan',
    ],
    [`  a: { agent: fixer, for_each: [x, y, x], makes: Report }`, 'works "x" twice'],
    [`  a: { agent: fixer, for_each: [x], makes: Plan }`, "is a fan-out that makes a Plan for each task"],
    [`  a: { agent: fixer, for_each: [x], makes: Lessons }`, "is a fan-out that makes Lessons for each task"],
    [`  a: { agent: fixer, for_each: [x], makes: Report, merge: fixer }`, "a Report carries no commit to be merged"],
    [`  a: { agent: fixer, makes: Change, merge: fixer }`, "has merge, but is no fan-out"],
    [`  a: { agent: fixer, makes: Change, parallel: 2 }`, "has parallel, but is no fan-out"],
    [`  a: { gates: [scope], retry: 1, otherwise: { again: 0, ending: failed } }`, "has retry, but no agent"],
    [`  ok: { wait: approval }`, "no stage before it makes a Plan"],
    [
      `  plan: { agent: fixer, makes: Plan, on_failure: degrade }\n  ok: { needs: [plan], wait: approval }`,
      'ok waits for approval of the plan of "plan", which is passed over when it fails (on_failure: degrade)',
    ],
    [
      `  plan: { agent: fixer, makes: Plan, when: triage.size == "xl" }\n  ok: { needs: [plan], wait: approval }`,
      "give this stage the very same when",
    ],
    [`  triage: { agent: fixer, makes: Report }`, 'a stage is called "triage"'],
    [
      `  ${plans}\n  ok: { needs: [plan], wait: approval, agent: fixer }`,
      "waits for a person and does nothing else — move agent",
    ],
    [`  a: { agent: fixer, makes: Report, until: a.summary == "x" }`, "does not say what happens then"],
    [`  a: { agent: fixer, makes: Report, when: triage.sise == "xl" }`, 'has no "sise" — did you mean "size"?'],
    [`  a: { agent: fixer, makes: Report, when: triage.size = "xl" }`, "=="],
    [
      `  a: { agent: fixer, makes: Report }\n  b: { agent: fixer, makes: Report, when: count(a.sections) > 0 }`,
      'there is no stage "a" to ask',
    ],
    [
      `  a: { agent: fixer, makes: Change }\n  b: { agent: fixer, makes: Change }`,
      "a and b both leave commits, and neither comes after the other",
    ],
    [
      `  ${change}\n  v: { needs: [fix], gates: [baseline], on_failure: continue, otherwise: { again: 0, ending: failed } }`,
      "would go on without them",
    ],
    [
      `  ${change}\n  v: { needs: [fix], gates: [scope], when: triage.size == "xl", otherwise: { again: 0, ending: failed } }`,
      "which every change must pass",
    ],
    [
      `  c: { agent: fixer, makes: Conclusion }\n  v: { needs: [c], when: c.files, gates: [scope, integrity], otherwise: { back_to: c, max: 1, ending: failed } }\n  p: { needs: [v], when: count(c.files) > 0, pull_request: draft }`,
      "give the stage that opens the pull request the very same when",
    ],
    [
      `  c: { agent: fixer, makes: Conclusion }\n  v: { needs: [c], gates: [scope, integrity], otherwise: { back_to: c, max: 1, ending: failed } }\n  p: { needs: [v], when: c.fles, pull_request: draft }`,
      'has no "fles" — did you mean "files"?',
    ],
    [
      `  ${plans}\n  ${fan(", merge: fixer")}\n  v: { needs: [build], gates: [scope], otherwise: { back_to: build, max: 1, ending: failed } }`,
      "which works many tasks",
    ],
  ])("%s", (stages, problem) => {
    const found = problems(stages);
    expect(found.join("\n")).toContain(problem);
    for (const line of found) expect(line).toMatch(/^flow\.md:\d+:\d+: .+ — .+/);
  });

  test("a condition is shown where it is wrong", () => {
    const [line] = problems(`  a: { agent: fixer, makes: Report, when: triage.size == "xxl" }`);
    expect(line).toMatch(/^flow\.md:6:58: a has when: triage\.size is never "xxl"/);
  });
});
