// A run that one process drives to its end: what happens when it would have to wait for longer than that process does.
import { expect, test } from "vitest";
import { driveToItsEnd, type Waits } from "#src/cli/one-shot.ts";
import { BatonError } from "#src/core/errors.ts";
import { firstDifference } from "#src/engine/agree.ts";
import type { Engine } from "#src/engine/engine.ts";
import { fold } from "#src/engine/fold.ts";
import {
  commit,
  CountingPublisher,
  created,
  engineWith,
  memoryLog,
  ScriptedAgents,
} from "#test/support/engine-world.ts";
import { otherEnds } from "#test/support/recorded-run.ts";

const hour = 3_600_000;
const START = 1_000_000;
const limited = { type: "wait", reason: "model-limit", message: "The model is limited.", until: START + hour } as const;
const by = { login: "maria", id: 7 };
const nobody: Waits = {
  people: { say: () => Promise.resolve(undefined) },
  told: () => Promise.resolve(),
  stopping: new AbortController().signal,
  stopped: Promise.resolve(),
  keeps: true,
};

/** A run that has reproduced the bug, and whose fixer would have to wait for an hour. */
async function ended(parts: Partial<Engine> = {}, agents = new ScriptedAgents({ fix: [limited] })) {
  const log = memoryLog();
  const first = created();
  await log.create(first);
  const stop = { type: "stop.requested", by, quote: "Ctrl+C" } as const;
  agents.onHang = () => void log.read(first.runId).then(({ length }) => log.append(first.runId, length, [stop]));
  expect(await driveToItsEnd(first.runId, engineWith(log, { agents, ...parts }), nobody)).toBeUndefined();
  const events = await log.read(first.runId);
  return { state: fold(events), events };
}

test("a long wait ends it, and what is finished is on a branch before", async () => {
  const publisher = new CountingPublisher();
  const { state, events } = await ended({ publisher });
  expect(state.finished).toMatchObject({ outcome: "failed", code: "model-limit", message: limited.message });
  expect(publisher.kept).toMatchObject([{ head: commit(1), holds: ["reproduce"] }]);
  expect(state.kept).toMatchObject({ branches: [{ holds: ["reproduce"] }], missing: [] });
  expect(firstDifference(events)).toBeUndefined();
});

test("what cannot be kept then is named as missing, and does not hold the end up", async () => {
  const publisher = new CountingPublisher();
  publisher.keep = () =>
    Promise.reject(new BatonError("github-failed", "GitHub is away", { retryable: true, retryAt: START + hour }));
  const { state, events } = await ended({ publisher });
  expect(state.finished).toMatchObject({ outcome: "failed", code: "model-limit" });
  expect(state.kept).toMatchObject({ branches: [], missing: [{ what: "reproduce", why: "GitHub is away" }] });
  expect(firstDifference(events)).toBeUndefined();
});

test("a run that is over ends as it is, although its keeping would have to wait for long", async () => {
  const publisher = new CountingPublisher();
  publisher.keep = () =>
    Promise.reject(new BatonError("github-failed", "GitHub is away", { retryable: true, retryAt: START + hour }));
  const failure = { code: "turn-limit", message: "It went round in circles." } as const;
  const { state, events } = await ended({ publisher }, new ScriptedAgents({ fix: Array(9).fill(failure) }));
  expect(state.finished).toMatchObject({ outcome: "failed", code: "turn-limit" });
  expect(state.kept).toMatchObject({ branches: [], missing: [{ what: "reproduce", why: "GitHub is away" }] });
  expect(firstDifference(events)).toBeUndefined();
  for (const otherEnd of otherEnds(events)) expect(firstDifference(otherEnd)).toBeDefined();
});

test("a stop whose keeping would have to wait for long is a stop all the same", async () => {
  const publisher = new CountingPublisher();
  let tries = 0;
  publisher.keep = () => {
    tries += 1;
    return Promise.reject(
      new BatonError("github-failed", "GitHub is away", { retryable: true, retryAt: START + hour }),
    );
  };
  const { state, events } = await ended({ publisher }, new ScriptedAgents({ fix: ["hang"] }));
  expect(state.finished).toMatchObject({ outcome: "cancelled", code: "stopped" });
  expect(tries).toBe(2);
  expect(firstDifference(events)).toBeUndefined();
});
