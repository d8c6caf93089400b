// Parking: an abort that may be waited out for a moment, told apart from one that may not.
import { once } from "node:events";
import { expect, test } from "vitest";
import { Parking, parkingOf, withGrace } from "#src/core/parking.ts";

test("an end is followed at once, also through a signal of several", () => {
  const controller = new AbortController();
  const all = AbortSignal.any([controller.signal]);
  using grace = withGrace(all, 60_000);
  controller.abort(new Error("a person ended the run"));
  expect(grace.signal.aborted).toBe(true);
  expect(parkingOf(all)).toBeUndefined();
});

test("parking is followed when the grace is over, with its reason", async () => {
  const controller = new AbortController();
  const all = AbortSignal.any([controller.signal]);
  using grace = withGrace(all, 20);
  controller.abort(new Parking("paused"));
  expect(parkingOf(all)?.why).toBe("paused");
  expect(grace.signal.aborted).toBe(false);
  await once(grace.signal, "abort");
  expect(parkingOf(grace.signal)?.why).toBe("paused");
});

test("an interruption is followed at once, although the work is only put down: it may be stuck", () => {
  const controller = new AbortController();
  using grace = withGrace(controller.signal, 60_000);
  controller.abort(new Parking("interrupted"));
  expect(grace.signal.aborted).toBe(true);
  expect(parkingOf(grace.signal)?.why).toBe("interrupted");
});

test("what was over before is not aborted any more, and holds no timer", async () => {
  const controller = new AbortController();
  const grace = withGrace(controller.signal, 60_000);
  controller.abort(new Parking("stopping"));
  grace[Symbol.dispose]();
  expect(await Promise.resolve(grace.signal.aborted)).toBe(false);
});

test("nothing aborted is nothing parked", () => {
  expect(parkingOf(new AbortController().signal)).toBeUndefined();
});
