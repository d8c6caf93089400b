// Circuits: what opens one, what it is about, and how it closes again.
import { expect, test, vi } from "vitest";
import { createCircuits } from "#src/agents/circuits.ts";
import { soon } from "#test/support/until.ts";

const of = ["fixer", "claude-opus-5-5"] as const;

test("three failures alike in a row open it, for that agent and that model only", async () => {
  const circuits = createCircuits();
  for (let count = 0; count < 2; count += 1) await circuits.failed(...of, "away", "Overloaded");
  expect(circuits.open(...of)).toBeUndefined();
  const before = Date.now();
  await circuits.failed(...of, "away", "Overloaded again");
  const open = circuits.open(...of);
  expect(open?.failure).toBe("away: Overloaded again");
  expect(open?.until).toBeGreaterThanOrEqual(before + 5 * 60_000);
  expect(circuits.open("fixer", "claude-sonnet-5-5")).toBeUndefined();
  expect(circuits.open("debugger", "claude-opus-5-5")).toBeUndefined();
});

test("a failure of another kind, and a success, begin a new row", async () => {
  const circuits = createCircuits();
  const fail = (kind: string) => circuits.failed(...of, kind, "no");
  await fail("away");
  await fail("away");
  await fail("invalid-output");
  await fail("invalid-output");
  await circuits.succeeded(...of);
  await fail("invalid-output");
  await fail("invalid-output");
  expect(circuits.open(...of)).toBeUndefined();
  await fail("invalid-output");
  expect(circuits.open(...of)).toBeDefined();
});

test("half open, one failure of whatever kind opens it again, and a success closes it", async () => {
  const circuits = createCircuits({ halfOpenMs: 5 });
  const halfOpen = () => vi.waitFor(() => expect(circuits.open(...of)).toBeUndefined(), soon);
  for (let count = 0; count < 3; count += 1) await circuits.failed(...of, "away", "no");
  await halfOpen();
  await circuits.failed(...of, "refused", "no");
  expect(circuits.open(...of)?.failure).toBe("refused: no");
  await halfOpen();
  await circuits.succeeded(...of);
  for (let count = 0; count < 2; count += 1) await circuits.failed(...of, "away", "no");
  expect(circuits.open(...of)).toBeUndefined();
});

test("what a conversation says that began before it opened changes nothing", async () => {
  const circuits = createCircuits();
  for (let count = 0; count < 3; count += 1) await circuits.failed(...of, "away", "no");
  await circuits.succeeded(...of);
  expect(circuits.open(...of)).toBeDefined();
});
