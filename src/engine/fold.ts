// The state of a run is the fold of its events, and nothing else.
//
// A run is *routing* until triage has answered, *working* while stages are open, and *finished* at last. Meanwhile it may be
// *paused* by a person, until a person says otherwise, or *waiting* (`run.parked`): a driver that takes it up when its time has
// come ends the wait, and so does a person.
// `retry.requested` takes a finished run back to working (or routing): the named stage, or else the one that ended it,
// and everything behind it begin again with fresh counters; stages before it keep their results.
// Of a stage only its latest attempt counts; a stage is *done* when that attempt has an artifact (if it has an agent)
// and every one of its gates has passed. Sending back to an earlier stage opens a new attempt there, which makes every
// stage that needs it open again.
import { assertNever } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import { clarified, isAboutTriage } from "./clarify.ts";
import { withSpoken } from "./conversation.ts";
import { addSpend, type EventOf, type RecordedEvent } from "./events.ts";
import { broughtOver, onOther, rebased, stillCarried } from "./carried.ts";
import { commandsAfter } from "./commands-run.ts";
import { commandCommentsAfter } from "./command-comments.ts";
import { checksAfter, checksRevised } from "./checks.ts";
import { boardChange, mendedBoard } from "./fold-board.ts";
import { fleetChange, isHeard, keptMerges, withChild } from "./fold-fleet.ts";
import { broadcastTo } from "./handed.ts";
import { restedLocks, talkAfter } from "./fold-talk.ts";
import { newAttempt, newStage, newState } from "./beginnings.ts";
import { keptSince } from "./kept-work.ts";
import { reopen } from "./reopen.ts";
import { baseAfter, branchAfter, shownAfter } from "./pull-state.ts";
import { mendingUnit, stageOf, taskUnit } from "./unit.ts";
import { changeOf, dependants, isIdle, isUnderWay, type Attempt, type State } from "./state.ts";
import { getsOn } from "./getting-on.ts";

/** Folds a whole log. Throws when the log does not begin with `run.created`. */
export function fold(events: readonly RecordedEvent[]): State {
  const [first, ...rest] = events;
  if (first?.event.type !== "run.created") throw new Error("a run's first event must be run.created");
  return rest.reduce(apply, newState(first.event, first));
}

