// Which files of a change Baton itself wrote: those of what the run proposes, at the very commit that Baton made of it. They are made
// again here and compared byte by byte, so that neither an agent's commit nor one with something besides passes for Baton's own.
import { filesOf, mayHold, proposalIn } from "../workflows/proposals.ts";
import type { Survey } from "../workflows/setup-files.ts";
import { textAt } from "../workspace/text-at.ts";
import type { GateContext } from "./verdict.ts";

/** Paths whose content at the head is what Baton makes of the proposal; none unless the change consists of these and nothing else. */
export async function ownFiles({ request, workspaces, signal }: GateContext): Promise<ReadonlySet<string>> {
  const { repo, base, head } = request;
  const made = proposalIn(request);
  if (!made || made.commit !== head) return new Set();
  const { files } = await filesOf(made.proposal, await surveyedAt({ request, workspaces, signal }));
  const wanted = new Map(files.map(({ path, text }) => [path, text]));
  const read = textAt(workspaces, repo, head, signal);
  for (const { path } of await workspaces.changes(repo, base, head, signal)) {
    if (!mayHold[made.proposal.kind](path)) return new Set();
    const text = await read(path);
    if (text === undefined || wanted.get(path) !== text) return new Set();
  }
  return new Set(wanted.keys());
}

/** The repository at the base commit, as a proposal is made over it. */
export async function surveyedAt({
  request: { repo, base },
  workspaces,
  signal,
}: Pick<GateContext, "request" | "workspaces" | "signal">): Promise<Pick<Survey, "paths" | "read">> {
  return {
    paths: await workspaces.paths(repo, base, signal),
    read: textAt(workspaces, repo, base, signal),
  };
}
