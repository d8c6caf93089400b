// Runs a repository's commands for a gate: a fresh clone, the install command, then each command in its own sandbox, with evidence.
//
// The script goes in by stdin and is read before the command starts, so that the marks around the report stand neither on a
// command line nor in an environment that a test could read. What the command itself prints can therefore not pose as the report.
// A test can still reach the report's file, because it runs as the runner does: that is why the exit code must always agree.
import { createHash, randomUUID } from "node:crypto";
import { commandLine } from "../core/exec.ts";
import type { Command, CommandResult } from "../core/command.ts";
import type { Sha } from "../core/ids.ts";
import { fromRoot, type PlacedCommand } from "../workspace/packages.ts";
import { runnerOf } from "../workspace/runner.ts";
import type { Workspace } from "../workspace/workspaces.ts";
import { instrument, plain, type Instrumented } from "./reports/instrument.ts";
import type { TestReport } from "./reports/test-report.ts";
import type { GateContext } from "./verdict.ts";

/** How one test command went. */
export interface TestRun {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** What it printed, without colours and without the report. */
  readonly output: string;
  readonly report: TestReport | undefined;
}

const TAIL = 8_000;
const ARGUMENT = 2_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;

/** Opens a fresh clone of `commit` with what the base's install leaves, lets `prepare` change it, and runs `body` in it. Throws when it cannot be made ready. */
export async function inFreshWorkspace<T>(
  context: GateContext,
  commit: Sha,
  install: string | undefined,
  body: (workspace: Workspace) => Promise<T>,
  prepare?: (workspace: Workspace) => Promise<void>,
): Promise<T> {
  const { request, workspaces, signal } = context;
  const setup = install === undefined ? undefined : { install, base: request.base };
  await using workspace = await workspaces.open(request.repo, commit, signal, { setup });
  signal.throwIfAborted();
  const result = workspace.installed;
  if (install !== undefined && result) {
    const output = readable(result.output);
    const label = workspace.installedEarlier ? "install (run earlier)" : "install";
    keep(context, { label, argv: ["sh", "-c", install], commit: request.base, result, output });
    if (result.exitCode !== 0 || result.timedOut)
      throw new Error(`the install command \`${install}\` ${howItEnded(result)}: ${lastLine(output)}`);
  }
  await prepare?.(workspace);
  return await body(workspace);
}

/** Runs one program in the workspace's sandbox, with evidence, and says how it went. */
export async function runPlainly(
  context: GateContext,
  workspace: Workspace,
  label: string,
  command: Pick<Command, "argv" | "env" | "stdin" | "timeoutMs" | "maxOutputBytes">,
): Promise<CommandResult> {
  const { run, signal } = context;
  const result = await run({ ...command, cwd: workspace.folder }, signal);
  signal.throwIfAborted();
  keep(context, { label, argv: command.argv, commit: workspace.commit, result, output: readable(result.output) });
  return result;
}

/** Runs one program in the workspace's sandbox. Throws when it fails: it is the gate's own. */
export async function runOwn(
  context: GateContext,
  workspace: Workspace,
  label: string,
  argv: readonly [string, ...string[]],
): Promise<void> {
  const result = await runPlainly(context, workspace, label, { argv, timeoutMs: context.limits.reproductionMs });
  if (result.exitCode !== 0) throw new Error(`${label}: \`${commandLine({ argv })}\` ${howItEnded(result)}`);
}

export interface TestCommand {
  /** Runs the command once. Throws when it could not be started at all. */
  run(workspace: Workspace, label: string): Promise<TestRun>;
}

/** A shell command that runs tests, in its folder, reporting test by test where its runner can. `timeoutMs` is for one run. */
export function createTestCommand(context: GateContext, placed: PlacedCommand, timeoutMs: number): TestCommand {
  const { at, command, scripts } = placed;
  const use = runnerOf(command, scripts);
  /** False once the reporting run ended badly without a report: then the plain command decides. */
  let reports = true;

  const once = async (workspace: Workspace, label: string, how: Instrumented): Promise<TestRun> => {
    const { run, signal } = context;
    const marks = { begin: `begin-${randomUUID()}`, folder: `folder-${randomUUID()}`, end: `end-${randomUUID()}` };
    const result = await run(
      {
        argv: ["bash", "-c", 'eval "$(cat)"'],
        cwd: workspace.folder,
        env: { ...quietEnv, ...how.env },
        stdin: script(at, how, marks),
        timeoutMs,
        maxOutputBytes: OUTPUT_BYTES,
      },
      signal,
    );
    signal.throwIfAborted();
    if (result.startFailure !== undefined)
      throw new Error(`${label}: the shell could not be started: ${result.startFailure}`);
    const told = readOutput(result.output, marks);
    const output = how.text(readable(told.output));
    const argv = ["bash", "-c", fromRoot({ at, command: how.command })];
    keep(context, { label, argv, commit: workspace.commit, result, output });
    const report = told.complete ? how.parse({ ...told, output: readable(told.output) }) : undefined;
    return { exitCode: result.exitCode, timedOut: result.timedOut, output, report };
  };

  return {
    async run(workspace, label) {
      const how = reports ? instrument(command, use, `/tmp/report-${randomUUID()}`) : undefined;
      if (!how) return await once(workspace, label, plain(command));
      const first = await once(workspace, label, how);
      if (first.report || first.exitCode === 0 || first.timedOut) return first;
      // Asking for a report may itself be what failed (an old runner, a flag it does not know).
      reports = false;
      const second = await once(workspace, `${label}, without a report`, plain(command));
      const note = `${use?.runner ?? "the runner"} gave no readable per-test report; the plain command's exit code decides`;
      if (!context.notes.includes(note)) context.notes.push(note);
      return second;
    },
  };
}

