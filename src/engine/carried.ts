// A run whose base has moved on: what its stages have handed in is brought to the present base, stage by stage, and judged anew there. Pure.
//
// Git does it where it can, without an agent: evidence (tests that reproduce or pin) is merged with the base, and then the work of the
// stage that makes the change is merged with that. What git cannot merge the stage's own agent mends, from files that hold both sides.
// What other stages said (a plan, a diagnosis) stands as it was said. A review stands as long as no agent changed anything behind it.
// Gates are never brought along: each judges anew.
import type { Sha } from "../core/ids.ts";
import { newAttempt } from "./beginnings.ts";
import { upstreamCommit } from "./commits.ts";
import type { EventOf } from "./events.ts";
import { isOnlyBase } from "./pull-state.ts";
import { reopen } from "./reopen.ts";
import { dependants, hasConflict, isDone, stageOrder, type Attempt, type StageState, type State } from "./state.ts";

export interface Carried {
  /** What was handed in on the earlier base. */
  readonly of: Attempt;
  /** The commit that is brought along: what it left, or what people pushed since. */
  readonly from: Sha;
  /** Where it came to; undefined before that. Where it stays, attempts begin from there. */
  readonly to: Pick<EventOf<"base.merged">, "commit" | "paths"> | undefined;
}

type Requested = EventOf<"revision.requested">;

/** The run, open again so that what is there is brought to the base that `event` names, and what else it wants is done there. */
export function rebased(state: State, event: Requested, at: number): State {
  const reopened = reopen(state, event.stage, at);
  const anew = new Set(isOnlyBase(event) ? [] : dependants(state.workflow, event.stage));
  // Whoever works on what people merged has the base in there.
  const isHeld = event.base?.how === "held";
  const stages = new Map(reopened.stages);
  for (const name of stageOrder(state.workflow)) {
    const [before, stage] = [state.stages.get(name), stages.get(name)];
    const plan = state.workflow?.stages[name];
    // A person's word stands, and so does what Baton has collected.
    if (!before || !stage || !plan || plan.wait || plan.collects) continue;
    // What was passed over before the change stays so; only no code comes from there.
    if (stage.current?.skipped && plan.agent !== undefined) {
      stages.set(name, { ...stage, current: { ...stage.current, commit: undefined } });
      continue;
    }
    const isMade = plan.agent === undefined || (name === event.stage ? isHeld : anew.has(name));
    const of = isMade ? undefined : handedIn(state, before);
    const from = of && name === event.stage ? broughtFrom(before, of, event.onto) : of?.commit;
    const carried = of && from !== undefined ? { of, from, to: undefined } : undefined;
    stages.set(name, { ...stage, current: undefined, carried });
  }
  return { ...reopened, stages };
}

/** A revision on the same base: what people pushed is gone on from, and no longer what git left of an earlier merge. */
export function onOther(reopened: State, { revision }: State, { stage: name, onto }: Requested): State {
  const stage = reopened.stages.get(name);
  if (!stage?.carried || onto === revision?.onto) return reopened;
  return { ...reopened, stages: new Map(reopened.stages).set(name, { ...stage, carried: undefined }) };
}

/** What was made on what people pushed last, or else that: nothing of theirs is left out. */
function broughtFrom({ carried }: StageState, { origin, commit }: Attempt, onto: Sha | undefined): Sha | undefined {
  return onto === undefined || origin === onto || origin === carried?.to?.commit ? commit : onto;
}

/** The attempt that counts: the present one when it is done, else what was to be brought along before, else the last that left something. */
function handedIn(state: State, stage: StageState): Attempt | undefined {
  if (stage.current && isDone(state, stage)) return stage.current;
  return stage.carried?.of ?? stage.attempts.findLast(({ artifact, board, commit }) => commit && (artifact ?? board));
}

/** The two sides of what is merged for a stage; undefined where nothing of its own has to be, so that it stands where it comes from. */
export function sidesOf(state: State, name: string): { into: Sha; theirs: Sha } | { stands: Sha } {
  const { carried } = state.stages.get(name) ?? {};
  const isRevised = state.revision?.stage === name;
  const stands = isRevised && state.revision?.onto !== undefined ? state.base.commit : upstreamCommit(state, name);
  if (!carried || !(isRevised || isEvidence(carried.of))) return { stands };
  return { into: stands, theirs: carried.from };
}

/** What gates put beside the change. */
function isEvidence({ artifact }: Attempt): boolean {
  return artifact?.name === "Reproduction" || artifact?.name === "Characterization";
}

/** The state when a stage's work stands on the base: it is an attempt of its own, without an agent, unless git has left conflicts. */
export function broughtOver(state: State, event: EventOf<"base.merged">, at: number): State {
  const stage = state.stages.get(event.stage);
  const carried = stage?.carried;
  if (!stage || !carried || carried.to) return state;
  const { commit, paths } = event;
  const { revision } = state;
  const isRevised = revision?.stage === stage.name;
  const stages = new Map(state.stages);
  if (paths.length > 0 || (isRevised && !isOnlyBase(revision))) {
    stages.set(stage.name, { ...stage, carried: { ...carried, to: { commit, paths } } });
    return { ...state, stages };
  }
  const { of } = carried;
  // Where it stands on what people pushed, it stands on that with the base from here on.
  const after = isRevised && revision.onto !== undefined ? { ...carried, to: { commit, paths } } : undefined;
  const attempt: Attempt = {
    ...newAttempt(state, stage, { attempt: event.attempt, reasons: [] }, at),
    origin: after ? commit : upstreamCommit(state, stage.name),
    carried: true,
    artifact: of.artifact,
    board: of.board && { ...of.board, head: commit },
    fleet: of.fleet,
    told: of.told,
    skipped: of.skipped,
    changes: of.changes,
    commit,
  };
  stages.set(stage.name, {
    ...stage,
    attempts: [...stage.attempts, attempt],
    current: attempt,
    rounds: stage.rounds + 1,
    carried: after,
  });
  return { ...state, stages };
}

/**
 * What a stage still has to bring along when `before`, which it needs, begins. Once an agent does there, a review was of other work, and
 * what was brought along stands on other ground.
 */
export function stillCarried(state: State, before: string, { name, carried }: StageState): Carried | undefined {
  const stages = state.workflow?.stages ?? {};
  if (stages[before]?.agent === undefined) return carried;
  return carried?.to || stages[name]?.makes === "Review" ? undefined : carried;
}

/** Why a stage is worked that only has to mend what git left; none for any other. */
export function reasonsToMend(state: State, stage: StageState): string[] {
  if (!hasConflict(stage)) return [];
  const { branch, commit } = state.base;
  return [
    `${branch} is at ${commit.slice(0, 12)} now, and git could not merge this work with it in: ${(stage.carried?.to?.paths ?? []).join(", ")}`.slice(
      0,
      4_000,
    ),
  ];
}

/** The merge that the agent of a stage mends first. */
export function conflictOfBase(state: State, name: string): { marked: Sha; paths: readonly string[] } | undefined {
  const stage = state.stages.get(name);
  const to = stage?.carried?.to;
  return to && hasConflict(stage) ? { marked: to.commit, paths: to.paths } : undefined;
}

/** True for a stage whose work waits to be brought along. */
export function isToCarry({ current, carried }: StageState): boolean {
  return current === undefined && carried !== undefined && carried.to === undefined;
}
