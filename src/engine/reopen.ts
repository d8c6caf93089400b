// What `retry.requested` and `revision.requested` take back of a run that ended, so that it may go on. Pure; a part of the fold.
import { stageOf } from "./unit.ts";
import { dependants, isDone, isFailedForGood, stageThatEnded, workedMs, type Attempt, type State } from "./state.ts";

/** The run, open again from this stage on, or from the one in which it ended; `at`: milliseconds since 1970. */
export function reopen(state: State, from: string | undefined, at: number): State {
  const open: State = {
    ...state,
    driver: undefined,
    stop: undefined,
    closedBy: undefined,
    lost: undefined,
    // It may have been opened again; the publisher looks before it writes.
    pullClosed: undefined,
    paused: undefined,
    waiting: undefined,
    unclear: undefined,
    parks: 0,
    kept: state.kept && { ...state.kept, settled: false },
    finished: undefined,
    budgetFrom: { at, spend: state.spend, worked: workedMs(state, at) },
  };
  if (!state.workflow) return { ...open, phase: "routing", routed: undefined };
  const first = from ?? stageThatEnded(state);
  const again = first === undefined ? [] : [first, ...dependants(state.workflow, first)];
  const stages = new Map([...state.stages].map(([name, stage]) => [name, { ...stage, rounds: 0, failures: 0 }]));
  for (const name of again) {
    const stage = stages.get(name);
    const kept = stage && name === first && !isDone(state, stage) ? reopenedBoard(stage.current) : undefined;
    // An approval with words was of a plan that is not made now: who comes next has not been told them.
    if (stage) stages.set(name, { ...stage, current: kept, approved: undefined });
    if (!kept) continue;
    // Of a fan-out only what is not done is worked again.
    for (const [unit, { current, ...rest }] of stages)
      if (stageOf(unit) === name && unit !== name && !isDone(state, { current, ...rest }))
        stages.set(unit, { ...rest, current: undefined });
  }
  const reopened: State = { ...open, phase: "working", stages };
  const another = [...stages.keys()].find((name) => isInVain(reopened, name));
  return another === undefined ? reopened : reopen(reopened, another, at);
}

/** True when the stage would end the run as soon as it goes on. */
function isInVain(state: State, name: string): boolean {
  const stage = state.stages.get(name);
  const plan = state.workflow?.stages[name];
  if (!plan || !stage?.current || isDone(state, stage)) return false;
  const units = [...state.stages.values()].filter((unit) => stageOf(unit.name) === name && !unit.child);
  return stage.current.board?.closed !== undefined || units.some((unit) => isFailedForGood(unit, plan));
}

/** A board on which what is not done may be begun again, in new waves. */
function reopenedBoard(attempt: Attempt | undefined): Attempt | undefined {
  if (!attempt?.board || attempt.gates.length > 0) return undefined;
  return { ...attempt, failure: undefined, board: { ...attempt.board, closed: undefined } };
}
