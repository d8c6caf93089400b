// Two logs of the same run, side by side: what differs by nature is no difference.
import { expect, test } from "vitest";
import { comparison } from "#src/cli/replay-compare.ts";
import type { RecordedEvent, RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { collectHindsight } from "#src/engine/hindsight.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import { created } from "#test/support/engine-world.ts";

const first = created({ workflow: "retrospective" });
const recorded = (event: RunEvent, version = 1): RecordedEvent => ({ version, at: 0, event });
const collectedSince = async (since: number) =>
  recorded(
    await collectHindsight(
      { type: "collect", stage: "collect", attempt: 1 },
      fold([recorded(first)]),
      { ...nothingToLose, lookBack: () => Promise.resolve({ since, pulls: [], runs: [], leftOut: 0 }) },
      new AbortController().signal,
    ),
    2,
  );

test("the day since which nothing happened is of the day; what is said of it is not", async () => {
  const then = await collectedSince(Date.UTC(2026, 9, 29));
  expect(then.event).toMatchObject({ message: expect.stringContaining("since 2026-10-29") });
  const now = await collectedSince(0);
  expect(comparison([then], [now])).toBeUndefined();
  const other: RunEvent = {
    type: "run.finished",
    outcome: "succeeded",
    code: "nothing-to-propose",
    message: "Nothing.",
  };
  expect(comparison([then], [recorded(other, 2)])).toMatchObject({ version: 2 });
});
