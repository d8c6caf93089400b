// A plan as people read and edit it: YAML in a fenced block of Baton's comment, and back.
//
// What is printed parses to the very same plan, letter for letter. Nothing in it can act where it stands: the fence is longer than any
// run of backticks inside, and what cannot be seen (or would turn a line around) is written as an escape.
import { isDeepStrictEqual } from "node:util";
import { Plan } from "../workflows/artifacts.ts";
import { explain } from "../workflows/explain.ts";
import { parseLocatedYaml, type Located } from "../workflows/located-yaml.ts";
import { openSource, type Problem } from "../workflows/source-file.ts";
import { taskProblems } from "../workflows/waves.ts";

/** More YAML than this is not shown: it could not be read back (a comment of GitHub's holds 65,536 characters). */
export const MAX_PLAN_BYTES = 48 * 1024;

/** The plan as YAML, ending in a line end. */
export function printPlan({ summary, tasks, risks, questions }: Plan): string {
  return [
    `summary: ${scalar(summary, 2)}`,
    tasks.length === 0 ? "tasks: []" : "tasks:",
    ...tasks.flatMap(({ id, title, agent, instructions, needs, claims, acceptance }) => [
      `  - id: ${scalar(id, 6)}`,
      `    title: ${scalar(title, 6)}`,
      ...(agent === undefined ? [] : [`    agent: ${scalar(agent, 6)}`]),
      `    needs:${list(needs, 6)}`,
      `    claims:${list(claims, 6)}`,
      `    acceptance: ${scalar(acceptance, 6)}`,
      `    instructions: ${scalar(instructions, 6)}`,
    ]),
    `risks:${list(risks, 2)}`,
    `questions:${list(questions, 2)}`,
    "",
  ].join("\n");
}

function list(items: readonly string[], indent: number): string {
  if (items.length === 0) return " []";
  return items.map((item) => `\n${" ".repeat(indent)}- ${scalar(item, indent + 2)}`).join("");
}

/** Everything but what has ink, spaces, and the line ends and tabs of code: it is escaped. */
const hidden = /[^\t\n\x20-\x7e\p{L}\p{M}\p{N}\p{P}\p{S}]|[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u;
/** Words that YAML, or a person, reads as something else than text. */
const words = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

function scalar(text: string, indent: number): string {
  const shown = !hidden.test(text);
  if (shown && text.includes("\n") && !/^[ \t]|[ \t](?:\n|$)|\n$/.test(text)) {
    const margin = " ".repeat(indent);
    return `|-\n${text.replaceAll(/^(?=.)/gm, margin)}`;
  }
  const plain = shown && /^\p{L}/u.test(text) && !/[\n\t]|:(?: |$)| #| $/.test(text) && !words.test(text);
  return plain ? text : quoted(text);
}

function quoted(text: string): string {
  // JSON's escapes are YAML's.
  return Array.from(JSON.stringify(text), (char) => {
    if (!hidden.test(char)) return char;
    const code = char.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  }).join("");
}

/** YAML in a fenced block that its content cannot leave. */
export function planBlock(yaml: string): string {
  const longest = Math.max(0, ...(yaml.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(Math.max(3, longest + 1));
  return `${fence}yaml\n${yaml}${fence}`;
}

/** The text of the one YAML block of a comment; a number when there is none, or more than one. GitHub's forms send lines as CRLF. */
export function blockIn(body: string): string | number {
  const blocks: string[] = [];
  let open: { readonly fence: string; readonly yaml: boolean; readonly lines: string[] } | undefined;
  for (const line of body.replaceAll(/\r\n?/g, "\n").split("\n")) {
    const fence = /^ {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$/.exec(line);
    if (open) {
      const closes = fence && fence[2]?.trim() === "" && fence[1]?.startsWith(open.fence);
      if (!closes) open.lines.push(line);
      else {
        if (open.yaml) blocks.push(open.lines.map((one) => `${one}\n`).join(""));
        open = undefined;
      }
    } else if (fence) open = { fence: fence[1] ?? "", yaml: /^ya?ml$/i.test(fence[2]?.trim() ?? ""), lines: [] };
  }
  const [only] = blocks;
  return only !== undefined && blocks.length === 1 ? only : blocks.length;
}

/** Reads a plan that a person wrote. Problems in words, each with its line within the YAML. Never throws. */
export function parsePlan(
  yaml: string,
): { readonly type: "ok"; readonly plan: Plan } | { readonly type: "invalid"; readonly problems: readonly string[] } {
  const opened = openSource(yaml, "plan");
  if (opened.type === "invalid") return { type: "invalid", problems: opened.problems.map(asLine) };
  const invalid = (problems: readonly Problem[]) => ({
    type: "invalid" as const,
    problems: opened.source.report(problems).map(asLine),
  });
  const read = parseLocatedYaml(opened.source.text, 0, MAX_PLAN_BYTES);
  if (read.type === "invalid") return invalid(read.problems);
  const parsed = Plan.safeParse(read.root.value);
  if (!parsed.success) return invalid(explain(Plan, parsed.error, read.root));
  const problems = boardProblems(parsed.data, read.root);
  return problems.length > 0 ? invalid(problems) : { type: "ok", plan: parsed.data };
}

/** "plan:12:5: what is wrong" → "line 12: what is wrong". */
function asLine(problem: string): string {
  return problem
    .replace(/^plan:(?:(\d+):\d+:)?/, (_, line?: string) => (line === undefined ? "" : `line ${line}:`))
    .trim();
}

/** What keeps the tasks from being worked, each at the first task it names. */
function boardProblems({ tasks }: Plan, root: Located): Problem[] {
  const list = root.entries.get("tasks") ?? root;
  if (tasks.length === 0)
    return [{ offset: list.keyOffset, message: "the plan has no task — write one; to end the run, reject the plan" }];
  return taskProblems(tasks).map((message) => {
    const named = firstNamed(message, new Set(tasks.map(({ id }) => id)));
    // Of two with the same id it is the later one that is one too many.
    const index = tasks.findLastIndex(({ id }) => id === named);
    return { offset: (list.entries.get(String(index)) ?? list).offset, message };
  });
}

function firstNamed(message: string, ids: ReadonlySet<string>): string | undefined {
  const quotes = [...message.matchAll(/"([a-z0-9-]+)"/g)].map(([, id]) => id);
  const words = message.match(/[a-z0-9-]+/g) ?? [];
  return [...quotes, ...words].find((word) => word !== undefined && ids.has(word));
}

/** True when both say the same, whatever stands in the files they come from. */
export function isSamePlan(a: Plan, b: Plan): boolean {
  return isDeepStrictEqual(a, b);
}
