// Why a command that failed ran no test: as far as its report and what it printed tell.
import { exitFailure, loadFailure, type LoadFailure } from "./load-failure.ts";
import { idsOf } from "./reports/test-report.ts";
import { howItEnded, type TestRun } from "./trial.ts";
import { refused, type Verdict } from "./verdict.ts";

const meanings: Readonly<Record<LoadFailure["code"], string>> = {
  "syntax-error": "The test was not run because something does not compile",
  "import-error": "The test was not run because something it imports is not there",
  "no-tests": "No test was run",
  "command-failed": "The command itself failed",
};

/** A no that says why no test of `testFiles` ran; undefined when one ran and failed. Codes: syntax-error, import-error, no-tests, command-failed. */
export function nothingRan(run: TestRun, testFiles: readonly string[], isPytest: boolean): Verdict | undefined {
  const why = whyNothingRan(run, testFiles, isPytest);
  return why && refused(why.code, `${meanings[why.code]}: ${why.line}`);
}

function whyNothingRan(run: TestRun, testFiles: readonly string[], isPytest: boolean): LoadFailure | undefined {
  const { report, output } = run;
  if (run.exitCode === null) return { code: "command-failed", line: `it ${howItEnded(run)}` };
  const byText = () => exitFailure(run.exitCode, false) ?? loadFailure(output) ?? exitFailure(run.exitCode, isPytest);
  if (!report) return byText();
  const reallyFailed = idsOf(report, "failed").filter((id) => !report.unloaded.has(id));
  const own = [...report.unloaded].filter((id) => testFiles.some((path) => names(id, path)));
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
