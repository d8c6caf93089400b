// Whether tests end the same way each time: twice in one clone, so that what the first run leaves behind shows; once more in
// another fresh one, where two did not take long.
import type { Sha } from "../core/ids.ts";
import type { Workspace } from "../workspace/workspaces.ts";
import type { TestReport } from "./reports/test-report.ts";
import { howItEnded, inFreshWorkspace, type TestCommand, type TestRun } from "./trial.ts";
import { refused, type GateContext, type Verdict } from "./verdict.ts";

export interface Repetition {
  /** What is run, to begin a sentence with: "The reproduction". */
  readonly what: string;
  readonly label: string;
  readonly command: TestCommand;
  /** What is wrong with one run; undefined when it went as it should. */
  readonly judge: (run: TestRun) => Verdict | undefined;
  /** The code of a no that another run may turn into a yes. Any other is the same however often it runs. */
  readonly unsure: string;
  /** The tests that must be the same each time, and what it means when they are not. */
  readonly same: (report: TestReport) => readonly string[];
  readonly differs: string;
  /** What else is to be seen in the first clone, once two runs in it went well. */
  readonly more?: (workspace: Workspace) => Promise<Verdict | undefined>;
}

/** All runs, and what is wrong with them; no verdict when every one went as it should. Codes: flaky, and those of `judge` and `more`. */
export async function runRepeatedly(
  context: GateContext,
  commit: Sha,
  install: string | undefined,
  how: Repetition,
): Promise<{ readonly runs: readonly TestRun[]; readonly verdict: Verdict | undefined }> {
  const { command, label, judge } = how;
  const started = performance.now();
  const runs: TestRun[] = [];
  const verdict = await inFreshWorkspace(context, commit, install, async (workspace) => {
    for (const time of ["first", "second"]) {
      const run = await command.run(workspace, `${label}, ${time} time`);
      runs.push(run);
      const no = judge(run);
      if (no && no.code !== how.unsure) return unstable(runs, how) ?? no;
    }
    const agreed = unstable(runs, how);
    const [first] = runs;
    return agreed ?? (first && judge(first) ? undefined : await how.more?.(workspace));
  });
  if (verdict) return { runs, verdict };
  if (performance.now() - started < context.limits.thirdRunMs)
    runs.push(
      await inFreshWorkspace(context, commit, install, (workspace) =>
        command.run(workspace, `${label}, in another fresh clone`),
      ),
    );
  const last = runs.at(-1);
  return { runs, verdict: unstable(runs, how) ?? (last && judge(last)) };
}

/** A no when runs disagree: some pass, or different tests do. */
function unstable(runs: readonly TestRun[], { what, judge, same, differs }: Repetition): Verdict | undefined {
  const codes = runs.map((run) => judge(run)?.code ?? "as it should");
  if (new Set(codes).size > 1) {
    const told = runs.map((run, index) => `run ${index + 1}: ${codes[index]}, ${howItEnded(run)}`);
    return refused("flaky", `${what} does not end the same way each time it runs.`, told);
  }
  const tests = runs.flatMap(({ report }) => (report ? [same(report).toSorted().join("\n")] : []));
  return new Set(tests).size > 1 ? refused("flaky", differs) : undefined;
}
