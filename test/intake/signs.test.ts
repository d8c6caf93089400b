// What whoever wrote a command sees on it: 👀 while something is still to come of it, 🚀 or 😕 when nothing is.
import { describe, expect, test } from "vitest";
import type { EventOf } from "#src/engine/events.ts";
import { commentPayload, intakeWorld, type World } from "#test/support/intake-world.ts";

const ended: EventOf<"run.finished"> = { type: "run.finished", outcome: "failed", code: "turn-limit", message: "…" };

let next = 1_000;
/** Writes a comment with an id of its own, and gives that. */
async function write(world: World, words: string, delivery?: string): Promise<number> {
  const id = (next += 1);
  await world.send("issue_comment", commentPayload(words, { comment: { id } }), delivery);
  return id;
}

/** A world in which a run is at work, begun by a command. */
async function worldAtWork() {
  const world = intakeWorld();
  world.reader.roles = { maria: "maintain" };
  const first = await write(world, "/agent fix");
  return { world, first, run: await world.only() };
}

describe("a command", () => {
  test("that begins a run waits for the run's end", async () => {
    const { world, first, run } = await worldAtWork();
    expect([world.publisher.acknowledged, world.publisher.concluded]).toEqual([[first], []]);
    expect(run.commands).toEqual({ now: first, before: [] });
  });

  test.each([
    ["status", "done"],
    ["why", "done"],
    ["help", "done"],
    ["pause", "done"],
    ["tell: mind the rounding", "done"],
    ["budget $3", "done"],
    ["ignore", "done"],
    ["stop", "done"],
    ["approve", "refused"],
    ["reject", "refused"],
    ["resume", "refused"],
    ["retry", "refused"],
    ["fix", "refused"],
    ["budget much", "refused"],
    ["fxi", "refused"],
  ] as const)("%s, with a run at work: %s at once", async (words, as) => {
    const { world } = await worldAtWork();
    const id = await write(world, `/agent ${words}`);
    expect(world.publisher.concluded).toEqual([[id, as]]);
  });

  test("that has an ended run go on waits for its end too, also when it is handled again", async () => {
    const { world, first, run } = await worldAtWork();
    await world.log.append(run.runId, run.version, [ended]);
    const retry = await write(world, "/agent retry", "retried");
    await world.again("retried");
    expect(world.publisher.concluded).toEqual([]);
    expect((await world.only()).commands).toEqual({ now: retry, before: [first] });
  });

  test("beside one that is refused says the worse; beside one that begins a run it waits", async () => {
    const { world } = await worldAtWork();
    const both = await write(world, "/agent status\n/agent approve");
    expect(world.publisher.concluded).toEqual([[both, "refused"]]);
    const fresh = intakeWorld();
    await write(fresh, "/agent fix\n/agent approve");
    expect(fresh.publisher.concluded).toEqual([]);
  });

  test("goes on where the sign cannot be set", async () => {
    const { world } = await worldAtWork();
    world.publisher.conclude = () => Promise.reject(new Error("down"));
    await write(world, "/agent pause", "paused");
    expect(world.deliveries.notes.get("paused")).toContain("is held");
  });
});

describe("a refusal", () => {
  test("for want of a role shows on the command that nobody acknowledged", async () => {
    const world = intakeWorld();
    world.reader.roles = { maria: "read" };
    const [first, second] = [await write(world, "/agent fix"), await write(world, "/agent fix")];
    expect(world.publisher.kinds).toEqual(["refused"]);
    expect([world.publisher.acknowledged, world.publisher.concluded.map(([id]) => id)]).toEqual([[], [first, second]]);
  });
});
