// red: the reproduction fails without the fix, every time, for the reason it names, and because a test ran: not because a file
// could not be loaded. It consists of tests only, and weakens none that were there. Where the agent says that there is no bug, it looks up
// what was cited for that.
import { findCommands } from "../workspace/commands.ts";
import { placed, seenFrom, type PlacedCommand } from "../workspace/packages.ts";
import { runnerOf } from "../workspace/runner.ts";
import { checkAddedTests } from "./added-tests.ts";
import { lookUpCited } from "./cited.ts";
import { loadFailure } from "./load-failure.ts";
import { nothingRan } from "./nothing-ran.ts";
import { runRepeatedly } from "./repeated-runs.ts";
import { idsOf } from "./reports/test-report.ts";
import { createTestCommand, howItEnded, type TestRun } from "./trial.ts";
import { clip, passed, refused, squeezed, type GateContext, type Verdict } from "./verdict.ts";

type Reproduction = NonNullable<GateContext["request"]["reproduction"]>["value"];

const LEAST_EXPECTED = 6;

/** The gate. Codes: red; not-reproduced, not-a-bug, touches-source, no-tests, wrong-failure, passes-on-base, flaky, syntax-error, import-error, command-failed, timeout, and those of integrity. */
export async function red(context: GateContext): Promise<Verdict> {
  const { request, workspaces, signal, limits } = context;
  if (!request.reproduction) return refused("not-reproduced", "There is no reproduction to check.");
  const { value, commit } = request.reproduction;
  if (!value.reproduced && value.notABug) return await lookUpCited(context, value.notABug);
  const what = "The reproduction";
  const wrong =
    whatIsWrongWith(value) ?? (await checkAddedTests(context, { what, testFiles: value.testFiles, commit }));
  if (wrong) return wrong;

  const found = await findCommands(workspaces, request.repo, request.base, request.config, signal);
  const command = placed(value.command, found.root, found.packages);
  const { runs, verdict } = await runRepeatedly(context, commit, found.installAll, {
    what,
    label: "reproduction without the fix",
    command: createTestCommand(context, command, limits.reproductionMs),
    judge: (run) => judgeRun(run, value, command),
    unsure: "passes-on-base",
    same: (report) => idsOf(report, "failed"),
    differs: "Different tests of the reproduction fail from run to run.",
  });
  if (verdict) return verdict;
  const failing = runs[0]?.report ? idsOf(runs[0].report, "failed") : [];
  return passed(
    "red",
    `Fails without the fix, ${runs.length} times out of ${runs.length}, with "${clip(value.expectedFailure)}".`,
    failing.map((id) => `fails: ${id}`),
  );
}

/** What the artifact itself gives away. */
function whatIsWrongWith(value: Reproduction): Verdict | undefined {
  if (!value.reproduced) return refused("not-reproduced", "The agent says itself that it could not reproduce it.");
  if (value.command === "") return refused("command-failed", "The reproduction names no command.");
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

/** What is wrong with one run; undefined when it failed as it should. */
function judgeRun(run: TestRun, value: Reproduction, { at, command, scripts }: PlacedCommand): Verdict | undefined {
  if (run.timedOut) return refused("timeout", `\`${clip(value.command)}\` did not end in time.`);
  if (run.exitCode === 0) {
    const ran = run.report === undefined || run.report.tests.size > 0;
    if (!ran || (run.report === undefined && loadFailure(run.output)?.code === "no-tests"))
      return refused("no-tests", `\`${clip(value.command)}\` runs no test.`);
    return refused("passes-on-base", "The reproduction passes without any fix: it does not show the defect.");
  }
  const isPytest = runnerOf(command, scripts)?.runner === "pytest";
  const broken = nothingRan(run, seenFrom(at, value.testFiles), isPytest);
  if (broken) return broken;
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
