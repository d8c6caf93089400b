import assert from "node:assert/strict";
import { test } from "node:test";
import { Bill } from "../src/bill.js";

test("a bill adds up, tip included", () => {
  const bill = new Bill().add("Ramen", 1450).add("Gyoza", 620);
  assert.equal(bill.subtotal, 2070);
  assert.equal(bill.total({ tipPercent: 15 }), 2381);
});

test("items cannot be changed from outside", () => {
  const bill = new Bill().add("Ramen", 1450);
  bill.items[0].cents = 1;
  assert.equal(bill.subtotal, 1450);
});
