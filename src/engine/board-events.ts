// The facts about the task board of a fan-out.
import { z } from "zod";
import { Sha, Task, unitFields } from "./event-fields.ts";

const taskIds = z.array(z.string().max(60)).max(50);

export const boardEvents = [
  /** The task board of a fan-out's attempt, fixed for that attempt. */
  z.strictObject({ type: z.literal("tasks.opened"), ...unitFields, tasks: z.array(Task).max(50) }),
  /** These tasks may be worked side by side from now on; each starts from `base`. */
  z.strictObject({
    type: z.literal("wave.started"),
    ...unitFields,
    wave: z.number().int().positive(),
    tasks: taskIds,
    base: Sha,
  }),
  /**
   * The commits of these tasks are in `commit`, in this order. A `conflict` is what git could not merge next: `marked` is a commit on top
   * of `commit` with conflict markers in these paths, from which an agent goes on.
   */
  z.strictObject({
    type: z.literal("wave.merged"),
    ...unitFields,
    wave: z.number().int().positive(),
    tasks: taskIds,
    commit: Sha,
    conflict: z
      .strictObject({ task: z.string().max(60), marked: Sha, paths: z.array(z.string().max(1_000)).max(200) })
      .optional(),
  }),
  /** Every task of the fan-out has come to an end. `commit` is where its merged work ends. */
  z.strictObject({
    type: z.literal("tasks.closed"),
    ...unitFields,
    done: taskIds,
    failed: taskIds,
    skipped: taskIds,
    commit: Sha,
  }),
] as const;
