// The library: Baton's own workflows and agents, read when they are first needed, and a repository's own in front of them.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BatonError } from "../core/errors.ts";
import { parseAgent } from "./parse-agent.ts";
import { parseWorkflow, type ParsedWorkflow } from "./parse.ts";
import type { AgentDefinition, Workflow } from "./schema.ts";
import type { MayName } from "./servers.ts";

/** Where Baton's own files are: `workflows/` beside `src/`. */
export const ownFolder = join(import.meta.dirname, "../../workflows");
/** What a repository says to Baton, relative to its root. */
export const CONFIG_FILE = ".github/baton.yml";
/** Where a repository's own files are, relative to its root. */
export const overrideFolder = ".github/baton";

/** Things by name. Loading one whose file is malformed throws `invalid-config` with every problem; an unknown name gives undefined. */
export interface Shelf<T> {
  load(name: string): Promise<T | undefined>;
  /** The names that are known beforehand; a repository's own are found by `load` only. */
  names(): readonly string[];
}

export interface Library {
  readonly workflows: Shelf<Workflow>;
  readonly agents: Shelf<AgentDefinition>;
}

/** Reads one file of a repository at a fixed commit; undefined when it is not there. */
export type ReadFile = (path: string) => Promise<string | undefined>;

/** Opens Baton's own library, or the one in `folder` (workflows in it, agents in its `agents/`). Lists the folders; reads no file yet. */
export async function createLibrary(options: { folder?: string } = {}): Promise<Library> {
  const folder = options.folder ?? ownFolder;
  const workflowNames = await markdownNames(folder);
  const agentNames = await markdownNames(join(folder, "agents"));
  const known = new Set(agentNames);
  return {
    agents: shelf(agentNames, async (name) => {
      if (!known.has(name)) return undefined;
      return agentOf(await readFile(join(folder, "agents", `${name}.md`), "utf8"), `workflows/agents/${name}.md`);
    }),
    workflows: shelf(workflowNames, async (name) => {
      if (!workflowNames.includes(name)) return undefined;
      const text = await readFile(join(folder, `${name}.md`), "utf8");
      return workflowOf(parseWorkflow(text, `workflows/${name}.md`, { agents: known }));
    }),
  };
}

/**
 * The library with a repository's own workflows and agents in front: a file of the same name replaces Baton's, another name adds to it.
 * A workflow is loaded with its agents, so that what is wrong with one of them is known before anything runs. `mayName`: the MCP servers
 * that the repository's agents may name; unchecked when absent.
 */
export function withOverrides(library: Library, read: ReadFile, mayName?: MayName): Library {
  const agents = shelf(library.agents.names(), async (name) => {
    const file = `${overrideFolder}/agents/${name}.md`;
    const text = await read(file);
    return text === undefined ? await library.agents.load(name) : agentOf(text, file, mayName);
  });
  const workflows = shelf(library.workflows.names(), async (name) => {
    const file = `${overrideFolder}/workflows/${name}.md`;
    const text = await read(file);
    const workflow = text === undefined ? await library.workflows.load(name) : workflowOf(parseWorkflow(text, file));
    if (!workflow) return undefined;
    const named = Object.values(workflow.stages).flatMap(({ agent, merge }) => [agent ?? [], merge ?? []].flat());
    const known = new Set(library.agents.names());
    const found = await Promise.all([...new Set(named)].map(async (agent) => await agents.load(agent)));
    for (const agent of found) if (agent) known.add(agent.name);
    return text === undefined ? workflow : workflowOf(parseWorkflow(text, file, { agents: known }));
  });
  return { workflows, agents };
}

/** The names of a repository's own agents, by its paths. */
export function agentNamesIn(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const [, name] = /^\.github\/baton\/agents\/([^/]+)\.md$/.exec(path) ?? [];
    return name !== undefined && isName(name) ? [name] : [];
  });
}

/** The names of the agents that come with Baton. */
export async function ownAgentNames(): Promise<string[]> {
  return await markdownNames(join(ownFolder, "agents"));
}

/** Names in lower-case letters, digits and dashes only: a name is made into a path. */
function isName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,39}$/.test(name);
}

function shelf<T>(names: readonly string[], find: (name: string) => Promise<T | undefined>): Shelf<T> {
  const found = new Map<string, Promise<T | undefined>>();
  return {
    names: () => names,
    async load(name) {
      if (!isName(name)) return undefined;
      const before = found.get(name);
      if (before) return await before;
      const loading = find(name);
      found.set(name, loading);
      // A file that could not be read may be there next time; what was read stays as it was.
      loading.catch(() => found.delete(name));
      return await loading;
    },
  };
}

async function markdownNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => entry.name.slice(0, -".md".length))
    .filter(isName)
    .sort();
}

function workflowOf(parsed: ParsedWorkflow): Workflow {
  if (parsed.type === "ok") return parsed.workflow;
  throw new BatonError("invalid-config", parsed.problems.join("\n"));
}

function agentOf(text: string, file: string, mayName?: MayName): AgentDefinition {
  const parsed = parseAgent(text, file, mayName ? { mayName } : {});
  if (parsed.type === "ok") return parsed.agent;
  throw new BatonError("invalid-config", parsed.problems.join("\n"));
}
