// What the scripted model says about the sample repository: two real bugs, worked the way a careful agent would, and a setup.
// Everything else it is asked about it answers honestly: it knows no more. What it says next it reads from the tool
// results in front of it, so that it goes on rightly in a conversation that was resumed, spoiled, or begun anew from a summary.
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Diagnosis, Reproduction, Review, Triage } from "../workflows/artifacts.ts";
import type { Setup } from "../workflows/setup.ts";
import { honest, unknownOf } from "./sample-unknown.ts";
import type { Script, ScriptedCall, ScriptedTurn } from "./scripted-model.ts";
import { textOf, toolResults, toolUses } from "./scripted-request.ts";

interface SampleBug {
  readonly title: string;
  readonly body: string;
  /** Says whether an issue, its title and text, is about this bug. */
  readonly matches: RegExp;
  readonly triage: Triage;
  readonly agents: Readonly<Record<string, readonly Step[]>>;
}

/** One turn. `unless`: it is passed over when a tool result shows this, because the work is there already. */
type Step = ScriptedTurn & { readonly unless?: RegExp };

const bash = (command: string) => ({ name: "bash", input: { command } });
const read = (path: string) => ({ name: "read", input: { file_path: path } });
const grep = (pattern: string, path: string) => ({ name: "grep", input: { pattern, path } });
const edit = (path: string, before: string, after: string) => ({
  name: "edit",
  input: { file_path: path, old_string: before, new_string: after },
});
const finish = (input: Readonly<Record<string, unknown>>) => ({ name: "finish", input });

const approve: Review = { verdict: "approve", findings: [] };

const lostCent: SampleBug = {
  title: "Splitting $10.00 three ways only adds up to $9.99",
  body: [
    "We split a $10.00 bill between three people and somebody always has to chip in an extra cent:",
    "",
    "```js",
    'import { splitEvenly } from "tab";',
    "splitEvenly(1000, 3); // [333, 333, 333]",
    "```",
    "",
    "**Expected:** the shares add up to the total, e.g. `[334, 333, 333]`, as `splitByShares` already does.",
    "**Actual:** one cent is lost.",
  ].join("\n"),
  matches: /splitEvenly|three ways/,
  triage: {
    type: "bug",
    confidence: 0.96,
    runnerUp: "question",
    severity: "medium",
    size: "xs",
    labels: ["bug"],
    areas: ["src/split.js"],
    missing: [],
    securitySensitive: false,
    summary: "splitEvenly drops the remainder, so shares add up to less than the total",
    evidence: ["splitEvenly(1000, 3); // [333, 333, 333]", "one cent is lost"],
  },
  agents: {
    reproducer: [
      {
        text: "I look at how splitting is written and tested.",
        tools: [read("src/split.js"), read("test/split.test.js")],
      },
      {
        text: "The existing test only uses totals that divide evenly. I add one that does not.",
        unless: /splitEvenly loses no cent/,
        tools: [
          edit(
            "test/split.test.js",
            'test("splitEvenly refuses a party of nobody"',
            'test("splitEvenly loses no cent", () => {\n  const shares = splitEvenly(1000, 3);\n  assert.equal(shares.reduce((a, b) => a + b, 0), 1000);\n  assert.deepEqual(shares, [334, 333, 333]);\n});\n\ntest("splitEvenly refuses a party of nobody"',
          ),
        ],
      },
      {
        text: "It should fail because of the lost cent.",
        tools: [bash("node --test test/split.test.js 2>&1 | tail -40")],
      },
      {
        tools: [
          finish({
            reproduced: true,
            testFiles: ["test/split.test.js"],
            command: "node --test test/split.test.js",
            expectedFailure: "999 !== 1000",
            notes: "splitEvenly(1000, 3) gives [333, 333, 333]: the shares add up to 999.",
          } satisfies Reproduction),
        ],
      },
    ],
    debugger: [
      {
        text: "Where is the remainder lost, and who depends on it?",
        tools: [read("src/split.js"), grep("splitEvenly", ".")],
      },
      {
        tools: [
          finish({
            rootCause:
              "`splitEvenly` gives everyone `Math.floor(total / people)` and never hands out the remainder, so up to `people - 1` cents are lost.",
            locations: [{ path: "src/split.js", lines: "4", why: "the floor drops `total % people` cents" }],
            approach: "Hand the remaining cents to the first people, one each, as `splitByShares` does.",
            risk: "Low: totals that divide evenly give the same shares as before.",
          } satisfies Diagnosis),
        ],
      },
    ],
    fixer: [
      {
        text: "I hand the remaining cents out, one each, from the first person on.",
        tools: [
          edit(
            "src/split.js",
            "  return Array.from({ length: people }, () => Math.floor(total / people));",
            "  const share = Math.floor(total / people);\n  const rest = total - share * people;\n  return Array.from({ length: people }, (_, i) => share + (i < rest ? 1 : 0));",
          ),
        ],
      },
      { text: "The whole suite must pass now.", tools: [bash("npm test 2>&1 | tail -15")] },
      {
        tools: [
          finish({
            summary:
              "`splitEvenly` hands the remaining cents to the first people, so that shares always add up to the total.",
            files: ["src/split.js"],
            followUps: [],
          }),
        ],
      },
    ],
    reviewer: [
      {
        text: "I check negative totals and a single person, which the new test does not cover.",
        tools: [
          bash(
            "node -e 'import(\"./src/split.js\").then(({ splitEvenly: s }) => console.log(s(-1000, 3), s(5, 1), s(2, 3)))'",
          ),
        ],
      },
      { tools: [finish(approve)] },
    ],
  },
};

