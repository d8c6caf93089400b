// Reads an agent file. The format is that of a Claude Code sub-agent, so files people have for it work as they are:
// what of that format Baton has no use for is ignored and said so in a warning; only what would change what the agent
// may do by accident (a misspelt key, tool or model) is an error.
import { z } from "zod";
import { readServers } from "./agent-servers.ts";
import { jsonSchemaOf, explain } from "./explain.ts";
import { splitFrontMatter, type FrontMatter } from "./front-matter.ts";
import { listed } from "./listed.ts";
import { parseLocatedYaml, type Located } from "./located-yaml.ts";
import { handToolNames, type ModelTier } from "./names.ts";
import { nearest } from "./nearest.ts";
import { checkFileName } from "./parse.ts";
import { fleetToolNames, talkToolNames, toolNames, type AgentDefinition, type ToolName } from "./schema.ts";
import { readServerTool, type MayName } from "./servers.ts";
import { openSource, quote, type Problem } from "./source-file.ts";

/** Characters a prompt may have: a specialist's fixed prompt is meant to stay small (8 KB); people's own files may be larger. */
const MAX_PROMPT = 64_000;

const names = z.union([z.string().max(4_000), z.array(z.string().max(200)).max(100)]);

/** The front matter as people write it. Keys beside these are ignored with a warning. */
export const AgentFrontMatter = z.looseObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and dashes, starting with a letter"),
  description: z.string().trim().min(1).max(8_000).describe("What the agent is for"),
  model: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .default("balanced")
    .describe("fast, balanced or deep; haiku, sonnet, opus and inherit are understood too"),
  tools: names
    .optional()
    .describe(
      "bash, read, write, edit, glob, grep, as a list or with commas, these when absent; and the tools to conduct others and to talk to them, where they are named",
    ),
  disallowedTools: names.optional().describe("Tools taken away from `tools`"),
  mcpServers: names
    .optional()
    .describe(
      "Names of MCP servers from the allow-list of whoever runs Baton; their tools are called `mcp__server__tool`, and `tools` and `disallowedTools` may name some of them",
    ),
});

/** Keys of the sub-agent format that are known and mean nothing here. */
const knownElsewhere = ["color", "version", "effort", "memory", "skills", "background", "isolation", "maxTurns"];

/** Tool names of the sub-agent format, in lower case. */
const tools: Readonly<Record<string, ToolName>> = {
  bash: "bash",
  read: "read",
  write: "write",
  edit: "edit",
  multiedit: "edit",
  glob: "glob",
  grep: "grep",
  ls: "glob",
  ...Object.fromEntries([...fleetToolNames, ...talkToolNames].map((name) => [name, name])),
};

const tiers: Readonly<Record<string, ModelTier>> = {
  fast: "fast",
  balanced: "balanced",
  deep: "deep",
  haiku: "fast",
  sonnet: "balanced",
  opus: "deep",
  inherit: "balanced",
};

export type ParsedAgent =
  | { readonly type: "ok"; readonly agent: AgentDefinition; readonly warnings: string[] }
  | { readonly type: "invalid"; readonly problems: string[] };

/**
 * Parses an agent file; warnings are lines like problems, about what is ignored. `known.mayName` says which servers it may name;
 * without it their names are not checked. Never throws; linear in the text.
 */
export function parseAgent(text: string, file: string, known: { mayName?: MayName } = {}): ParsedAgent {
  const opened = openSource(text, file);
  if (opened.type === "invalid") return opened;
  const { source } = opened;
  const split = splitFrontMatter(source);
  if (split.type === "invalid") return { type: "invalid", problems: source.report([split.problem]) };
  const { frontMatter } = split;
  const yaml = readLeniently(frontMatter);
  if (yaml.type === "invalid") return { type: "invalid", problems: source.report(yaml.problems) };
  const { root } = yaml;
  const checked = AgentFrontMatter.safeParse(withoutServers(root));
  const { problems, warnings } = checkKeys(root);
  const granted = readTools(root.entries.get("tools"));
  const taken = readTools(root.entries.get("disallowedTools"));
  const tier = readTier(root.entries.get("model"));
  const allowed: readonly ToolName[] = root.entries.has("tools") ? granted.tools : handToolNames;
  const given = toolNames.filter((tool) => allowed.includes(tool) && !taken.tools.includes(tool));
  const named = readServers(root, { merges: given.includes("merge_work") }, known.mayName);
  problems.push(
    ...(checked.success ? [] : explain(AgentFrontMatter, checked.error, root)),
    ...checkFileName(file, root),
    ...named.problems,
    ...granted.problems,
    ...taken.problems,
    ...(typeof tier === "string" ? [] : [tier]),
    ...checkMerging(given, root.entries.get("tools")),
    ...checkPrompt(frontMatter),
  );
  if (!checked.success || problems.length > 0 || typeof tier !== "string")
    return { type: "invalid", problems: source.report(problems) };
  const { name, description } = checked.data;
  return {
    type: "ok",
    agent: {
      name,
      description,
      model: tier,
      tools: given,
      servers: named.servers,
      prompt: frontMatter.prose,
      file,
    },
    warnings: source.report([...warnings, ...granted.warnings, ...named.warnings]),
  };
}

