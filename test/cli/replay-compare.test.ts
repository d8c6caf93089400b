// Two events in the same place of a run, side by side: what differs by nature is no difference.
import { expect, test } from "vitest";
import { Commits, unlike } from "#src/cli/replay-compare.ts";
import { sha } from "#src/core/ids.ts";
import type { EventOf, RunEvent } from "#src/engine/events.ts";
import { noSpend } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { collectHindsight } from "#src/engine/hindsight.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import { created } from "#test/support/engine-world.ts";

const first = created({ workflow: "retrospective" });
const collectedSince = async (since: number) =>
  await collectHindsight(
    { type: "collect", stage: "collect", attempt: 1 },
    fold([{ version: 1, at: 0, event: first }]),
    { ...nothingToLose, lookBack: () => Promise.resolve({ since, pulls: [], runs: [], leftOut: 0 }) },
    new AbortController().signal,
  );
const [a, b, c, d] = ["a", "b", "c", "d"].map((digit) => sha(digit.repeat(40)));
if (!a || !b || !c || !d) throw new Error("four commits");
const merged = (commit: typeof a, marked: typeof a): EventOf<"wave.merged"> => ({
  type: "wave.merged",
  stage: "build",
  attempt: 1,
  wave: 1,
  tasks: ["text"],
  commit,
  conflict: { task: "csv", marked, paths: ["src/index.js"] },
});
const said = (text: string, ok = true, output = ""): EventOf<"agent.turn"> => ({
  type: "agent.turn",
  stage: "build:csv",
  attempt: 1,
  turn: 1,
  model: "m",
  spend: noSpend,
  seconds: 0,
  text,
  tools: [{ name: "bash", input: "ls", ok, output, seconds: 0 }],
  exchange: { reply: [], stopReason: "tool_use" },
});

test("the day since which nothing happened is of the day; what is said of it is not", async () => {
  const then = await collectedSince(Date.UTC(2026, 9, 29));
  expect(then).toMatchObject({ message: expect.stringContaining("since 2026-10-29") });
  expect(unlike(then, await collectedSince(0), new Commits())).toBeUndefined();
  const other: RunEvent = {
    type: "run.finished",
    outcome: "succeeded",
    code: "nothing-to-propose",
    message: "Nothing.",
  };
  expect(unlike(then, other, new Commits())).toMatchObject({ expected: expect.stringContaining('message "Nothing."') });
});

test("a commit that was made anew stands for the one of then, also in words and by its first digits", () => {
  const commits = new Commits();
  expect(unlike(merged(a, b), merged(c, d), commits)).toBeUndefined();
  expect(unlike(merged(a, b), merged(c, d), commits)).toBeUndefined();
  expect(commits.inNow({ text: `git show ${b}, ${a.slice(0, 12)}` })).toEqual({
    text: `git show ${d}, ${c.slice(0, 12)}`,
  });
  expect(unlike(said(`see ${a}`), said(`see ${c}`), commits)).toBeUndefined();
  expect(unlike(merged(a, b), merged(d, d), commits)).toEqual({
    expected: `wave.merged build 1: commit "${d}"`,
    recorded: `wave.merged build 1: commit "${c}"`,
  });
});

test("a tool that was not let end may end otherwise; any other may not", () => {
  const cut = "Baton was stopped while this ran, and ended it. What it had changed by then is still there.";
  expect(unlike(said("", false, cut), said("", true), new Commits())).toBeUndefined();
  expect(unlike(said("", false, "no such file"), said("", true), new Commits())).toEqual({
    expected: "agent.turn build:csv 1: tools.0.ok true",
    recorded: "agent.turn build:csv 1: tools.0.ok false",
  });
});
