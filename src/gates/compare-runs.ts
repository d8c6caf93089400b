// Compares a suite with and without a change, test by test. Pure.
import { idsOf, type TestReport } from "./reports/test-report.ts";
import { howItEnded, type TestRun } from "./trial.ts";

export interface Difference {
  readonly worse: readonly { readonly id: string; readonly kind: "broken" | "new-failing" | "vanished" | "skipped" }[];
  readonly failedBefore: readonly string[];
  /** Lines for people. */
  readonly remarks: readonly string[];
}

/** What `run` does worse than `base`. A test that failed on the base and fails still is not worse. */
export function compareRuns(base: TestReport, run: TestRun): Difference {
  const now = run.report ?? { tests: new Map<string, "passed">(), unloaded: new Set<string>() };
  const worse: Difference["worse"][number][] = [];
  const failedBefore: string[] = [];
  let fixed = 0;
  for (const [id, was] of base.tests) {
    const is = now.tests.get(id);
    if (is === "failed" && was === "failed") failedBefore.push(id);
    else if (is === "failed") worse.push({ id, kind: "broken" });
    else if (is === undefined) {
      // A file that could not be loaded has its own tests in place of its name once it can.
      if (!base.unloaded.has(id)) worse.push({ id, kind: "vanished" });
    } else if (is === "skipped" && was !== "skipped") worse.push({ id, kind: "skipped" });
    else if (is === "passed" && was === "failed") fixed += 1;
  }
  for (const [id, is] of now.tests) if (is === "failed" && !base.tests.has(id)) worse.push({ id, kind: "new-failing" });
  const remarks = fixed > 0 ? [`failed before and passes now: ${fixed} of ${base.tests.size}`] : [];
  return { worse, failedBefore, remarks };
}

/** Why the exit codes contradict the reports, if they do: a report of nothing but passes is not believed over a failing runner. */
export function compareExits(base: TestRun, run: TestRun, difference: Difference): string | undefined {
  if (run.exitCode === 0 || difference.failedBefore.length > 0) return undefined;
  // Something besides the tests (coverage, a lint step) failed on the base in the same way.
  const sameBefore = base.exitCode !== 0 && base.report !== undefined && idsOf(base.report, "failed").length === 0;
  if (sameBefore) return undefined;
  return `the suite ${howItEnded(run)}, although no test was reported as newly failing; without it, it ${howItEnded(base)}.`;
}
