// A process that is frozen between the permission to write and the write, and wakes up when another has its runs: before every sixth
// write here, before each of them in the experiment S3.
import { expect, test } from "vitest";
import { playFrozenWrites } from "#test/support/frozen-writes.ts";

test("long enough to notice: it sends nothing any more", { timeout: 180_000 }, async () => {
  const result = await playFrozenWrites("noticed", { first: 1, every: 6 });
  expect(result).toEqual({ tried: result.tried, late: [], doubled: [], amiss: [] });
  expect(result.tried).toBeGreaterThan(7);
});

test("so shortly that nobody can notice: one of everything stays", { timeout: 180_000 }, async () => {
  const { tried, doubled, amiss } = await playFrozenWrites("unnoticed", { first: 3, every: 6 });
  expect({ doubled, amiss }).toEqual({ doubled: [], amiss: [] });
  expect(tried).toBeGreaterThan(7);
});