const thousands: SampleBug = {
  title: 'parse("$1,234.50") gives one dollar',
  body: [
    "Amounts copied from a bank statement have a thousands separator, and `parse` stops at it without a word:",
    "",
    "```js",
    'parse("$1,234.50"); // 100, expected 123450',
    "```",
  ].join("\n"),
  matches: /\$1,234|thousands separator/,
  triage: {
    type: "bug",
    confidence: 0.9,
    runnerUp: "feature",
    severity: "high",
    size: "xs",
    labels: ["bug"],
    areas: ["src/money.js"],
    missing: [],
    securitySensitive: false,
    summary: "parse silently stops at a thousands separator",
    evidence: ['parse("$1,234.50"); // 100, expected 123450'],
  },
  agents: {
    reproducer: [
      { text: "How does parse read its text?", tools: [read("src/money.js"), read("test/money.test.js")] },
      {
        text: "I pin the amount from the report.",
        unless: /parse reads thousands separators/,
        tools: [
          edit(
            "test/money.test.js",
            'test("parse refuses what is not an amount"',
            'test("parse reads thousands separators", () => {\n  assert.equal(parse("$1,234.50"), 123450);\n});\n\ntest("parse refuses what is not an amount"',
          ),
        ],
      },
      { tools: [bash("node --test test/money.test.js 2>&1 | tail -40")] },
      {
        tools: [
          finish({
            reproduced: true,
            testFiles: ["test/money.test.js"],
            command: "node --test test/money.test.js",
            expectedFailure: "100 !== 123450",
            notes: 'parse("$1,234.50") gives 100: parseFloat stops at the comma.',
          } satisfies Reproduction),
        ],
      },
    ],
    debugger: [
      { tools: [read("src/money.js")] },
      {
        tools: [
          finish({
            rootCause:
              "`Number.parseFloat` reads as far as it can and ignores the rest, so everything behind the comma is dropped silently.",
            locations: [{ path: "src/money.js", lines: "3", why: "parseFloat stops at the first comma" }],
            approach: "Take thousands separators out before reading the number.",
            risk: "Low: text without commas is read as before.",
          } satisfies Diagnosis),
        ],
      },
    ],
    fixer: [
      {
        text: "Separators go before the number is read.",
        tools: [
          edit(
            "src/money.js",
            'text.trim().replace("$", "")',
            'text.trim().replace("$", "").replaceAll(/,(?=\\d{3})/g, "")',
          ),
        ],
      },
      { tools: [bash("npm test 2>&1 | tail -15")] },
      {
        tools: [
          finish({
            summary: "`parse` takes thousands separators out before it reads the amount.",
            files: ["src/money.js"],
            followUps: ["Decide whether decimal commas (12,50) should be refused."],
          }),
        ],
      },
    ],
    reviewer: [
      { text: "Only groups of three digits lose their comma; that is right.", tools: [read("src/money.js")] },
      { tools: [finish(approve)] },
    ],
  },
};

