// What is known of a run: the shape of its state, and what can be read from it. `fold.ts` makes it from events.
import type { CommandRun } from "./commands-run.ts";
import type { ArtifactName, Artifact, Change, Plan } from "../workflows/artifacts.ts";
import type { MicroDollars, RunId, Sha } from "../core/ids.ts";
import type { FileChange } from "../workspace/file-change.ts";
import { holds } from "./conditions.ts";
import type { Hindsight } from "../workflows/hindsight.ts";
import type { GateName, Stage, Workflow } from "../workflows/schema.ts";
import type { Clarification } from "./clarification.ts";
import type { CommandComments } from "./command-comments.ts";
import type { Budget, EventOf, Failure, GateResult, Loss, Person, Spend, Task, WaitReason } from "./events.ts";
import type { ChecksState } from "./checks.ts";
import { isContradicted } from "./contradictions.ts";
import type { Child, FleetState } from "./fleet-state.ts";
import type { Kept } from "./kept-state.ts";
import type { TalkState } from "./talk-state.ts";
import type { BaseState, BranchState, PullRequestRef, Revision, ShownChange } from "./pull-state.ts";
import type { Carried } from "./carried.ts";
import { readUnit } from "./unit.ts";
import { dependants, publishes, stageOrder, upstream } from "./stage-order.ts";

export { dependants, stageOrder, upstream };
export type { PullRequestRef, Revision };
export type { Kept, KeptBranch } from "./kept-state.ts";

export interface Attempt {
  readonly number: number;
  /** The version of the event that began it: another one when it began again. */
  readonly version: number;
  /** The same of its first beginning: what was spent since, however often it began again, is this attempt's. */
  readonly since: number;
  /** The version of the event that began its conversation and its workspace: an earlier attempt's where it goes on with that. */
  readonly root: number;
  /** Where its unit came from then: what it leaves stands on that. */
  readonly origin: Sha;
  /** Turns of the attempts whose conversation it goes on with. */
  readonly turnsBefore: number;
  /** What the agent was commanded, where another one conducts it. */
  readonly command: string | undefined;
  readonly startedAt: number;
  /** When the last event of this attempt was recorded, moved on by the time in which nobody worked since. */
  readonly touchedAt: number;
  /** Why this attempt was made again; empty for the first. */
  readonly reasons: readonly string[];
  readonly turns: number;
  readonly spend: Spend;
  readonly lastTool: string | undefined;
  readonly commands: readonly CommandRun[];
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
  /** Where in the log its conversation stands: the versions of its sessions and of its turns, with the number of each turn. */
  readonly spoken: readonly { readonly version: number; readonly turn?: number }[];
  /** Another driver took over while an agent was at work: it goes on from its last turn where it can, or begins again. */
  readonly interrupted: boolean;
  /** It was handed in on an earlier base, and only brought to this one: no agent was at work. */
  readonly carried: boolean;
  /** Why the stage is passed over. */
  readonly skipped:
    | { readonly because: "condition" | "failure"; readonly degraded: boolean; readonly why: string }
    | undefined;
  /** The agents it conducts, once it has created one or written a board. */
  readonly fleet: FleetState | undefined;
  /** Baton made files here; `commit` is of them. */
  readonly written: EventOf<"setup.written"> | EventOf<"lessons.written"> | undefined;
  /** The review that was published here. */
  readonly review: EventOf<"review.published"> | undefined;
  /** What Baton collected here of earlier runs. */
  readonly hindsight: Hindsight | undefined;
  /** What was handed in when it began, of the kinds its stage reads. */
  readonly told: readonly { readonly stage: string; readonly artifact: Artifact }[];
  /** The task board, where the stage is a fan-out and it is open. */
  readonly board: Board | undefined;
  /** What people were asked, and since when. */
  readonly asked: (EventOf<"people.asked"> & { readonly at: number }) | undefined;
  /** What people said to that. */
  readonly said: EventOf<"plan.judged"> | EventOf<"answer.given"> | undefined;
}

