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

/** A thread of remarks on a line of a pull request that nobody of Baton's has answered yet, as it stood when a revision was asked for. */
export const Thread = z.strictObject({
  /** GitHub's id of its first remark, which answers go to. */
  id: z.number().int().positive(),
  path: z.string().max(1_000),
  /** Undefined for a file as a whole, and where the line is no longer there. */
  line: z.number().int().positive().optional(),
  /** The code it is about was changed since. */
  outdated: z.boolean(),
  /** What was said in it, oldest first, each with who said it. */
  text: z.string().max(6_000),
});
export type Thread = z.infer<typeof Thread>;

/** What one or many model calls cost. */
export const Spend = z.strictObject({
  turns: z.number().int().nonnegative(),
  inputTokens: z.number().int().nonnegative(),
  outputTokens: z.number().int().nonnegative(),
  cacheReadTokens: z.number().int().nonnegative(),
  cacheWriteTokens: z.number().int().nonnegative(),
  microDollars: Amount,
});
export type Spend = z.infer<typeof Spend>;

export const noSpend: Spend = Spend.parse({
  turns: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  microDollars: 0,
});

export function addSpend(a: Spend, b: Spend): Spend {
  return Spend.parse({
    turns: a.turns + b.turns,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    microDollars: a.microDollars + b.microDollars,
  });
}
