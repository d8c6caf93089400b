// When a repository wants a workflow to start by the clock: `schedules` of its config. Pure; what a time is, cron-parser says.
import { createHash } from "node:crypto";
import { CronExpressionParser } from "cron-parser";
import { z } from "zod";

/** Starts of one schedule stand at least this far apart. */
const LEAST_APART_MS = 3_600_000;
/** Every matching hour has the same minutes, so two that are too close show in the first three starts. */
const LOOKED_AT = 3;
/** Always from the same time, so that a file is right or wrong on every day. */
const LOOKED_FROM = Date.UTC(2024, 0, 1);

const cron = z
  .string()
  .trim()
  .max(100)
  .refine((text) => text.split(/\s+/).length === 5, {
    error: "write five fields: minute, hour, day of month, month, day of week, as in `0 6 * * 1` (Mondays at 6:00)",
    abort: true,
  })
  .describe("Minute, hour, day of month, month, day of week; at most once an hour");

export const Schedule = z
  .strictObject({
    cron,
    timezone: z.string().max(60).default("UTC").describe("Where the hours are counted, as in `Europe/Berlin`"),
    workflow: z.string().max(40).describe("The workflow that starts"),
    instruction: z.string().trim().min(1).max(2_000).optional().describe("What matters, as behind a command"),
    issue: z
      .number()
      .int()
      .positive()
      .optional()
      .describe("The issue it is worked on; without it, one that Baton opens for this workflow"),
  })
  .superRefine((entry, context) => {
    if (!isTimezone(entry.timezone)) {
      context.addIssue({
        code: "custom",
        path: ["timezone"],
        message: "name a time zone of the IANA list, as in `Europe/Berlin`, or leave it out for UTC",
      });
      return;
    }
    const problem = problemOf(entry);
    if (problem !== undefined) context.addIssue({ code: "custom", path: ["cron"], message: problem });
  });
export type Schedule = z.infer<typeof Schedule>;

type Times = Pick<Schedule, "cron" | "timezone">;

/** Names an entry: the same for as long as nothing in it is changed. */
export function scheduleId({ cron: times, timezone, workflow, instruction = "", issue = 0 }: Schedule): string {
  const whole = JSON.stringify([times, timezone, workflow, instruction, issue]);
  return createHash("sha256").update(whole).digest("hex").slice(0, 12);
}

/** The first start after a time; both in milliseconds since 1970. Undefined when none ever comes. */
export function nextStart({ cron: times, timezone }: Times, after: number): number | undefined {
  const found = CronExpressionParser.parse(times, { tz: timezone, currentDate: new Date(after) });
  return found.hasNext() ? found.next().getTime() : undefined;
}

/** What is wrong with the times, and what to do; undefined when nothing is. */
function problemOf(entry: Times): string | undefined {
  // cron-parser takes a random time for it, and another one each time it is asked.
  if (/\bH/i.test(entry.cron)) return "`H` is no time here; write the minute and the hour themselves";
  let last: number | undefined;
  try {
    for (let looked = 0; looked < LOOKED_AT; looked += 1) {
      const next = nextStart(entry, last ?? LOOKED_FROM);
      if (next === undefined) break;
      if (last !== undefined && next - last < LEAST_APART_MS)
        return `two starts would be ${(next - last) / 60_000} min apart; once an hour is the most, as in \`0 * * * *\``;
      last = next;
    }
  } catch (error) {
    return `this is no time: ${error instanceof Error ? error.message : String(error)}; write it as in \`0 6 * * 1\` (Mondays at 6:00)`;
  }
  return last === undefined ? "this day never comes; write it as in `0 6 * * 1` (Mondays at 6:00)" : undefined;
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
