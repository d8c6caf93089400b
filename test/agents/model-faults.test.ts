// Agents while the model fails in every way: nothing crashes, nothing partial runs, what was billed is what was recorded; and a
// key or an account that is mended costs one request for each look.
import { expect, test } from "vitest";
import { failureCodes } from "#src/engine/events.ts";
import { modelFaultKinds } from "#src/playground/model-faults.ts";
import { underModelFaults, untilMended } from "#test/support/model-faults.ts";

test("150 faults of every kind", async () => {
  const counts = await underModelFaults({ faults: 150, seed: 11 });
  expect(counts).toMatchObject({ crashes: [], partial: [], unscripted: [] });
  expect(counts.faults).toBeGreaterThanOrEqual(150);
  expect(Object.keys(counts.byFault).toSorted()).toEqual([...modelFaultKinds].toSorted());
  expect(counts.offBy).toBeLessThan(0.01);
  const known = new Set<string>(["finished", ...failureCodes]);
  expect(Object.keys(counts.ends).filter((end) => !known.has(end))).toEqual([]);
  // How many depends on which requests the faults happen to meet; the others have ended by a name.
  expect(counts.ends["finished"] ?? 0).toBeGreaterThan(counts.sessions / 2);
  expect(counts.executed).toBeGreaterThan(counts.sessions);
}, 120_000);

test("a key or an account that turns bad and is mended", async () => {
  const counts = await untilMended({ tasks: 12, seed: 12 });
  const waited = counts.waits["model-account"] ?? 0;
  expect(counts).toMatchObject({
    ends: { finished: 12 },
    crashes: [],
    repeated: 0,
    waits: { "model-account": waited },
  });
  expect(waited).toBeGreaterThanOrEqual(12);
  expect(counts.refused).toBe(waited);
  for (const message of counts.messages) expect(message).toMatch(/^The model [^\n]*goes on by itself\.$/);
}, 60_000);
