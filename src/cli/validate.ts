// `baton validate`: checks what a repository says to Baton (config, workflows, agents) and Baton's own files, without running anything.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { invalidUsage, readArguments } from "./arguments.ts";
import { BatonError } from "../core/errors.ts";
import { rootOf } from "./local-clone.ts";
import { readEnv } from "../env.ts";
import { checkRepository } from "../workflows/check-repository.ts";
import { CONFIG_FILE, createLibrary, overrideFolder, type Shelf } from "../workflows/load.ts";
import type { AllowedServer } from "../workflows/servers.ts";
import { MAX_FILE_BYTES } from "../workflows/source-file.ts";

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
  const { folder, servers, print } = args;
  const library = await createLibrary();
  const found = await checkRepository(
    {
      read: (path) => readSmall(folder, path),
      list: (path) => readdir(join(folder, path)).catch(() => []),
      isFolder: (path) => isFolder(join(folder, path)),
    },
    { library, servers },
  );
  const problems = [
    ...(await problemsOfShelf(library.agents)),
    ...(await problemsOfShelf(library.workflows)),
    ...found.problems,
  ];
  for (const line of found.warnings) print(`warning: ${line}`);
  for (const line of problems) print(line);
  if (problems.length > 0) {
    print("");
    print(`${problems.length} problem${problems.length === 1 ? "" : "s"}. Nothing was changed.`);
    return 1;
  }
  const own = new Set(found.own);
  const named = (names: ReadonlySet<string>, kind: string) =>
    [...names]
      .toSorted()
      .map((name) => (own.has(`${overrideFolder}/${kind}/${name}.md`) ? `${name} (this repository's)` : name))
      .join(", ");
  print(found.hasConfig ? `${CONFIG_FILE} is in order` : `no ${CONFIG_FILE}: the defaults hold`);
  print(`workflows: ${named(found.workflows, "workflows")}`);
  print(`agents: ${named(found.agents, "agents")}`);
  return 0;
}

async function problemsOfShelf(shelf: Shelf<unknown>): Promise<string[]> {
  const problems: string[] = [];
  for (const name of shelf.names()) {
    try {
      await shelf.load(name);
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "invalid-config") throw error;
      problems.push(...error.message.split("\n"));
    }
  }
  return problems;
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
