// Deliveries are told of one at a time, in order, behind their answers.
import { expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createTelling } from "#src/intake/telling.ts";

test("one after the other, in the order in which they came, whatever fails", async () => {
  const told: string[] = [];
  let under = 0;
  await using telling = createTelling(async (id) => {
    under += 1;
    expect(under).toBe(1);
    await Promise.resolve();
    under -= 1;
    if (id === "b") throw new Error("no bell");
    told.push(id);
  }, silentLog);
  for (const id of ["a", "b", "c"]) telling.tell(id);
  expect(told).toEqual([]);
  await expect.poll(() => told).toEqual(["a", "c"]);
  telling.tell("d");
  await expect.poll(() => told).toEqual(["a", "c", "d"]);
});

test("a flood beyond what may wait is left to the sweep", async () => {
  const told: string[] = [];
  const open = Promise.withResolvers<void>();
  await using telling = createTelling(async (id) => {
    await open.promise;
    told.push(id);
  }, silentLog);
  for (let number = 0; number < 20_000; number += 1) telling.tell(`${number}`);
  open.resolve();
  await expect.poll(() => told.at(-1)).toBe("10000");
  telling.tell("later");
  await expect.poll(() => told.at(-1)).toBe("later");
  expect(told).toHaveLength(10_002);
});

test("an end waits for the one under way, and leaves the others", async () => {
  const told: string[] = [];
  const open = Promise.withResolvers<void>();
  const telling = createTelling(async (id) => {
    await open.promise;
    told.push(id);
  }, silentLog);
  for (const id of ["a", "b", "c"]) telling.tell(id);
  const end = telling[Symbol.asyncDispose]();
  open.resolve();
  await end;
  expect(told).toEqual(["a"]);
});

test("answers come first; while they keep coming it goes on all the same, a few a second", async () => {
  const told: number[] = [];
  await using telling = createTelling(async () => void told.push(performance.now()), silentLog);
  const answering = telling.answering();
  const begun = performance.now();
  for (const id of ["a", "b"]) telling.tell(id);
  await expect.poll(() => told.length).toBe(1);
  expect((told[0] ?? 0) - begun).toBeGreaterThan(200);
  answering[Symbol.dispose]();
  await expect.poll(() => told.length).toBe(2);
  telling.tell("c");
  await expect.poll(() => told.length).toBe(3);
});
