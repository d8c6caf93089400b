// Time in which nobody works on a run is not the run's: neither its budget's nor an attempt's.
import { describe, expect, test } from "vitest";
import { noSpend, type RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { used } from "#src/engine/state.ts";
import { bugWorkflow, created, goodTriage, turn } from "#test/support/engine-world.ts";

const HOUR = 3_600_000;
const by = { login: "maria", id: 7 };
const pause: RunEvent = { type: "pause.requested", by, quote: "/agent pause" };
const resume: RunEvent = { type: "resume.requested", by, quote: "/agent resume" };
const driven: RunEvent = { type: "run.driven", driver: "d" };
const budget = { microDollars: turn(1).spend.microDollars, turns: 100, milliseconds: HOUR };
const routed: RunEvent = {
  type: "run.routed",
  source: "model",
  triage: goodTriage,
  decision: { kind: "start", workflow: bugWorkflow, budget },
  why: "a bug",
  spend: noSpend,
};
const stage = { stage: "reproduce", attempt: 1 };
const started: RunEvent = { type: "stage.started", ...stage, reasons: [] };

/** Events with the minutes at which they were recorded. */
const at = (...steps: [minute: number, event: RunEvent][]) =>
  fold(steps.map(([minute, event], index) => ({ version: index + 1, at: minute * 60_000, event })));
const minutes = (state: ReturnType<typeof at>, now: number) => used(state, now * 60_000).milliseconds / 60_000;

describe("the run's time", () => {
  test("stands still while it is paused, whatever is said meanwhile", () => {
    const state = at(
      [0, created()],
      [0, driven],
      [1, routed],
      [2, started],
      [3, pause],
      [60, { type: "budget.changed", by, quote: "q", microDollars: turn(1).spend.microDollars }],
      [120, resume],
      [123, driven],
    );
    expect(minutes(state, 124)).toBe(4);
  });

  test("stands still while it waits, and before anybody takes it up", () => {
    const parked: RunEvent = { type: "run.parked", reason: "model-account", message: "…" };
    const state = at(
      [0, created()],
      [30, pause],
      [50, resume],
      [60, driven],
      [61, parked],
      [121, resume],
      [122, driven],
    );
    expect(minutes(state, 123)).toBe(2);
  });

  test("runs on through words that hold nothing", () => {
    const edited: RunEvent = { type: "subject.edited", by };
    expect(minutes(at([0, created()], [0, driven], [10, edited]), 15)).toBe(15);
  });
});

test("an attempt's time stands still with it", () => {
  const state = at(
    [0, created()],
    [0, driven],
    [1, routed],
    [2, started],
    [4, { type: "agent.turn", ...stage, ...turn(1) }],
    [5, pause],
    [65, resume],
    [66, driven],
    [67, { type: "agent.turn", ...stage, ...turn(2) }],
  );
  const attempt = state.stages.get("reproduce")?.current;
  if (!attempt) throw new Error("expected an attempt");
  // Two minutes to the first turn, one until the pause, one from the new driver to the second turn.
  expect(attempt.touchedAt - attempt.startedAt - attempt.idleMs).toBe(4 * 60_000);
});

test("what triage finds after somebody ended the run does not open it again", () => {
  const over: RunEvent = { type: "run.finished", outcome: "cancelled", code: "restarted", message: "…" };
  expect(at([0, created()], [0, driven], [1, over], [2, routed]).phase).toBe("finished");
});
