// Fields that many events have.
import { z } from "zod";
import { isSha, type MicroDollars } from "../core/ids.ts";
import { Plan } from "../workflows/artifacts.ts";

export const Sha = z.string().refine(isSha, "must be a full commit id");

export const Amount = z
  .number()
  .int()
  .refine((value): value is MicroDollars => Number.isSafeInteger(value), "must be whole micro-dollars");

/** A stage, within a fan-out one of its tasks, or an agent that another created, as `unit.ts` names them: "build", "build:parser". */
export const unitFields = { stage: z.string(), attempt: z.number().int().positive() };

/** A line of a task board. */
export const Task = Plan.shape.tasks.element;