/** The state after one more event. Pure; unknown stages and events after the end are kept quietly, never thrown on. */
export function apply(before: State, recorded: RecordedEvent): State {
  const { event, version, at } = recorded;
  const rested = event.type === "run.driven" || isIdle(before) ? restedFor(before, at - before.updatedAt) : before;
  const state: State = { ...rested, version, updatedAt: at, parks: getsOn(event) ? 0 : before.parks };
  switch (event.type) {
    case "run.created":
      return state;
    case "run.driven": {
      const due = state.waiting?.until !== undefined && at >= state.waiting.until;
      return {
        ...state,
        driver: event.driver,
        jobPage: event.job,
        waiting: due ? undefined : state.waiting,
        stages: interruptAgents(state.stages),
      };
    }
    case "run.routed": {
      const routed: State = { ...state, routed: event, unclear: undefined, spend: addSpend(state.spend, event.spend) };
      if (event.decision.kind !== "start") return routed;
      const { workflow } = event.decision;
      const budget = {
        ...event.decision.budget,
        ...(state.raised === undefined ? {} : { microDollars: state.raised }),
      };
      const stages = new Map(Object.keys(workflow.stages).map((name) => [name, newStage(name)]));
      return { ...routed, phase: state.finished ? "finished" : "working", workflow, budget, stages };
    }
    case "stage.started":
      return startStage(state, event, at);
    case "session.started":
      return touch(withSpoken(state, event), event, at, () => ({
        session: { number: event.session, version },
        interrupted: false,
      }));
    case "agent.turn":
      return {
        ...touch(withLateSpend(withSpoken(state, event), event), event, at, (attempt) => ({
          turns: event.turn - attempt.turnsBefore,
          interrupted: false,
          spend: addSpend(attempt.spend, event.spend),
          lastTool: event.tools.at(-1)?.name ?? attempt.lastTool,
          commands: commandsAfter(attempt.commands, event),
        })),
        spend: addSpend(state.spend, event.spend),
      };
    case "agent.finished":
      if (!isHeard(state, event.stage)) return state;
      return mended(
        withFailures(
          touch(state, event, at, () => ({
            artifact: event.artifact,
            commit: event.commit,
            changes: event.changes,
          })),
          event.stage,
          () => 0,
        ),
        event,
      );
    case "artifact.picked":
      return touch(state, event, at, () => ({ artifact: { name: "Excerpt", value: event.excerpt } }));
    case "agent.failed":
      if (!isHeard(state, event.stage)) return state;
      return withFailures(
        touch(state, event, at, () => ({ failure: event.failure })),
        event.stage,
        (before) => before + 1,
      );
    case "stage.skipped":
      return skip(state, event, at);
    case "tasks.opened":
    case "wave.started":
    case "wave.merged":
    case "tasks.closed":
      return onBoard(state, event, at);
    case "agent.created":
    case "agent.commanded":
    case "agent.interrupted":
    case "agent.deleted":
    case "fleet.merged":
    case "tasks.added":
    case "task.changed": {
      const next = touch(state, event, at, (attempt) => fleetChange(state, attempt, event));
      return next === state ? state : { ...next, stages: withChild(next, event) };
    }
    case "hindsight.collected":
      return touch(state, event, at, () => ({ hindsight: event.hindsight }));
    case "setup.written":
    case "lessons.written":
      return touch(state, event, at, () => ({ written: event, commit: event.commit, changes: event.changes }));
    case "note.written":
    case "message.sent":
    case "lock.asked":
    case "lock.granted":
    case "lock.deferred":
    case "lock.released": {
      const next = touch(state, event, at, () => ({}));
      return next === state ? state : { ...next, talk: talkAfter(state, event) };
    }
    case "people.asked":
      if (isAboutTriage(state, event.stage))
        return { ...state, unclear: { ...event, at }, triageAsks: state.triageAsks + 1 };
      return touch(state, event, at, () => ({ asked: { ...event, at } }));
    case "plan.judged":
      return judged(state, event, at);
    case "answer.given":
      if (isAboutTriage(state, event.stage)) return clarified(heard(state), event);
      return { ...heard(state), stages: touchCurrent(state, event.stage, at, () => ({ said: event })) };
    case "words.told":
      return { ...state, steering: [...state.steering, { by: event.by, words: event.words }] };
    case "gate.checked":
      return mended(
        touch(state, event, at, (attempt) => ({ gates: [...attempt.gates, event.result] })),
        event,
      );
    case "pull_request.opened": {
      const { type: _, ...pullRequest } = event;
      const shown = shownAfter(state, changeOf(state)?.summary);
      return { ...published(state, event.head, at), pullRequest, branch: branchAfter(state, recorded), shown };
    }
    case "review.published":
      return touch(state, event, at, () => ({ review: event }));
    case "work.kept":
      return { ...state, kept: keptSince(state.kept, event) };
    case "kept.removed":
      return { ...state, kept: state.kept && { ...state.kept, branches: [], left: event.left } };
    // What a person ends waits for nothing any more.
    case "stop.requested":
      return { ...heard(state), stop: { by: event.by, quote: event.quote } };
    case "subject.closed":
      return { ...heard(state), closedBy: event.by };
    case "subject.edited":
      return { ...state, edited: true };
    case "subject.lost":
      return { ...state, lost: { loss: event.loss, message: event.message } };
    case "pause.requested":
      return { ...state, paused: { by: event.by, quote: event.quote, at } };
    case "resume.requested":
      return { ...state, paused: undefined, waiting: undefined, parks: 0 };
    case "budget.changed":
      return {
        ...state,
        raised: event.microDollars,
        budget: state.budget && { ...state.budget, microDollars: event.microDollars },
      };
    case "run.parked": {
      const { reason, message, until } = event;
      return { ...state, driver: undefined, waiting: { reason, message, since: at, until }, parks: state.parks + 1 };
    }
    case "retry.requested":
      return {
        ...reopen(state, event.stage, at),
        commandComments:
          event.commentId === undefined
            ? state.commandComments
            : commandCommentsAfter(state.commandComments, event.commentId),
      };
    case "revision.requested": {
      const { type: _, ...revision } = event;
      return {
        ...(event.base ? rebased(state, event, at) : onOther(reopen(state, event.stage, at), state, event)),
        branch: branchAfter(state, recorded),
        base: baseAfter(state.base, event),
        revision: { ...revision, version },
        checks: checksRevised(state.checks, event),
        commandComments: commandCommentsAfter(state.commandComments, event.commentId),
      };
    }
    case "base.merged":
      return { ...broughtOver(state, event, at), base: baseAfter(state.base, event) };
    case "branch.taken":
    case "branch.given":
      return { ...state, branch: branchAfter(state, recorded) };
    case "checks.judged":
      return {
        ...state,
        checks: checksAfter(state.checks, event, recorded),
        // Checks are judged of an open pull request: it was opened again.
        pullClosed: state.pullClosed?.merged ? state.pullClosed : undefined,
      };
    case "pull_request.closed":
      return { ...heard(state), pullClosed: { by: event.by, merged: event.merged } };
    case "run.finished":
      return { ...state, phase: "finished", paused: undefined, waiting: undefined, finished: { ...event, at } };
    default:
      return assertNever(event);
  }
}

