// What whoever wrote a command sees on it: 👀 while something is still to come of it, 🚀 or 😕 when nothing is. And words of a refusal once.
import { describe, expect, test } from "vitest";
import type { EventOf } from "#src/engine/events.ts";
import { commentPayload, intakeWorld, issuePayload, type World } from "#test/support/intake-world.ts";

const ended: EventOf<"run.finished"> = { type: "run.finished", outcome: "failed", code: "turn-limit", message: "…" };

let next = 1_000;
/** Writes a comment with an id of its own, and gives that. */
async function write(world: World, words: string, delivery?: string, by = "maria"): Promise<number> {
  const id = (next += 1);
  const sender = by === "maria" ? {} : { by: { login: by, id: 8 } };
  await world.send("issue_comment", commentPayload(words, { comment: { id }, ...sender }), delivery);
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
    expect(run.commandComments).toEqual({ now: first, before: [] });
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
    expect((await world.only()).commandComments).toEqual({ now: retry, before: [first] });
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
  test("is said once to each person for each reason; the second time the command only shows it", async () => {
    const world = intakeWorld();
    world.reader.roles = { maria: "maintain", ada: "write" };
    if (world.reader.found) world.reader.found = { ...world.reader.found, state: "closed" };
    const first = await write(world, "/agent fix");
    const second = await write(world, "/agent fix");
    expect(world.publisher.concluded).toEqual([
      [first, "refused"],
      [second, "refused"],
    ]);
    expect(world.publisher.only("refused").why).toBe("the issue is closed");
    await write(world, "/agent fix", undefined, "ada");
    expect(world.publisher.kinds).toHaveLength(2);
  });

  test("that names another pull request than before is another reason", async () => {
    const world = intakeWorld();
    for (const closing of [[7], [7], [8]]) {
      world.reader.closing = closing;
      await write(world, "/agent fix");
    }
    expect(world.publisher.replies.map(({ reply }) => "why" in reply && reply.why)).toEqual([
      "pull request #7 is open and would close this issue",
      "pull request #8 is open and would close this issue",
    ]);
  });

  test("for want of a role shows on the command that nobody acknowledged", async () => {
    const world = intakeWorld();
    world.reader.roles = { maria: "read" };
    const [first, second] = [await write(world, "/agent fix"), await write(world, "/agent fix")];
    expect(world.publisher.kinds).toEqual(["refused"]);
    expect([world.publisher.acknowledged, world.publisher.concluded.map(([id]) => id)]).toEqual([[], [first, second]]);
  });

  test("of a label is said once a day, and the label goes each time", async () => {
    const world = intakeWorld();
    if (world.reader.found) world.reader.found = { ...world.reader.found, locked: true };
    for (const _ of [1, 2]) await world.send("issues", issuePayload("labeled", { label: "agent" }));
    expect([world.publisher.kinds, world.publisher.removed]).toEqual([["refused"], ["agent", "agent"]]);
    const kept = [...world.deliveries.kept.values()].at(-1);
    if (!kept) throw new Error("nothing was delivered");
    world.deliveries.kept.set("tomorrow", { ...kept, id: "tomorrow", receivedAt: kept.receivedAt + 86_400_000 });
    await world.again("tomorrow");
    expect(world.publisher.kinds).toEqual(["refused", "refused"]);
  });
});
