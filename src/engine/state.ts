// The state of a run: the fold of its events, and nothing else.
//
// A run is *routing* until triage has answered, *working* while stages are open, and *finished* at last.
// `retry.requested` takes a finished run back to working (or routing): the named stage, or else the one that ended it,
// and everything behind it begin again with fresh counters; stages before it keep their results.
// Of a stage only its latest attempt counts; a stage is *done* when that attempt has an artifact (if it has an agent)
// and every one of its gates has passed. Sending back to an earlier stage opens a new attempt there, which makes every
// stage that needs it open again.
import type { ArtifactName, Artifact } from "../workflows/artifacts.ts";
import type { Workflow } from "../workflows/schema.ts";
import type { MicroDollars, RunId, Sha } from "../core/ids.ts";
import { assertNever } from "../core/errors.ts";
import { addSpend, noSpend } from "./events.ts";
import type { FileChange } from "../workspace/file-change.ts";
import type { Budget, EventOf, Failure, GateResult, Person, RecordedEvent, Spend } from "./events.ts";

export interface Attempt {
  readonly number: number;
  readonly startedAt: number;
  /** When the last event of this attempt was recorded. */
  readonly touchedAt: number;
  /** Why this attempt was made again; empty for the first. */
  readonly reasons: readonly string[];
  readonly turns: number;
  readonly spend: Spend;
  readonly lastTool: string | undefined;
  readonly artifact: Artifact | undefined;
  readonly commit: Sha | undefined;
  readonly changes: readonly FileChange[];
  readonly failure: Failure | undefined;
  readonly gates: readonly GateResult[];
  /** Another driver took over while an agent was at work: its workspace is gone, the attempt begins again. */
  readonly interrupted: boolean;
}

export interface StageState {
  readonly name: string;
  /** Every attempt ever made, oldest first. */
  readonly attempts: readonly Attempt[];
  /** The latest attempt, unless a retry or a new attempt of an earlier stage has opened the stage again. */
  readonly current: Attempt | undefined;
  /** Attempts since the last retry: what `again` and `max` are counted against. */
  readonly rounds: number;
}

export interface PullRequestRef {
  readonly number: number;
  readonly url: string;
  readonly branch: string;
  readonly head: Sha;
  readonly title: string;
}

export interface State {
  readonly runId: RunId;
  readonly version: number;
  readonly phase: "routing" | "working" | "finished";
  readonly created: EventOf<"run.created">;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Since when time and money of the budget are counted: creation, or the last retry. */
  readonly budgetFrom: { readonly at: number; readonly spend: Spend };
  readonly driver: string | undefined;
  readonly routed: EventOf<"run.routed"> | undefined;
  readonly workflow: Workflow | undefined;
  readonly budget: Budget | undefined;
  readonly stages: ReadonlyMap<string, StageState>;
  /** Everything spent since creation, triage included. */
  readonly spend: Spend;
  readonly stop: { readonly by: Person; readonly quote: string } | undefined;
  readonly closedBy: Person | undefined;
  readonly pullRequest: PullRequestRef | undefined;
  readonly finished: (EventOf<"run.finished"> & { readonly at: number }) | undefined;
}

/** Folds a whole log. Throws when the log does not begin with `run.created`. */
export function fold(events: readonly RecordedEvent[]): State {
  const [first, ...rest] = events;
  if (first?.event.type !== "run.created") throw new Error("a run's first event must be run.created");
  return rest.reduce(apply, begin(first.event, first));
}

function begin(created: EventOf<"run.created">, { version, at }: RecordedEvent): State {
  return {
    runId: created.runId,
    version,
    phase: "routing",
    created,
    createdAt: at,
    updatedAt: at,
    budgetFrom: { at, spend: noSpend },
    driver: undefined,
    routed: undefined,
    workflow: undefined,
    budget: undefined,
    stages: new Map(),
    spend: noSpend,
    stop: undefined,
    closedBy: undefined,
    pullRequest: undefined,
    finished: undefined,
  };
}

