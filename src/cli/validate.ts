// `baton validate`: checks what a repository says to Baton (config, workflows, agents) and Baton's own files, without running anything.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { invalidUsage, readArguments } from "./arguments.ts";
import { BatonError } from "../core/errors.ts";
import { rootOf } from "./local-clone.ts";
import { readEnv } from "../env.ts";
import { CONFIG_FILE, createLibrary, overrideFolder, type Shelf } from "../workflows/load.ts";
import { parseAgent } from "../workflows/parse-agent.ts";
import { parseRepoConfig } from "../workflows/parse-repo-config.ts";
import { mayName, type AllowedServer } from "../workflows/servers.ts";
import { parseWorkflow } from "../workflows/parse.ts";
import { MAX_FILE_BYTES } from "../workflows/source-file.ts";

/** What is wrong in one file, and what was left aside in it. */
interface Findings {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

const USAGE = `Usage: baton validate [folder]

Checks .github/baton.yml, .github/baton/workflows/*.md and .github/baton/agents/*.md of the repository that the folder is in
(default: this one), and the MCP servers that agents name where BATON_MCP says which there are.

Exit code 0: all in order. 1: something is to mend; every problem is printed with its place. 2: the folder is in no repository.`;

/** The verb: its arguments are the words behind it. Throws `invalid-usage` for options that do not exist, and where there is no repository. */
export async function validate(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const { servers } = readEnv([]);
  const [named = "."] = positionals;
  if (!(await isFolder(named)))
    throw invalidUsage(`there is no folder ${named} — give the folder of a repository`, USAGE);
  const folder = await rootOf(named, new AbortController().signal);
  return await validateFolder({ folder, servers, print: (line) => console.log(line) });
}

function parse(argv: readonly string[]) {
  const parsed = readArguments(argv, USAGE, {
    options: { help: { type: "boolean", short: "h", default: false } },
    allowPositionals: true,
  });
  if (parsed.positionals.length <= 1) return parsed;
  throw invalidUsage(`validate takes one folder, not ${argv.length} words`, USAGE);
}

/**
 * Checks the repository whose root is `folder`; prints each problem, or what was found to be in order. Without `servers` it is not checked which MCP
 * servers agents name. Gives the exit code: 0 or 1.
 */
export async function validateFolder(args: {
  folder: string;
  servers?: readonly AllowedServer[] | undefined;
  print: (line: string) => void;
}): Promise<number> {
  const { folder, print } = args;
  const library = await createLibrary();
  const ownWorkflows = await markdownFiles(folder, `${overrideFolder}/workflows`);
  const ownAgents = await markdownFiles(folder, `${overrideFolder}/agents`);
  const agents = new Set([...library.agents.names(), ...ownAgents.map(nameOf)]);
  const workflows = new Set([...library.workflows.names(), ...ownWorkflows.map(nameOf)]);
  const config = await readSmall(folder, CONFIG_FILE);

  const all: Findings[] = [
    await problemsOfShelf(library.agents),
    await problemsOfShelf(library.workflows),
    ...(await Promise.all(
      ownAgents.map(async (file) =>
        checked(await readSmall(folder, file), file, (text) => agentWith(args.servers, text, file)),
      ),
    )),
    ...(await Promise.all(
      ownWorkflows.map(async (file) =>
        checked(await readSmall(folder, file), file, (text) => parseWorkflow(text, file, { agents })),
      ),
    )),
    checked(config, CONFIG_FILE, (text) => parseRepoConfig(text, CONFIG_FILE, { workflows })),
    await misnamed(folder),
  ];
  const problems = all.flatMap((findings) => findings.problems);
  for (const line of all.flatMap((findings) => findings.warnings)) print(`warning: ${line}`);
  for (const line of problems) print(line);
  if (problems.length > 0) {
    print("");
    print(`${problems.length} problem${problems.length === 1 ? "" : "s"}. Nothing was changed.`);
    return 1;
  }
  print(config === undefined ? `no ${CONFIG_FILE}: the defaults hold` : `${CONFIG_FILE} is in order`);
  print(
    `workflows: ${[...workflows]
      .sort()
      .map((name) => marked(name, ownWorkflows))
      .join(", ")}`,
  );
  print(
    `agents: ${[...agents]
      .sort()
      .map((name) => marked(name, ownAgents))
      .join(", ")}`,
  );
  return 0;
}

/** An agent whose servers are checked against a list, or said to be unchecked. */
function agentWith(servers: readonly AllowedServer[] | undefined, text: string, file: string): ReturnType<Parse> {
  const parsed = parseAgent(text, file, servers ? { mayName: mayName(servers, undefined) } : {});
  if (servers || parsed.type === "invalid" || parsed.agent.servers.length === 0) return parsed;
  const unchecked = `${file}: mcpServers is not checked — only who runs Baton knows which there are, by BATON_MCP`;
  return { type: "ok", warnings: [...parsed.warnings, unchecked] };
}

function marked(name: string, own: readonly string[]): string {
  return own.some((file) => nameOf(file) === name) ? `${name} (this repository's)` : name;
}

function nameOf(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1, -".md".length);
}

async function problemsOfShelf(shelf: Shelf<unknown>): Promise<Findings> {
  const problems: string[] = [];
  for (const name of shelf.names()) {
    try {
      await shelf.load(name);
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "invalid-config") throw error;
      problems.push(...error.message.split("\n"));
    }
  }
  return { problems, warnings: [] };
}

type Parse = (
  text: string,
  file: string,
) => { type: "ok"; warnings?: readonly string[] } | { type: "invalid"; problems: readonly string[] };

function checked(text: string | undefined, file: string, parse: Parse): Findings {
  if (text === undefined) return { problems: [], warnings: [] };
  const parsed = parse(text, file);
  if (parsed.type === "invalid") return { problems: parsed.problems, warnings: [] };
  return { problems: [], warnings: parsed.warnings ?? [] };
}

/** A config under another name would be passed over in silence. */
async function misnamed(folder: string): Promise<Findings> {
  const others = [".github/baton.yaml", "baton.yml", "baton.yaml", ".baton.yml"];
  const problems: string[] = [];
  for (const file of others)
    if ((await readSmall(folder, file)) !== undefined)
      problems.push(`${file}:1:1: this file is not read — call it ${CONFIG_FILE}`);
  return { problems, warnings: [] };
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** A file's text; undefined when it is not there. Of a file that is too large just so much that the parser says so. */
async function readSmall(folder: string, file: string): Promise<string | undefined> {
  const path = join(folder, file);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  return found.size > MAX_FILE_BYTES ? " ".repeat(MAX_FILE_BYTES + 1) : await readFile(path, "utf8");
}

async function markdownFiles(folder: string, inside: string): Promise<string[]> {
  const names = await readdir(join(folder, inside)).catch(() => []);
  return names
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .sort()
    .map((name) => `${inside}/${name}`);
}