/**
 * Whether the command passes, too, when `files` hold garbage: then it does not run what is in them. They stay damaged. It is the
 * proof for runners that report no single tests.
 */
export async function passesDamaged(
  context: GateContext,
  workspace: Workspace,
  command: string,
  files: readonly string[],
): Promise<boolean> {
  // No compiler, interpreter or reader of data takes this.
  const garbage = "<?php )]} not a program: damaged on purpose";
  const write = 'for file do printf "%s\\n" "$0" > "$file" || exit; done';
  await runOwn(context, workspace, "the test files damaged", ["sh", "-c", write, garbage, ...files]);
  const argv = ["bash", "-c", command] as const;
  const how = { argv, env: quietEnv, timeoutMs: context.limits.reproductionMs };
  const result = await runPlainly(context, workspace, "with damaged test files, as control", how);
  return result.exitCode === 0 && !result.timedOut;
}

/** CI, so that runners neither watch nor write new snapshots; no colours, so that output can be read. */
export const quietEnv = { CI: "true", NO_COLOR: "1" };

interface Marks {
  readonly begin: string;
  readonly folder: string;
  readonly end: string;
}

function script(at: string, how: Instrumented, marks: Marks): string {
  return [
    // Inside the sandbox, where a link that a change put in its place leads nowhere.
    ...(at === "" ? [] : [`cd -- ${quoted(at)} || exit`]),
    how.prepare || ":",
    // Its own shell: an `exit`, a syntax error or a stray parenthesis in it ends there.
    `bash -c ${quoted(how.command)} </dev/null 2>&1`,
    "code=$?",
    `printf '\\n%s\\n' ${marks.begin}`,
    "pwd -P",
    `printf '%s\\n' ${marks.folder}`,
    how.collect || ":",
    `printf '\\n%s\\n' ${marks.end}`,
    "exit $code",
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function readOutput(output: string, marks: Marks) {
  const begin = output.indexOf(`\n${marks.begin}\n`);
  const folder = output.indexOf(`\n${marks.folder}\n`, begin);
  const end = output.lastIndexOf(`\n${marks.end}\n`);
  if (begin === -1) return { complete: false, output, folder: "", report: "" };
  const own = output.slice(0, begin);
  if (folder === -1 || end < folder) return { complete: false, output: own, folder: "", report: "" };
  return {
    complete: true,
    output: own,
    folder: output.slice(begin + marks.begin.length + 2, folder),
    report: output.slice(folder + marks.folder.length + 2, end),
  };
}

/** Text a person can read and a database can keep: no colours, no control characters. */
export function readable(output: string): string {
  return (
    output
      // oxlint-disable-next-line no-control-regex -- escape sequences are control characters
      .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?)/g, "")
      .replaceAll("\r\n", "\n")
      // oxlint-disable-next-line no-control-regex -- these are what must go
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "")
      .toWellFormed()
  );
}

/** "ended with exit code 2", "was ended by SIGKILL", "ran out of time". */
export function howItEnded(result: Pick<CommandResult, "exitCode" | "timedOut"> & { signal?: string | null }): string {
  if (result.timedOut) return "ran out of time";
  if (result.exitCode === null) return result.signal ? `was ended by ${result.signal}` : "was ended by a signal";
  return `ended with exit code ${result.exitCode}`;
}

function lastLine(output: string): string {
  return (output.trim().split("\n").at(-1) ?? "").slice(0, 300);
}

function keep(
  { evidence }: GateContext,
  seen: { label: string; argv: readonly string[]; commit: Sha; result: CommandResult; output: string },
): void {
  const { label, argv, commit, result, output } = seen;
  evidence.push({
    label: label.slice(0, 200),
    argv: argv.slice(0, 50).map((word) => readable(word).slice(0, ARGUMENT)),
    commit,
    exitCode: result.exitCode,
    seconds: result.durationMs / 1_000,
    // Of what the command printed: the report and its marks are the gate's own.
    outputHash: createHash("sha256").update(output).digest("hex"),
    tail: output.slice(-TAIL).toWellFormed(),
  });
}
