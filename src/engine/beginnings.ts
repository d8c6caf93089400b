// What a run, a stage and an attempt are when they begin.
import { originCommit } from "./commits.ts";
import { noSpend, type EventOf, type RecordedEvent } from "./events.ts";
import { noChecks } from "./checks.ts";
import { noBranch } from "./pull-state.ts";
import { silence } from "./talk-state.ts";
import { isContinued, type Attempt, type StageState, type State } from "./state.ts";

export function newStage(name: string): StageState {
  return {
    name,
    attempts: [],
    current: undefined,
    rounds: 0,
    failures: 0,
    approved: undefined,
    child: undefined,
    carried: undefined,
  };
}

function hasSpoken(attempt: Attempt): boolean {
  return attempt.session !== undefined || isContinued(attempt);
}

/** The attempt that an event begins. One of an agent that is commanded again goes on with the attempt before, in its conversation and its files. */
export function newAttempt(
  state: State,
  { name, child, current }: StageState,
  { attempt, reasons, milliseconds }: Pick<EventOf<"stage.started">, "attempt" | "reasons" | "milliseconds">,
  at: number,
): Attempt {
  const { version } = state;
  const again = current?.number === attempt;
  const before = child && current && !again && hasSpoken(current) ? current : undefined;
  return {
    number: attempt,
    version,
    since: again && current ? current.since : version,
    root: before?.root ?? version,
    origin: originCommit(state, name),
    turnsBefore: before ? before.turnsBefore + before.turns : 0,
    command: child && (again ? current.command : child.pending),
    startedAt: at,
    touchedAt: at,
    reasons,
    turns: 0,
    spend: again && current ? current.spend : noSpend,
    lastTool: undefined,
    commands: [],
    artifact: undefined,
    commit: undefined,
    changes: [],
    failure: undefined,
    gates: [],
    idleMs: 0,
    milliseconds,
    session: undefined,
    spoken: again && current ? current.spoken : [],
    interrupted: false,
    carried: false,
    skipped: undefined,
    fleet: undefined,
    told: [],
    board: undefined,
    written: undefined,
    review: undefined,
    hindsight: undefined,
    asked: undefined,
    said: undefined,
  };
}

/** A run of which nothing is known but its first event. */
export function newState(created: EventOf<"run.created">, { version, at }: RecordedEvent): State {
  return {
    runId: created.runId,
    version,
    phase: "routing",
    created,
    createdAt: at,
    updatedAt: at,
    budgetFrom: { at, spend: noSpend, worked: 0 },
    driver: undefined,
    jobPage: undefined,
    routed: undefined,
    unclear: undefined,
    triageAsks: 0,
    clarified: [],
    workflow: undefined,
    budget: undefined,
    stages: new Map(),
    steering: [],
    talk: silence,
    spend: noSpend,
    stop: undefined,
    closedBy: undefined,
    lost: undefined,
    edited: false,
    paused: undefined,
    waiting: undefined,
    parks: 0,
    raised: undefined,
    pullRequest: undefined,
    branch: noBranch,
    base: { ...created.base, rounds: 0, moved: undefined },
    shown: [],
    revision: undefined,
    commandComments: { now: created.request.commentId, before: [] },
    pullClosed: undefined,
    checks: noChecks,
    kept: undefined,
    finished: undefined,
  };
}