/** The tasks of one attempt of a fan-out. How each stands is in the state of its unit. */
export interface Board {
  readonly tasks: readonly Task[];
  /** Begun ones, in order. */
  readonly waves: readonly { readonly tasks: readonly string[]; readonly base: Sha; readonly merged: boolean }[];
  /** Tasks whose commits are in `head`, in the order they came in. */
  readonly merged: readonly string[];
  readonly head: Sha;
  /** What git could not merge, until it is mended. */
  readonly conflict: { readonly task: string; readonly marked: Sha; readonly paths: readonly string[] } | undefined;
  readonly closed: Pick<EventOf<"tasks.closed">, "done" | "failed" | "skipped"> | undefined;
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
  /** The latest attempts in a row whose agent failed: what `retry` is counted against. */
  readonly failures: number;
  /** A person approved what this stage waits for before it was written anew as they wished. */
  readonly approved: EventOf<"plan.judged"> | undefined;
  /** What it is, when another agent created it. */
  readonly child: Child | undefined;
  /** What it has handed in and is to be brought to another base, or was brought there with conflicts. */
  readonly carried: Carried | undefined;
}

/** Words that a person told a run, without having been asked. */
export type Steering = Pick<EventOf<"words.told">, "by" | "words">;

export interface State {
  readonly runId: RunId;
  readonly version: number;
  readonly phase: "routing" | "working" | "finished";
  readonly created: EventOf<"run.created">;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Since when time and money of the budget are counted: creation, or the last retry. */
  readonly budgetFrom: {
    readonly at: number;
    readonly spend: Spend;
    /** Milliseconds in which it was worked before that. */
    readonly worked: number;
  };
  readonly driver: string | undefined;
  readonly jobPage: string | undefined;
  readonly routed: EventOf<"run.routed"> | undefined;
  /** What triage has asked, and nobody has answered. */
  readonly unclear: (EventOf<"people.asked"> & { readonly at: number }) | undefined;
  /** How often triage has asked. */
  readonly triageAsks: number;
  /** What it was answered, oldest first. */
  readonly clarified: readonly Clarification[];
  readonly workflow: Workflow | undefined;
  readonly budget: Budget | undefined;
  readonly stages: ReadonlyMap<string, StageState>;
  /** What people told all of its agents, oldest first. */
  readonly steering: readonly Steering[];
  /** What agents of the run have said to each other. */
  readonly talk: TalkState;
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
  readonly branch: BranchState;
  readonly base: BaseState;
  /** Each change that the pull request has shown, oldest first. */
  readonly shown: readonly ShownChange[];
  /** What people want changed in the pull request, the latest. */
  readonly revision: Revision | undefined;
  readonly commandComments: CommandComments;
  /** How the pull request was closed. */
  readonly pullClosed: { readonly by: Person; readonly merged: boolean } | undefined;
  /** The checks of others on its commit. */
  readonly checks: ChecksState;
  readonly kept: Kept | undefined;
  readonly finished: (EventOf<"run.finished"> & { readonly at: number }) | undefined;
}

/** True while nobody works on it: it is held, waits, or was never taken up. Its time does not run then. */
export function isIdle({ paused, waiting, driver, finished }: State): boolean {
  return !finished && (paused !== undefined || waiting !== undefined || driver === undefined);
}

/** True when somebody has ended it, or what it stands on is gone: nothing more is begun. */
export function isBeingEnded({ stop, closedBy, pullClosed, lost, branch }: State): boolean {
  return [stop, closedBy, pullClosed, lost, branch.taken].some((end) => end !== undefined);
}

/** True when the pull request of the latest try is open, or its review is written. */
export function isPublished(state: State): boolean {
  return [...state.stages.values()].some((stage) => publishes(planOf(state, stage.name)) && isDone(state, stage));
}

