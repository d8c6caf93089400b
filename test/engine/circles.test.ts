// When runs about one subject go in circles, and when they do not.
import { expect, test } from "vitest";
import { runId, sha } from "#src/core/ids.ts";
import { circleIn, circleWords } from "#src/engine/circles.ts";
import type { PastRun, RunEvent } from "#src/engine/events.ts";

const end = (
  outcome: "failed" | "succeeded" | "could-not-reproduce" | "cancelled" | "triaged",
  code = "x",
): RunEvent => ({
  type: "run.finished",
  outcome,
  code,
  message: "…",
});
const pull = (tree: string | undefined): RunEvent => ({
  type: "pull_request.opened",
  number: 13,
  url: "u",
  branch: "b",
  head: sha("c".repeat(40)),
  ...(tree === undefined ? {} : { tree: sha(tree.repeat(40)) }),
  title: "t",
});
const failed = end("failed", "red");
const unreproduced = end("could-not-reproduce", "green");

/** Runs, oldest first, each with its events; given newest first, as the log gives them. */
const runs = (...all: readonly (readonly RunEvent[])[]): PastRun[] =>
  all
    .map((events, index) => ({
      run: runId(`run-00000000000${index}`),
      events: events.map((event, at) => ({ version: at + 2, at, event })),
    }))
    .toReversed();

test.each([
  ["no run", runs(), undefined],
  ["the same end each time", runs([failed], [failed], [failed], [failed]), undefined],
  ["three that alternate", runs([failed], [unreproduced], [failed]), undefined],
  ["four that alternate", runs([failed], [unreproduced], [failed], [unreproduced]), "ends"],
  ["four that alternate by their codes", runs([failed], [end("failed")], [failed], [end("failed")]), "ends"],
  ["a run that was retried three times", runs([failed, unreproduced, failed, unreproduced]), "ends"],
  ["a third way between", runs([failed], [unreproduced], [end("failed", "y")], [unreproduced]), undefined],
  ["a circle that was left", runs([failed], [unreproduced], [failed], [unreproduced], [end("succeeded")]), undefined],
  [
    "a schedule that has something to propose every other time",
    runs(
      ...[end("succeeded", "verified"), end("succeeded", "nothing"), end("succeeded", "verified")].map((one) => [one]),
      [end("succeeded", "nothing")],
    ),
    undefined,
  ],
  [
    "what people stopped, and what was only sorted, between",
    runs([end("triaged")], [failed], [unreproduced], [end("cancelled")], [failed], [end("triaged")], [unreproduced]),
    "ends",
  ],
  ["people who stop again and again", runs([end("cancelled")], [failed], [end("cancelled")], [failed]), undefined],
  ["files that come back", runs([pull("a")], [pull("b")], [pull("a")]), "trees"],
  ["files that come back in a retry", runs([pull("a"), failed, pull("b")], [pull("b"), pull("a")]), "trees"],
  ["files that come back after others", runs([pull("a")], [pull("b")], [pull("d")], [pull("a")]), "trees"],
  ["the same files again and again", runs([pull("a")], [pull("a")], [pull("a")]), undefined],
  ["the same files again behind a circle that was left", runs([pull("a")], [pull("b")], [pull("b")]), undefined],
  ["files that go on", runs([pull("a")], [pull("b")], [pull("d")]), undefined],
  ["pull requests of an older log", runs([pull(undefined)], [pull("b")], [pull(undefined)]), undefined],
] as const)("%s", (_, past, of) => {
  expect(circleIn(past)?.of).toBe(of);
});

test("says in words how they went round", () => {
  const ends = circleIn(runs([failed], [unreproduced], [failed], [unreproduced]));
  expect(ends && circleWords(ends)).toBe(
    "ended in turn as failed (red) in `run-000000000000`, then could not reproduce (green) in `run-000000000001`, then failed (red) in `run-000000000002`, then could not reproduce (green) in `run-000000000003`",
  );
  const trees = circleIn(runs([pull("a")], [pull("b")], [pull("a")]));
  expect(trees && circleWords(trees)).toBe(
    "came back to files that were there before: aaaaaaaaaa in `run-000000000000`, then bbbbbbbbbb in `run-000000000001`, then aaaaaaaaaa in `run-000000000002`",
  );
});
