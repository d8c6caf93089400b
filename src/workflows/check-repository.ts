// Checks what a repository says to Baton: its config, its own workflows and agents. Reads files, runs nothing; the same for a folder and for
// a commit on GitHub.
import { parseExtended, type Base } from "./extend-config.ts";
import { CONFIG_FILE, overrideFolder, type Library } from "./load.ts";
import { parseAgent } from "./parse-agent.ts";
import { parseRepoConfig } from "./parse-repo-config.ts";
import { parseWorkflow } from "./parse.ts";
import { mayName, type AllowedServer, type RepoName } from "./servers.ts";

/** The files of a repository. Paths are relative to its root, without a slash at either end; the root itself is "". */
export interface RepositoryFiles {
  /** A file's text; undefined when there is none. Of a file that is too large just so much that it is seen to be. */
  read(path: string): Promise<string | undefined>;
  /** The names of the files in a folder; none when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Whether there is such a folder; what names folders is unchecked when absent. */
  readonly isFolder?: (folder: string) => Promise<boolean>;
}

export interface CheckOptions {
  readonly library: Library;
  /** The MCP servers that agents may name; unchecked when absent. */
  readonly servers?: readonly AllowedServer[] | undefined;
  /** Whose agents they are: then servers of others are refused. */
  readonly repo?: RepoName | undefined;
  /** Reads what the config of `repo` extends; unchecked when absent. */
  readonly base?: (() => Promise<Base>) | undefined;
}

export interface Checked {
  /** What is to mend, each with its place. */
  readonly problems: readonly string[];
  /** What was left aside, or could not be checked. */
  readonly warnings: readonly string[];
  readonly hasConfig: boolean;
  /** Names of workflows and agents, Baton's and the repository's. */
  readonly workflows: ReadonlySet<string>;
  readonly agents: ReadonlySet<string>;
  /** Paths of the repository's own. */
  readonly own: readonly string[];
}

interface Findings {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

type Parse = (
  text: string,
  file: string,
) => { type: "ok"; warnings?: readonly string[] } | { type: "invalid"; problems: readonly string[] };

/** A config under another name would be passed over in silence. */
const misnames = [".github/baton.yaml", "baton.yml", "baton.yaml", ".baton.yml"];

/** True for a file in which a repository says something to Baton. */
export function isOwnFile(path: string): boolean {
  return path === CONFIG_FILE || path.startsWith(`${overrideFolder}/`);
}

/** Throws what reading the files throws. */
export async function checkRepository(files: RepositoryFiles, options: CheckOptions): Promise<Checked> {
  const { library } = options;
  const ownWorkflows = await markdownIn(files, `${overrideFolder}/workflows`);
  const ownAgents = await markdownIn(files, `${overrideFolder}/agents`);
  const agents = new Set([...library.agents.names(), ...ownAgents.map(nameOf)]);
  const workflows = new Set([...library.workflows.names(), ...ownWorkflows.map(nameOf)]);
  const config = await files.read(CONFIG_FILE);
  const each = (paths: readonly string[], parse: Parse) =>
    Promise.all(paths.map(async (file) => checked(await files.read(file), file, parse)));
  const all: Findings[] = [
    ...(await each(ownAgents, (text, file) => agentWith(options, text, file))),
    ...(await each(ownWorkflows, (text, file) => parseWorkflow(text, file, { agents }))),
    config === undefined ? nothing : await checkConfig(config, workflows, files, options),
    await misnamed(files),
  ];
  return {
    problems: all.flatMap(({ problems }) => problems),
    warnings: all.flatMap(({ warnings }) => warnings),
    hasConfig: config !== undefined,
    workflows,
    agents,
    own: [...ownWorkflows, ...ownAgents],
  };
}

const nothing: Findings = { problems: [], warnings: [] };

async function checkConfig(
  text: string,
  workflows: ReadonlySet<string>,
  files: RepositoryFiles,
  { repo, base }: CheckOptions,
): Promise<Findings> {
  const parsed =
    repo && base
      ? await parseExtended(text, CONFIG_FILE, repo, base, { workflows })
      : parseRepoConfig(text, CONFIG_FILE, { workflows });
  if (parsed.type === "invalid") return { problems: parsed.problems, warnings: [] };
  const unread = base === undefined && parsed.config.extends !== undefined;
  return {
    problems: [],
    warnings: [
      ...(await absentPackages(parsed, files)),
      ...(unread ? [`${CONFIG_FILE}: what it extends is not read from a folder, and is not checked`] : []),
    ],
  };
}

/** Packages that are not there: whoever moved a folder has forgotten it here. */
async function absentPackages(
  { config, report }: Extract<ReturnType<typeof parseRepoConfig>, { type: "ok" }>,
  { isFolder }: RepositoryFiles,
): Promise<string[]> {
  if (!isFolder) return [];
  const there = await Promise.all(config.packages.map(({ path }) => isFolder(path)));
  return config.packages.flatMap(({ path }, index) => {
    if (there[index] === true) return [];
    const message = `packages.${index}.path is ${JSON.stringify(path)}, which is no folder here — mend the path, or take the package out`;
    return report(["packages", index, "path"], message);
  });
}

/** The name of a workflow or an agent by its path. */
export function nameOf(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1, -".md".length);
}

/** An agent whose servers are checked against a list, or said to be unchecked. */
function agentWith({ servers, repo }: CheckOptions, text: string, file: string): ReturnType<Parse> {
  const parsed = parseAgent(text, file, servers ? { mayName: mayName(servers, repo) } : {});
  if (servers || parsed.type === "invalid" || parsed.agent.servers.length === 0) return parsed;
  const unchecked = `${file}: mcpServers is not checked — only who runs Baton knows which there are, by BATON_MCP`;
  return { type: "ok", warnings: [...parsed.warnings, unchecked] };
}

function checked(text: string | undefined, file: string, parse: Parse): Findings {
  if (text === undefined) return { problems: [], warnings: [] };
  const parsed = parse(text, file);
  if (parsed.type === "invalid") return { problems: parsed.problems, warnings: [] };
  return { problems: [], warnings: parsed.warnings ?? [] };
}

async function misnamed(files: RepositoryFiles): Promise<Findings> {
  const problems: string[] = [];
  for (const file of misnames)
    if ((await files.read(file)) !== undefined)
      problems.push(`${file}:1:1: this file is not read — call it ${CONFIG_FILE}`);
  return { problems, warnings: [] };
}

async function markdownIn(files: RepositoryFiles, folder: string): Promise<string[]> {
  const names = await files.list(folder);
  return names
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .toSorted()
    .map((name) => `${folder}/${name}`);
}