/** `readServers` has better words for what is wrong there. */
function withoutServers({ value, entries }: Located): unknown {
  if (!entries.has("mcpServers")) return value;
  return Object.fromEntries([...entries].flatMap(([key, entry]) => (key === "mcpServers" ? [] : [[key, entry.value]])));
}

/** Sub-agent files often hold a long `description:` with colons and no quotes, which is not YAML; it is then taken as the text it looks like. */
function readLeniently({ yaml, offset }: FrontMatter): ReturnType<typeof parseLocatedYaml> {
  const strict = parseLocatedYaml(yaml, offset);
  if (strict.type === "ok") return strict;
  const found = /^description:[ \t]+([^\s"'|>[{&*!#%@`][^\r\n]*)/m.exec(yaml);
  const text = found?.[1]?.trimEnd();
  if (!found || text === undefined || text.length < 3) return strict;
  // A placeholder of the same length keeps every other place where it is.
  const start = found.index + found[0].indexOf(text);
  const placeholder = `"${"x".repeat(text.length - 2)}"`;
  const lenient = parseLocatedYaml(yaml.slice(0, start) + placeholder + yaml.slice(start + text.length), offset);
  const description = lenient.type === "ok" ? lenient.root.entries.get("description") : undefined;
  if (lenient.type !== "ok" || !description) return strict;
  const entries = new Map(lenient.root.entries).set("description", { ...description, value: text });
  const value = Object.fromEntries([...entries].map(([key, entry]) => [key, entry.value]));
  return { type: "ok", root: { ...lenient.root, value, entries } };
}

function checkKeys(root: Located): { problems: Problem[]; warnings: Problem[] } {
  const known = Object.keys(jsonSchemaOf(AgentFrontMatter).properties ?? {});
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const [key, { keyOffset: offset }] of root.entries) {
    if (known.includes(key) || knownElsewhere.includes(key)) continue;
    const near = nearest(key, known);
    if (near !== undefined && !root.entries.has(near))
      problems.push({ offset, message: `unknown key ${quote(key)} — did you mean ${quote(near)}?` });
    else warnings.push({ offset, message: `${quote(key)} is ignored — Baton has no use for it` });
  }
  return { problems, warnings };
}

function readTools(located: Located | undefined): { tools: ToolName[]; problems: Problem[]; warnings: Problem[] } {
  const found: ToolName[] = [];
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const { name, offset } of listed(located)) {
    const key = name.toLowerCase();
    const tool = Object.hasOwn(tools, key) ? tools[key] : undefined;
    const near = nearest(key, Object.keys(tools));
    if (tool) found.push(tool);
    // `readServers` takes those of servers.
    else if (readServerTool(name) && !name.includes("(")) continue;
    else if (near !== undefined)
      problems.push({ offset, message: `unknown tool ${quote(name)} — did you mean ${quote(near)}?` });
    else if (name.includes("("))
      warnings.push({
        offset,
        message: `the tool ${quote(name)} is ignored — Baton cannot narrow a tool; name it without brackets to grant all of it`,
      });
    else
      warnings.push({ offset, message: `the tool ${quote(name)} is ignored — Baton has ${handToolNames.join(", ")}` });
  }
  return { tools: found, problems, warnings };
}

/** The tier behind a model's name; a full model id counts by the family in it. */
function readTier(located: Located | undefined): ModelTier | Problem {
  if (!located || typeof located.value !== "string") return "balanced";
  const name = located.value.trim().toLowerCase();
  const family = ["haiku", "sonnet", "opus"].find((word) => name.startsWith("claude-") && name.includes(word)) ?? name;
  const tier = Object.hasOwn(tiers, family) ? tiers[family] : undefined;
  if (tier) return tier;
  const near = nearest(name, Object.keys(tiers));
  const advice = near === undefined ? "write fast, balanced or deep" : `did you mean ${quote(near)}?`;
  return { offset: located.offset, message: `model is ${quote(located.value)} — ${advice}` };
}

/** What an agent merges is its result; so it cannot have files of its own besides. */
function checkMerging(given: readonly ToolName[], located: Located | undefined): Problem[] {
  const changing = given.find((tool) => tool === "bash" || tool === "write" || tool === "edit");
  if (!located || changing === undefined || !given.includes("merge_work")) return [];
  const message = `tools has merge_work and ${quote(changing)} — an agent hands in what it merged, or what it changed itself; take one of them out`;
  return [{ offset: located.offset, message }];
}

function checkPrompt({ prose, offset, yaml }: FrontMatter): Problem[] {
  const below = offset + yaml.length;
  if (prose === "") return [{ offset: below, message: "there is no prompt — write it below the front matter" }];
  if (prose.length <= MAX_PROMPT) return [];
  const message = `the prompt has ${prose.length} characters — make it at most ${MAX_PROMPT}`;
  return [{ offset: below, message }];
}
