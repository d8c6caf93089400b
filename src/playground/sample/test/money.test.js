import assert from "node:assert/strict";
import { test } from "node:test";
import { format, parse } from "../src/money.js";

test("parse reads dollars and cents", () => {
  assert.equal(parse("$12.50"), 1250);
  assert.equal(parse("12"), 1200);
  assert.equal(parse(" 0.05 "), 5);
});

test("parse refuses what is not an amount", () => {
  assert.throws(() => parse("a lot"), RangeError);
});

test("format writes dollars and cents", () => {
  assert.equal(format(1250), "$12.50");
  assert.equal(format(5), "$0.05");
  assert.equal(format(-1250), "-$12.50");
});
