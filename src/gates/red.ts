// red: the reproduction fails without the fix, every time, for the reason it names, and because a test ran: not because a file
// could not be loaded. It consists of tests only, and weakens none that were there.
import type { Sha } from "../core/ids.ts";
import { findCommands, type FoundCommands } from "../workspace/commands.ts";
import { runnerOf } from "../workspace/runner.ts";
import { findWeakened } from "./integrity.ts";
import { exitFailure, loadFailure, type LoadFailure } from "./load-failure.ts";
import { idsOf } from "./reports/test-report.ts";
import { isTestFile } from "./test-files.ts";
import { createTestCommand, howItEnded, inFreshWorkspace, type TestRun } from "./trial.ts";
import { clip, few, passed, refused, squeezed, type GateContext, type Verdict } from "./verdict.ts";

type Reproduction = NonNullable<GateContext["request"]["reproduction"]>["value"];

/** A third run, in another fresh workspace, is made when two took less than this. */
const CHEAP_MS = 60_000;
const LEAST_EXPECTED = 6;

/** The gate. Codes: red; not-reproduced, touches-source, no-tests, wrong-failure, passes-on-base, flaky, syntax-error, import-error, command-failed, timeout, and those of integrity. */
export async function red(context: GateContext): Promise<Verdict> {
  const { request, workspaces, signal } = context;
  if (!request.reproduction) return refused("not-reproduced", "There is no reproduction to check.");
  const { value, commit } = request.reproduction;
  const said = whatIsWrongWith(value);
  if (said) return said;

  const changed = await workspaces.changes(request.repo, request.base, commit, signal);
  const source = changed.map(({ path }) => path).filter((path) => !isTestFile(path));
  if (source.length > 0)
    return refused(
      "touches-source",
      `A reproduction may change tests only, and this one changes ${few(source)}.`,
      source,
    );
  for (const path of value.testFiles)
    if ((await workspaces.file(request.repo, commit, path, signal)) === undefined)
      return refused("no-tests", `The test file ${path} is not there.`);
  const [weakened, ...others] = await findWeakened(context, request.base, commit);
  if (weakened)
    return refused(
      weakened.code,
      `The reproduction weakens an existing test: ${weakened.path}: ${weakened.what}`,
      [weakened, ...others].map(({ path, what }) => `${path}: ${what}`),
    );

  const found = await findCommands(workspaces, request.repo, request.base, request.config.commands, signal);
  return await runIt(context, value, commit, found);
}

async function runIt(context: GateContext, value: Reproduction, commit: Sha, found: FoundCommands): Promise<Verdict> {
  const { commands, scripts } = found;
  const command = createTestCommand(context, value.command, scripts, context.limits.reproductionMs);
  const isPytest = runnerOf(value.command, scripts)?.runner === "pytest";
  const judge = (run: TestRun) => judgeRun(run, value, isPytest);

  const started = performance.now();
  const runs: TestRun[] = [];
  // Twice in one clone, so that what the first run leaves behind shows; once more in another.
  const early = await inFreshWorkspace(context, commit, commands.install, async (workspace) => {
    for (const time of ["first", "second"]) {
      const run = await command.run(workspace, `reproduction without the fix, ${time} time`);
      runs.push(run);
      const verdict = judge(run);
      // Any other failure is the same however often it runs; a pass may be flaky.
      if (verdict && verdict.code !== "passes-on-base") return verdict;
    }
    return undefined;
  });
  const stable = stability(runs, judge);
  if (early && stable?.code !== "flaky") return early;
  if (stable) return stable;
  if (performance.now() - started < CHEAP_MS) {
    const third = await inFreshWorkspace(context, commit, commands.install, (workspace) =>
      command.run(workspace, "reproduction without the fix, in another fresh clone"),
    );
    runs.push(third);
    const verdict = stability(runs, judge) ?? judge(third);
    if (verdict) return verdict;
  }
  const failing = runs[0]?.report ? idsOf(runs[0].report, "failed") : [];
  return passed(
    "red",
    `Fails without the fix, ${runs.length} times out of ${runs.length}, with "${clip(value.expectedFailure)}".`,
    failing.map((id) => `fails: ${id}`),
  );
}

/** What can be refused without running anything. */
function whatIsWrongWith(value: Reproduction): Verdict | undefined {
  if (!value.reproduced) return refused("not-reproduced", "The agent says itself that it could not reproduce it.");
  if (value.command === "") return refused("command-failed", "The reproduction names no command.");
  if (value.testFiles.length === 0) return refused("no-tests", "The reproduction names no test file.");
  const source = value.testFiles.filter((path) => !isTestFile(path));
  if (source.length > 0)
    return refused(
      "touches-source",
      `${few(source)} is not a test file by the repository's conventions; put the test beside the others.`,
    );
  const expected = squeezed(value.expectedFailure);
  if (expected.length < LEAST_EXPECTED || isGeneric(expected))
    return refused(
      "wrong-failure",
      `expectedFailure is "${clip(value.expectedFailure)}", which any failure may print; quote what only this defect prints, such as the two values compared.`,
    );
  if (squeezed(value.command).includes(expected) || value.testFiles.some((path) => path.includes(expected)))
    return refused(
      "wrong-failure",
      `expectedFailure "${clip(value.expectedFailure)}" is part of the command, which is printed when the test passes, too.`,
    );
  return undefined;
}