/** The state after one more event. Pure; unknown stages and events after the end are kept quietly, never thrown on. */
export function apply(before: State, recorded: RecordedEvent): State {
  const { event, version, at } = recorded;
  const state: State = { ...before, version, updatedAt: at };
  switch (event.type) {
    case "run.created":
      return state;
    case "run.driven":
      // Nobody worked between the last event and this one: that time is not the run's.
      return {
        ...state,
        driver: event.driver,
        stages: interruptAgents(state.stages),
        budgetFrom: { ...state.budgetFrom, at: state.budgetFrom.at + Math.max(0, at - before.updatedAt) },
      };
    case "run.routed": {
      const routed: State = { ...state, routed: event, spend: addSpend(state.spend, event.spend) };
      if (event.decision.kind !== "start") return routed;
      const { workflow, budget } = event.decision;
      const stages = new Map(Object.keys(workflow.stages).map((name) => [name, newStage(name)]));
      return { ...routed, phase: "working", workflow, budget, stages };
    }
    case "stage.started":
      return startStage(state, event, at);
    case "agent.turn":
      return {
        ...touch(state, event, at, (attempt) => ({
          turns: event.turn,
          spend: addSpend(attempt.spend, event.spend),
          lastTool: event.tools.at(-1)?.name ?? attempt.lastTool,
        })),
        spend: addSpend(state.spend, event.spend),
      };
    case "agent.finished":
      return touch(state, event, at, () => ({
        artifact: event.artifact,
        commit: event.commit,
        changes: event.changes,
      }));
    case "agent.failed":
      return touch(state, event, at, () => ({ failure: event.failure }));
    case "gate.checked":
      return touch(state, event, at, (attempt) => ({ gates: [...attempt.gates, event.result] }));
    case "pull_request.opened": {
      const { type: _, ...pullRequest } = event;
      return { ...published(state, event.head, at), pullRequest };
    }
    case "stop.requested":
      return { ...state, stop: { by: event.by, quote: event.quote } };
    case "subject.closed":
      return { ...state, closedBy: event.by };
    case "retry.requested":
      return reopen(state, event.stage, at);
    case "run.finished":
      return { ...state, phase: "finished", finished: { ...event, at } };
    default:
      return assertNever(event);
  }
}

function newStage(name: string): StageState {
  return { name, attempts: [], current: undefined, rounds: 0 };
}

function interruptAgents(stages: State["stages"]): State["stages"] {
  return new Map(
    [...stages].map(([name, stage]) => {
      const { current } = stage;
      if (!current || current.artifact || current.failure) return [name, stage];
      const attempt: Attempt = { ...current, interrupted: true };
      return [name, { ...stage, current: attempt, attempts: stage.attempts.with(-1, attempt) }];
    }),
  );
}

function startStage(state: State, event: EventOf<"stage.started">, at: number): State {
  const stage = state.stages.get(event.stage) ?? newStage(event.stage);
  const attempt: Attempt = {
    number: event.attempt,
    startedAt: at,
    touchedAt: at,
    reasons: event.reasons,
    turns: 0,
    spend: noSpend,
    lastTool: undefined,
    artifact: undefined,
    commit: undefined,
    changes: [],
    failure: undefined,
    gates: [],
    interrupted: false,
  };
  const stages = new Map(state.stages);
  // A stage that was interrupted starts the same attempt again: it counts once.
  const interrupted = stage.current?.number === event.attempt;
  const attempts = interrupted ? stage.attempts.with(-1, attempt) : [...stage.attempts, attempt];
  stages.set(event.stage, { ...stage, attempts, current: attempt, rounds: stage.rounds + (interrupted ? 0 : 1) });
  for (const name of dependants(state.workflow, event.stage)) {
    const later = stages.get(name);
    if (later) stages.set(name, { ...later, current: undefined });
  }
  return { ...state, stages };
}

/** The attempt that publishes is done by what it published: a pull request of an earlier try does not count. */
function published(state: State, head: Sha, at: number): State {
  const stage = [...state.stages.values()].find(({ name }) => state.workflow?.stages[name]?.pull_request);
  if (!stage?.current) return state;
  return touch(state, { stage: stage.name, attempt: stage.current.number }, at, () => ({ commit: head }));
}

/** True when the pull request of the latest try is open. */
export function isPublished(state: State): boolean {
  return [...state.stages.values()].some(
    (stage) => state.workflow?.stages[stage.name]?.pull_request && isDone(state, stage),
  );
}

function touch(
  state: State,
  { stage: name, attempt: number }: { stage: string; attempt: number },
  at: number,
  change: (attempt: Attempt) => Partial<Attempt>,
): State {
  const stage = state.stages.get(name);
  if (stage?.current?.number !== number) return state;
  const attempt: Attempt = { ...stage.current, ...change(stage.current), touchedAt: at };
  const stages = new Map(state.stages);
  stages.set(name, { ...stage, current: attempt, attempts: stage.attempts.with(-1, attempt) });
  return { ...state, stages };
}

function reopen(state: State, from: string | undefined, at: number): State {
  const open: State = {
    ...state,
    stop: undefined,
    closedBy: undefined,
    finished: undefined,
    budgetFrom: { at, spend: state.spend },
  };
  if (!state.workflow) return { ...open, phase: "routing", routed: undefined };
  const first = from ?? stageThatEnded(state);
  const again = first === undefined ? [] : [first, ...dependants(state.workflow, first)];
  const stages = new Map([...state.stages].map(([name, stage]) => [name, { ...stage, rounds: 0 }]));
  for (const name of again) {
    const stage = stages.get(name);
    if (stage) stages.set(name, { ...stage, current: undefined });
  }
  return { ...open, phase: "working", stages };
}

