// A feature for the sample repository, as scripted agents plan and build it: receipts as text and as CSV, side by side, and one function
// that chooses. Both export from the same file at the same place, so that git cannot merge the second.
import type { Plan, Report, Review, Triage } from "#src/workflows/artifacts.ts";
import type { AgentScript, ScriptedCall } from "#src/playground/scripted-model.ts";

export const feature = {
  title: "Receipts: print a bill as text and as CSV",
  body: "We want to hand out receipts. `textReceipt(bill)` prints a line per item and the total, `csvReceipt(bill)` the same for spreadsheets, and `receipt(bill, kind)` chooses.",
};

export const triage: Triage = {
  type: "feature",
  confidence: 0.95,
  runnerUp: "question",
  severity: "low",
  size: "m",
  labels: ["enhancement"],
  areas: ["src"],
  missing: [],
  securitySensitive: false,
  summary: "Receipts as text and CSV",
  evidence: ["We want to hand out receipts"],
};

const task = (id: string, needs: string[], claims: string[]): Plan["tasks"][number] => ({
  id,
  title: `The ${id} receipt`,
  instructions: `Write src/${id}.js and export it from src/index.js.`,
  needs,
  claims,
  acceptance: `test/${id}.test.js passes`,
});

export const plan: Plan = {
  summary: "Two printers side by side, then one function that chooses between them.",
  tasks: [
    task("text", [], ["src/text.js", "test/text.test.js"]),
    task("csv", [], ["src/csv.js", "test/csv.test.js"]),
    task("receipt", ["text", "csv"], ["src/receipt.js", "test/receipt.test.js"]),
  ],
  risks: ["Both printers are exported from src/index.js"],
  questions: ["Should amounts in CSV carry the currency sign?"],
};

const finish = (input: object) => ({ tools: [{ name: "finish", input: { ...input } }] });
const bash = (command: string) => ({ tools: [{ name: "bash", input: { command } }] });
const approve: Review = { verdict: "approve", findings: [] };
const report: Report = { summary: "Exports stand in src/index.js, one line each.", sections: [] };
const change = (summary: string) => finish({ summary, files: [], followUps: [] });

const names: Readonly<Record<string, string>> = { text: "textReceipt", csv: "csvReceipt", receipt: "receipt" };
const sources: Readonly<Record<string, string>> = {
  text: 'import { format } from "./money.js";\nexport function textReceipt(bill) {\n  return [...bill.items.map(({ name, cents }) => `${name} ${format(cents)}`), `total ${format(bill.total())}`].join("\\\\n");\n}\n',
  csv: 'import { format } from "./money.js";\nexport function csvReceipt(bill) {\n  return [...bill.items.map(({ name, cents }) => `${name},${format(cents)}`), `total,${format(bill.total())}`].join("\\\\n");\n}\n',
  receipt:
    'import { textReceipt } from "./text.js";\nimport { csvReceipt } from "./csv.js";\nexport function receipt(bill, kind) {\n  return kind === "csv" ? csvReceipt(bill) : textReceipt(bill);\n}\n',
};
const tests: Readonly<Record<string, string>> = {
  text: 'assert.equal(textReceipt(bill), "soup $4.50\\\\ntotal $4.50");',
  csv: 'assert.equal(csvReceipt(bill), "soup,$4.50\\\\ntotal,$4.50");',
  receipt: 'assert.match(receipt(bill, "csv"), /,/);',
};

/** The shell command that builds a task. */
function building(id: string): string {
  const name = names[id] ?? "";
  const test = `import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { Bill, ${name} } from "../src/index.js";\nconst bill = new Bill().add("soup", 450);\ntest("${name} prints a bill", () => {\n  ${tests[id] ?? ""}\n});\n`;
  const put = (path: string, text: string) => `cat > ${path} <<'END'\n${text.replaceAll("\\\\n", "\\n")}END`;
  return [
    put(`src/${id}.js`, sources[id] ?? ""),
    put(`test/${id}.test.js`, test),
    `echo 'export { ${name} } from "./${id}.js";' >> src/index.js`,
    `node --test test/${id}.test.js 2>&1 | tail -20`,
  ].join("\n");
}

/** What of the plan a builder was given; undefined for the whole. */
export function taskIn({ brief }: ScriptedCall): string | undefined {
  return /## Your task: ([a-z-]+), one of/.exec(brief)?.[1];
}

/** The agents of the feature workflow; the planner works in what it is told. */
export const receiptAgents = {
  triager: () => finish(triage),
  scout: () => finish(report),
  planner: ({ brief }: ScriptedCall) => finish(/without the sign/.test(brief) ? { ...plan, questions: [] } : plan),
  builder: (call: ScriptedCall) => {
    const id = taskIn(call);
    if (id === undefined)
      return call.turn === 1
        ? bash("node --test 2>&1 | tail -15")
        : change("Everything fits together; the suite passes.");
    return call.turn === 1 ? bash(building(id)) : change(`${names[id] ?? id} prints a bill.`);
  },
  integrator: ({ turn }: ScriptedCall) =>
    turn === 1
      ? bash(
          "sed -i '/^<<<<<<</d; /^|||||||/d; /^=======/d; /^>>>>>>>/d' src/index.js && cat src/index.js && node --test 2>&1 | tail -5",
        )
      : change("src/index.js exports both receipts."),
  tester: () => finish(approve),
  reviewer: () => finish(approve),
} satisfies Readonly<Record<string, AgentScript>>;
