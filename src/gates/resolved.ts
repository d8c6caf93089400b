// Gate "resolved": what an agent was to mend of a merge is mended, as far as a program can tell: no conflict marker is left where git put
// some. Whether both sides' intent holds is for the gates and the review behind it.
import { passed, refused, type GateContext, type Verdict } from "./verdict.ts";

export async function resolved({ request, workspaces, signal }: GateContext): Promise<Verdict> {
  const { repo, head, conflict = [] } = request;
  const left = await workspaces.conflictMarkers(repo, head, conflict, signal);
  if (left.length === 0) return passed("resolved", `No conflict marker is left in ${conflict.join(", ")}`);
  return refused("unresolved", `Conflict markers are left in ${left.join(", ")}`);
}
