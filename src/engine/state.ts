// What is known of a run: the shape of its state, and what can be read from it. `fold.ts` makes it from events.
import type { ArtifactName, Artifact } from "../workflows/artifacts.ts";
import type { Workflow } from "../workflows/schema.ts";
import type { MicroDollars, RunId, Sha } from "../core/ids.ts";
import type { FileChange } from "../workspace/file-change.ts";
import type { Budget, EventOf, Failure, GateResult, Loss, Person, Spend, WaitReason } from "./events.ts";

export interface Attempt {
  readonly number: number;
  /** The version of the event that began it: another one when it began again. */
  readonly version: number;
  readonly startedAt: number;
  /** When the last event of this attempt was recorded, moved on by the time in which nobody worked since. */
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
  /** Milliseconds of it in which nobody worked. */
  readonly idleMs: number;
  /** How long it may take, where history has said so. */
  readonly milliseconds: number | undefined;
  /** The conversation its agent is in: its number, and the version of the event that began it. */
  readonly session: { readonly number: number; readonly version: number } | undefined;
  /** Another driver took over while an agent was at work: it goes on from its last turn where it can, or begins again. */
  readonly interrupted: boolean;
}

/** Why a run holds no worker, and until when, in milliseconds since 1970. */
export interface Waiting {
  readonly reason: WaitReason;
  readonly message: string;
  readonly since: number;
  readonly until: number | undefined;
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
  readonly lost: { readonly loss: Loss; readonly message: string } | undefined;
  /** The issue's text was changed after the run had begun. */
  readonly edited: boolean;
  readonly paused: { readonly by: Person; readonly quote: string; readonly at: number } | undefined;
  readonly waiting: Waiting | undefined;
  /** How often in a row it was parked without any progress in between. */
  readonly parks: number;
  /** The ceiling in money that a person set, which goes before every other. */
  readonly raised: MicroDollars | undefined;
  readonly pullRequest: PullRequestRef | undefined;
  readonly finished: (EventOf<"run.finished"> & { readonly at: number }) | undefined;
}

/** True while nobody works on it: it is held, waits, or was never taken up. Its time does not run then. */
export function isIdle({ paused, waiting, driver, finished }: State): boolean {
  return !finished && (paused !== undefined || waiting !== undefined || driver === undefined);
}

/** True when the pull request of the latest try is open. */
export function isPublished(state: State): boolean {
  return [...state.stages.values()].some(
    (stage) => state.workflow?.stages[stage.name]?.pull_request && isDone(state, stage),
  );
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

/** Every commit that the run may still need: its base, and what its agents left. */
export function commitsOf(state: State): Sha[] {
  const left = [...state.stages.values()].flatMap(({ attempts }) => attempts.flatMap(({ commit }) => commit ?? []));
  return [...new Set([state.created.base.commit, ...left])];
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