/** The stage a finished run ended in: the latest one with an attempt that is not done. */
export function stageThatEnded(state: State): string | undefined {
  return stageOrder(state.workflow).find((name) => {
    const stage = state.stages.get(name);
    return stage !== undefined && !isDone(state, stage);
  });
}

/** How a unit is worked: as its stage says, but for what belongs to the whole of a fan-out. */
export type UnitPlan = Omit<Stage, "gates"> & { readonly gates: readonly GateName[] };

export function planOf(state: State, unit: string): UnitPlan | undefined {
  const { stage, task, mends } = readUnit(unit);
  const plan = state.workflow?.stages[stage];
  const child = state.stages.get(unit)?.child;
  if (plan && child) {
    const { agent, makes, tier: model } = child;
    return { agent, makes, model, needs: [], gates: [], turns: plan.turns, time: plan.time };
  }
  if (plan && task === undefined) return hasConflict(state.stages.get(unit)) ? mendedFirst(plan) : plan;
  if (!plan || task === undefined) return plan;
  // What a fan-out may do without it says of its whole: neither a task nor a mending is passed over.
  const {
    for_each: _,
    merge,
    until: _until,
    otherwise: _otherwise,
    when: _when,
    on_failure: _onFailure,
    ...alone
  } = plan;
  // What is merged is judged whole, by the gates of the fan-out.
  if (!mends) return { ...alone, gates: [] };
  return {
    ...alone,
    agent: merge,
    makes: "Change",
    gates: ["resolved"],
    otherwise: { again: MENDINGS, ending: "needs-a-person" },
  };
}

/** Further attempts at mending one merge, when conflict markers are left. */
const MENDINGS = 1;

/** True while it begins from files in which git has left conflicts with another base. */
export function hasConflict(stage: Pick<StageState, "carried"> | undefined): boolean {
  return (stage?.carried?.to?.paths.length ?? 0) > 0;
}

/** The same stage, where its agent mends a merge first. */
function mendedFirst(plan: Stage): UnitPlan {
  const { otherwise } = plan;
  return {
    ...plan,
    gates: ["resolved", ...plan.gates],
    otherwise: otherwise && "again" in otherwise ? otherwise : { again: MENDINGS, ending: "needs-a-person" },
  };
}

/** True when the stage's latest attempt has everything it should have, gates included, and no verdict against it. */
export function isDone(state: State, stage: StageState): boolean {
  const plan = planOf(state, stage.name);
  const attempt = stage.current;
  if (!plan || !attempt) return false;
  if (attempt.skipped) return true;
  if (attempt.failure) return false;
  if (state.revision?.stage === stage.name && isContradicted(attempt, state.revision)) return false;
  if (plan.pull_request) return attempt.commit !== undefined;
  if (plan.review) return attempt.review !== undefined;
  if (plan.writes && !attempt.written) return false;
  if (plan.collects && !attempt.hindsight) return false;
  if (plan.wait) return attempt.said !== undefined && !sentBack(attempt);
  if (plan.for_each) {
    const { closed } = attempt.board ?? {};
    if (!closed || (closed.failed.length + closed.skipped.length > 0 && (plan.on_failure ?? "stop") === "stop"))
      return false;
  } else if ((plan.agent ?? plan.pick) !== undefined && !attempt.artifact) return false;
  return (
    refusals(state, stage.name, attempt).length === 0 &&
    plan.gates.every((gate) => attempt.gates.some((result) => result.gate === gate))
  );
}

/** True until its agent has handed in or failed. */
export function isUnderWay({ artifact, failure }: Attempt): boolean {
  return artifact === undefined && failure === undefined;
}

/** True when it goes on with the conversation and the files of the attempt before. */
export function isContinued({ root, version }: Attempt): boolean {
  return root !== version;
}

/** True when a later process can go on with its conversation: something was said in it, or done. */
export function mayGoOn(attempt: Attempt): boolean {
  const { session, turns, fleet } = attempt;
  return isContinued(attempt) || (session !== undefined && (turns > 0 || fleet !== undefined));
}

