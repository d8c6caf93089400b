// What Baton writes by its own hand in a run: the files of a proposal, and their commit. No agent writes these files: they are made from an
// artifact's fields, and the gates that judge the commit make them again.
import type { Sha } from "../core/ids.ts";
import { filesOf, proposalIn } from "../workflows/proposals.ts";
import { textAt } from "../workspace/text-at.ts";
import type { Written, WrittenFile } from "../workspace/workspaces.ts";
import { startCommit } from "./commits.ts";
import type { Work } from "./effect.ts";
import type { RepoRef, RunEvent } from "./events.ts";
import { lessonsOf } from "./hindsight.ts";
import { setupOf } from "./setup.ts";
import type { FileChange } from "../workspace/file-change.ts";
import { stageOrder, type Attempt, type State } from "./state.ts";

/** The files of a repository at a commit, and commits of Baton's own on top of one. */
export interface Files {
  paths(repo: RepoRef, commit: Sha, signal: AbortSignal): Promise<string[]>;
  /** What changed between two commits, by path. */
  changes(repo: RepoRef, from: Sha, to: Sha, signal: AbortSignal): Promise<FileChange[]>;
  file(repo: RepoRef, commit: Sha, path: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  write(
    repo: RepoRef,
    onto: Sha,
    files: readonly WrittenFile[],
    message: string,
    signal: AbortSignal,
  ): Promise<Written>;
}

/** The proposal of the run, with the commit of its files once Baton has made it. */
export function proposalOf(state: State): ReturnType<typeof proposalIn<Sha>> {
  return proposalIn({ setup: setupOf(state), lessons: lessonsOf(state) });
}

/** What Baton wrote in the run. */
export function writtenIn(state: State): Attempt["written"] {
  return stageOrder(state.workflow).flatMap((name) => state.stages.get(name)?.current?.written ?? [])[0];
}

/** Makes the files and their commit. A proposal in which there is nothing new ends the run, and that is a success. */
export async function writeProposal(
  { stage, attempt }: Extract<Work, { type: "write" }>,
  state: State,
  files: Files,
  signal: AbortSignal,
): Promise<RunEvent> {
  const made = proposalOf(state);
  if (!made) throw new Error(`stage "${stage}" has nothing to write that was tried, or shown by anything`);
  const { proposal } = made;
  const { base } = state;
  const { repo } = state.created;
  const proposed = await filesOf(proposal, {
    paths: await files.paths(repo, base.commit, signal),
    read: textAt(files, repo, base.commit, signal),
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
  const what = proposal.kind === "setup" ? "the setup" : "the lessons";
  const written = await files.write(repo, startCommit(state, stage), proposed.files, `${stage}: ${what}`, signal);
  if (written.type === "refused") {
    const message = `The files of ${what} cannot come in: ${written.reasons.join("; ")}`;
    return { ...ended, outcome: "failed", code: "import-refused", message: message.slice(0, 4_000) };
  }
  const { commit, changes } = written;
  return { type: `${proposal.kind}.written`, stage, attempt, commit, changes, leftOut };
}
