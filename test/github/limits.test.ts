// Rate limits on every kind of request, met by one worker and by two that share a database: nobody asks while GitHub wants to be left alone.
import { expect, test } from "vitest";
import { systemTiming } from "#src/github/requests.ts";
import { createMemoryOutbox, createOutbox, type Outbox } from "#src/store/outbox.ts";
import { createMemoryThrottle, createThrottle, type Throttle } from "#src/store/throttle.ts";
import { databases } from "#test/store/databases.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { limits, playLimits, requestKinds, type LimitsResult } from "#test/support/limits-trial.ts";

function expectGood({ forbidden, doubled, amiss }: LimitsResult): void {
  expect(forbidden).toEqual([]);
  expect(doubled).toEqual([]);
  expect(amiss).toEqual([]);
}

test("every kind of request, every kind of limit", async () => {
  const blindMs = 3_000;
  const result = await playLimits({
    rounds: 1,
    seed: 11,
    timing: () => new HandTiming({ impatient: true }),
    share: (timing) =>
      Promise.resolve({
        outbox: createMemoryOutbox(timing),
        workers: [{ throttle: createMemoryThrottle(timing, { blindMs }) }],
      }),
    seconds: 20,
    blindMs,
  });
  expectGood(result);
  const untried = requestKinds.flatMap(({ name: kind }) =>
    limits.map(({ name }) => `${kind}: ${name}`).filter((both) => result.table[both] === undefined),
  );
  // A second copy is never made here, so none is taken away.
  expect(untried.filter((both) => !both.startsWith("take a comment away"))).toEqual([]);
});

/** Where two processes would meet, if it is here. */
const meeting = databases.findLast(({ here }) => here);

test(`two workers on ${meeting?.name} share every window`, async () => {
  if (!meeting) throw new Error("PGlite is always here");
  await using opened = await meeting.open();
  const blindMs = 700;
  let plays = 0;
  const result = await playLimits({
    rounds: 1,
    seed: 13,
    timing: () => systemTiming,
    share: () => {
      plays += 1;
      const play = plays;
      return Promise.resolve({
        outbox: outboxOf(createOutbox(opened.database), `play ${play}`),
        workers: [1, 2].map(() => ({ throttle: throttleOf(createThrottle(opened.database, { blindMs }), play) })),
      });
    },
    seconds: 1,
    blindMs,
    perPlay: 2,
    underWayMs: 250,
  });
  expectGood(result);
  expect(result.limits).toBeGreaterThan(6);
});

/** Each play begins with nothing known: the throttle is asked for another installation, the outbox for other keys. */
function throttleOf(throttle: Throttle, holder: number): Throttle {
  return {
    turn: (_, kind) => throttle.turn(holder, kind),
    close: (_, milliseconds) => throttle.close(holder, milliseconds),
    spare: (_, milliseconds) => throttle.spare(holder, milliseconds),
  };
}

function outboxOf(outbox: Outbox, prefix: string): Outbox {
  return {
    record: (entry) => outbox.record({ ...entry, key: `${prefix}/${entry.key}` }),
    done: (key, result) => outbox.done(`${prefix}/${key}`, result),
    read: (key) => outbox.read(`${prefix}/${key}`),
    reserve: (comment, among) => outbox.reserve({ ...comment, key: `${prefix}/${comment.key}` }, among),
    refused: (key) => outbox.refused(`${prefix}/${key}`),
  };
}
