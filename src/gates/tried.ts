// tried: what is proposed for a repository was tried on its base commit, in fresh workspaces. Each command is run; tests until it is known
// whether they can be read one by one and end the same way each time. What does not work goes back to whoever proposed it; on the last
// try the gate passes without it, and says so. It judges the proposal and not the repository: tests that fail today are told, not refused.
import { BatonError, messageOf } from "../core/errors.ts";
import { findCommands, type FoundCommands } from "../workspace/commands.ts";
import { commandNames, type CommandName } from "../workflows/names.ts";
import { isPlainInstall } from "../workflows/plain-install.ts";
import { proposeFiles } from "../workflows/setup-files.ts";
import type { Setup, Tried, TriedCommand } from "../workflows/setup.ts";
import { loadFailure } from "./load-failure.ts";
import { surveyedAt } from "./own-files.ts";
import { runRepeatedly } from "./repeated-runs.ts";
import { idsOf } from "./reports/test-report.ts";
import { surface } from "./surface.ts";
import { tellingOf } from "./telling.ts";
import {
  createTestCommand,
  howItEnded,
  inFreshWorkspace,
  quietEnv,
  readable,
  runPlainly,
  type TestRun,
} from "./trial.ts";
import { clip, count, few, passed, refused, squeezed, type GateContext, type Verdict } from "./verdict.ts";

type Candidate = Pick<TriedCommand, "name" | "command" | "from">;
type Outcome = Pick<TriedCommand, "works" | "code" | "why"> & Partial<Pick<TriedCommand, "tests" | "runs" | "stable">>;

/** The gate. Codes: tried, tried-in-part; no-setup, does-not-work. */
export async function tried(context: GateContext): Promise<Verdict> {
  const { request, workspaces, signal } = context;
  if (!request.setup) return refused("no-setup", "There is no setup to try.");
  const { value: setup } = request.setup;
  const found = await findCommands(workspaces, request.repo, request.base, request.config, signal);
  const commands = await tryAll(context, candidates(context, setup, found), found);
  const { schema } = context;
  const seen: Tried = { commands, surface: await surfaceOf(context), ...(schema === undefined ? {} : { schema }) };
  const { leftOut } = await proposeFiles({ setup, tried: seen, ...(await surveyedAt(context)) });

  const mendable = [
    ...leftOut.filter((one) => one.mendable).map(({ what, why }) => `${what}: ${why}`),
    ...strayInstall(commands),
  ];
  const works = commands.filter((one) => one.works).map(({ name }) => name);
  const what =
    works.length === 0 ? "No command works here" : `${works.join(", ")} ${works.length === 1 ? "works" : "work"} here`;
  if (mendable.length > 0 && request.last !== true)
    return {
      ...refused("does-not-work", `Of what is proposed, this does not work: ${few(mendable.map(clip), 2)}`, mendable),
      tried: seen,
    };
  const rest = leftOut.map((one) => `left out: ${one.what}: ${one.why}`);
  const verdict =
    rest.length === 0
      ? passed("tried", `${what}.`)
      : passed("tried-in-part", `${what}; ${count(rest.length, "proposal")} left out.`, rest);
  return { ...verdict, tried: seen };
}

/** What people wrote goes before what is proposed, and that before what is detected. */
function candidates({ request }: GateContext, setup: Setup, { commands }: FoundCommands): Candidate[] {
  return commandNames.flatMap((name): Candidate[] => {
    const written = request.config.commands[name];
    if (written !== undefined) return [{ name, command: written, from: "written" }];
    const proposed = setup.commands[name];
    if (proposed !== undefined) return [{ name, command: proposed, from: "proposed" }];
    const detected = commands[name];
    return detected === undefined ? [] : [{ name, command: detected, from: "detected" }];
  });
}

async function tryAll(context: GateContext, all: readonly Candidate[], found: FoundCommands): Promise<TriedCommand[]> {
  const results: TriedCommand[] = [];
  const add = (candidate: Candidate, outcome: Outcome) => {
    const { runs = outcome.code === "not-tried" ? 0 : 1, stable = true } = outcome;
    results.push({ ...candidate, ...outcome, why: line(outcome.why), runs, stable });
  };
  for (const candidate of all) {
    const install = results.find(({ name, works }) => name === "install" && works)?.command;
    if (candidate.name === "install") {
      const outcome = await tryInstall(context, candidate, found);
      add(candidate, outcome);
      const left = leftInForce(context, results, found);
      if (left) add(left, left.command === candidate.command ? outcome : await tryInstall(context, left, found));
    } else if (waitsForInstall(context, results))
      add(candidate, {
        works: false,
        code: "not-tried",
        why: "not tried, because the install command does not work",
      });
    else if (candidate.name === "test") add(candidate, await tryTests(context, candidate.command, install, found));
    else add(candidate, await tryPlainly(context, candidate, install));
  }
  return results;
}

/** Where a proposed install is left out, the one that is detected is run by every check. */
function leftInForce(
  { request }: GateContext,
  results: readonly TriedCommand[],
  { detected }: FoundCommands,
): Candidate | undefined {
  const [tried] = results;
  if (request.last !== true || tried?.from !== "proposed" || tried.works || detected.install === undefined)
    return undefined;
  return { name: "install", command: detected.install, from: "detected" };
}

