// Gate "resolved": what an agent was to mend of a merge is mended, as far as a program can tell: no conflict marker is left where git put
// some, nor in any file that was made or changed since, wherever that lies. Whether both sides' intent holds is for the gates and the
// review behind it.
import { few, passed, refused, type GateContext, type Verdict } from "./verdict.ts";

export async function resolved({ request, workspaces, signal }: GateContext): Promise<Verdict> {
  const { repo, head, conflict } = request;
  if (!conflict) return refused("no-conflict", "There is no merge that was to be mended.");
  const since = await workspaces.changes(repo, conflict.marked, head, signal);
  const paths = new Set([...conflict.paths, ...since.map(({ path }) => path)]);
  const left = await workspaces.conflictMarkers(repo, head, [...paths], signal);
  if (left.length === 0) return passed("resolved", `No conflict marker is left in ${few(conflict.paths)}`);
  return refused("unresolved", `Conflict markers are left in ${few(left)}`, left);
}
