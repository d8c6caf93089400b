// The names of what is worked: a stage, a task of a fan-out, the mending of a merge, an agent that another agent created. Events and
// folders are marked with them.
//   build                the stage
//   build:parser         its task "parser"
//   build:merge.parser   the mending of what git could not merge of that task
//   conduct:scout        the agent "scout" that the agent of a stage created
//   conduct:scout+helper one that this agent created in turn
// Whether `conduct:scout` is a task or an agent that was created, the state knows. Stage names and ids hold letters, digits and dashes only, so that a unit's name says what it is.
export interface Unit {
  readonly stage: string;
  /** Undefined for the stage itself. */
  readonly task: string | undefined;
  readonly mends: boolean;
}

/** Reads a unit's name; of an agent that was created by a unit's agent, that unit's. */
export function readUnit(name: string): Unit {
  const [stage = "", path] = name.split(":");
  const [task] = path?.split("+") ?? [];
  const mends = task?.startsWith("merge.") === true;
  return { stage, task: mends ? task?.slice("merge.".length) : task, mends };
}

export function taskUnit(stage: string, task: string): string {
  return `${stage}:${task}`;
}

export function mendingUnit(stage: string, task: string): string {
  return `${stage}:merge.${task}`;
}

/** An agent that the agent of `unit` created. */
export function childUnit(unit: string, id: string): string {
  return `${unit}${unit.includes(":") ? "+" : ":"}${id}`;
}

/** True when `unit` is below `above`: created by its agent, or by one that was. */
export function isBelow(unit: string, above: string): boolean {
  return unit.startsWith(above.includes(":") ? `${above}+` : `${above}:`);
}

export function stageOf(unit: string): string {
  return readUnit(unit).stage;
}
