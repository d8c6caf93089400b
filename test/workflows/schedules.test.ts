// When schedules start: the next time in their own time zone, at most once an hour, and nothing that is no time.
import { describe, expect, test } from "vitest";
import { nextStart, Schedule, scheduleId } from "#src/workflows/schedules.ts";

const entry = (cron: string, timezone?: string) =>
  Schedule.safeParse({ cron, workflow: "audit", ...(timezone === undefined ? {} : { timezone }) });

function starts(cron: string, timezone: string, from: string, count: number): string[] {
  const times: string[] = [];
  let at = Date.parse(from);
  for (let index = 0; index < count; index += 1) {
    at = nextStart({ cron, timezone }, at) ?? Number.NaN;
    times.push(new Date(at).toISOString());
  }
  return times;
}

describe("a start", () => {
  test("comes after the time it is asked for, never at it", () => {
    expect(starts("0 6 * * 1", "UTC", "2026-11-28T10:00:00Z", 2)).toEqual([
      "2026-11-30T06:00:00.000Z",
      "2026-12-07T06:00:00.000Z",
    ]);
  });

  test("is once a day also where the clocks change", () => {
    expect(starts("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3)).toEqual([
      "2026-03-28T01:30:00.000Z",
      "2026-03-29T01:30:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
    expect(starts("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
  });

  test("may be years away", () => {
    expect(starts("0 0 29 2 *", "UTC", "2026-11-28T00:00:00Z", 1)).toEqual(["2028-02-29T00:00:00.000Z"]);
  });
});

test.each([
  ["* * * * *", "1 min apart"],
  ["0,59 * * * *", "1 min apart"],
  ["58,59 23 1 1 *", "1 min apart"],
  ["0,30 0 29 2 *", "30 min apart"],
  ["61 * * * *", "no time"],
  ["0 0 31 2 *", "no time"],
  ["0 H * * *", "`H` is no time"],
  ["@daily", "five fields"],
  ["0 0 6 * * 1", "five fields"],
  ["", "five fields"],
])("%j is refused: %s", (cron, why) => {
  expect(
    entry(cron)
      .error?.issues.map(({ message }) => message)
      .join(),
  ).toContain(why);
});

test.each(["0 * * * *", "15 6 * * 1-5", "0 6 1 */3 *", "0 6 * * THU"])("%j is taken", (cron) => {
  expect(entry(cron).success).toBe(true);
});

test("an entry keeps its name for as long as nothing in it is changed", () => {
  const one = Schedule.parse({ cron: "0 6 * * 1", workflow: "audit" });
  expect(scheduleId(Schedule.parse({ workflow: "audit", timezone: "UTC", cron: "0 6 * * 1" }))).toBe(scheduleId(one));
  const others = [
    { cron: "0 7 * * 1" },
    { timezone: "Asia/Tokyo" },
    { workflow: "do" },
    { instruction: "x" },
    { issue: 3 },
  ];
  expect(new Set([one, ...others.map((change) => ({ ...one, ...change }))].map(scheduleId)).size).toBe(6);
});
