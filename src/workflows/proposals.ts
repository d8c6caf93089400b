// What Baton writes into a repository by its own hand, for people to decide on: of each kind the artifact it is made of, and the paths that
// it may consist of. No agent's commit touches these for it.
import { isLessonsFile, proposeLessons } from "./lessons-file.ts";
import type { Hindsight } from "./hindsight.ts";
import type { Lessons } from "./lessons.ts";
import type { ReadFile } from "./load.ts";
import { isSetupFile, proposeFiles, type ProposedFiles } from "./setup-files.ts";
import type { Setup, Tried } from "./setup.ts";
import type { ProposalKind } from "./names.ts";
import type { Workflow } from "./schema.ts";

/** Everything the files of a proposal are made of, but for the repository itself. */
export type Proposal =
  | { readonly kind: "setup"; readonly setup: Setup; readonly tried: Tried }
  | { readonly kind: "lessons"; readonly lessons: Lessons; readonly hindsight: Hindsight };

/** What a run has of a proposal so far; `commit` is of its files, once Baton has made it. */
export interface Proposed<Commit extends string = string> {
  readonly setup?:
    | { readonly value: Setup; readonly tried: Tried | undefined; readonly commit: Commit | undefined }
    | undefined;
  readonly lessons?:
    | { readonly value: Lessons; readonly hindsight: Hindsight; readonly commit: Commit | undefined }
    | undefined;
}

/** The proposal that files can be made of; a run has at most one. */
export function proposalIn<Commit extends string>({
  setup,
  lessons,
}: Proposed<Commit>): { readonly proposal: Proposal; readonly commit: Commit | undefined } | undefined {
  if (setup?.tried) {
    const { value, tried, commit } = setup;
    return { proposal: { kind: "setup", setup: value, tried }, commit };
  }
  if (!lessons) return undefined;
  const { value, hindsight, commit } = lessons;
  return { proposal: { kind: "lessons", lessons: value, hindsight }, commit };
}

/** What a workflow proposes, where that is all it does: it changes nothing that its issue is about. */
export function proposedBy(workflow: Pick<Workflow, "stages"> | undefined): ProposalKind | undefined {
  return Object.values(workflow?.stages ?? {}).find(({ writes }) => writes !== undefined)?.writes;
}

/** What a proposal of each kind may consist of. */
export const mayHold: Readonly<Record<ProposalKind, (path: string) => boolean>> = {
  setup: isSetupFile,
  lessons: isLessonsFile,
};

/** The files of a proposal over a repository. The same input gives the same files. */
export async function filesOf(
  proposal: Proposal,
  at: { readonly paths: readonly string[]; readonly read: ReadFile },
): Promise<ProposedFiles> {
  return proposal.kind === "setup"
    ? await proposeFiles({ setup: proposal.setup, tried: proposal.tried, ...at })
    : await proposeLessons({ lessons: proposal.lessons, hindsight: proposal.hindsight, ...at });
}