/** The state when nobody worked for `idle` milliseconds after its last event: that time is not the run's. */
function restedFor(state: State, idle: number): State {
  if (idle <= 0 || state.finished) return state;
  const stages = eachUnderWay(state.stages, (attempt) => ({
    idleMs: attempt.idleMs + idle,
    touchedAt: attempt.touchedAt + idle,
  }));
  const talk = restedLocks(state.talk, idle);
  return { ...state, stages, talk, budgetFrom: { ...state.budgetFrom, at: state.budgetFrom.at + idle } };
}

function interruptAgents(stages: State["stages"]): State["stages"] {
  return eachUnderWay(stages, () => ({ interrupted: true }));
}

/** Changes the attempts whose agents have not come to an end. */
function eachUnderWay(stages: State["stages"], change: (attempt: Attempt) => Partial<Attempt>): State["stages"] {
  return new Map(
    [...stages].map(([name, stage]) => {
      const { current } = stage;
      if (!current || !isUnderWay(current)) return [name, stage];
      const attempt: Attempt = { ...current, ...change(current) };
      return [name, { ...stage, current: attempt, attempts: stage.attempts.with(-1, attempt) }];
    }),
  );
}

function startStage(state: State, event: EventOf<"stage.started">, at: number): State {
  const stage = state.stages.get(event.stage) ?? newStage(event.stage);
  const stages = new Map(state.stages);
  // A stage that was interrupted starts the same attempt again: it counts once.
  const interrupted = stage.current?.number === event.attempt;
  const kept = interrupted && stage.current ? keptMerges(stage.current) : {};
  const attempt: Attempt = {
    ...newAttempt(state, stage, event, at),
    ...kept,
    said: stage.approved,
    told: broadcastTo(state, event.stage),
  };
  // An agent that failed has not been judged: its attempt is no round.
  const failed = stage.current?.failure !== undefined && !stage.child;
  const attempts = interrupted ? stage.attempts.with(-1, attempt) : [...stage.attempts, attempt];
  stages.set(event.stage, {
    ...stage,
    attempts,
    current: attempt,
    rounds: stage.rounds + (interrupted || failed ? 0 : 1),
    approved: undefined,
    child: stage.child && { ...stage.child, pending: undefined },
  });
  for (const name of dependants(state.workflow, event.stage)) {
    const later = stages.get(name);
    if (later)
      stages.set(name, { ...later, current: undefined, failures: 0, carried: stillCarried(state, event.stage, later) });
  }
  return { ...state, stages };
}

/** A turn that was recorded when another attempt had begun is paid for by the one that took it. */
function withLateSpend(state: State, { stage: unit, attempt: number, spend }: EventOf<"agent.turn">): State {
  const stage = state.stages.get(unit);
  const index = stage?.attempts.findLastIndex((one) => one.number === number) ?? -1;
  const late = stage?.attempts[index];
  if (!stage || !late || stage.current?.number === number) return state;
  const attempts = stage.attempts.with(index, { ...late, spend: addSpend(late.spend, spend) });
  return { ...state, stages: new Map(state.stages).set(unit, { ...stage, attempts }) };
}