const runnersWords =
  /err_assertion|err_test_failure|testcodefailure|subtestsfailed|assertion|assert|exception|error|tests?|suites?|files?|failures?|failing|failed|fails?|not ok|passed|expected|actual|received|values?|strictly|deeply|equal|same|panicked|exited|exit|code|status|traceback|most recent call last|\b(?:ok|to|be|of|the|in|at|with)\b/g;
const counted =
  /\b(?:tests?|failures?|failing|failed|fails?|errors?|code|status|passed)\W{0,3}\d+\b|\b\d+\W{0,3}(?:tests?|failures?|failing|failed|errors?|passed)\b/g;

/** True when it consists of words and counts that test runners print for every failure. */
function isGeneric(expected: string): boolean {
  return !/[\p{L}\p{N}]/u.test(expected.toLowerCase().replace(counted, "").replace(runnersWords, ""));
}

/** A verdict when runs disagree: some pass, or different tests fail. */
function stability(runs: readonly TestRun[], judge: (run: TestRun) => Verdict | undefined): Verdict | undefined {
  if (runs.length < 2) return undefined;
  const verdicts = runs.map((run) => judge(run)?.code ?? "red");
  if (new Set(verdicts).size > 1) {
    const told = runs.map((run, index) => `run ${index + 1}: ${verdicts[index]}, ${howItEnded(run)}`);
    return refused("flaky", "The reproduction does not end the same way each time it runs.", told);
  }
  const failing = runs.flatMap(({ report }) => (report ? [idsOf(report, "failed").toSorted().join("\n")] : []));
  if (new Set(failing).size > 1) return refused("flaky", "Different tests of the reproduction fail from run to run.");
  return undefined;
}

/** What is wrong with one run; undefined when it failed as it should. */
function judgeRun(run: TestRun, value: Reproduction, isPytest: boolean): Verdict | undefined {
  if (run.timedOut) return refused("timeout", `\`${clip(value.command)}\` did not end in time.`);
  if (run.exitCode === 0) {
    const ran = run.report === undefined || run.report.tests.size > 0;
    if (!ran || (run.report === undefined && loadFailure(run.output)?.code === "no-tests"))
      return refused("no-tests", `\`${clip(value.command)}\` runs no test.`);
    return refused("passes-on-base", "The reproduction passes without any fix: it does not show the defect.");
  }
  const broken = whyNothingRan(run, value, isPytest);
  if (broken) return refused(broken.code, `${meanings[broken.code]}: ${broken.line}`);
  const output = squeezed(run.output);
  const expected = squeezed(value.expectedFailure);
  if (!output.includes(expected))
    return refused(
      "wrong-failure",
      `It ${howItEnded(run)}, but "${clip(value.expectedFailure)}" is not in what it printed: it fails for another reason.`,
    );
  const title = [...(run.report?.tests.keys() ?? [])].find((id) => squeezed(id).includes(expected));
  if (title !== undefined)
    return refused(
      "wrong-failure",
      `expectedFailure "${clip(value.expectedFailure)}" is part of the test's name (${clip(title)}), which is printed when it passes, too.`,
    );
  return undefined;
}

const meanings: Readonly<Record<LoadFailure["code"], string>> = {
  "syntax-error": "The test was not run because something does not compile",
  "import-error": "The test was not run because something it imports is not there",
  "no-tests": "No test was run",
  "command-failed": "The command itself failed",
};

function whyNothingRan(run: TestRun, value: Reproduction, isPytest: boolean): LoadFailure | undefined {
  const { report, output } = run;
  if (run.exitCode === null) return { code: "command-failed", line: `it ${howItEnded(run)}` };
  const byText = () => exitFailure(run.exitCode, false) ?? loadFailure(output) ?? exitFailure(run.exitCode, isPytest);
  if (!report) return byText();
  const reallyFailed = idsOf(report, "failed").filter((id) => !report.unloaded.has(id));
  const own = [...report.unloaded].filter((id) => value.testFiles.some((path) => names(id, path)));
  // A plain script has no test cases: it counts as having run unless it could not be loaded.
  if (own.length > 0 || (reallyFailed.length === 0 && report.unloaded.size > 0)) return byText();
  if (report.tests.size === 0) return byText() ?? { code: "no-tests", line: `exit code ${run.exitCode}` };
  if (reallyFailed.length > 0) return undefined;
  return { code: "command-failed", line: `exit code ${run.exitCode}, although no test failed` };
}

/** Whether an unloaded id stands for this file: a path, or a module name made of one. */
function names(id: string, path: string): boolean {
  return id === path || path.startsWith(`${id.replaceAll(".", "/")}.`);
}
