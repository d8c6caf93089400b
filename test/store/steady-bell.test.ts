// The bell while its queue is away.
import { expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import type { Bell } from "#src/engine/ports.ts";
import { createLocalBell } from "#src/store/local-bell.ts";
import { createSteadyBell } from "#src/store/steady-bell.ts";
import { soon } from "#test/support/until.ts";

/** A queue that is away. */
const away: Bell = {
  ring: () => Promise.reject(new Error("Redis is away")),
  answer: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
};

test("what cannot be rung for is looked at in this process, a few at once, each thing by one", async () => {
  const bell = createSteadyBell(away, silentLog);
  const seen: string[] = [];
  let under = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  await using _answering = await bell.answer(
    async (topic, id) => {
      most = Math.max(most, ++under);
      await gate.promise;
      seen.push(`${topic} ${id}`);
      under -= 1;
    },
    { parallel: 2 },
  );
  for (const id of ["a", "b", "c", "c"]) await bell.ring("delivery", id);
  gate.resolve();
  await expect.poll(() => seen.length, soon).toBe(3);
  expect(seen.toSorted()).toEqual(["delivery a", "delivery b", "delivery c"]);
  expect(most).toBe(2);
});

test("a ring while its thing is being looked at is looked at again afterwards, never beside it", async () => {
  const bell = createSteadyBell(away, silentLog);
  let under = 0;
  let looks = 0;
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using _answering = await bell.answer(
    async () => {
      expect(++under).toBe(1);
      await gates[looks++]?.promise;
      under -= 1;
    },
    { parallel: 4 },
  );
  await bell.ring("delivery", "a");
  await bell.ring("delivery", "a");
  gates[0]?.resolve();
  await expect.poll(() => looks, soon).toBe(2);
  gates[1]?.resolve();
});

test("a handler that fails leaves the rest alone, and closing waits for what is under way", async () => {
  const bell = createSteadyBell(away, silentLog);
  const seen: string[] = [];
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const answering = await bell.answer(
    async (_, id, signal) => {
      if (id === "bad") throw new Error("no");
      signal.addEventListener("abort", () => gate.resolve());
      begun.resolve();
      await gate.promise;
      seen.push(id);
    },
    { parallel: 1 },
  );
  await bell.ring("delivery", "bad");
  await bell.ring("delivery", "good");
  await begun.promise;
  await answering[Symbol.asyncDispose]();
  expect(seen).toEqual(["good"]);
});

test("where nobody answers, whoever rings hears that it was in vain", async () => {
  await expect(createSteadyBell(away, silentLog).ring("run", "r")).rejects.toThrow("Redis is away");
});

test("a ring while its thing is being looked at, by a look that fails, is looked at once more and no more", async () => {
  const bell = createLocalBell(silentLog, { pauseMs: 1 });
  const looks = { a: 0, b: 0 };
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  await using _answering = await bell.answer(
    async (_, id) => {
      if (id === "a") {
        looks.a += 1;
        if (looks.a > 1) return await second.promise;
        await first.promise;
        throw new Error("no");
      }
      looks.b += 1;
      if (looks.b < 4) throw new Error("no");
    },
    { parallel: 4 },
  );
  await bell.ring("delivery", "a");
  await bell.ring("delivery", "a");
  first.resolve();
  await expect.poll(() => looks.a, soon).toBe(2);
  // Its pause would be over before this one's pauses are.
  await bell.ring("delivery", "b");
  await expect.poll(() => looks.b, soon).toBe(4);
  expect(looks.a).toBe(2);
  second.resolve();
});

test("closing tells everybody at once, and waits for all together", async () => {
  const ended = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  // The queue's answering ends when the local one's handler has, and that when the queue was told to end.
  const queue: Bell = {
    ...away,
    answer: () =>
      Promise.resolve({
        [Symbol.asyncDispose]: async () => {
          closed.resolve();
          await ended.promise;
        },
      }),
  };
  const bell = createSteadyBell(queue, silentLog);
  const begun = Promise.withResolvers<void>();
  const answering = await bell.answer(
    async () => {
      begun.resolve();
      await closed.promise;
      ended.resolve();
    },
    { parallel: 1 },
  );
  await bell.ring("delivery", "a");
  await begun.promise;
  const asked = performance.now();
  await answering[Symbol.asyncDispose]();
  expect(performance.now() - asked).toBeLessThan(5_000);
});