const bugs = [lostCent, thousands];

/** The issue the demo opens, and the one it suggests to the person watching. */
export const sampleIssues = { first: lostCent, second: thousands };

/** What a brief says of the issue, without the rest of the brief: that holds hex digits of chance. */
function issueIn(brief: string): string {
  const blocks = brief.matchAll(
    /^----- data ([0-9a-f]+): (?:title|text) -----\n([\s\S]*?)\n----- end of data \1 -----$/gm,
  );
  return [...blocks].map(([, , text]) => text).join("\n");
}

/** The scripted replies of `agent` to a brief, in order of turns. */
function sampleReplies(agent: string, brief: string): readonly Step[] {
  const issue = issueIn(brief);
  const bug = bugs.find(({ matches }) => matches.test(issue));
  if (agent === "triager" && bug) return [{ tools: [finish(bug.triage)] }];
  if (agent === "surveyor") return surveyed;
  return bug?.agents[agent] ?? [{ text: honest, tools: [finish(unknownOf(brief))] }];
}

/** A setup for the sample, whatever issue it is asked for in. */
const surveyed: readonly Step[] = [
  { text: "How is this repository worked in?", tools: [read("package.json"), read("AGENTS.md"), read("src/money.js")] },
  { text: "I try what I mean to propose.", tools: [bash("npm test 2>&1 | tail -15; node --check src/index.js")] },
  {
    tools: [
      finish({
        summary: "A small library of plain ECMAScript modules without dependencies, tested with `node:test`.",
        commands: { test: "npm test", lint: "node --check src/index.js" },
        protect: [],
        agents: [
          {
            name: "cents",
            description: "Checks that amounts stay whole cents and that shares add up to what was split",
            tier: "fast",
            tools: ["bash", "read", "grep"],
            prompt:
              "Amounts are whole cents everywhere; only `src/money.js` knows about dollars and text. Look for amounts that become fractions, and for shares that do not add up to the amount that was split. Check with `node --test`. Hand in each place with its path and line, and amounts that show it.",
          },
        ],
        notes: ["Nobody has written down how tips are rounded."],
      } satisfies Setup),
    ],
  },
];

/** Where the sample repository's files are. */
export const sampleFolder = join(import.meta.dirname, "sample");

/** The sample repository: path → text. */
export async function sampleFiles(): Promise<Record<string, string>> {
  const entries = await readdir(sampleFolder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(sampleFolder, join(entry.parentPath, entry.name)));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(sampleFolder, path), "utf8")])),
  );
}

/** The script for `openScriptedModel`: every agent, for whichever issue it is told about, each reply after `delayMs`, the same in every attempt. */
export function sampleScript(delayMs = 0): (call: ScriptedCall) => Script {
  return ({ agent }) => ({ [agent]: (call) => ({ ...nextReply(agent, call), delayMs }) });
}

/** The step behind the last one whose tool calls are all answered in the conversation; the last step stays the last. */
function nextReply(agent: string, { request: { messages } }: ScriptedCall): ScriptedTurn {
  const told = messages.flatMap(({ role, content }) => (role === "user" ? [textOf(content)] : [])).join("\n");
  const results = messages.flatMap(({ content }) => toolResults(content));
  // A request in which a call has no result is refused before it comes here.
  const done = new Set(messages.flatMap(({ content }) => toolUses(content)).map(signOf));
  const steps = sampleReplies(agent, told).filter(
    ({ unless }) => !unless || !results.some(({ output }) => unless.test(output)),
  );
  const last = steps.findLastIndex(({ tools = [] }) => tools.every((call) => done.has(signOf(call))));
  const { unless: _, ...turn } = steps[Math.min(last + 1, steps.length - 1)] ?? {};
  return turn;
}

const signOf = ({ name, input }: { readonly name: string; readonly input?: unknown }) =>
  `${name} ${JSON.stringify(input)}`;
