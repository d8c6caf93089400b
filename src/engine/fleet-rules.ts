// What an agent that conducts others may do, and why not: the rules that hold when it asks, and again when a log is replayed. Pure.
// The words are for the model that asked.
import { assertNever } from "../core/errors.ts";
import { formatDollars } from "../core/ids.ts";
import { depthOf, fleetOf, livingAgents, moneyLeft, statusOf } from "./conducted.ts";
import type { EventOf } from "./events.ts";
import type { FleetState } from "./fleet-state.ts";
import { isLiving, workOf, type FleetEvent } from "./fold-fleet.ts";
import { isUnderWay, type State } from "./state.ts";
import { childUnit } from "./unit.ts";
import { nextWave } from "../workflows/waves.ts";

/** Lines of one board. */
const MOST_LINES = 50;

/** Why the event may not be recorded now; undefined when it may. */
export function refusalOf(state: State, event: FleetEvent): string | undefined {
  const attempt = state.stages.get(event.stage)?.current;
  if (state.finished || attempt?.number !== event.attempt || !isUnderWay(attempt) || !isLiving(state, event.stage))
    return "you are not at work any more";
  switch (event.type) {
    case "agent.created":
      return creating(state, event);
    case "agent.commanded":
      return commanding(state, event);
    case "agent.interrupted":
      return asked(state, event) ?? (isAtWork(state, event) ? undefined : `${event.id} has nothing to do`);
    case "agent.deleted":
      return asked(state, event);
    case "fleet.merged":
      return merging(state, event);
    case "tasks.added":
      return adding(fleetOf(state, event.stage), event);
    case "task.changed":
      return changing(state, event);
    default:
      return assertNever(event);
  }
}

function creating(state: State, event: EventOf<"agent.created">): string | undefined {
  const { limits } = state.created.config;
  const fleet = fleetOf(state, event.stage);
  if (fleet?.agents.includes(event.id)) {
    const status = statusOf(state, childUnit(event.stage, event.id));
    return status === "deleted"
      ? `an agent "${event.id}" was there and is deleted: choose another name`
      : `there is an agent "${event.id}" already, ${status} now: command it, or choose another name`;
  }
  const depth = depthOf(state, event.stage);
  if (depth >= limits.depth)
    return `agents may be created ${limits.depth} deep in this repository (limits.depth), and you are at ${depth}: do it yourself, or say in your result what is left`;
  const living = livingAgents(state);
  if (living >= limits.agents)
    return `there may be ${limits.agents} agents at once in this run (limits.agents), and so many are there: delete one you no longer need`;
  if (event.conflict && fleet?.conflict?.of !== event.conflict.of)
    return `there is no conflict of ${event.conflict.of} to mend`;
  const left = moneyLeft(state, event.stage);
  if (left <= 0) return "there is no money left to give";
  if (event.microDollars !== undefined && event.microDollars > left)
    return `you cannot give ${formatDollars(event.microDollars)}: ${formatDollars(left)} are left to you`;
  return undefined;
}

function commanding(state: State, event: EventOf<"agent.commanded">): string | undefined {
  const no = asked(state, event);
  if (no !== undefined) return no;
  if (isAtWork(state, event)) return `${event.id} is at work: wait for it, or interrupt it first`;
  return moneyLeft(state, childUnit(event.stage, event.id)) > 0
    ? undefined
    : `${event.id} has spent what it was given, or nothing is left to you`;
}

/** Whether there is such an agent. */
function asked(state: State, { stage, id }: { stage: string; id: string }): string | undefined {
  const known = fleetOf(state, stage)?.agents ?? [];
  if (!known.includes(id))
    return `you created no agent "${id}"${known.length === 0 ? "" : `; there are ${known.join(", ")}`}`;
  return statusOf(state, childUnit(stage, id)) === "deleted" ? `${id} is deleted` : undefined;
}

function isAtWork(state: State, { stage, id }: { stage: string; id: string }): boolean {
  return statusOf(state, childUnit(stage, id)) === "executing";
}

function merging(state: State, { stage, id }: EventOf<"fleet.merged">): string | undefined {
  const unit = state.stages.get(childUnit(stage, id));
  if (!fleetOf(state, stage)?.agents.includes(id) || !unit?.child) return asked(state, { stage, id });
  return workOf(state, stage, id) === undefined ? `${id} has handed in no change` : undefined;
}

function adding(fleet: FleetState | undefined, { tasks }: EventOf<"tasks.added">): string | undefined {
  const before = (fleet?.board ?? []).map(({ task }) => task);
  const all = [...before, ...tasks];
  if (all.length > MOST_LINES) return `a board has at most ${MOST_LINES} tasks, and this would make ${all.length}`;
  const ids = all.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) return `there are two tasks "${twice}"`;
  for (const { id, needs } of tasks) {
    const unknown = needs.find((need) => !ids.includes(need));
    if (unknown !== undefined) return `task "${id}" needs "${unknown}", which is no task; there are ${ids.join(", ")}`;
  }
  const never = neverBegun(all);
  return never.length === 0
    ? undefined
    : `these tasks need each other in a circle, or one that does, and could never begin: ${never.join(", ")}`;
}

/** Tasks that would be in no wave although all went well. */
function neverBegun(tasks: EventOf<"tasks.added">["tasks"]): string[] {
  const done = new Set<string>();
  for (;;) {
    const { wave } = nextWave(tasks, { done, failed: new Set() });
    if (wave.length === 0) return tasks.flatMap(({ id }) => (done.has(id) ? [] : [id]));
    for (const id of wave) done.add(id);
  }
}

function changing(state: State, { stage, id, agent }: EventOf<"task.changed">): string | undefined {
  const fleet = fleetOf(state, stage);
  const known = (fleet?.board ?? []).map(({ task }) => task.id);
  if (!known.includes(id))
    return `there is no task "${id}" on your board${known.length === 0 ? "" : `; there are ${known.join(", ")}`}`;
  return agent === undefined || fleet?.agents.includes(agent) ? undefined : `you created no agent "${agent}"`;
}
