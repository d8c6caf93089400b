// What of a run is finished although the run is not: the commits that are put on a branch before it ends without a pull request. Pure.
//
// Finished is what an agent has handed in and the gates of its own stage have passed; what was merged of a fan-out, or of a fleet whose
// conductor was not done yet; and beside it tasks that were done and not merged. What stands on one another is kept by its latest commit.
import { isDeepStrictEqual } from "node:util";
import type { Sha } from "../core/ids.ts";
import { carriesCommit } from "../workflows/artifacts.ts";
import { taskStatuses } from "./board.ts";
import { CONTRADICTION } from "./contradictions.ts";
import type { Effect } from "./effect.ts";
import { losses, type EventOf } from "./events.ts";
import { workOf } from "./fold-fleet.ts";
import { planOf, refusals, stageOrder, upstream, type Attempt, type State } from "./state.ts";
import { childUnit, taskUnit } from "./unit.ts";

/** One line of finished work. */
export interface FinishedWork {
  readonly stage: string;
  readonly head: Sha;
  /** The units whose work is in `head`; none where it is only what the parts start from. */
  readonly holds: readonly string[];
  /** Finished, and not in `head`. */
  readonly parts: readonly { readonly id: string; readonly unit: string; readonly commit: Sha }[];
}

/** Lines of finished work that are looked at when the latest may not be published. */
const MOST_LINES = 5;
const MOST_PARTS = 15;

/** What is finished, the latest line first: the next is what was there before. Empty when nothing is. */
export function finishedWork(state: State): readonly FinishedWork[] {
  const found = stageOrder(state.workflow).flatMap((name) => {
    const { attempts = [], current } = state.stages.get(name) ?? {};
    return attempts.flatMap((each) => {
      const attempt = each.version === current?.version ? current : each;
      if (isPublic(state, attempt)) return [];
      const work = finishedIn(state, name, attempt, attempt === current);
      return work && (work.parts.length > 0 || work.holds.length > 0) ? [{ version: attempt.version, work }] : [];
    });
  });
  const works = found.toSorted((a, b) => b.version - a.version).map(({ work }) => work);
  const named = new Set(works.map(({ stage }) => stage));
  return works.slice(0, MOST_LINES).map((work) => ({
    ...work,
    holds: [...upstream(state.workflow, work.stage).filter((stage) => named.has(stage)), ...work.holds],
  }));
}

/** What there was before a pull request was to stand on another base is in it, and what git only brought along adds nothing. */
function isPublic({ revision }: State, { carried, version }: Attempt): boolean {
  return carried || (revision?.base !== undefined && version < revision.version);
}

function finishedIn(state: State, stage: string, attempt: Attempt, isCurrent: boolean): FinishedWork | undefined {
  const plan = planOf(state, stage);
  const leaves = plan?.writes !== undefined || (plan?.makes !== undefined && carriesCommit(plan.makes));
  if (!plan || !leaves) return undefined;
  const base = state.base.commit;
  const { board, fleet, artifact, written, commit, gates } = attempt;
  if (board) {
    const { head, merged } = board;
    const done = isCurrent ? [...taskStatuses(state, stage, board)].filter(([, status]) => status === "done") : [];
    const parts = done.flatMap(([id]) => {
      const own = state.stages.get(taskUnit(stage, id))?.current?.commit;
      return own === undefined || merged.includes(id) ? [] : [{ id, unit: taskUnit(stage, id), commit: own }];
    });
    const all = board.closed && merged.length === board.tasks.length;
    return { stage, head, holds: all ? [stage] : merged.map((id) => taskUnit(stage, id)), parts };
  }
  if (artifact ?? written) {
    const passed = plan.gates.every((wanted) => gates.some(({ gate }) => gate === wanted));
    if (commit === undefined || commit === base || !passed || refusals(state, stage, attempt).length > 0)
      return undefined;
    return { stage, head: commit, holds: [stage], parts: [] };
  }
  if (!fleet) return undefined;
  const parts = isCurrent ? fleet.agents.flatMap((id) => unmerged(state, stage, id, fleet.merged.get(id))) : [];
  return { stage, head: fleet.head, holds: [...fleet.merged.keys()].map((id) => childUnit(stage, id)), parts };
}

/** What an agent of a fleet handed in and its conductor did not come to merge. One that was deleted may have been delegated to. */
function unmerged(state: State, stage: string, id: string, merged: Sha | undefined): FinishedWork["parts"] {
  const unit = childUnit(stage, id);
  const child = state.stages.get(unit)?.child;
  const commit = workOf(state, stage, id);
  if (!child || child.conflict || commit === undefined || commit === merged || commit === child.base) return [];
  return [{ id, unit, commit }];
}

/** Every commit of finished work, by which it is known whether that was kept. */
function commitsOfWork(works: readonly FinishedWork[]): Sha[] {
  return [
    ...new Set(works.flatMap(({ head, parts }) => [head, ...parts.slice(0, MOST_PARTS).map(({ commit }) => commit)])),
  ];
}

type End = Pick<EventOf<"run.finished">, "outcome" | "code" | "message">;

/** What has to be done before a run may end so: finished work is kept, or what was kept before is removed. */
export function beforeEnd(state: State, end: End): Extract<Effect, { type: "keep" | "remove" }> | undefined {
  const { kept, created } = state;
  if (created.dryRun || end.outcome === "triaged") return undefined;
  const { outcome, code, message } = end;
  if (outcome === "succeeded")
    return state.pullRequest && kept && kept.branches.length > 0
      ? { type: "remove", branches: kept.branches }
      : undefined;
  // What there was before the revision is in its pull request.
  if (state.revision && state.stages.get(state.revision.stage)?.current?.commit === undefined) return undefined;
  // Where the ground is lost, nothing can be put on it; and what was made of demands that contradict each other nobody wants.
  if (losses.some((loss) => loss === code) || code === "restarted" || code === CONTRADICTION) return undefined;
  const from = commitsOfWork(finishedWork(state));
  if (from.length === 0 || (kept?.settled && isDeepStrictEqual(kept.from, from))) return undefined;
  return { type: "keep", from, end: { type: "finish", outcome, code, message } };
}

/** What is kept of a run after more of it was: a branch that is not spoken of any more is there all the same. */
export function keptSince(before: State["kept"], { from, branches, missing }: EventOf<"work.kept">): State["kept"] {
  const names = new Set(branches.map(({ branch }) => branch));
  const others = before?.branches.filter(({ branch }) => !names.has(branch)) ?? [];
  return { from, missing, branches: [...branches, ...others], left: [], settled: true };
}
