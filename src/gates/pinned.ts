// pinned: tests that pin today's behaviour pass on the untouched base, every time, and because they ran. They consist of tests only,
// and weaken none that were there. What they pin is for people to judge; that they can find a change wrong at all is looked at here.
import { findCommands } from "../workspace/commands.ts";
import { placed, seenFrom, type PlacedCommand } from "../workspace/packages.ts";
import { runnerOf } from "../workspace/runner.ts";
import { textAt } from "../workspace/text-at.ts";
import { checkAddedTests } from "./added-tests.ts";
import { loadFailure } from "./load-failure.ts";
import { nothingRan } from "./nothing-ran.ts";
import { runRepeatedly } from "./repeated-runs.ts";
import { idsOf } from "./reports/test-report.ts";
import { createTestCommand, howItEnded, passesDamaged, type TestRun } from "./trial.ts";
import { clip, count, few, passed, refused, type GateContext, type Verdict } from "./verdict.ts";
import { asserts } from "./weakening.ts";

type Characterization = NonNullable<GateContext["request"]["characterization"]>["value"];

/** The gate. Codes: pinned; not-characterised, touches-source, no-tests, fails-on-base, flaky, syntax-error, import-error, command-failed, timeout, and those of integrity. */
export async function pinned(context: GateContext): Promise<Verdict> {
  const { request, workspaces, signal, limits } = context;
  if (!request.characterization)
    return refused("not-characterised", "There are no tests that pin today's behaviour to check.");
  const { value, commit } = request.characterization;
  const what = "The characterisation";
  const { command, testFiles } = value;
  const wrong = (await checkAddedTests(context, { what, testFiles, commit })) ?? (await idle(context, testFiles));
  if (wrong) return wrong;

  const found = await findCommands(workspaces, request.repo, request.base, request.config, signal);
  const where = placed(command, found.root, found.packages);
  const { runs, verdict } = await runRepeatedly(context, commit, found.installAll, {
    what,
    label: "pinned tests without a change",
    command: createTestCommand(context, where, limits.reproductionMs),
    judge: (run) => judgeRun(run, value, where),
    unsure: "fails-on-base",
    same: (report) => idsOf(report, "passed"),
    differs: "Different tests of the characterisation run from time to time, or they have another name each time.",
    more: async (workspace) =>
      (await passesDamaged(context, workspace, command, testFiles))
        ? refused(
            "no-tests",
            `\`${clip(command)}\` passes as well when ${few(testFiles)} hold${testFiles.length === 1 ? "s" : ""} garbage: it does not run what is in there.`,
          )
        : undefined,
  });
  if (verdict) return verdict;
  const report = runs[0]?.report;
  const tests = report ? idsOf(report, "passed") : [];
  if (!report) context.notes.push("The runner does not report single tests: exit codes were compared.");
  const times = `${runs.length} times out of ${runs.length}`;
  return passed(
    "pinned",
    `${tests.length === 0 ? "The tests that pin" : `${count(tests.length, "test")} that pin${tests.length === 1 ? "s" : ""}`} today's behaviour pass${tests.length === 1 ? "es" : ""} without any change, ${times}.`,
    [
      ...(report ? idsOf(report, "skipped").map((id) => `is skipped and pins nothing: ${id}`) : []),
      ...tests.map((id) => `pinned: ${id}`),
    ],
  );
}

/** A no when nothing in the files could find anything wrong. */
async function idle(
  { request, workspaces, signal }: GateContext,
  files: readonly string[],
): Promise<Verdict | undefined> {
  const read = textAt(workspaces, request.repo, request.characterization?.commit ?? request.base, signal);
  for (const path of files) {
    const text = await read(path);
    if (text !== undefined && asserts(path, text)) return undefined;
  }
  return refused("no-tests", `Nothing in ${few(files)} asserts anything: what it runs cannot be found wrong.`);
}

/** What is wrong with one run; undefined when everything that ran has passed, and something has. */
function judgeRun(run: TestRun, { command, testFiles }: Characterization, where: PlacedCommand): Verdict | undefined {
  if (run.timedOut) return refused("timeout", `\`${clip(command)}\` did not end in time.`);
  const failing = run.report ? idsOf(run.report, "failed") : [];
  if (run.exitCode !== 0) {
    const isPytest = runnerOf(where.command, where.scripts)?.runner === "pytest";
    const broken = nothingRan(run, seenFrom(where.at, testFiles), isPytest);
    if (broken) return broken;
  }
  if (run.exitCode !== 0 || failing.length > 0)
    return refused(
      "fails-on-base",
      `Without any change, the characterisation ${failing.length > 0 ? `fails: ${few(failing.map(clip))}` : howItEnded(run)}: it must say what the code does today.`,
      failing.map((id) => `fails without any change: ${id}`),
    );
  const ran = run.report ? idsOf(run.report, "passed").length > 0 : loadFailure(run.output)?.code !== "no-tests";
  if (ran) return undefined;
  const skipped = run.report ? idsOf(run.report, "skipped").length : 0;
  return refused(
    "no-tests",
    `\`${clip(command)}\` runs no test${skipped > 0 ? `: ${count(skipped, "test")} ${skipped === 1 ? "is" : "are"} skipped` : ""}.`,
  );
}
