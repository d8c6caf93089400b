// Order within a lane, freedom between lanes, and nothing left behind.
import { expect, test, vi } from "vitest";
import { createLanes } from "#src/intake/lanes.ts";

function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

test("one lane is worked in the order of the calls, even when the first look is the slowest; other lanes go on", async () => {
  const lanes = createLanes();
  const [slowLook, slowWork] = [gate(), gate()];
  const done: string[] = [];
  const run = (name: string, lane: string, look = Promise.resolve(), work = Promise.resolve()) =>
    lanes.run(
      () => look.then(() => name),
      () => lane,
      () => work.then(() => void done.push(name)),
    );
  const all = [run("fix", "a", slowLook.passed, slowWork.passed), run("stop", "a"), run("other", "b")];
  slowLook.open();
  await vi.waitFor(() => expect(done).toEqual(["other"]));
  expect(lanes.open).toBe(1);
  slowWork.open();
  await Promise.all(all);
  expect(done).toEqual(["other", "fix", "stop"]);
  await vi.waitFor(() => expect(lanes.open).toBe(0));
});

test("a failure is its own call's only, and an empty look is nothing", async () => {
  const lanes = createLanes();
  const carried: string[] = [];
  const carry = async (name: string) => {
    if (name === "bad") throw new Error("no");
    carried.push(name);
  };
  const run = (name: string | undefined) =>
    lanes.run(
      () => Promise.resolve(name),
      () => "a",
      carry,
    );
  const look = lanes.run(
    () => Promise.reject(new Error("no database")),
    () => "a",
    carry,
  );
  const answers = await Promise.allSettled([look, run("bad"), run(undefined), run("good")]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
  expect(carried).toEqual(["good"]);
  await vi.waitFor(() => expect(lanes.open).toBe(0));
});
