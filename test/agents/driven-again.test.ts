// Runs whose agents work side by side, driven again from their logs with the real runner, git and sandbox: what is not the same is shown
// where it is, and what no log holds is said.
import { describe, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import type { DrivenAgain } from "#src/cli/replay-drive.ts";
import type { RecordedEvent, RunEvent } from "#src/engine/events.ts";
import type { EventLog } from "#src/engine/ports.ts";
import { memoryLog } from "#test/support/engine-world.ts";
import { bash, change, command, conclude, create, play, turn, use, waitFor } from "#test/support/conducted-play.ts";
import { same } from "#test/support/driven-again.ts";
import { needs } from "#test/support/needs.ts";

const isBuilder = (words: string) => (call: { brief: string }) => call.brief.includes(words);
const isDeaf = isBuilder("never hear");
const orchestrator = [
  turn(create("deaf"), create("writer"), command("deaf", "never hear"), command("writer", "write one")),
  waitFor("writer"),
  turn(use("interrupt_agent", { name: "deaf" }), use("merge_work", { name: "writer" })),
  conclude,
];

/** The log with one event in another's place. */
const altered = (events: RecordedEvent[], is: (event: RunEvent) => boolean, make: (event: RunEvent) => RunEvent) =>
  events.map((one) => (is(one.event) ? { ...one, event: make(one.event) } : one));
const versionOf = (events: RecordedEvent[], is: (event: RunEvent) => boolean) =>
  events.find(({ event }) => is(event))?.version ?? 0;
const upTo = (events: RecordedEvent[], is: (event: RunEvent) => boolean, ...more: RunEvent[]) => {
  const first = events.slice(0, versionOf(events, is));
  return [
    ...first,
    ...more.map((event, index) => ({ version: first.length + 1 + index, at: first.at(-1)?.at ?? 0, event })),
  ];
};
const isTurn = (stage: string, of: number) => (event: RunEvent) =>
  event.type === "agent.turn" && event.stage === stage && event.turn === of;
const isFinished = (stage: string) => (event: RunEvent) => event.type === "agent.finished" && event.stage === stage;

describe.skipIf(!(await needs("bubblewrap")))(
  "a run with two agents at once, of whom one never heard its reply",
  () => {
    test("is driven again; what was changed in its log is found where it shows, and what is in no log is said", async () => {
      let tried = 0;
      await play({
        script: {
          orchestrator: [orchestrator],
          builder: (call) => {
            if (isDeaf(call))
              return call.turn === 1 ? turn(bash("echo half >> half.txt")) : { hang: "middle", text: "Well, now," };
            return call.turn === 1 ? turn(bash("echo one >> notes.txt")) : turn(change("Wrote one."));
          },
        },
        async afterwards(events, again) {
          const drives = async (log: RecordedEvent[], expected: object) => {
            expect(await again(log)).toMatchObject(expected);
            tried += 1;
          };
          await drives(events, same);
          const answer = JSON.stringify(events).replaceAll("echo one >> notes.txt", "echo one >> other.txt");
          await drives(JSON.parse(answer), {
            difference: {
              version: versionOf(events, isFinished("conduct:writer")),
              expected: expect.stringMatching(/^agent\.finished conduct:writer 1: .*changes\.0\.path "other\.txt"/),
              recorded: expect.stringContaining('changes.0.path "notes.txt"'),
            },
          });
          // A reply that is lost, of an agent that handed in all the same.
          await drives(
            events.filter(({ event }) => !isTurn("conduct:writer", 2)(event)),
            {
              difference: {
                version: versionOf(events, isFinished("conduct:writer")),
                expected: "another request of conduct:writer: its agent has not handed in",
                recorded: "agent.finished conduct:writer 1",
              },
            },
          );
          // What the engine does, and the log does not have.
          await drives(
            events.filter(({ event }) => event.type !== "fleet.merged"),
            { difference: { expected: expect.stringMatching(/^fleet\.merged conduct 1 writer/) } },
          );
          await drives(upTo(events, isTurn("conduct:writer", 1)), same);
          const broken: RunEvent = { type: "run.finished", outcome: "failed", code: "disk-full", message: "No space." };
          const stood = upTo(events, isTurn("conduct:writer", 1), broken);
          await drives(stood, {
            difference: undefined,
            stopped: {
              version: stood.length,
              why: expect.stringContaining("everybody waits for run.finished failed disk-full No space."),
            },
          });
        },
      });
      expect(tried).toBe(6);
    });
  },
);

describe.skipIf(!(await needs("bubblewrap")))("a run that a clock or a person ended in the middle of a turn", () => {
  test("is ended there again by the same words, between what the turn had begun and its end", async () => {
    let again: DrivenAgain | undefined;
    let lost: DrivenAgain | undefined;
    const log: EventLog = memoryLog({ now: () => Date.now() });
    const by = { login: "maria", id: 7 };
    const runId = newRunId();
    const { state } = await play({
      log,
      event: { runId },
      script: {
        orchestrator: [[turn(create("writer"), command("writer", "write one"), ...waitFor("writer").tools)]],
        builder: [[turn(bash("echo one >> notes.txt")), { hang: "middle", text: "Well, now," }]],
      },
      async before({ agent, turn: number }) {
        if (agent !== "builder" || number !== 2) return;
        for (;;) {
          const now = await log.read(runId);
          const answer = await log.append(runId, now.length, [{ type: "stop.requested", by, quote: "/agent stop" }]);
          if (answer.type === "appended") return;
        }
      },
      async afterwards(events, drive) {
        again = await drive(events);
        lost = await drive(events.filter(({ event }) => !isTurn("conduct", 1)(event)));
      },
    });
    expect(state.finished).toMatchObject({ outcome: "cancelled", code: "stopped" });
    // As it is when the worker dies before the turn is recorded.
    expect(lost).toMatchObject(same);
    expect(lost?.notes).toEqual([
      expect.stringContaining("agent.created of conduct came of a turn that is in no log, or not whole"),
      expect.stringContaining("agent.commanded of conduct came of a turn that is in no log, or not whole"),
    ]);
    expect(again).toMatchObject(same);
    expect(again?.notes).toEqual([]);
  });

  test("whose time was over is not waited out again: it fails as it failed, its last turn is as far as it came", async () => {
    let again: DrivenAgain | undefined;
    await play({
      script: {
        orchestrator: [[turn(create("writer"), command("writer", "write one")), waitFor("writer"), conclude]],
        builder: [[turn(bash("echo one >> notes.txt")), turn(change("Wrote one."))]],
      },
      async afterwards(events, drive) {
        const message = "The session took longer than it may.";
        const failed: RunEvent = {
          type: "agent.failed",
          stage: "conduct",
          attempt: 1,
          failure: { code: "time-limit", message },
        };
        const end: RunEvent = {
          type: "run.finished",
          outcome: "timed-out",
          code: "time-limit",
          message: `conduct: ${message}`,
        };
        const cut = altered(events, isTurn("conduct", 2), (event) =>
          event.type === "agent.turn" && event.exchange
            ? { ...event, exchange: { reply: event.exchange.reply, stopReason: event.exchange.stopReason } }
            : event,
        );
        again = await drive(upTo(cut, isTurn("conduct", 2), failed, end));
      },
    });
    expect(again).toMatchObject({ ...same, notes: [] });
  });
});
