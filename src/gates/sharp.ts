// sharp: tests that pass are felt by nobody until something breaks. So whoever writes them names breaks of the code, each a few words of a
// source file and what to put in their place; Baton makes each break by itself in a fresh clone and runs the tests. Under each break tests
// must run and fail, and each new test must fail under at least one.
import type { Sha } from "../core/ids.ts";
import { findCommands } from "../workspace/commands.ts";
import { placed } from "../workspace/packages.ts";
import { runnerOf } from "../workspace/runner.ts";
import { textAt } from "../workspace/text-at.ts";
import type { Workspace } from "../workspace/workspaces.ts";
import { nothingRan } from "./nothing-ran.ts";
import { idsOf } from "./reports/test-report.ts";
import { isTestFile } from "./test-files.ts";
import { createTestCommand, howItEnded, inFreshWorkspace, runPlainly, type TestRun } from "./trial.ts";
import { clip, count, few, passed, refused, type GateContext, type Verdict } from "./verdict.ts";

type Characterization = NonNullable<GateContext["request"]["characterization"]>["value"];
type Break = NonNullable<Characterization["breaks"]>[number];

/** A break that can be made: the file as it is, and as it is then. */
interface Made {
  readonly name: string;
  readonly path: string;
  readonly whole: string;
  readonly broken: string;
}

/** The gate. Codes: sharp; not-characterised, no-breaks, unfit-break, unfelt-break, blunt-tests, flaky, timeout, and those of what cannot be run. */
export async function sharp(context: GateContext): Promise<Verdict> {
  const { request, workspaces, signal, limits } = context;
  if (!request.characterization)
    return refused("not-characterised", "There are no tests that a break could be tried on.");
  const { value, commit } = request.characterization;
  const { breaks = [], command, testFiles } = value;
  if (breaks.length === 0)
    return refused(
      "no-breaks",
      "No break of the code is named, so nothing shows that the tests can find anything wrong: hand in `breaks`.",
    );
  const made = await makeAll(context, commit, breaks);
  if ("passed" in made) return made;

  const { root, packages, installAll } = await findCommands(
    workspaces,
    request.repo,
    request.base,
    request.config,
    signal,
  );
  const where = placed(command, root, packages);
  const isPytest = runnerOf(where.command, where.scripts)?.runner === "pytest";
  const tests = createTestCommand(context, where, limits.reproductionMs);
  return await inFreshWorkspace(context, commit, installAll, async (workspace) => {
    const control = await tests.run(workspace, "the tests, nothing broken");
    if (control.exitCode !== 0 || control.timedOut)
      return refused("flaky", `With nothing broken, the tests ${howItEnded(control)} this time.`);
    const felt = new Map<string, string>();
    for (const one of made) {
      await put(context, workspace, one.path, one.broken, `${one.name} broken`);
      const run = await tests.run(workspace, `the tests, ${one.name} broken`);
      await put(context, workspace, one.path, one.whole, `${one.name} mended`);
      const no = judgeBreak(run, one, testFiles, isPytest);
      if (no) return no;
      for (const id of run.report ? idsOf(run.report, "failed") : []) felt.set(id, felt.get(id) ?? one.name);
    }
    return await judgeAll(context, { control, felt, made: made.length, commit });
  });
}

/** Every break, ready to be made, or what is wrong with one. */
async function makeAll(
  { request, workspaces, signal }: GateContext,
  commit: Sha,
  breaks: readonly Break[],
): Promise<readonly Made[] | Verdict> {
  const read = textAt(workspaces, request.repo, commit, signal);
  const made: Made[] = [];
  for (const [index, { path, before, after }] of breaks.entries()) {
    const name = `${path} (break ${index + 1})`;
    const unfit = (why: string) => refused("unfit-break", `Break ${index + 1} cannot be made: ${why}.`);
    if (isTestFile(path)) return unfit(`${path} is a test file, and it is the code that is to be broken`);
    const whole = await read(path);
    if (whole === undefined) return unfit(`there is no file ${path}, or no text in it`);
    const times = whole.split(before).length - 1;
    if (times !== 1)
      return unfit(
        `"${clip(before)}" stands ${times === 0 ? "nowhere" : `${times} times`} in ${path}, and must stand there once`,
      );
    if (before.trim() === after.trim()) return unfit(`it changes nothing in ${path}`);
    made.push({ name, path, whole, broken: whole.replace(before, () => after) });
  }
  return made;
}

