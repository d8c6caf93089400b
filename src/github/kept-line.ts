// What of an ended run is there to go on with: what is done, the branches its finished work is on, and what is on none. Pure.
import { taskStatuses } from "../engine/board.ts";
import { isDone, stageOrder, type StageState, type State } from "../engine/state.ts";
import { taskUnit } from "../engine/unit.ts";
import type { Neutral } from "./neutral.ts";
import type { Links } from "./progress.ts";
import { pullRequestLink } from "./stages.ts";
import { keptTasks } from "./tasks.ts";

/** Units and reasons of one line. */
const MOST = 12;

interface Options {
  readonly neutral: Neutral;
  readonly links: Links;
}

/** Lines of Markdown with their labels; none when nothing is there. */
export function keptLines(state: State, options: Options): string[] {
  const kept = keptLine(state, options);
  const missing = missingLine(state, options);
  return [...(kept === "" ? [] : [`**Kept:** ${kept}`]), ...(missing === "" ? [] : [`**On no branch:** ${missing}`])];
}

/** Of a run that has its pull request: the branches of earlier tries that are still there; "" when there are none. */
export function leftLines(state: State, options: Options): string {
  const left = state.kept?.left ?? [];
  return left
    .map(
      ({ branch, why }) =>
        `The branch ${branchLink(state, branch, options)} of an earlier try is left, because ${options.neutral.line(why, 200)}.`,
    )
    .join("\n");
}

/** "**reproduce**, of **build** `text` · on the branch `baton/…-kept`: `reproduce`, `build:text`". */
function keptLine(state: State, options: Options): string {
  const order = stageOrder(state.workflow);
  const done = order.flatMap((name) => {
    const stage = state.stages.get(name);
    if (stage !== undefined && isDone(state, stage)) return cameToNothing(stage) ? [] : [`**${name}**`];
    const tasks = stage?.current ? keptTasks(state, name, stage.current) : [];
    return tasks.length === 0 ? [] : [`of **${name}** ${units(tasks)}`];
  });
  const branches = state.kept?.branches ?? [];
  const commit = branches.length > 0 ? undefined : lastCommit(state);
  if (done.length === 0 && branches.length === 0 && commit === undefined) return "";
  return [
    done.length === 0 ? "no stage is done" : done.join(", "),
    ...branches.map(({ branch, holds }) => `on the branch ${branchLink(state, branch, options)}: ${units(holds)}`),
    ...(commit === undefined ? [] : [`the last work is commit \`${commit.slice(0, 10)}\`, kept by Baton`]),
    ...(state.pullRequest ? [pullRequestLink(state)] : []),
  ].join(" · ");
}

/** Done with, because the run goes on without it: there is nothing of it to keep. */
function cameToNothing({ current }: StageState): boolean {
  return current?.skipped !== undefined || current?.board?.closed?.done.length === 0;
}

function lastCommit(state: State): string | undefined {
  return stageOrder(state.workflow)
    .map((name) => {
      const stage = state.stages.get(name);
      return stage?.current?.board?.head ?? stage?.attempts.findLast((attempt) => attempt.commit !== undefined)?.commit;
    })
    .findLast((at) => at !== undefined && at !== state.base.commit);
}

/** What was finished and may not be published, with the reason, and what was not finished. */
function missingLine(state: State, { neutral }: Options): string {
  if (!state.kept) return "";
  const refused = state.kept.missing.map(({ what, why }) => `\`${what}\` (${neutral.line(why, 250)})`);
  const known = new Set(state.kept.missing.map(({ what }) => what));
  const open = unfinished(state).filter((unit) => !known.has(unit));
  return [...few(refused), ...(open.length === 0 ? [] : [`not finished: ${units(open)}`])].join("; ");
}

/** Stages that were begun or not, and are not done; of a fan-out its tasks. */
function unfinished(state: State): string[] {
  return stageOrder(state.workflow).flatMap((name) => {
    const stage = state.stages.get(name);
    if (!stage || isDone(state, stage) || state.workflow?.stages[name]?.pull_request) return [];
    const board = stage.current?.board;
    if (!board) return [name];
    return [...taskStatuses(state, name, board)].flatMap(([id, status]) =>
      status === "done" ? [] : [taskUnit(name, id)],
    );
  });
}

function units(names: readonly string[]): string {
  return few(names.map((name) => `\`${name}\``)).join(", ");
}

function few(texts: readonly string[]): string[] {
  return texts.length <= MOST ? [...texts] : [...texts.slice(0, MOST), `and ${texts.length - MOST} more`];
}

/** A branch of a local run has no page. */
function branchLink({ created: { repo } }: State, branch: string, { links }: Options): string {
  if (repo.id === 0) return `\`${branch}\``;
  const path = branch.split("/").map(encodeURIComponent).join("/");
  return `[\`${branch}\`](${links.serverUrl}/${repo.owner}/${repo.name}/tree/${path})`;
}
