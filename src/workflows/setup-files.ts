// From what a surveyor proposes to the files that Baton proposes to people: `.github/baton.yml` with what is new, and an agent file each.
// The same input gives the same files, byte by byte; a gate makes them again to know its own. Whatever a model wrote, a file is proposed
// only when it says, read back, exactly what its field said, and gives no agent more than its tools.
import { isDeepStrictEqual } from "node:util";
import picomatch from "picomatch";
import { withAdditions, type Additions } from "./config-text.ts";
import { CONFIG_FILE, ownAgentNames, overrideFolder, type ReadFile } from "./load.ts";
import { commandNames } from "./names.ts";
import { parseAgent } from "./parse-agent.ts";
import { parseRepoConfig } from "./parse-repo-config.ts";
import { defaultRepoConfig, type RepoConfig } from "./repo-config.ts";
import type { Setup, SetupAgent, Tried, TriedCommand } from "./setup.ts";

export interface Survey {
  readonly setup: Setup;
  readonly tried: Tried;
  /** Every path of the repository at the commit in question, and how its files are read. */
  readonly paths: readonly string[];
  readonly read: ReadFile;
}

/** What was proposed and is not in the files. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
  /** False when another proposal would not change it: people have decided already. */
  readonly mendable: boolean;
}

export interface ProposedFiles {
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly leftOut: readonly LeftOut[];
}

/** The files of a setup, and what could not become part of them. */
export async function proposeFiles(survey: Survey): Promise<ProposedFiles> {
  const leftOut: LeftOut[] = [];
  const config = await configFile(survey, leftOut);
  const agents = await agentFiles(survey, leftOut);
  return { files: [...config, ...agents], leftOut };
}

/** True for the files that a setup may consist of, and no other. */
export function isSetupFile(path: string): boolean {
  return path === CONFIG_FILE || /^\.github\/baton\/agents\/[a-z][a-z0-9-]{0,39}\.md$/.test(path);
}

async function configFile(survey: Survey, leftOut: LeftOut[]): Promise<ProposedFiles["files"]> {
  const text = await survey.read(CONFIG_FILE);
  const parsed = text === undefined ? undefined : parseRepoConfig(text, CONFIG_FILE);
  const config = parsed?.type === "ok" ? parsed.config : defaultRepoConfig;
  const additions = { commands: newCommands(survey, config, leftOut), protect: newPaths(survey, config, leftOut) };
  if (Object.keys(additions.commands).length === 0 && additions.protect.length === 0) return [];
  const next = withAdditions(text, additions, CONFIG_FILE, survey.tried.schema);
  if (next !== undefined) return [{ path: CONFIG_FILE, text: next }];
  const why = `\`${CONFIG_FILE}\` is written in a way that Baton cannot add to without changing what is there: add it by hand`;
  for (const [name, one] of Object.entries(additions.commands))
    leftOut.push({ what: `commands.${name}: ${one.command}`, why, mendable: false });
  for (const { glob } of additions.protect) leftOut.push({ what: `protect: ${glob}`, why, mendable: false });
  return [];
}

function newCommands({ setup, tried }: Survey, config: RepoConfig, leftOut: LeftOut[]): Additions["commands"] {
  const found: Record<string, NonNullable<Additions["commands"]["test"]>> = {};
  for (const name of commandNames) {
    const command = setup.commands[name];
    if (command === undefined) continue;
    const what = `commands.${name}: ${command}`;
    const before = config.commands[name];
    const result = tried.commands.find((one) => one.name === name && one.command === command);
    if (before !== undefined) {
      const why = `\`${CONFIG_FILE}\` says \`${before}\`, and what people wrote stays`;
      if (before !== command) leftOut.push({ what, why, mendable: false });
    } else if (!result?.works) leftOut.push({ what, why: result?.why ?? "it was not tried", mendable: true });
    else found[name] = { command, comment: commentOn(result) };
  }
  return found;
}

/** What the file says of a command: what Baton saw of it, and nothing of what a program printed. */
function commentOn({ code, tests, runs, stable }: TriedCommand): string {
  const times = runs > 1 ? `${runs} runs` : "1 run";
  if (!tests) return code === "by-exit-code" ? `Ran (${times}); judged by its exit code only.` : `Passed (${times}).`;
  const counts = [`${tests.passed} passed`, ...(tests.failed > 0 ? [`${tests.failed} failed`] : [])].join(", ");
  return `Tests read one by one: ${counts}${stable ? `, the same in ${times}` : `; not the same in each of ${times}`}.`;
}

function newPaths({ setup, paths }: Survey, config: RepoConfig, leftOut: LeftOut[]): Additions["protect"] {
  const globs = new Map(setup.protect.map(({ glob, why }) => [glob, why]));
  return [...globs].flatMap(([glob, reason]) => {
    if (config.protect.includes(glob)) return [];
    const matches = picomatch(glob, { dot: true });
    const count = paths.filter((path) => matches(path)).length;
    const leave = (why: string) => {
      leftOut.push({ what: `protect: ${glob}`, why, mendable: true });
      return [];
    };
    if (count === 0) return leave("it matches no file");
    if (count * 2 > paths.length) return leave(`it matches ${count} of ${paths.length} files: nothing could be worked`);
    return [{ glob, comment: `${reason} (${count} file${count === 1 ? "" : "s"} today)` }];
  });
}

async function agentFiles({ setup, paths }: Survey, leftOut: LeftOut[]): Promise<ProposedFiles["files"]> {
  const own = await ownAgentNames();
  const seen = new Set<string>();
  return setup.agents.flatMap((agent) => {
    const path = `${overrideFolder}/agents/${agent.name}.md`;
    const leave = (why: string, mendable = true) => {
      leftOut.push({ what: `the agent ${agent.name}`, why, mendable });
      return [];
    };
    // Whoever replaces the reviewer decides what is reviewed.
    if (own.includes(agent.name))
      return leave("Baton has an agent of this name, and a proposal replaces none: name it otherwise");
    if (seen.has(agent.name)) return leave("another one has the same name");
    seen.add(agent.name);
    if (paths.includes(path)) return leave(`\`${path}\` is there already, and what people wrote stays`, false);
    const text = agentText(agent);
    return saysTheSame(text, path, agent) ? [{ path, text }] : leave("its file would not say what its fields say");
  });
}

function agentText({ name, description, tier, tools, prompt }: SetupAgent): string {
  return `---
name: ${name}
description: ${JSON.stringify(description)}
model: ${tier}
tools: ${[...new Set(tools)].join(", ")}
---

${prompt}
`;
}

function saysTheSame(text: string, path: string, { name, description, tier, tools, prompt }: SetupAgent): boolean {
  const parsed = parseAgent(text, path);
  if (parsed.type === "invalid" || parsed.warnings.length > 0) return false;
  const { file: _, ...said } = parsed.agent;
  const sorted = { ...said, tools: said.tools.toSorted() };
  const wanted = { name, description, model: tier, tools: [...new Set(tools)].toSorted(), servers: [], prompt };
  return isDeepStrictEqual(sorted, wanted);
}