/** What another attempt would meet again. */
export function isHopeless(code: Failure["code"]): boolean {
  return code === "budget" || code === "cancelled";
}

/** True when an agent's failure is the last word on its unit. */
export function isFailedForGood({ failures, current }: StageState, plan: UnitPlan): boolean {
  return current?.failure !== undefined && (isHopeless(current.failure.code) || failures > (plan.retry ?? 0));
}

/** A plan that a person rejected, or wants other than it is, is written anew. */
export function sentBack({ said }: Attempt): boolean {
  return said?.type === "plan.judged" && said.plan === undefined && (said.verdict === "rejected" || said.words !== "");
}

/** Why an attempt does not count though its agent finished: failed gates, a reviewer's "changes", an honest "not reproduced", an `until` that does not hold. */
export function refusals(state: State, unit: string, attempt: Attempt): string[] {
  const gates = attempt.gates
    .filter((gate) => !gate.passed)
    .map((gate) => `${gate.gate}: ${[gate.summary, ...gate.notes].join("\n  ")}`);
  // What the agents of a fan-out say is for whoever reads all of it.
  const { task, mends } = readUnit(unit);
  if (task !== undefined && !mends) return gates;
  return [...gates, ...verdicts(attempt), ...unmet(state, unit, attempt)];
}

function verdicts({ artifact }: Attempt): string[] {
  if (artifact?.name === "Review" && artifact.value.verdict === "changes") {
    const findings = artifact.value.findings.map(({ severity, path, line, message }) => {
      const place = path === undefined ? "" : ` ${path}${line === undefined ? "" : `:${line}`}`;
      return `review (${severity})${place}: ${message}`;
    });
    return findings.length > 0 ? findings : ["review: changes requested"];
  }
  if (artifact?.name === "Reproduction" && !artifact.value.reproduced)
    return [`not reproduced: ${artifact.value.notes}`];
  return [];
}

function unmet(state: State, unit: string, attempt: Attempt): string[] {
  const until = planOf(state, unit)?.until;
  const handedIn = attempt.artifact !== undefined || attempt.board?.closed !== undefined;
  return until === undefined || !handedIn || holds(state, until) ? [] : [`until: ${until} does not hold`];
}

/** The last stage that was not passed over: what it made is what the run comes to. */
export function lastStage(state: State): string | undefined {
  return stageOrder(state.workflow).findLast((name) => !state.stages.get(name)?.current?.skipped);
}

/** The current artifact of that kind, of the latest stage that made one, with the commit it came with. */
export function artifactOf<N extends ArtifactName>(
  state: State,
  name: N,
): { artifact: Extract<Artifact, { name: N }>; commit: Sha } | undefined {
  for (const stage of stageOrder(state.workflow).toReversed()) {
    const current = state.stages.get(stage)?.current;
    if (current?.artifact && current.commit !== undefined && isNamed(current.artifact, name))
      return { artifact: current.artifact, commit: current.commit };
  }
  return undefined;
}

/** What the agents say of the change that a run publishes. */
export function changeOf(state: State): Pick<Change, "summary" | "followUps"> | undefined {
  return (artifactOf(state, "Change") ?? artifactOf(state, "Conclusion"))?.artifact.value;
}

/** The plan that a stage has made, or a person in its place. */
export function planAt(state: State, stage: string): Plan | undefined {
  const artifact = state.stages.get(stage)?.current?.artifact;
  return artifact?.name === "Plan" ? artifact.value : undefined;
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

/** Milliseconds in which a run was worked until `now`, since creation and whoever worked beside whom: time passes once for all of them. */
export function workedMs(state: State, now: number): number {
  return state.budgetFrom.worked + used(state, state.finished?.at ?? now).milliseconds;
}

/** An amount that may be shown for a finished run: everything it ever spent. */
export function totalCost(state: State): MicroDollars {
  return state.spend.microDollars;
}
