// What the checks of a pull request's commit come to, as a table; and what a run remembers of them.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import {
  checksAfter,
  checksRevised,
  isKnown,
  judgeChecks,
  noChecks,
  type Check,
  type ChecksState,
  type Judging,
} from "#src/engine/checks.ts";

const head = sha("b".repeat(40));
const other = sha("c".repeat(40));
const check = (name: string, state: Check["state"], more: Partial<Check> = {}): Check => ({
  name,
  state,
  id: 1,
  by: "github-actions",
  app: 15_368,
  conclusion: "failure",
  url: "",
  workflowRun: 7,
  ...more,
});
const base: Judging = {
  head,
  checks: [],
  base: [],
  required: [],
  known: noChecks,
  rounds: 3,
  patient: false,
  isLeft: () => false,
};
const judge = (change: Partial<Judging>) => judgeChecks({ ...base, ...change }).event;
/** A run that had these checks run again at a commit. */
const afterAgain = (names: readonly [name: string, id: number][], at = head, rounds = 0): ChecksState => {
  const again = names.map(([name, id]) => ({ name, id }));
  const event = { ...judge({ checks: [check("x", "failed")] }), head: at, again };
  return checksAfter({ ...noChecks, rounds }, event, { version: 9, at: 0 });
};

describe("a verdict", () => {
  test.each<[string, Partial<Judging>, object]>([
    ["nothing runs here at all", {}, { verdict: "none" }],
    [
      "none has begun, and the base has some: it has time",
      { base: [check("test", "passed")], patient: true },
      { verdict: "waiting" },
    ],
    ["its time is over", { base: [check("test", "passed")] }, { verdict: "not-started" }],
    [
      "one that must run is missing",
      { checks: [check("lint", "passed")], required: ["test"], patient: true },
      { verdict: "waiting", open: ["test"] },
    ],
    [
      "it is missing for long",
      { checks: [check("lint", "passed")], required: ["test"] },
      { verdict: "not-started", open: ["test"] },
    ],
    [
      "one still runs, though another failed",
      { checks: [check("test", "open"), check("lint", "failed")] },
      { verdict: "waiting", open: ["test"], own: ["lint"] },
    ],
    ["all passed", { checks: [check("test", "passed")] }, { verdict: "green", own: [] }],
    [
      "one waits for a click",
      { checks: [check("test", "passed"), check("CI", "stopped")] },
      { verdict: "not-started", stopped: ["CI"] },
    ],
    [
      "it fails on the base too",
      { checks: [check("lint", "failed")], base: [check("lint", "failed")] },
      { verdict: "green", own: [], onBase: ["lint"] },
    ],
    [
      "it passes on the base",
      { checks: [check("test", "failed")], base: [check("test", "passed")] },
      { verdict: "again", own: ["test"], again: [{ name: "test", id: 1 }] },
    ],
    ["the base knows nothing of it", { checks: [check("test", "failed")] }, { verdict: "again", own: ["test"] }],
    [
      "it cannot run again",
      { checks: [check("test", "failed")], isLeft: () => true },
      { verdict: "repair", own: ["test"], again: [] },
    ],
    [
      "a commit status cannot run again",
      { checks: [check("ci/x", "failed", { id: undefined })] },
      { verdict: "repair", own: ["ci/x"] },
    ],
    [
      "it ran again and passed",
      { checks: [check("test", "passed", { id: 2 })], known: afterAgain([["test", 1]]) },
      { verdict: "green", flaky: ["test"] },
    ],
    [
      "it ran again and failed",
      { checks: [check("test", "failed", { id: 2 })], known: afterAgain([["test", 1]]) },
      { verdict: "repair", own: ["test"], flaky: [] },
    ],
    [
      "it was asked to run again and has not begun",
      { checks: [check("test", "failed")], known: afterAgain([["test", 1]]), patient: true },
      { verdict: "waiting", open: ["test"], own: [] },
    ],
    [
      "it was asked to, and never began",
      { checks: [check("test", "failed")], known: afterAgain([["test", 1]]) },
      { verdict: "repair", own: ["test"] },
    ],
    [
      "it ran again at another commit",
      { checks: [check("test", "failed", { id: 2 })], known: afterAgain([["test", 1]], other) },
      { verdict: "again" },
    ],
    [
      "another one fails for the first time beside it",
      {
        checks: [check("test", "failed", { id: 2 }), check("e2e", "failed", { id: 3 })],
        known: afterAgain([["test", 1]]),
      },
      { verdict: "again", again: [{ name: "e2e", id: 3 }] },
    ],
    [
      "the last repair that is allowed",
      { checks: [check("test", "failed")], isLeft: () => true, known: { ...noChecks, rounds: 2 } },
      { verdict: "repair" },
    ],
    [
      "all of them were tried",
      { checks: [check("test", "failed")], isLeft: () => true, known: { ...noChecks, rounds: 3 } },
      { verdict: "people", own: ["test"] },
    ],
    [
      "nothing is repaired here",
      { checks: [check("test", "failed")], isLeft: () => true, rounds: 0 },
      { verdict: "people" },
    ],
  ])("when %s", (_, change, expected) => {
    expect(judge(change)).toMatchObject(expected);
  });

  test("names what is to be repaired, and not what fails on the base", () => {
    const checks = [check("lint", "failed"), check("test", "failed")];
    const { own } = judgeChecks({ ...base, checks, base: [check("lint", "failed")], isLeft: () => true });
    expect(own.map(({ name }) => name)).toEqual(["test"]);
  });
});

describe("what a run remembers", () => {
  test("repairs are counted until a person asks for changes", () => {
    const failed = { checks: [{ name: "test", url: "", text: "" }] };
    const twice = checksRevised(checksRevised(noChecks, failed), failed);
    expect(twice.rounds).toBe(2);
    expect(checksRevised(twice, {}).rounds).toBe(0);
  });

  test("what ran again is remembered for its commit only", () => {
    const first = afterAgain([["test", 1]]);
    const more = { ...judge({}), again: [{ name: "e2e", id: 3 }] };
    expect(checksAfter(first, more, { version: 10, at: 0 }).again.map(({ name }) => name)).toEqual(["test", "e2e"]);
    expect(checksAfter(first, { ...more, head: other }, { version: 10, at: 0 }).again.map(({ name }) => name)).toEqual([
      "e2e",
    ]);
  });

  test("the same look twice is no news, and that there is nothing is none either", () => {
    const green = judge({ checks: [check("test", "passed")] });
    const known = checksAfter(noChecks, green, { version: 9, at: 0 });
    expect(isKnown(known, green)).toBe(true);
    expect(isKnown(known, { ...green, head: other })).toBe(false);
    expect(isKnown(noChecks, judge({}))).toBe(true);
    expect(isKnown(noChecks, green)).toBe(false);
  });
});