/** The stage a finished run ended in: the latest one with an attempt that is not done. */
export function stageThatEnded(state: State): string | undefined {
  return stageOrder(state.workflow).find((name) => {
    const stage = state.stages.get(name);
    return stage !== undefined && !isDone(state, stage);
  });
}

/** True when the stage's latest attempt has everything it should have, gates included, and no verdict against it. */
export function isDone(state: State, stage: StageState): boolean {
  const plan = state.workflow?.stages[stage.name];
  const attempt = stage.current;
  if (!plan || !attempt || attempt.failure) return false;
  if (plan.pull_request) return attempt.commit !== undefined;
  if (plan.agent !== undefined && !attempt.artifact) return false;
  return (
    refusals(attempt).length === 0 && plan.gates.every((gate) => attempt.gates.some((result) => result.gate === gate))
  );
}

/** Why an attempt does not count though its agent finished: failed gates, a reviewer's "changes", an honest "not reproduced". */
export function refusals(attempt: Attempt): string[] {
  const gates = attempt.gates
    .filter((gate) => !gate.passed)
    .map((gate) => `${gate.gate}: ${[gate.summary, ...gate.notes].join("\n  ")}`);
  const { artifact } = attempt;
  if (artifact?.name === "Review" && artifact.value.verdict === "changes") {
    const findings = artifact.value.findings.map(({ severity, path, line, message }) => {
      const place = path === undefined ? "" : ` ${path}${line === undefined ? "" : `:${line}`}`;
      return `review (${severity})${place}: ${message}`;
    });
    return [...gates, ...(findings.length > 0 ? findings : ["review: changes requested"])];
  }
  if (artifact?.name === "Reproduction" && !artifact.value.reproduced)
    return [...gates, `not reproduced: ${artifact.value.notes}`];
  return gates;
}

/** Stage names so that each comes after what it needs; stages that do not depend on each other keep the file's order. */
export function stageOrder(workflow: Workflow | undefined): string[] {
  if (!workflow) return [];
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (order.includes(name) || path.includes(name)) return;
    for (const need of workflow.stages[name]?.needs ?? []) visit(need, [...path, name]);
    order.push(name);
  };
  for (const name of Object.keys(workflow.stages)) visit(name, []);
  return order;
}

/** Every stage that needs `name`, directly or through others. */
export function dependants(workflow: Workflow | undefined, name: string): string[] {
  const found = new Set<string>();
  for (const candidate of stageOrder(workflow)) {
    const needs = workflow?.stages[candidate]?.needs ?? [];
    if (needs.includes(name) || needs.some((need) => found.has(need))) found.add(candidate);
  }
  return [...found];
}

/** The commit a stage starts from: its own last one when it was sent back, else where the nearest stage before it left the code. */
export function startCommit(state: State, name: string): Sha {
  const stage = state.stages.get(name);
  const own = stage?.attempts.findLast((attempt) => attempt.commit !== undefined)?.commit;
  if (own !== undefined && (stage?.current?.reasons.length ?? 0) > 0 && carriesOn(state, name)) return own;
  const order = stageOrder(state.workflow);
  for (const earlier of order.slice(0, Math.max(0, order.indexOf(name))).toReversed()) {
    const commit = state.stages.get(earlier)?.current?.commit;
    if (commit !== undefined) return commit;
  }
  return state.created.base.commit;
}

/** The commit a stage's gates judge: what its own agent left, else the code as it stood before it. */
export function headOf(state: State, name: string): Sha {
  return state.stages.get(name)?.current?.commit ?? startCommit(state, name);
}

/** A stage that others send back to goes on from its own last commit; one that is done `again` starts clean. */
function carriesOn(state: State, name: string): boolean {
  return Object.values(state.workflow?.stages ?? {}).some(
    ({ otherwise }) => otherwise && "back_to" in otherwise && otherwise.back_to === name,
  );
}

/** The current artifact of that kind, with the commit it came with. */
export function artifactOf<N extends ArtifactName>(
  state: State,
  name: N,
): { artifact: Extract<Artifact, { name: N }>; commit: Sha } | undefined {
  for (const { current } of state.stages.values()) {
    if (current?.artifact && current.commit !== undefined && isNamed(current.artifact, name))
      return { artifact: current.artifact, commit: current.commit };
  }
  return undefined;
}

function isNamed<N extends ArtifactName>(artifact: Artifact, name: N): artifact is Extract<Artifact, { name: N }> {
  return artifact.name === name;
}

/** What of the budget has been used since creation or the last retry. */
export function used(state: State, now: number): { microDollars: number; turns: number; milliseconds: number } {
  return {
    microDollars: state.spend.microDollars - state.budgetFrom.spend.microDollars,
    turns: state.spend.turns - state.budgetFrom.spend.turns,
    milliseconds: now - state.budgetFrom.at,
  };
}

/** An amount that may be shown for a finished run: everything it ever spent. */
export function totalCost(state: State): MicroDollars {
  return state.spend.microDollars;
}
