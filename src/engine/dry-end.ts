// How a dry run ends: nothing is published, and what would have been is said.
import type { Sha } from "../core/ids.ts";
import type { FileChange } from "../workspace/file-change.ts";
import type { EventOf } from "./events.ts";
import type { Files } from "./proposal.ts";
import type { State } from "./state.ts";

/** Paths that are named. */
const NAMED = 15;

/** The end of a dry run whose verified commit is `head`. Throws what reading the commits throws. */
export async function dryEnd(
  head: Sha,
  { created: { repo, base } }: State,
  files: Pick<Files, "changes">,
  signal: AbortSignal,
): Promise<EventOf<"run.finished">> {
  const changes = head === base.commit ? [] : await files.changes(repo, base.commit, head, signal);
  const message = `Verified; a dry run opens no pull request. ${wouldBe(changes, base.branch)}`;
  return { type: "run.finished", outcome: "succeeded", code: "dry-run", message: message.slice(0, 4_000) };
}

function wouldBe(changes: readonly FileChange[], branch: string): string {
  if (changes.length === 0) return "Nothing differs from the base, so none would have been opened.";
  const sum = (side: "added" | "removed") => changes.reduce((lines, change) => lines + change[side], 0);
  const named = changes
    .slice(0, NAMED)
    .map(({ path, added, removed, binary }) => `${path} (${binary ? "binary" : `+${added} −${removed}`})`);
  const rest = changes.length > NAMED ? `, and ${changes.length - NAMED} more` : "";
  const count = changes.length === 1 ? "1 file" : `${changes.length} files`;
  return `It would have opened a draft onto ${branch}: ${count} changed, +${sum("added")} −${sum("removed")}: ${named.join(", ")}${rest}.`;
}
