// The test files of an earlier commit, put back into a clone of the head: whatever a change did to tests cannot help it there.
import type { Sha } from "../core/ids.ts";
import type { Workspace } from "../workspace/workspaces.ts";
import { isSnapshot, isTestFile } from "./test-files.ts";
import { runOwn } from "./trial.ts";
import type { GateContext } from "./verdict.ts";

export interface OldTests {
  /** Test files, their fixtures and snapshots, that are otherwise on the head, or only on one side. */
  readonly files: readonly string[];
  /** Gives a clone of the head the tests of that commit and no other ones, inside its sandbox. Throws when that fails. */
  readonly putBack: (workspace: Workspace) => Promise<void>;
}

/** The tests as they were at `commit`, an ancestor of the head. `also` are further paths that count as tests. */
export async function testsAt(
  context: GateContext,
  commit: Sha,
  also: ReadonlySet<string> = new Set(),
): Promise<OldTests> {
  const { request, workspaces, signal } = context;
  const changes = await workspaces.changes(request.repo, commit, request.head, signal);
  const tests = changes.filter(({ path }) => isTestFile(path) || isSnapshot(path) || also.has(path));
  const restore = tests.filter(({ kind }) => kind !== "added").map(({ path }) => path);
  const remove = tests.filter(({ kind }) => kind === "added").map(({ path }) => path);
  return {
    files: tests.map(({ path }) => path),
    putBack: async (workspace) => {
      const label = commit === request.base ? "the base's tests put back" : "the pinned tests put back";
      if (remove.length > 0) await runOwn(context, workspace, label, ["rm", "-rf", "--", ...remove]);
      if (restore.length > 0) await runOwn(context, workspace, label, [...checkout, commit, "--", ...restore]);
    },
  };
}

const checkout = [
  "git",
  "-c",
  "safe.directory=*",
  "-c",
  "core.hooksPath=/dev/null",
  "--literal-pathspecs",
  "checkout",
  "--quiet",
] as const;
