import assert from "node:assert/strict";
import { test } from "node:test";
import { splitByShares, splitEvenly } from "../src/split.js";

test("splitEvenly gives everyone the same", () => {
  assert.deepEqual(splitEvenly(1200, 4), [300, 300, 300, 300]);
  assert.deepEqual(splitEvenly(500, 1), [500]);
});

test("splitEvenly refuses a party of nobody", () => {
  assert.throws(() => splitEvenly(1200, 0), RangeError);
  assert.throws(() => splitEvenly(1200, 2.5), RangeError);
});

test("splitByShares follows the weights and loses nothing", () => {
  assert.deepEqual(splitByShares(1000, [1, 1, 2]), [250, 250, 500]);
  assert.deepEqual(splitByShares(100, [1, 1, 1]), [34, 33, 33]);
});