function withFailures(state: State, unit: string, count: (before: number) => number): State {
  const stage = state.stages.get(unit);
  if (!stage) return state;
  return { ...state, stages: new Map(state.stages).set(unit, { ...stage, failures: count(stage.failures) }) };
}

/** A stage may be passed over before it has begun, or instead of ending the run. */
function skip(state: State, event: EventOf<"stage.skipped">, at: number): State {
  const { because, degraded, why } = event;
  const begun =
    state.stages.get(event.stage)?.current?.number === event.attempt
      ? state
      : startStage(state, { type: "stage.started", stage: event.stage, attempt: event.attempt, reasons: [] }, at);
  return touch(begun, event, at, () => ({ skipped: { because, degraded, why } }));
}

/** The units of a board come with it: none is known before. */
function onBoard(state: State, event: Parameters<typeof boardChange>[1], at: number): State {
  const next = touch(state, event, at, () => boardChange(state, event));
  if (next === state) return state;
  const units =
    event.type === "tasks.opened"
      ? event.tasks.map(({ id }) => taskUnit(event.stage, id))
      : event.type === "wave.merged" && event.conflict
        ? [mendingUnit(event.stage, event.conflict.task)]
        : [];
  const stages = new Map(next.stages);
  // A new board begins anew, but for the numbers of attempts: they name workspaces.
  for (const unit of units) stages.set(unit, { ...newStage(unit), attempts: stages.get(unit)?.attempts ?? [] });
  return { ...next, stages };
}

/** When the mending of a merge is done, its board goes on. */
function mended(state: State, { stage: unit }: { stage: string }): State {
  const board = mendedBoard(state, unit);
  if (!board) return state;
  return { ...state, stages: touchCurrent(state, stageOf(unit), state.updatedAt, () => ({ board })) };
}

/** What a person says ends the wait for it. */
function heard(state: State): State {
  return { ...state, waiting: undefined, parks: 0 };
}

/** A plan that a person wrote anew stands for the one that was made; one that is approved with words is written anew and not asked about again. */
function judged(state: State, event: EventOf<"plan.judged">, at: number): State {
  const about = state.stages.get(event.stage)?.current?.asked?.about;
  const stages = new Map(touchCurrent(state, event.stage, at, () => ({ said: event })));
  const stage = stages.get(event.stage);
  if (stage && event.verdict === "approved" && event.plan === undefined && event.words !== "")
    stages.set(event.stage, { ...stage, approved: { ...event, words: "" } });
  const next: State = { ...heard(state), stages };
  const { plan } = event;
  if (plan === undefined || about === undefined) return next;
  return { ...next, stages: touchCurrent(next, about, at, () => ({ artifact: { name: "Plan", value: plan } })) };
}

/** The attempt that publishes is done by what it published: a pull request of an earlier try does not count. */
function published(state: State, head: Sha, at: number): State {
  const stage = [...state.stages.values()].find(({ name }) => state.workflow?.stages[name]?.pull_request);
  if (!stage?.current) return state;
  return touch(state, { stage: stage.name, attempt: stage.current.number }, at, () => ({ commit: head }));
}

function touch(
  state: State,
  { stage: name, attempt: number }: { stage: string; attempt: number },
  at: number,
  change: (attempt: Attempt) => Partial<Attempt>,
): State {
  if (state.stages.get(name)?.current?.number !== number) return state;
  return { ...state, stages: touchCurrent(state, name, at, change) };
}

function touchCurrent(
  state: State,
  name: string,
  at: number,
  change: (attempt: Attempt) => Partial<Attempt>,
): State["stages"] {
  const stage = state.stages.get(name);
  if (!stage?.current) return state.stages;
  const attempt: Attempt = { ...stage.current, ...change(stage.current), touchedAt: at };
  return new Map(state.stages).set(name, { ...stage, current: attempt, attempts: stage.attempts.with(-1, attempt) });
}
