// green: with the fix, the same reproduction passes, every time, and its tests really ran.
// The control is the reproduction without the fix: the very tests that failed there must be there again, and pass.
import { findCommands } from "../workspace/commands.ts";
import { placed } from "../workspace/packages.ts";
import { loadFailure } from "./load-failure.ts";
import { idsOf } from "./reports/test-report.ts";
import type { RunCache } from "./run-cache.ts";
import { createTestCommand, howItEnded, inFreshWorkspace, type TestRun } from "./trial.ts";
import { clip, count, few, passed, refused, squeezed, type GateContext, type Verdict } from "./verdict.ts";

/** The gate. Codes: green; no-reproduction, reproduction-changed, flaky, still-fails, failure-remains, no-tests, test-skipped, timeout. */
export async function green(context: GateContext, cache: RunCache): Promise<Verdict> {
  const { request, workspaces, signal, limits } = context;
  const { repo, base, head, reproduction } = request;
  if (!reproduction)
    return refused("no-reproduction", "There is no reproduction that the change could be checked with.");
  const { value, commit } = reproduction;

  const own = await workspaces.changes(repo, base, commit, signal);
  const frozen = new Set([...value.testFiles, ...own.map(({ path }) => path)]);
  const later = (await workspaces.changes(repo, commit, head, signal)).filter(({ path }) => frozen.has(path));
  if (later.length > 0)
    return refused(
      "reproduction-changed",
      `The change may not touch the reproduction: ${few(later.map(({ path }) => path))}.`,
      later.map(({ path, kind }) => `${path}: ${kind} since the reproduction was checked`),
    );

  const { root, packages, installAll } = await findCommands(workspaces, repo, base, request.config, signal);
  const command = createTestCommand(context, placed(value.command, root, packages), limits.reproductionMs);
  const control = await cache.get(context, [repo.cloneUrl, commit, value.command, installAll ?? ""], () =>
    inFreshWorkspace(context, commit, installAll, (workspace) =>
      command.run(workspace, "reproduction without the fix, as control"),
    ),
  );
  if (control.exitCode === 0 && !control.timedOut)
    return refused("flaky", "The reproduction passed without the fix this time: it proves nothing.");

  return await inFreshWorkspace(context, head, installAll, async (workspace) => {
    const first = await command.run(workspace, "reproduction with the fix, first time");
    const problem = judge(first, control, value.expectedFailure);
    if (problem?.code === "timeout") return problem;
    const second = await command.run(workspace, "reproduction with the fix, second time");
    const again = judge(second, control, value.expectedFailure);
    if (problem?.code !== again?.code)
      return refused("flaky", "With the fix, the reproduction passes one time and not the other.", [
        `first: ${problem?.summary ?? "passed"}`,
        `second: ${again?.summary ?? "passed"}`,
      ]);
    if (problem) return problem;
    const proved = control.report ? idsOf(control.report, "failed") : [];
    if (!first.report) context.notes.push("The runner does not report single tests: the exit code was compared.");
    const what = proved.length === 0 ? "The reproduction" : `The reproduction (${count(proved.length, "test")})`;
    return passed(
      "green",
      `${what} failed without the fix and passes with it, 2 times out of 2.`,
      proved.map((id) => `passes now: ${id}`),
    );
  });
}

/** What is wrong with a run on the head; undefined when it shows that the defect is gone. */
function judge(run: TestRun, control: TestRun, expectedFailure: string): Verdict | undefined {
  if (run.timedOut) return refused("timeout", "The reproduction did not end in time with the fix.");
  if (run.exitCode !== 0) {
    const failing = run.report ? idsOf(run.report, "failed") : [];
    const why = loadFailure(run.output);
    return refused(
      "still-fails",
      `With the fix, the reproduction ${howItEnded(run)}${failing.length > 0 ? `: ${few(failing)}` : why ? `: ${why.line}` : ""}.`,
      failing.map((id) => `still fails: ${id}`),
    );
  }
  const { report } = run;
  if (control.report && !report)
    return refused(
      "no-tests",
      "With the fix, the runner reported no tests any more, although it ended with exit code 0.",
    );
  if (!report && loadFailure(run.output)?.code === "no-tests")
    return refused("no-tests", "With the fix, no test is run.");
  for (const id of control.report ? idsOf(control.report, "failed") : []) {
    // A file that could not be loaded has its own tests in place of its name once it can.
    if (control.report?.unloaded.has(id) && !report?.tests.has(id)) continue;
    const status = report?.tests.get(id);
    if (status === undefined)
      return refused(
        "no-tests",
        `With the fix, the test "${clip(id)}" is not run any more, although the exit code is 0.`,
      );
    if (status === "skipped") return refused("test-skipped", `With the fix, the test "${clip(id)}" is skipped.`);
  }
  const failing = report ? idsOf(report, "failed") : [];
  if (failing.length > 0)
    return refused("still-fails", `The exit code is 0, but the runner reported failures: ${few(failing)}.`, failing);
  if (report?.tests.size === 0) return refused("no-tests", "With the fix, no test is run.");
  if (squeezed(run.output).includes(squeezed(expectedFailure)))
    return refused(
      "failure-remains",
      `It passes, but still prints "${clip(expectedFailure)}": either the defect is still there, or that text never showed it.`,
    );
  return undefined;
}
