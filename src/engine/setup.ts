// A repository's setup in a run: what was proposed, what came of trying it, and the commit that Baton makes of both. No agent writes
// these files: they are made from the artifact's fields, and the gates that judge the commit make them again.
import type { Sha } from "../core/ids.ts";
import { proposeFiles } from "../workflows/setup-files.ts";
import type { Setup, Tried } from "../workflows/setup.ts";
import type { Written, WrittenFile } from "../workspace/workspaces.ts";
import { startCommit } from "./commits.ts";
import type { Work } from "./effect.ts";
import type { RepoRef, RunEvent } from "./events.ts";
import { planOf, stageOrder, type State } from "./state.ts";

/** The files of a repository at a commit, and commits of Baton's own on top of one. */
export interface Files {
  paths(repo: RepoRef, commit: Sha, signal: AbortSignal): Promise<string[]>;
  file(repo: RepoRef, commit: Sha, path: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  write(
    repo: RepoRef,
    onto: Sha,
    files: readonly WrittenFile[],
    message: string,
    signal: AbortSignal,
  ): Promise<Written>;
}

/** A setup as far as a run has come with it. */
export interface SetupSoFar {
  readonly value: Setup;
  /** Undefined until the gate `tried` has looked at it. */
  readonly tried: Tried | undefined;
  /** The commit of its files; undefined until Baton has made it. */
  readonly commit: Sha | undefined;
}

/** The setup that is current in the run; undefined in one without. */
export function setupOf(state: State): SetupSoFar | undefined {
  const attempts = stageOrder(state.workflow).flatMap((name) => state.stages.get(name)?.current ?? []);
  const value = attempts.flatMap(({ artifact }) => (artifact?.name === "Setup" ? [artifact.value] : [])).at(-1);
  if (!value) return undefined;
  const tried = attempts.flatMap(({ gates }) => gates.flatMap((gate) => gate.tried ?? [])).at(-1);
  return { value, tried, commit: attempts.find(({ written }) => written)?.commit };
}

/** True when a no to this stage would not be answered by another attempt. */
export function isLastTry(state: State, name: string): boolean {
  const { otherwise } = planOf(state, name) ?? {};
  const rounds = state.stages.get(name)?.rounds ?? 0;
  if (!otherwise) return true;
  return (
    rounds > ("again" in otherwise ? otherwise.again : Math.min(otherwise.max, state.created.config.limits.rounds))
  );
}

/** Makes the files and their commit. A setup in which there is nothing new ends the run, and that is a success. */
export async function writeSetup(
  { stage, attempt }: Extract<Work, { type: "write" }>,
  state: State,
  files: Files,
  signal: AbortSignal,
): Promise<RunEvent> {
  const setup = setupOf(state);
  if (!setup?.tried) throw new Error(`stage "${stage}" has no setup that was tried`);
  const { repo, base } = state.created;
  const decoder = new TextDecoder();
  const proposed = await proposeFiles({
    setup: setup.value,
    tried: setup.tried,
    paths: await files.paths(repo, base.commit, signal),
    read: async (path) => {
      const bytes = await files.file(repo, base.commit, path, signal);
      return bytes && decoder.decode(bytes);
    },
  });
  const leftOut = proposed.leftOut
    .slice(0, 30)
    .map(({ what, why }) => ({ what: what.slice(0, 1_200), why: why.slice(0, 600) }));
  const ended = { type: "run.finished" as const };
  if (proposed.files.length === 0) {
    const rest = leftOut.map(({ what, why }) => `${what}: ${why}`).join("; ");
    const message = `There is nothing to add to what the repository says already.${rest === "" ? "" : ` Not proposed: ${rest}`}`;
    return { ...ended, outcome: "succeeded", code: "nothing-to-propose", message: message.slice(0, 4_000) };
  }
  const written = await files.write(repo, startCommit(state, stage), proposed.files, `${stage}: the setup`, signal);
  if (written.type === "refused") {
    const message = `The files of the setup cannot come in: ${written.reasons.join("; ")}`;
    return { ...ended, outcome: "failed", code: "import-refused", message: message.slice(0, 4_000) };
  }
  return { type: "setup.written", stage, attempt, commit: written.commit, changes: written.changes, leftOut };
}
