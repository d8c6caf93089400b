// What people read of a run whose base is another one than it began from: why that is, who brought both together, and what still holds.
import { isPublished, stageOrder, type State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";
import { pullRequestLink } from "./stages.ts";

/** Paths that are named; the others are counted. */
const SHOWN = 8;

/**
 * One paragraph of harmless Markdown; "" where the base is the one that the run began from. `isMerged`: the branch holds it, or does with
 * what is being published.
 */
export function baseLine(state: State, neutral: Neutral, isMerged = isPublished(state)): string {
  const { branch, commit, moved } = state.base;
  if (!moved) return "";
  const name = neutral.code(branch, 100);
  const by = neutral.code(moved.by.login, 60);
  const at = `\`${commit.slice(0, 10)}\``;
  if (moved.how === "held")
    return `**Base:** people merged ${name} into this branch; everything is judged against ${at}.`;
  const why =
    moved.how === "conflicts"
      ? `${name} moved on and ${pullRequestLink(state)} conflicted with it`
      : `${by} asked to have ${name} merged`;
  if (!isMerged)
    return `**Base:** ${why}; ${at} ${state.finished ? "was not" : "is being"} merged.${inPaths(moved.paths, neutral)}`;
  const who =
    moved.paths.length === 0
      ? "Git found no conflict, and no agent changed anything for it."
      : `Agents resolved what git could not: ${list(moved.paths, neutral)}.`;
  return `**Base:** ${why}; merged at ${at}. ${who} The gates judged all of it anew.${reviewLine(state)}`;
}

function inPaths(paths: readonly string[], neutral: Neutral): string {
  return paths.length === 0 ? "" : ` Both changed ${list(paths, neutral)}.`;
}

function list(paths: readonly string[], neutral: Neutral): string {
  const shown = paths.slice(0, SHOWN).map((path) => neutral.code(path, 120));
  const more = paths.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

/** A review is not made anew for what git has merged. */
function reviewLine({ workflow, stages }: State): string {
  const old = stageOrder(workflow).some(
    (name) => workflow?.stages[name]?.makes === "Review" && stages.get(name)?.current?.carried,
  );
  return old ? " The agents' review is of the change before that." : "";
}
