import assert from "node:assert/strict";
import { test } from "node:test";
import { tip } from "../src/tip.js";

test("tip rounds to the nearest cent", () => {
  assert.equal(tip(2070, 15), 311);
  assert.equal(tip(1000, 0), 0);
});

test("tip refuses to take money back", () => {
  assert.throws(() => tip(1000, -5), RangeError);
});
