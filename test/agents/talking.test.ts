// Two agents at work side by side who agree by notes, messages and a lock, with the real runner, git and sandbox and a scripted model
// over HTTP: what they are told, and that it is the same when the worker is stopped in between.
import { describe, expect, test } from "vitest";
import type { DrivenAgain } from "#src/cli/replay-drive.ts";
import { BatonError } from "#src/core/errors.ts";
import { firstDifference } from "#src/engine/agree.ts";
import type { AgentScript, ScriptedCall } from "#src/playground/scripted-model.ts";
import { bash, change, command, conclude, create, play, turn, use, waitFor } from "#test/support/conducted-play.ts";
import { same } from "#test/support/driven-again.ts";
import { memoryLog } from "#test/support/engine-world.ts";
import { needs } from "#test/support/needs.ts";

const partner = { agent: "partner" };
const orchestrator: AgentScript = [
  [
    turn(create("left", partner), create("right", partner)),
    turn(command("left", "you are on the left"), command("right", "you are on the right")),
    waitFor("left"),
    waitFor("right"),
    // One of these may have been ended by the stop.
    waitFor("left"),
    turn(use("merge_work", { name: "left" })),
    turn(use("merge_work", { name: "right" })),
    conclude,
  ],
];
const left = [
  turn(use("lock_paths", { paths: ["notes.txt"] })),
  turn(use("note_write", { key: "api", value: "split(total, parts)", if_version: 0 })),
  // Goes on when the other one stands in line.
  turn(use("note_watch", { keys: ["right"], after_version: 0, seconds: 60 })),
  turn(bash("echo left >> left.txt"), use("message_send", { to: "conduct:right", text: "notes.txt is yours" })),
  turn(use("unlock_paths")),
  turn(change("The left end.")),
];
const right = [
  turn(use("note_watch", { keys: ["api"], after_version: 0, seconds: 60 })),
  turn(use("note_write", { key: "api", value: "split()", if_version: 0 })),
  turn(use("lock_paths", { paths: ["*.txt"], seconds: 0 }), use("note_write", { key: "right", value: "waits" })),
  turn(use("lock_paths", { paths: ["*.txt"], seconds: 60 }), use("message_read")),
  turn(bash("echo right >> notes.txt")),
  turn(change("The right end.")),
];
const isLeft = ({ brief }: ScriptedCall) => brief.includes("on the left");
const script = {
  orchestrator,
  partner: (asked: ScriptedCall) => {
    const next = (isLeft(asked) ? left : right)[asked.turn - 1];
    if (!next) throw new Error(`no turn ${asked.turn}`);
    return next;
  },
};

describe.skipIf(!(await needs("bubblewrap")))("two partners", () => {
  test.each([
    ["", undefined],
    [", also when the worker is stopped while one of them waits", 4],
  ])("agree on what they share, and wait for each other%s; and so they do driven again", async (_, stopped) => {
    let again: DrivenAgain | undefined;
    const { state, events, server, notes, changed } = await play({
      script,
      async afterwards(recorded, drive) {
        again = await drive(recorded);
      },
      ...(stopped === undefined
        ? {}
        : { stopAt: (call: ScriptedCall) => call.agent === "partner" && isLeft(call) && call.turn === stopped }),
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    const answers = (of: boolean) =>
      server.calls
        .filter((call) => call.agent === "partner" && isLeft(call) === of)
        .flatMap(({ toolResults }) => toolResults.map(({ name, output }) => `${name}: ${output}`))
        .join("\n");
    expect(answers(true)).toMatch(/lock_paths: You are alone in notes\.txt until \d\d:\d\d UTC\./);
    expect(answers(true)).toContain("message_send: Message 1 is said to conduct:right.");
    expect(answers(true)).toContain("unlock_paths: Given back: notes.txt.");
    const told = answers(false);
    expect(told).toContain("note_watch: api (version 1, by conduct:left):\nsplit(total, parts)");
    expect(told).toContain('note_write: "api" is at version 1 now, by conduct:left, and yours was 0.');
    expect(told).toContain("lock_paths: Not yet: conduct:left come first in *.txt. You have waited 1 times.");
    expect(told).toMatch(/lock_paths: You are alone in \*\.txt until/);
    expect(told).toContain("1. conduct:left to conduct:right: notes.txt is yours");
    expect(told).toContain("You are conduct:right to the others.");

    const kinds = (type: string) => events.filter(({ event }) => event.type === type).length;
    expect([kinds("note.written"), kinds("message.sent"), kinds("lock.asked"), kinds("lock.granted")]).toEqual([
      2, 1, 2, 2,
    ]);
    expect(notes).toBe("right\n");
    expect(changed.map(({ path }) => path).toSorted()).toEqual(["left.txt", "notes.txt"]);
    expect(firstDifference(events)).toBeUndefined();
    expect(again).toMatchObject(same);
  });
});

test.skipIf(!(await needs("bubblewrap")))(
  "one whose note cannot be kept for a while is not blamed: it goes on in its conversation, and writes it then",
  async () => {
    const talker = "---\nname: talker\ndescription: Talks\ntools: note_write, note_read\n---\n\nTalk.\n";
    const log = memoryLog({ now: () => Date.now() });
    const append = log.append.bind(log);
    let failures = 1;
    log.append = async (run, version, what) => {
      if (what[0]?.type === "note.written" && (failures -= 1) >= 0)
        throw new BatonError("disk-full", "there is no space left", { retryable: true });
      return await append(run, version, what);
    };
    const write = use("note_write", { key: "api", value: "split()", if_version: 0 });
    const read = use("note_read", { key: "api" });
    const { state, events, answers } = await play({
      agent: "talker",
      files: { ".github/baton/agents/talker.md": talker },
      log,
      script: { talker: [[turn(write, write, read), turn(write, read), conclude]] },
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    const sessions = events.flatMap(({ event }) => (event.type === "session.started" ? [event.why] : []));
    expect(sessions).toEqual(["first"]);
    expect(events.filter(({ event }) => event.type === "stage.started")).toHaveLength(1);
    const broke = { ok: false, output: expect.stringContaining("call it again") };
    expect(answers).toMatchObject([broke, broke, broke, { ok: true }, { ok: true }]);
    expect(firstDifference(events)).toBeUndefined();
  },
);
