// Baton never loops: what would begin again and again is stopped, and says so once.
import { describe, expect, test } from "vitest";
import type { EventOf } from "#src/engine/events.ts";
import type { State } from "#src/engine/state.ts";
import { createMemoryLog } from "#src/store/memory-log.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { commentPayload, intakeWorld, issuePayload, type World } from "#test/support/intake-world.ts";

const failed: EventOf<"run.finished"> = { type: "run.finished", outcome: "failed", code: "turn-limit", message: "…" };

/** Ends the latest run about the issue. */
async function end(world: World, how = failed): Promise<State> {
  const [run] = await world.runs();
  if (!run) throw new Error("there is no run");
  expect(await world.log.append(run.runId, run.version, [how])).toMatchObject({ type: "appended" });
  return run;
}

const say = (world: World, words: string, change?: Parameters<typeof commentPayload>[1]) =>
  world.send("issue_comment", commentPayload(words, change));

describe("so many runs begin on an issue within an hour", () => {
  /** Three may begin; one has, by a comment. */
  async function world() {
    const clock = new HandTiming();
    const log = createMemoryLog({ clock });
    const open = () => {
      const one = intakeWorld({ log });
      one.reader.files[".github/baton.yml"] = "limits: { runsPerHour: 3 }";
      return one;
    };
    const first = open();
    await say(first, "/agent fix first");
    await end(first);
    return { clock, open, first, begun: clock.now() };
  }

  test("by whatever door, in whatever process; then it is refused with the time from which on it may", async () => {
    const { clock, open, first, begun } = await world();
    clock.forward(60_000);
    expect(await say(first, "/agent retry")).toContain("goes on");
    await end(first);
    // A process that knows nothing of the others.
    const other = open();
    expect(await other.send("issues", issuePayload("labeled", { label: "agent" }))).toContain("started");
    await end(other);
    expect(other.publisher.replies).toEqual([]);
    const doors = [
      () => say(open2, "/agent fix fourth"),
      () => say(open2, "/agent retry"),
      () => say(open2, "/agent restart"),
      () => open2.send("issues", issuePayload("labeled", { label: "agent" })),
    ];
    const open2 = open();
    for (const door of doors) {
      expect(await door()).toContain("refused: 3 runs have begun within the hour");
      expect(open2.publisher.replies.at(-1)?.reply).toMatchObject({
        kind: "too-many",
        what: "runs",
        most: 3,
        again: begun + 3_600_000,
      });
    }
    // An issue that is opened, and the clock, wait for no answer.
    expect(await open().send("issues", issuePayload("opened"))).toContain("refused: 3 runs");
    expect(await other.runs()).toHaveLength(2);
    clock.forward(3_600_000 - 60_000);
    expect(await say(open(), "/agent fix fifth")).toContain("started");
  });

  test("and on every issue as many", async () => {
    const { first } = await world();
    for (const words of ["/agent retry", "/agent fix x"]) {
      await say(first, words);
      await end(first);
    }
    expect(await say(first, "/agent fix y")).toContain("refused");
    expect(await say(first, "/agent fix y", { issue: { number: 13 } })).toContain("started");
  });

  test("a restart that may not begin leaves the run alone that is at work", async () => {
    const { first } = await world();
    await say(first, "/agent fix second");
    await end(first);
    await say(first, "/agent fix third");
    expect(await say(first, "/agent restart")).toContain("refused: 3 runs");
    expect((await first.runs())[0]?.phase).not.toBe("finished");
  });
});
