// The names of what is worked: a stage, a task of a fan-out, the mending of a merge. Events and folders are marked with them.
//   build              the stage
//   build:parser       its task "parser"
//   build:merge.parser the mending of what git could not merge of that task
// Stage names and task ids hold letters, digits and dashes only, so that a unit's name says what it is.
export interface Unit {
  readonly stage: string;
  /** Undefined for the stage itself. */
  readonly task: string | undefined;
  readonly mends: boolean;
}

/** Reads a unit's name. */
export function readUnit(name: string): Unit {
  const [stage = "", task] = name.split(":");
  const mends = task?.startsWith("merge.") === true;
  return { stage, task: mends ? task?.slice("merge.".length) : task, mends };
}

export function taskUnit(stage: string, task: string): string {
  return `${stage}:${task}`;
}

export function mendingUnit(stage: string, task: string): string {
  return `${stage}:merge.${task}`;
}

export function stageOf(unit: string): string {
  return readUnit(unit).stage;
}