/** What an install that can still be mended leaves behind says nothing about the other commands. */
function waitsForInstall({ request }: GateContext, results: readonly TriedCommand[]): boolean {
  return (
    request.last !== true && results.some(({ name, works, from }) => name === "install" && !works && from !== "written")
  );
}

/** An install that is detected would be run although nobody proposes it. */
function strayInstall(commands: readonly TriedCommand[]): string[] {
  return commands.flatMap(({ name, from, works, command, why }) =>
    name === "install" && from === "detected" && !works
      ? [
          `commands.install is not proposed, and \`${command}\`, which is detected, does not work: ${why}; propose another one, or \`true\` where nothing need be installed`,
        ]
      : [],
  );
}

async function tryInstall(context: GateContext, { command, from }: Candidate, found: FoundCommands): Promise<Outcome> {
  const isKnown = from !== "proposed" || command === found.detected.install || isPlainInstall(command);
  if (!isKnown) {
    const why =
      "not tried: with the network open Baton runs an install that a model wrote only where it installs the repository's own lists by the usual programs (npm ci, pip install -r requirements.txt, …) and names nothing else";
    return { works: false, code: "not-tried", why };
  }
  try {
    await inFreshWorkspace(context, context.request.base, command, () => Promise.resolve());
    return { works: true, code: "passes", why: "ended with exit code 0" };
  } catch (error) {
    context.signal.throwIfAborted();
    // Broken infrastructure says nothing about the command.
    if (error instanceof BatonError) throw error;
    const tail = context.evidence.at(-1)?.tail;
    const why = messageOf(error).replace(/^the install command `[^`]*` /, "");
    return { works: false, code: "fails", why: tail === undefined ? why : withTail(why.split(":")[0] ?? "", tail) };
  }
}

async function tryTests(
  context: GateContext,
  test: string,
  install: string | undefined,
  { scripts }: FoundCommands,
): Promise<Outcome> {
  const { runs, verdict } = await runRepeatedly(context, context.request.base, install, {
    what: "The suite",
    label: "the suite on the base",
    command: createTestCommand(context, { at: "", command: test, scripts }, context.limits.suiteMs),
    judge: judgeTests,
    unsure: "",
    same: ({ tests }) => [...tests].map(([id, status]) => `${status} ${id}`),
    differs: "Some tests do not end the same way each time.",
  });
  const [first] = runs;
  if (!first || (verdict && verdict.code !== "flaky")) {
    const { code = "fails", summary = "it was not run" } = verdict ?? {};
    return { works: false, code, why: summary, runs: runs.length };
  }
  const how = { runs: runs.length, stable: verdict === undefined };
  const times = verdict ? `, not the same way each of ${runs.length} times` : `, the same way ${runs.length} times`;
  const report = runs.find((run) => run.report)?.report;
  if (!report)
    return {
      ...how,
      works: true,
      code: "by-exit-code",
      why: `${howItEnded(first)}${times}; no report of single tests`,
    };
  const tests = {
    passed: idsOf(report, "passed").length,
    failed: idsOf(report, "failed").length,
    skipped: idsOf(report, "skipped").length,
  };
  const failing = tests.failed === 0 ? "" : `; fail today: ${few(idsOf(report, "failed").map(clip))}`;
  const why = `${count(report.tests.size, "test")} read one by one${times}${failing}`;
  return { ...how, works: true, code: "by-name", why, tests };
}

/** What is wrong with one run of the suite as a command; undefined when it is one, whatever its tests say. */
function judgeTests(run: TestRun): Verdict | undefined {
  if (run.timedOut) return refused("timeout", "did not end in time");
  const { report } = run;
  if (report?.tests.size === 0) return refused("no-tests", "runs no test");
  if (report && report.unloaded.size === report.tests.size)
    return refused("cannot-load", withTail("none of its test files could be loaded", run.output));
  if (report) return undefined;
  if (run.exitCode !== 0) return refused("fails", withTail(howItEnded(run), run.output));
  return loadFailure(run.output)?.code === "no-tests" ? refused("no-tests", "runs no test") : undefined;
}

async function tryPlainly(
  context: GateContext,
  { name, command }: Pick<Candidate, "command"> & { readonly name: CommandName },
  install: string | undefined,
): Promise<Outcome> {
  return await inFreshWorkspace(context, context.request.base, install, async (workspace) => {
    const argv = ["bash", "-c", command] as const;
    const timeoutMs = context.limits.suiteMs;
    const result = await runPlainly(context, workspace, `${name} on the base`, { argv, env: quietEnv, timeoutMs });
    const ended = howItEnded(result);
    if (result.exitCode === 0 && !result.timedOut) return { works: true, code: "passes", why: ended };
    return { works: false, code: result.timedOut ? "timeout" : "fails", why: withTail(ended, readable(result.output)) };
  });
}

/** Whether names can be read here: the commit compared with itself. */
async function surfaceOf(context: GateContext): Promise<Tried["surface"]> {
  const { request } = context;
  const { code, summary } = await surface({ ...context, notes: [], request: { ...request, head: request.base } });
  return { code, summary: line(summary) };
}

function withTail(ended: string, output: string): string {
  const text = tellingOf(output);
  return text === "" ? ended : `${ended}: ${text}`;
}

/** What an event takes, with the end of it, where programs say what was wrong. */
function line(text: string): string {
  const short = squeezed(readable(text));
  return (short.length <= 500 ? short : `${short.slice(0, 120)} … ${short.slice(-370)}`).toWellFormed();
}
