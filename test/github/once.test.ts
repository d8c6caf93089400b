// One write happens once: through crashes, lost answers, and processes that were frozen or came at the same moment.
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { BatonError } from "#src/core/errors.ts";
import { newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { createOnce, type Write } from "#src/github/once.ts";
import { GitHubFailure } from "#src/github/failure.ts";
import { createMemoryOutbox, type Outbox } from "#src/store/outbox.ts";
import { HandTiming } from "#test/support/hand-timing.ts";

/** A far side that keeps what is written to it, and may be told to lose an answer. */
class FarSide {
  readonly kept: number[] = [];
  writes = 0;
  /** Awaited before a write arrives; by the number of the write, from 1. */
  before: (write: number) => Promise<void> = () => Promise.resolve();
  /** True: the write arrives, its answer does not. */
  loses: (write: number) => boolean = () => false;

  write(removable: boolean): Write<number> {
    return {
      key: "k",
      run: undefined,
      kind: "thing",
      payload: {},
      result: z.number(),
      look: () => Promise.resolve([...this.kept].toSorted((a, b) => a - b)),
      write: async ({ guard }) => {
        await guard?.();
        const number = (this.writes += 1);
        await this.before(number);
        this.kept.push(number);
        if (this.loses(number)) throw new GitHubFailure("write", "unclear", 502, "Bad Gateway", undefined);
        return number;
      },
      ...(removable
        ? {
            remove: (copy: number) => {
              if (this.kept.includes(copy)) this.kept.splice(this.kept.indexOf(copy), 1);
              return Promise.resolve();
            },
          }
        : {}),
    };
  }
}

const timing = () => new HandTiming({ impatient: true });
const onceWith = (outbox: Outbox, time = timing()) => createOnce({ outbox, log: silentLog, timing: time });

/** Something to wait for that a test opens. */
function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

describe("a write", () => {
  test("that is done is never done again", async () => {
    const outbox = createMemoryOutbox(timing());
    const far = new FarSide();
    expect(await onceWith(outbox)(far.write(false))).toBe(1);
    expect(await onceWith(outbox)(far.write(false))).toBe(1);
    expect(far.writes).toBe(1);
  });

  test("whose answer was lost is found, not repeated", async () => {
    const far = new FarSide();
    far.loses = (number) => number === 1;
    expect(await onceWith(createMemoryOutbox(timing()))(far.write(false))).toBe(1);
    expect(far.writes).toBe(1);
  });

  test("that crashed between the write and its record is found by the next process", async () => {
    const outbox = createMemoryOutbox(timing());
    const far = new FarSide();
    const dying: Outbox = { ...outbox, done: () => Promise.reject(new Error("killed")) };
    await expect(onceWith(dying)(far.write(false))).rejects.toThrow("killed");
    expect(await onceWith(outbox)(far.write(false))).toBe(1);
    expect(far.writes).toBe(1);
  });

  test("that never arrives is tried four times at most", async () => {
    const far = new FarSide();
    far.before = () => Promise.reject(new GitHubFailure("write", "unclear", 0, "reset", undefined));
    await expect(onceWith(createMemoryOutbox(timing()))(far.write(false))).rejects.toThrow("reset");
    expect(far.writes).toBe(4);
  });

  test("that GitHub refuses is not tried again", async () => {
    const far = new FarSide();
    const outbox = createMemoryOutbox(timing());
    far.before = () => Promise.reject(new GitHubFailure("write", "refused", 422, "no", undefined));
    await expect(onceWith(outbox)(far.write(false))).rejects.toThrow("no");
    expect(far.writes).toBe(1);
    // Nobody waits for it any more, but whoever asks again is heard.
    expect(await outbox.read("k")).toMatchObject({ overtaken: true, doneAt: undefined });
    far.before = () => Promise.resolve();
    expect(await onceWith(outbox)(far.write(false))).toBe(2);
  });
});

describe("two processes", () => {
  test("that both write end with the older copy and the same answer", async () => {
    const outbox = createMemoryOutbox(timing());
    const far = new FarSide();
    const secondHasWritten = gate();
    far.before = (number) => (number === 1 ? secondHasWritten.opened : Promise.resolve());
    const first = onceWith(outbox)(far.write(true));
    await expect.poll(() => far.writes).toBe(1);
    const second = onceWith(outbox)(far.write(true));
    expect(await second).toBe(2);
    secondHasWritten.open();
    // What was recorded first counts, whatever its number; the other copy goes.
    expect(await first).toBe(2);
    expect(far.kept).toEqual([2]);
  });

  test("that both arrive before either looks keep the older copy", async () => {
    const outbox = createMemoryOutbox(timing());
    const far = new FarSide();
    const both = gate();
    let looks = 0;
    const write = () => {
      const one = far.write(true);
      return { ...one, look: async () => ((looks += 1) > 2 && (await both.opened), await one.look()) };
    };
    far.before = () => (far.writes === 2 ? (both.open(), Promise.resolve()) : both.opened);
    const answers = await Promise.all([onceWith(outbox)(write()), onceWith(outbox)(write())]);
    expect(answers[0]).toBe(answers[1]);
    expect(far.kept).toEqual([answers[0]]);
  });

  test("of which one was frozen before it wrote: it writes nothing when it wakes", async () => {
    const outbox = createMemoryOutbox(timing());
    const far = new FarSide();
    const frozen = gate();
    let reads = 0;
    const sleepy: Outbox = {
      ...outbox,
      async read(key) {
        if ((reads += 1) === 1) await frozen.opened;
        return await outbox.read(key);
      },
    };
    const first = onceWith(sleepy)(far.write(false));
    await expect.poll(() => reads).toBe(1);
    expect(await onceWith(outbox)(far.write(false))).toBe(1);
    frozen.open();
    expect(await first).toBe(1);
    expect(far.writes).toBe(1);
  });

  test("the second waits a moment for the first to finish", async () => {
    const time = new HandTiming();
    const outbox = createMemoryOutbox(time);
    const far = new FarSide();
    const slow = gate();
    far.before = () => slow.opened;
    const first = onceWith(outbox, time)(far.write(false));
    await expect.poll(() => far.writes).toBe(1);
    const second = onceWith(outbox, time)(far.write(false));
    await expect.poll(() => time.waiting).toBe(1);
    slow.open();
    await first;
    time.forward(1_500);
    expect(await second).toBe(1);
    expect(far.writes).toBe(1);
  });
});

test("in one process the same write never runs beside itself", async () => {
  const far = new FarSide();
  const time = timing();
  const once = onceWith(createMemoryOutbox(time), time);
  expect(await Promise.all([1, 2, 3, 4].map(() => once(far.write(false))))).toEqual([1, 1, 1, 1]);
  expect(far.writes).toBe(1);
  // Nobody had to wait for "another process".
  expect(time.pauses).toEqual([]);
});

describe("in one lane", () => {
  const run = newRunId();
  const laned = (far: FarSide, key: string): Write<number> => ({ ...far.write(false), key, run, lane: "card" });

  test("a later write waits for the earlier one, whatever that meets", async () => {
    const far = new FarSide();
    const once = onceWith(createMemoryOutbox(timing()));
    const slow = gate();
    far.before = (number) => (number === 1 ? slow.opened : Promise.resolve());
    const first = once(laned(far, "card"));
    const second = once(laned(far, "end"));
    await expect.poll(() => far.writes).toBe(1);
    slow.open();
    expect(await Promise.all([first, second])).toEqual([1, 2]);
  });

  test("another process's later write overtakes an earlier one that was not sent, and then it is not sent", async () => {
    const outbox = createMemoryOutbox(timing());
    const far = new FarSide();
    const frozen = gate();
    let reads = 0;
    const sleepy: Outbox = {
      ...outbox,
      async read(key) {
        if ((reads += 1) === 1) await frozen.opened;
        return await outbox.read(key);
      },
    };
    const first = onceWith(sleepy)(laned(far, "card"));
    await expect.poll(() => reads).toBe(1);
    expect(await onceWith(outbox)(laned(far, "end"))).toBe(1);
    frozen.open();
    await expect(first).rejects.toMatchObject({ code: "fence-lost" });
    expect(far.kept).toEqual([1]);
    // Meant again, it is the latest, and is sent.
    expect(await onceWith(outbox)({ ...laned(far, "card"), look: () => Promise.resolve([]) })).toBe(2);
  });

  test("nothing waits for a write that was refused for good", async () => {
    const far = new FarSide();
    const once = onceWith(createMemoryOutbox(timing()));
    far.before = (number) =>
      number === 1 ? Promise.reject(new GitHubFailure("write", "refused", 422, "no", undefined)) : Promise.resolve();
    await expect(once(laned(far, "ref"))).rejects.toThrow("no");
    expect(await once(laned(far, "pull"))).toBe(2);
  });

  test("writes of different lanes, or of no run, do not wait for each other", async () => {
    const far = new FarSide();
    const once = onceWith(createMemoryOutbox(timing()));
    const slow = gate();
    far.before = (number) => (number === 1 ? slow.opened : Promise.resolve());
    const first = once(laned(far, "card"));
    await expect.poll(() => far.writes).toBe(1);
    expect(await once({ ...laned(far, "pull"), lane: "pull-request" })).toBe(2);
    expect(await once({ ...laned(far, "reply"), run: undefined })).toBe(3);
    slow.open();
    expect(await first).toBe(1);
  });
});

test("who has lost the run records nothing, so that it overtakes nothing", async () => {
  const outbox = createMemoryOutbox(timing());
  const far = new FarSide();
  const fence = () => Promise.reject(new BatonError("fence-lost", "somebody else has it"));
  const once = createOnce({ outbox, log: silentLog, timing: timing(), fence });
  await expect(once({ ...far.write(false), run: newRunId() })).rejects.toMatchObject({ code: "fence-lost" });
  expect(await outbox.read("k")).toBeUndefined();
  expect(await once(far.write(false))).toBe(1);
});

test("a write that arrives after it was looked for leaves one copy, the older", async () => {
  const far = new FarSide();
  const write = far.write(true);
  let looks = 0;
  far.before = (number) =>
    number === 1 ? Promise.reject(new GitHubFailure("write", "unclear", 0, "reset", undefined)) : Promise.resolve();
  const answer = await onceWith(createMemoryOutbox(timing()))({
    ...write,
    async look() {
      const found = await write.look();
      // The first one arrives right after nobody found it.
      if ((looks += 1) === 1) far.kept.push(1);
      return found;
    },
  });
  expect(answer).toBe(1);
  expect(far.kept).toEqual([1]);
});

test("of two writes that both arrive late one stays", async () => {
  const far = new FarSide();
  const write = far.write(true);
  let looks = 0;
  far.before = (number) =>
    number <= 2 ? Promise.reject(new GitHubFailure("write", "unclear", 0, "reset", undefined)) : Promise.resolve();
  const answer = await onceWith(createMemoryOutbox(timing()))({
    ...write,
    async look() {
      const found = await write.look();
      // Each arrives right after a look that did not see it.
      if ((looks += 1) <= 2) far.kept.push(looks);
      return found;
    },
  });
  expect(answer).toBe(1);
  expect(far.kept).toEqual([1]);
});
