// Reads a workflow file: front matter that says what happens, prose that says why.
// Every problem is reported at once as `file:line:column: what is wrong — what to do`.
import { explain } from "./explain.ts";
import { splitFrontMatter } from "./front-matter.ts";
import { at, parseLocatedYaml, type Located } from "./located-yaml.ts";
import { Workflow } from "./schema.ts";
import { openSource, quote, type Problem } from "./source-file.ts";
import { checkStages, checkTimes } from "./stage-graph.ts";

export type ParsedWorkflow =
  | { readonly type: "ok"; readonly workflow: Workflow; readonly prose: string }
  | { readonly type: "invalid"; readonly problems: string[] };

/** Parses a workflow file. `known.agents` are the agents that exist; without it their names are not checked. Never throws; linear in the text. */
export function parseWorkflow(
  text: string,
  file: string,
  known: { agents?: ReadonlySet<string> } = {},
): ParsedWorkflow {
  const opened = openSource(text, file);
  if (opened.type === "invalid") return opened;
  const { source } = opened;
  const split = splitFrontMatter(source);
  if (split.type === "invalid") return { type: "invalid", problems: source.report([split.problem]) };
  const { frontMatter } = split;
  const yaml = parseLocatedYaml(frontMatter.yaml, frontMatter.offset);
  if (yaml.type === "invalid") return { type: "invalid", problems: source.report(yaml.problems) };
  const checked = Workflow.safeParse(yaml.root.value);
  const problems = [
    ...(checked.success ? [] : explain(Workflow, checked.error, yaml.root)),
    ...checkFileName(file, yaml.root),
    ...checkStages(yaml.root, known.agents),
    ...checkTimes(yaml.root),
  ];
  if (!checked.success || problems.length > 0) return { type: "invalid", problems: source.report(problems) };
  return { type: "ok", workflow: checked.data, prose: frontMatter.prose };
}

/** Workflows and agents are found by file name, so a file `bug.md` must hold what is called bug. */
export function checkFileName(file: string, root: Located): Problem[] {
  const base = file.split("/").at(-1) ?? file;
  const { located, found } = at(root, ["name"]);
  if (!found || typeof located.value !== "string" || !base.endsWith(".md") || base === `${located.value}.md`) return [];
  const message = `name is ${quote(located.value)}, but the file is called ${base} — make them the same`;
  return [{ offset: located.offset, message }];
}
