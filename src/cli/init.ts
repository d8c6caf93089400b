// `baton init`: tries the commands of a local clone in the sandbox and proposes what Baton should know of it. Alone it needs no key and no
// server: what can be read off the files is tried. With --agent a surveyor proposes, by the same workflow as `/agent init`; so does
// an issue on GitHub.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openParts } from "../parts.ts";
import { invalidUsage, readArguments } from "./arguments.ts";
import { BatonError } from "../core/errors.ts";
import { newRunId, type Sha } from "../core/ids.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import type { RepoRef } from "../engine/events.ts";
import { isHomeSet, readEnv, type Env, type Source } from "../env.ts";
import { createGates } from "../gates/create-gates.ts";
import { CONFIG_FILE, type ReadFile } from "../workflows/load.ts";
import { commandNames } from "../workflows/names.ts";
import { proposeFiles, type ProposedFiles } from "../workflows/setup-files.ts";
import type { Setup, Tried } from "../workflows/setup.ts";
import { installInTheWay, isSuiteVerifiable, onlyTold, whatCanBeVerified } from "../workflows/verifiable.ts";
import { findCommands } from "../workspace/commands.ts";
import { textAt } from "../workspace/text-at.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import { openClone, rootOf } from "./local-clone.ts";
import { inFolder, readConfig } from "./read-config.ts";
import { isIssueOnGitHub } from "./run-github.ts";
import { run } from "./run.ts";
import { stopSignal } from "./serve.ts";

const USAGE = `Usage: baton init [folder] [--write]          try what is detected in a local clone; needs no key
       baton init [folder] --agent [options]  let a surveyor propose; leaves a branch and a pull-request text
       baton init <owner/repo#12> [options]   the same for a repository on GitHub, asked for in an issue; needs GITHUB_TOKEN

The commands are tried on the last commit, in fresh clones in the sandbox; .github/baton.yml counts as it is now.
Without --write nothing is changed, and without --agent nothing is kept: the clones are in BATON_HOME where that is set,
else in a folder that goes at the end.

  --write             write the files that are proposed into the folder
  --agent             ask a model, which may also propose paths to protect and agents; needs ANTHROPIC_API_KEY
  --budget <dollars>  with a model: stop when this much is spent
  --max-time <20m>    with a model: stop after this long
  --json              print one line of JSON at the end; what is told goes to stderr

Exit code 0: the suite can be compared here. 1: it cannot yet, or something failed; what is told says why. 2: it was asked for
something that cannot be. 130: it was interrupted.`;

/** The verb. Its exit codes stand in the usage. */
export async function init(argv: readonly string[], source?: Source): Promise<number> {
  const { values, positionals } = parse(argv);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const refuse = (why: string) => invalidUsage(why, USAGE);
  if (positionals.length > 1) throw refuse(`init takes one place, not ${positionals.join(" ")}`);
  const [target = "."] = positionals;
  const onGitHub = isIssueOnGitHub(target);
  if (!onGitHub && !existsSync(target))
    throw refuse(
      /^[\w.-]+\/[\w.-]+$/.test(target)
        ? `${target} is no folder; for a repository on GitHub name an issue that asks for it (${target}#12)`
        : `${target} is no folder and no issue on GitHub (owner/repo#12)`,
    );
  if (onGitHub || values.agent) {
    if (values.write) throw refuse("--write belongs to what is detected: what a model proposes comes as a branch");
    return await withModel(target, onGitHub, values, source);
  }
  if (values.budget !== undefined || values["max-time"] !== undefined)
    throw refuse("--budget and --max-time belong to --agent: without a model nothing is spent");
  return await detected(target, values, source);
}

