// The agents that an agent conducts, folded from their events. One is *living* from `agent.created` until it is deleted, or the attempt
// that created it is over: what is recorded of it behind that is not taken, but for what it cost.
import { assertNever } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import { newStage } from "./beginnings.ts";
import type { EventOf, RunEvent } from "./events.ts";
import type { BoardLine, Child, FleetState } from "./fleet-state.ts";
import { startCommit } from "./commits.ts";
import { isUnderWay, type Attempt, type StageState, type State } from "./state.ts";
import { childUnit } from "./unit.ts";

const types = [
  "agent.created",
  "agent.commanded",
  "agent.interrupted",
  "agent.deleted",
  "fleet.merged",
  "tasks.added",
  "task.changed",
] as const satisfies readonly RunEvent["type"][];

export type FleetEvent = EventOf<(typeof types)[number]>;

export function isFleetEvent(event: RunEvent): event is FleetEvent {
  return types.some((type) => type === event.type);
}

/** What of an attempt is left when it begins again: its agents are gone, but what was merged of their work, and whose it is, is not lost. */
export function keptMerges({ fleet, commit }: Attempt): Partial<Attempt> {
  if (!fleet || commit === undefined) return {};
  return { commit, fleet: { ...newFleet(commit), merged: fleet.merged } };
}

function newFleet(head: Sha): FleetState {
  return { head, agents: [], merged: new Map(), conflict: undefined, board: [] };
}

/** What a fleet event changes in the attempt of the agent that conducts. */
export function fleetChange(state: State, { fleet }: Attempt, event: FleetEvent): Partial<Attempt> {
  const before = fleet ?? newFleet(startCommit(state, event.stage));
  switch (event.type) {
    case "agent.created":
      return { fleet: { ...before, agents: [...before.agents.filter((id) => id !== event.id), event.id] } };
    case "fleet.merged":
      return merged(state, before, event);
    case "tasks.added":
      return { fleet: { ...before, board: [...before.board, ...event.tasks.map(newLine)] } };
    case "task.changed":
      return { fleet: { ...before, board: before.board.map((line) => changed(line, event)) } };
    case "agent.commanded":
    case "agent.interrupted":
    case "agent.deleted":
      return {};
    default:
      return assertNever(event);
  }
}

function newLine(task: BoardLine["task"]): BoardLine {
  return { task, status: "waiting", agent: undefined, note: undefined };
}

function changed(line: BoardLine, { id, status, agent, note }: EventOf<"task.changed">): BoardLine {
  return line.task.id === id ? { ...line, status, agent: agent ?? line.agent, note: note ?? line.note } : line;
}

/** What was merged is what the attempt leaves, also when it comes to no good end. */
function merged(
  state: State,
  before: FleetState,
  { stage, id, commit, work, conflict }: EventOf<"fleet.merged">,
): Partial<Attempt> {
  if (conflict) return { fleet: { ...before, conflict: { of: id, ...conflict } } };
  const mends = state.stages.get(childUnit(stage, id))?.child?.conflict;
  const theirs = work ?? workOf(state, stage, id);
  const open = before.conflict && (mends?.of === before.conflict.of || id === before.conflict.of);
  return {
    commit,
    fleet: {
      ...before,
      head: commit,
      merged: theirs === undefined ? before.merged : new Map(before.merged).set(id, theirs),
      conflict: open ? undefined : before.conflict,
    },
  };
}

/** The commit that an agent's work ends in, once it has handed some in. */
export function workOf(state: State, stage: string, id: string): Sha | undefined {
  const unit = state.stages.get(childUnit(stage, id));
  if (unit?.child?.makes !== "Change") return undefined;
  const { version } = unit.child;
  return unit.attempts.findLast((attempt) => attempt.version > version && attempt.artifact)?.commit;
}

/** The stages, with what the event changes of the agent it is about. */
export function withChild(state: State, event: FleetEvent): State["stages"] {
  if (event.type === "fleet.merged" || event.type === "tasks.added" || event.type === "task.changed")
    return state.stages;
  const unit = childUnit(event.stage, event.id);
  const stages = new Map(state.stages);
  if (event.type === "agent.created") {
    const attempts = stages.get(unit)?.attempts ?? [];
    return stages.set(unit, { ...newStage(unit), attempts, child: newChild(state, event) });
  }
  const stage = stages.get(unit);
  if (!stage?.child || stage.child.deleted) return stages;
  return stages.set(unit, { ...stage, ...told(stage, stage.child, event) });
}

function newChild(state: State, event: EventOf<"agent.created">): Child {
  const { stage, id, agent, makes, instructions, tools, tier, microDollars, base, conflict } = event;
  return {
    parent: stage,
    within: state.stages.get(stage)?.current?.version ?? 0,
    version: state.version,
    id,
    agent,
    makes,
    instructions,
    tools,
    tier,
    microDollars,
    base,
    conflict,
    commands: 0,
    pending: undefined,
    deleted: false,
  };
}

function told(
  stage: StageState,
  child: Child,
  event: EventOf<"agent.commanded" | "agent.interrupted" | "agent.deleted">,
): Partial<StageState> {
  switch (event.type) {
    case "agent.commanded":
      return { child: { ...child, commands: event.number, pending: event.words } };
    case "agent.interrupted":
      return { child: { ...child, pending: undefined }, ...ended(stage, "It was interrupted.") };
    case "agent.deleted":
      return { child: { ...child, pending: undefined, deleted: true }, ...ended(stage, "It was deleted.") };
    default:
      return assertNever(event);
  }
}

function ended({ current, attempts }: StageState, message: string): Partial<StageState> {
  if (!current || !isUnderWay(current)) return {};
  const attempt: Attempt = { ...current, failure: { code: "cancelled", message } };
  return { current: attempt, attempts: attempts.with(-1, attempt) };
}

/** True for an agent that was not created by another, and for one that may work: it and all above it are there and at work. */
export function isLiving(state: State, unit: string): boolean {
  const child = state.stages.get(unit)?.child;
  if (!child) return true;
  const above = state.stages.get(child.parent)?.current;
  if (child.deleted || above?.version !== child.within || !isUnderWay(above)) return false;
  return isLiving(state, child.parent);
}

/** Whether what the agent of `unit` has come to is still taken. */
export function isHeard(state: State, unit: string): boolean {
  const stage = state.stages.get(unit);
  return !stage?.child || (isLiving(state, unit) && stage.current?.failure === undefined);
}
