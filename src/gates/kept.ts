// kept: with the change, the tests that pinned the behaviour before it still pass, every time: the very files that were pinned, put
// back where the change touched them, beside the fixtures they had then. The control is the same command without the change.
import { findCommands } from "../workspace/commands.ts";
import { placed, seenFrom } from "../workspace/packages.ts";
import { runnerOf } from "../workspace/runner.ts";
import { nothingRan } from "./nothing-ran.ts";
import { testsAt } from "./old-tests.ts";
import { idsOf } from "./reports/test-report.ts";
import type { RunCache } from "./run-cache.ts";
import { createTestCommand, howItEnded, inFreshWorkspace, passesDamaged, type TestRun } from "./trial.ts";
import { clip, count, few, passed, refused, type GateContext, type Verdict } from "./verdict.ts";

/** The gate. Codes: kept; not-characterised, behaviour-changed, pins-changed, flaky, no-tests, test-skipped, syntax-error, import-error, command-failed, timeout. */
export async function kept(context: GateContext, cache: RunCache): Promise<Verdict> {
  const { request, workspaces, signal, limits } = context;
  const { repo, base, head, characterization } = request;
  if (!characterization)
    return refused("not-characterised", "No tests pin the behaviour that the change could be checked with.");
  const { value, commit } = characterization;
  const own = await workspaces.changes(repo, base, commit, signal);
  const pins = new Set([...value.testFiles, ...own.map(({ path }) => path)]);
  const old = await testsAt(context, commit, pins);
  const touched = old.files.filter((path) => pins.has(path));

  const { root, packages, installAll } = await findCommands(workspaces, repo, base, request.config, signal);
  const where = placed(value.command, root, packages);
  const command = createTestCommand(context, where, limits.reproductionMs);
  const control = await cache.get(context, [repo.cloneUrl, commit, value.command, installAll ?? ""], () =>
    inFreshWorkspace(context, commit, installAll, (workspace) =>
      command.run(workspace, "pinned tests without the change, as control"),
    ),
  );
  if (control.exitCode !== 0 || control.timedOut)
    return refused("flaky", `Without the change, the pinned tests ${howItEnded(control)} this time: they pin nothing.`);

  const isPytest = runnerOf(where.command, where.scripts)?.runner === "pytest";
  const judge = (run: TestRun) => judgeRun(run, control, seenFrom(where.at, value.testFiles), isPytest);
  const broken = await inFreshWorkspace(
    context,
    head,
    installAll,
    async (workspace) => {
      const run = await command.run(workspace, "pinned tests with the change, first time");
      const first = judge(run);
      if (first?.code === "timeout") return first;
      const second = judge(await command.run(workspace, "pinned tests with the change, second time"));
      if (first?.code !== second?.code)
        return refused("flaky", "With the change, the pinned tests do not end the same way each time.", [
          `first: ${first?.summary ?? "passed"}`,
          `second: ${second?.summary ?? "passed"}`,
          ...(first?.notes ?? second?.notes ?? []),
        ]);
      if (first ?? second) return first ?? second;
      if (!run.report && (await passesDamaged(context, workspace, value.command, value.testFiles)))
        return refused("no-tests", "With the change, the command passes without running the pinned tests.");
      return undefined;
    },
    old.putBack,
  );
  const altered = touched.map((path) => `altered by the change, run as it was pinned: ${path}`);
  if (broken) return { ...broken, notes: [...(broken.notes ?? []), ...altered] };
  if (touched.length > 0)
    return refused(
      "pins-changed",
      `The change may not touch the tests that pin the behaviour: ${few(touched)}.`,
      altered,
    );
  const tests = control.report ? idsOf(control.report, "passed") : [];
  if (!control.report) context.notes.push("The runner does not report single tests: exit codes were compared.");
  const what =
    tests.length === 0
      ? "The tests that pin the behaviour pass"
      : `${count(tests.length, "pinned test")} pass${tests.length === 1 ? "es" : ""}`;
  return passed(
    "kept",
    `${what} without the change and with it, 2 times out of 2, as pinned.`,
    tests.map((id) => `passes as before: ${id}`),
  );
}

/** What is wrong with a run on the head; undefined when all that passed without the change passes with it. */
function judgeRun(
  run: TestRun,
  control: TestRun,
  testFiles: readonly string[],
  isPytest: boolean,
): Verdict | undefined {
  if (run.timedOut) return refused("timeout", "With the change, the pinned tests did not end in time.");
  const { report } = run;
  const failing = report ? idsOf(report, "failed") : [];
  if (run.exitCode !== 0) {
    const unrun = nothingRan(run, testFiles, isPytest);
    if (unrun) return { ...unrun, summary: `With the change, the pinned tests did not run. ${unrun.summary}` };
  }
  if (run.exitCode !== 0 || failing.length > 0)
    return refused(
      "behaviour-changed",
      failing.length > 0
        ? `With the change, ${count(failing.length, "pinned test")} fail${failing.length === 1 ? "s" : ""}: ${few(failing.map(clip))}.`
        : `With the change, the pinned tests ${howItEnded(run)}.`,
      failing.map((id) => `passed without the change, fails with it: ${id}`),
    );
  if (!control.report) return undefined;
  if (!report)
    return refused(
      "no-tests",
      "With the change, the runner reported no tests any more, although it ended with exit code 0.",
    );
  const pinned = idsOf(control.report, "passed");
  const missing = pinned.filter((id) => !report.tests.has(id));
  if (missing.length > 0)
    return refused(
      "no-tests",
      `With the change, ${count(missing.length, "pinned test")} ${missing.length === 1 ? "is" : "are"} not run any more: ${few(missing.map(clip))}.`,
      missing.map((id) => `ran without the change, is missing with it: ${id}`),
    );
  const skipped = pinned.filter((id) => report.tests.get(id) === "skipped");
  if (skipped.length > 0)
    return refused(
      "test-skipped",
      `With the change, ${count(skipped.length, "pinned test")} ${skipped.length === 1 ? "is" : "are"} skipped: ${few(skipped.map(clip))}.`,
      skipped.map((id) => `ran without the change, is skipped with it: ${id}`),
    );
  return undefined;
}