/** The workflow `init`, as `baton run` works it. */
async function withModel(
  target: string,
  onGitHub: boolean,
  { budget, "max-time": maxTime, json }: Pick<ReturnType<typeof parse>["values"], "budget" | "max-time" | "json">,
  source: Source | undefined,
): Promise<number> {
  const options = [
    "--workflow",
    "init",
    ...(budget === undefined ? [] : ["--budget", budget]),
    ...(maxTime === undefined ? [] : ["--max-time", maxTime]),
    ...(json ? ["--json"] : []),
  ];
  if (onGitHub) return await run([target, ...options], source);
  // The run reads what was committed; who mends the file in the folder wants to hear of it before a model is paid.
  await readConfig(inFolder(await rootOf(target, new AbortController().signal)));
  const folder = await mkdtemp(join(tmpdir(), "baton-init-"));
  try {
    const text = join(folder, "set-up-baton.md");
    await writeFile(text, "# Set up Baton\n\nPropose how Baton should work in this repository.\n");
    return await run([text, "--repo", target, ...options], source);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function detected(
  folder: string,
  { write, json }: { readonly write: boolean; readonly json: boolean },
  source: Source | undefined,
): Promise<number> {
  const print = json ? (line: string) => console.error(line) : (line: string) => console.log(line);
  await using undo = new AsyncDisposableStack();
  const env = await withHome(source, undo);
  const journal = createLog({
    level: env.logLevel === "info" ? "warn" : env.logLevel,
    redact: createRedact(env.secrets),
  });
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const { signal } = stop;
  const parts = undo.use(await openParts({ env, journal, credential: () => Promise.resolve(undefined) }));
  if (parts.sandbox.warning !== undefined) console.error(`Warning: ${parts.sandbox.warning}`);
  const { workspaces } = parts;
  const clone = await openClone({ folder, workspaces, print, signal });
  const committed = textAt(workspaces, clone.repo, clone.commit, signal);
  const now = inFolder(clone.root);
  const read: ReadFile = (path) => (path === CONFIG_FILE ? now(path) : committed(path));
  const trial = { ...clone, workspaces, read, signal };
  try {
    // What is detected becomes this file and no other: trying takes minutes, so a refusal comes before it.
    if (write) await refuseUncommitted(clone.root, trial, [CONFIG_FILE]);
    else if ((await now(CONFIG_FILE)) !== (await committed(CONFIG_FILE)))
      print(`${CONFIG_FILE} counts as it is in the folder, which is not as it was committed.`);
    const { tried, proposed } = await tryDetected({
      ...trial,
      run: parts.sandbox.run,
      journal,
      schema: env.configSchema,
      print,
    });
    tell(tried, proposed, print);
    if (write) await writeInto(clone.root, trial, proposed, print);
    else if (proposed.files.length > 0) print("\nNothing was written; --write does.");
    if (json) console.log(JSON.stringify({ tried, ...proposed, verifiable: whatCanBeVerified(tried), written: write }));
    return isSuiteVerifiable(tried) ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) throw error;
    print("Stopped.");
    return 130;
  }
}

/** The environment; where it names no home, a folder for this one time. */
async function withHome(source: Source | undefined, undo: AsyncDisposableStack): Promise<Env> {
  const env = readEnv([], source);
  if (isHomeSet(source)) return env;
  const home = await mkdtemp(join(tmpdir(), "baton-init-"));
  undo.defer(() => rm(home, { recursive: true, force: true }));
  return { ...env, home };
}

interface Trial {
  readonly repo: RepoRef;
  readonly commit: Sha;
  readonly workspaces: Workspaces;
  /** The files of that commit, but for the config as it is in the folder now. */
  readonly read: ReadFile;
  readonly signal: AbortSignal;
}

/** The gate `tried` over what is detected: the same runs and the same judgement as for what a surveyor proposes. */
async function tryDetected({
  repo,
  commit,
  workspaces,
  read,
  run: execute,
  journal,
  schema,
  print,
  signal,
}: Trial &
  Pick<Parameters<typeof createGates>[0], "run" | "schema"> & {
    readonly journal: ReturnType<typeof createLog>;
    readonly print: (line: string) => void;
  }): Promise<{ tried: Tried; proposed: ProposedFiles }> {
  const config = await readConfig(read);
  const { commands, source } = await findCommands(workspaces, repo, commit, config, signal);
  for (const name of commandNames)
    if (commands[name] !== undefined) print(`trying ${name.padEnd(10)} ${commands[name]}   (${source[name] ?? ""})`);
  const setup: Setup = { summary: "What is detected.", commands: { ...commands }, protect: [], agents: [], notes: [] };
  const gates = createGates({ workspaces, run: execute, log: journal, schema });
  const result = await gates.check(
    {
      gate: "tried",
      runId: newRunId(),
      repo,
      base: commit,
      head: commit,
      reproduction: undefined,
      characterization: undefined,
      setup: { value: setup, tried: undefined, commit: undefined },
      last: true,
      config,
    },
    signal,
  );
  if (!result.tried) throw new BatonError("git-failed", result.summary);
  const { tried } = result;
  const paths = await workspaces.paths(repo, commit, signal);
  return { tried, proposed: await proposeFiles({ setup, tried, paths, read }) };
}

function tell(tried: Tried, { files, leftOut }: ProposedFiles, print: (line: string) => void): void {
  const signs = { yes: "✓", "in part": "○", no: "✗", "not verified": "–" };
  print("\nWhat Baton can verify here");
  for (const { what, can, why } of whatCanBeVerified(tried)) print(`  ${signs[can]} ${what}: ${can}\n      ${why}`);
  print(`  ${onlyTold(tried)}`);
  if (leftOut.length > 0) print("\nLeft out");
  for (const { what, why } of leftOut) print(`  ${what}\n      ${why}`);
  const says = tried.commands.some(({ name, from }) => name === "test" && from === "written");
  if (files.length === 0)
    print(
      says
        ? "\nThere is nothing to add to what the repository says already."
        : `\nFound no command to propose. Write \`commands.test\` into ${CONFIG_FILE}.`,
    );
  const install = installInTheWay(tried.commands);
  if (files.length > 0 && install)
    print(`\nNot enough yet: \`${install.command}\` does not work here, and every check begins with it.`);
  for (const { path, text } of files) print(`\n${path}\n\n${text.trimEnd().replace(/^/gm, "  ")}`);
}

/** Never over something that was tried otherwise: a file that is not as it was committed is left alone. */
async function refuseUncommitted(root: string, trial: Trial, paths: readonly string[]): Promise<void> {
  const read = textAt(trial.workspaces, trial.repo, trial.commit, trial.signal);
  for (const path of paths) {
    const now = await readFile(join(root, path), "utf8").catch(() => undefined);
    if (now !== (await read(path)))
      throw new BatonError(
        "invalid-usage",
        `${path} has changes that are not committed; commit or undo them first. Nothing was written.`,
      );
  }
}

async function writeInto(
  root: string,
  trial: Trial,
  { files }: ProposedFiles,
  print: (line: string) => void,
): Promise<void> {
  const paths = files.map(({ path }) => path);
  await refuseUncommitted(root, trial, paths);
  for (const { path, text } of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
    print(`\nWrote ${path}`);
  }
}

function parse(argv: readonly string[]) {
  return readArguments(argv, USAGE, {
    allowPositionals: true,
    options: {
      write: { type: "boolean", default: false },
      agent: { type: "boolean", default: false },
      budget: { type: "string" },
      "max-time": { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}
