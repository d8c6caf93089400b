// Tests that an agent has added to the base, to show a defect or to pin what is there: what can be said of them before they run.
// Their commit holds tests only, the files it names are there, and no test that was there is weaker for it.
import type { Sha } from "../core/ids.ts";
import { findWeakened } from "./integrity.ts";
import { isTestFile } from "./test-files.ts";
import { few, refused, type GateContext, type Verdict } from "./verdict.ts";

export interface AddedTests {
  /** What the tests are, to begin a sentence with: "The reproduction". */
  readonly what: string;
  readonly testFiles: readonly string[];
  /** The base with the tests on top. */
  readonly commit: Sha;
}

/** What is wrong with them; undefined when they may be run. Codes: no-tests, touches-source, and those of integrity. */
export async function checkAddedTests(context: GateContext, tests: AddedTests): Promise<Verdict | undefined> {
  const { request, workspaces, signal } = context;
  const { what, testFiles, commit } = tests;
  if (testFiles.length === 0) return refused("no-tests", `${what} names no test file.`);
  const unlike = testFiles.filter((path) => !isTestFile(path));
  if (unlike.length > 0)
    return refused(
      "touches-source",
      `${few(unlike)} is not a test file by the repository's conventions; put the test beside the others.`,
    );
  const changed = await workspaces.changes(request.repo, request.base, commit, signal);
  const source = changed.map(({ path }) => path).filter((path) => !isTestFile(path));
  if (source.length > 0)
    return refused("touches-source", `${what} may change tests only, and it changes ${few(source)}.`, source);
  for (const path of testFiles)
    if ((await workspaces.file(request.repo, commit, path, signal)) === undefined)
      return refused("no-tests", `The test file ${path} is not there.`);
  const [weakened, ...others] = await findWeakened(context, request.base, commit);
  return (
    weakened &&
    refused(
      weakened.code,
      `${what} weakens an existing test: ${weakened.path}: ${weakened.what}`,
      [weakened, ...others].map(({ path, what: how }) => `${path}: ${how}`),
    )
  );
}
