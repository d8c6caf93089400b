// baseline: the repository's own suite is no worse with the change than without it, test by test where the runner tells.
//
// Three suites are run. The base as it is (remembered for the life of the process). The tests of the base against the source of
// the head: whatever was done to the test files cannot help there, so this is what "the old tests still pass" means. And the head
// as it is, for the new tests among the old ones. In a monorepo each suite that the change touches is held so. A test that newly fails or is missing gets one more run before it counts.
import type { Sha } from "../core/ids.ts";
import { findCommands } from "../workspace/commands.ts";
import { suitesFor, type PlacedCommand } from "../workspace/packages.ts";
import type { Workspace } from "../workspace/workspaces.ts";
import { compareExits, compareRuns, type Difference } from "./compare-runs.ts";
import { testsAt } from "./old-tests.ts";
import type { RunCache } from "./run-cache.ts";
import { createTestCommand, howItEnded, inFreshWorkspace, type TestRun } from "./trial.ts";
import { clip, count, few, passed, refused, type GateContext, type Verdict } from "./verdict.ts";

/** Names listed in notes, of each kind. */
const LISTED = 12;

/** The gate. Codes: no-worse, no-test-command; breaks-tests, tests-vanished, tests-skipped, timeout. */
export async function baseline(context: GateContext, cache: RunCache): Promise<Verdict> {
  const { request, workspaces, signal } = context;
  const { repo, base, head } = request;
  const [{ root, packages, installAll }, changes] = await Promise.all([
    findCommands(workspaces, repo, base, request.config, signal),
    workspaces.changes(repo, base, head, signal),
  ]);
  const paths = changes.map(({ path }) => path);
  const suites = suitesFor(paths, root, packages);
  if (suites.length === 0) return nothingToRun(packages.length > 0);

  const verdicts: Verdict[] = [];
  for (const suite of suites) {
    const verdict = await holdAgainst(context, cache, suite, installAll);
    const one = suites.length === 1 && suite.at === "" ? verdict : placedVerdict(suite, verdict);
    // What the suites before it showed is not lost.
    if (!one.passed) return { ...one, notes: [...(one.notes ?? []), ...verdicts.map(({ summary }) => summary)] };
    verdicts.push(one);
  }
  const summary = verdicts.map((one) => one.summary).join(" ");
  return passed(
    "no-worse",
    summary,
    verdicts.flatMap(({ notes = [] }) => notes),
  );
}

function nothingToRun(hasPackages: boolean): Verdict {
  return hasPackages
    ? passed("no-test-command", "No package that the change touches has a test command, so no suite was run.", [
        "None is configured and none could be detected: say `test` in the package's `commands` in .github/baton.yml, or in the root's.",
      ])
    : passed("no-test-command", "The repository has no test command, so nothing but the reproduction was run.", [
        "No test command is configured and none could be detected: say `commands.test` in .github/baton.yml.",
      ]);
}

/** Says which folder a verdict is about. */
function placedVerdict({ at }: PlacedCommand, { summary, notes = [], ...verdict }: Verdict): Verdict {
  const where = at === "" ? "The root" : at;
  return { ...verdict, summary: `${where}: ${summary}`, notes: notes.map((note) => `${where}: ${note}`) };
}

/** One suite, without the change and with it. Codes: no-worse; breaks-tests, tests-vanished, tests-skipped, timeout. */
async function holdAgainst(
  context: GateContext,
  cache: RunCache,
  placed: PlacedCommand,
  install: string | undefined,
): Promise<Verdict> {
  const { request, limits } = context;
  const { repo, base, head } = request;
  const command = createTestCommand(context, placed, limits.suiteMs);
  const suite = (commit: Sha, label: string, prepare?: (workspace: Workspace) => Promise<void>) =>
    inFreshWorkspace(context, commit, install, (workspace) => command.run(workspace, label), prepare);
  const onBase = await cache.get(context, [repo.cloneUrl, base, placed.at, placed.command, install ?? ""], () =>
    suite(base, "suite without the change"),
  );
  if (onBase.timedOut)
    return refused("timeout", "The suite did not end in time without the change, so there is nothing to compare with.");

  const sides: Side[] = [];
  const old = await testsAt(context, base);
  if (old.files.length > 0)
    sides.push({
      what: "the tests of the base",
      run: (again) => suite(head, `suite of the base, with the change${again}`, old.putBack),
    });
  sides.push({ what: "all tests", run: (again) => suite(head, `suite with the change${again}`) });

  const results: Judged[] = [];
  for (const side of sides) {
    const result = await judge(side, onBase, () => suite(base, "suite without the change, again"));
    if (result.verdict) return { ...result.verdict, notes: [...(result.verdict.notes ?? []), ...result.notes] };
    results.push(result);
  }
  const notes = [...new Set(results.flatMap((result) => result.notes))];
  return passed("no-worse", summaryOf(onBase, results.at(-1)?.run), notes);
}

interface Side {
  readonly what: string;
  /** `again` is put at the end of the label. */
  readonly run: (again: "" | ", again") => Promise<TestRun>;
}

interface Judged {
  readonly run: TestRun;
  readonly verdict: Verdict | undefined;
  readonly notes: readonly string[];
}