/** What is wrong with a run under a break; undefined when tests ran and one failed. */
function judgeBreak(
  run: TestRun,
  { name }: Made,
  testFiles: readonly string[],
  isPytest: boolean,
): Verdict | undefined {
  if (run.timedOut) return refused("timeout", `With ${name}, the tests do not end: name a break that makes one fail.`);
  if (run.exitCode === 0)
    return refused(
      "unfelt-break",
      `With ${name}, every test still passes: none of them looks at what is broken there.`,
    );
  const unrun = nothingRan(run, testFiles, isPytest);
  return (
    unrun && {
      ...unrun,
      summary: `With ${name}, no test comes to run, so none has found anything: name a break that leaves the code loadable. ${unrun.summary}`,
    }
  );
}

/** Each new test must have failed once; where the runner does not tell tests apart, each break was felt by all of them together. */
async function judgeAll(
  context: GateContext,
  { control, felt, made, commit }: { control: TestRun; felt: ReadonlyMap<string, string>; made: number; commit: Sha },
): Promise<Verdict> {
  const under = (which: string) => `under ${made === 1 ? "the named break" : `${which} ${made} breaks`} of the code`;
  if (!control.report) {
    context.notes.push("The runner does not report single tests: that each of them can fail was not seen.");
    return passed("sharp", `The tests fail ${under("each of")}, and pass without.`);
  }
  const isOld = await oldTests(context, commit);
  const fresh = idsOf(control.report, "passed").filter((id) => !isOld(id));
  const blunt = fresh.filter((id) => !felt.has(id));
  if (blunt.length > 0)
    return refused(
      "blunt-tests",
      `${count(blunt.length, "new test")} pass${blunt.length === 1 ? "es" : ""} whatever is broken: ${few(blunt.map(clip))}. Name a break for each, or take it out.`,
      blunt.map((id) => `passes under every break: ${id}`),
    );
  if (fresh.length === 0) return refused("blunt-tests", "There is no new test among those that run.");
  return passed(
    "sharp",
    `${fresh.length === 1 ? "The new test fails" : `Each of ${fresh.length} new tests fails`} ${under("at least one of")}, and passes without.`,
    fresh.map((id) => `fails with ${felt.get(id) ?? ""}: ${id}`),
  );
}

/** Tells a test that was there before: its name stands in one of the changed files as it was at the base. */
async function oldTests({ request, workspaces, signal }: GateContext, commit: Sha): Promise<(id: string) => boolean> {
  const read = textAt(workspaces, request.repo, request.base, signal);
  const changed = await workspaces.changes(request.repo, request.base, commit, signal);
  const touched = new Set(changed.map(({ path }) => path));
  const before = await Promise.all(changed.map(async ({ path }) => (await read(path)) ?? ""));
  const named = request.characterization?.value.testFiles.filter((path) => !touched.has(path)) ?? [];
  return (id) => {
    const title = id.split(" › ").at(-1) ?? id;
    return named.some((path) => id.startsWith(path)) || before.some((text) => text.includes(title));
  };
}

/** Writes a file of the workspace, in its sandbox: what lies in the tree by then may be anything. */
async function put(
  context: GateContext,
  workspace: Workspace,
  path: string,
  text: string,
  label: string,
): Promise<void> {
  const argv = ["sh", "-c", 'cat > "$0"', path] as const;
  const how = { argv, stdin: text, timeoutMs: context.limits.reproductionMs };
  const result = await runPlainly(context, workspace, label, how);
  if (result.exitCode !== 0) throw new Error(`${label}: ${path} could not be written: ${howItEnded(result)}`);
}
