// The options of `baton run` by which something is said to a run that asks, and whether there is a terminal to ask at.
import { readFile } from "node:fs/promises";
import { BatonError, messageOf } from "../core/errors.ts";
import { parsePlan } from "../engine/plan-text.ts";
import type { Plan } from "../workflows/artifacts.ts";
import { invalidUsage } from "./arguments.ts";
import { checkWords, type Sayings, type Terminal } from "./people.ts";

interface Values {
  readonly approve: boolean;
  readonly "approve-with"?: string | undefined;
  readonly reject?: string | undefined;
  readonly plan?: string | undefined;
  readonly answer?: string | undefined;
}

/** Reads them. Throws `invalid-usage` for more than one about a plan, and for a plan that cannot be worked, with each problem. */
export async function sayingsOf(values: Values, usage: string): Promise<Sayings> {
  const { approve, "approve-with": approveWith, reject, plan, answer } = values;
  const given = Object.entries({ approve: approve || undefined, "approve-with": approveWith, reject, plan }).flatMap(
    ([name, value]) => (value === undefined ? [] : [`--${name}`]),
  );
  if (given.length > 1) throw invalidUsage(`${given.join(" and ")} say different things about a plan; keep one`, usage);
  checkWords({ "approve-with": approveWith, reject, answer });
  return {
    ...(approve ? { approve } : {}),
    approveWith,
    reject,
    answer,
    plan: plan === undefined ? undefined : await planIn(plan),
  };
}

async function planIn(file: string): Promise<Plan> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new BatonError("not-found", `the plan ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const read = parsePlan(text);
  if (read.type === "ok") return read.plan;
  throw new BatonError("invalid-usage", `the plan in ${file} cannot be worked:\n${read.problems.join("\n")}`);
}

/** The terminal of whoever typed the command; undefined when a person would not see the question, or could not answer it. */
export function terminalOf(json: boolean): Terminal | undefined {
  const { stdin: input, stdout, stderr } = process;
  const output = json ? stderr : stdout;
  return input.isTTY && output.isTTY ? { input, output } : undefined;
}