/** Runs one side and compares it with the base; what looks worse is run once more, and counts when it is worse both times. */
async function judge(side: Side, onBase: TestRun, baseAgain: () => Promise<TestRun>): Promise<Judged> {
  const first = await side.run("");
  if (first.timedOut)
    return { run: first, notes: [], verdict: refused("timeout", `With the change, ${side.what} did not end in time.`) };
  if (!onBase.report || !first.report) return await judgeExits(side, onBase, first);
  const difference = compareRuns(onBase.report, first);
  const before = difference.failedBefore.map((id) => `failed before, too: ${id}`);
  const notes = [...listed(before), ...difference.remarks];
  const exits = compareExits(onBase, first, difference);
  if (difference.worse.length === 0 && !exits) return { run: first, verdict: undefined, notes };

  const second = await side.run(", again");
  if (second.timedOut)
    return { run: second, notes, verdict: refused("timeout", `With the change, ${side.what} did not end in time.`) };
  if (!second.report) return await judgeExits(side, onBase, second);
  const repeated = compareRuns(onBase.report, second);
  const exitsAgain = compareExits(onBase, second, repeated);
  const worseAgain = new Set(repeated.worse.map(({ id }) => id));
  let worse = difference.worse.filter(({ id }) => worseAgain.has(id));
  if (worse.some(({ kind }) => kind === "vanished")) {
    // Names with a time or an address in them differ from run to run: they were never the base's to lose.
    const again = (await baseAgain()).report;
    const isUnstable = ({ kind, id }: Difference["worse"][number]) =>
      kind === "vanished" && again !== undefined && !again.tests.has(id);
    const unstable = worse.filter(isUnstable);
    worse = worse.filter((one) => !isUnstable(one));
    notes.push(...listed(unstable.map(({ id }) => `has another name in every run, not compared: ${id}`)));
  }
  const flaky = difference.worse.filter(({ id }) => !worseAgain.has(id));
  notes.push(...listed(flaky.map(({ id }) => `flaky: failed once and passed once with the change: ${id}`)));
  if (worse.length > 0) return { run: second, notes, verdict: refusal(side, worse) };
  if (exits && exitsAgain)
    return { run: second, notes, verdict: refused("breaks-tests", `With the change, ${exitsAgain}`) };
  return { run: second, notes, verdict: undefined };
}

function refusal(side: Side, worse: Difference["worse"]): Verdict {
  const of = (...kinds: string[]) => worse.filter(({ kind }) => kinds.includes(kind)).map(({ id }) => id);
  const failing = of("broken", "new-failing");
  const vanished = of("vanished");
  const skipped = of("skipped");
  const notes = [
    ...listed(of("broken").map((id) => `passed before, fails now: ${id}`)),
    ...listed(of("new-failing").map((id) => `new, and fails: ${id}`)),
    ...listed(vanished.map((id) => `was run before, is missing now: ${id}`)),
    ...listed(skipped.map((id) => `was run before, is skipped now: ${id}`)),
  ];
  const one = (ids: readonly string[]) => few(ids.map(clip));
  if (failing.length > 0)
    return refused(
      "breaks-tests",
      `With the change, ${count(failing.length, "test")} newly fail${failing.length === 1 ? "s" : ""} (${side.what}): ${one(failing)}.`,
      notes,
    );
  if (vanished.length > 0)
    return refused(
      "tests-vanished",
      `With the change, ${count(vanished.length, "test")} that ran before ${vanished.length === 1 ? "is" : "are"} missing (${side.what}): ${one(vanished)}.`,
      notes,
    );
  return refused(
    "tests-skipped",
    `With the change, ${count(skipped.length, "test")} that ran before ${skipped.length === 1 ? "is" : "are"} skipped (${side.what}): ${one(skipped)}.`,
    notes,
  );
}

/** What can be said where at least one side has no per-test report. */
async function judgeExits(side: Side, onBase: TestRun, first: TestRun): Promise<Judged> {
  if (onBase.report && onBase.report.tests.size > 0 && first.exitCode === 0)
    return {
      run: first,
      notes: [],
      verdict: refused(
        "tests-vanished",
        `With the change, the runner reported no tests any more (${side.what}), although it ended with exit code 0; without it there were ${onBase.report.tests.size}.`,
      ),
    };
  const coarse = "The runner reports no single tests: only the exit codes were compared.";
  if (first.exitCode === 0) return { run: first, notes: [coarse], verdict: undefined };
  if (onBase.exitCode !== 0 && !onBase.report) {
    const note = `The suite ${howItEnded(onBase)} before the change, too, and nothing finer is known: it shows nothing about the change.`;
    return { run: first, notes: [note], verdict: undefined };
  }
  const second = await side.run(", again");
  if (second.exitCode === 0 && !onBase.report)
    return {
      run: second,
      notes: [coarse, "flaky: the suite failed once and passed once with the change"],
      verdict: undefined,
    };
  const verdict = refused(
    "breaks-tests",
    `With the change, the suite ${howItEnded(second)} (${side.what}); without it, it ${howItEnded(onBase)}.`,
    [coarse],
  );
  return { run: second, notes: [], verdict };
}

function listed(lines: readonly string[]): string[] {
  return lines.length <= LISTED
    ? [...lines]
    : [...lines.slice(0, LISTED), `… and ${lines.length - LISTED} more like that`];
}

function summaryOf(onBase: TestRun, onHead: TestRun | undefined): string {
  if (!onBase.report || !onHead?.report)
    return `The suite ${howItEnded(onHead ?? onBase)}; without the change, it ${howItEnded(onBase)}.`;
  const failed = [...onHead.report.tests.values()].filter((status) => status === "failed").length;
  const rest = failed === 0 ? "" : ` ${count(failed, "test")} failed before and still ${failed === 1 ? "does" : "do"}.`;
  return `${count(onBase.report.tests.size, "test")} before, ${onHead.report.tests.size} with the change: none newly fails, is missing or is skipped.${rest}`;
}
