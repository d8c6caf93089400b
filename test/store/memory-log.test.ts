// The log kept as lines of a file: read again by the next process, also after a crash in the middle of a line.
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RunEvent } from "#src/engine/events.ts";
import { openFileLog } from "#src/store/memory-log.ts";
import { created, HandClock } from "#test/support/engine-world.ts";
import { temporaryFolder } from "./databases.ts";

const clock = new HandClock();
const open = (file: string) => openFileLog({ clock, file, parse: (json) => RunEvent.parse(json) });
const driven = (driver: string): RunEvent => ({ type: "run.driven", driver });
const finished: RunEvent = { type: "run.finished", outcome: "failed", code: "x", message: "It failed." };

describe("the event log in a file", () => {
  test("is the same when it is opened again", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "below", "events.jsonl");
    const first = created();
    const second = { ...created(), subject: { ...first.subject, number: 99 } };
    let before: unknown;
    {
      await using log = await open(file);
      await log.create(first);
      clock.forward(10);
      await log.append(first.runId, 1, [driven("\0 \ud800"), driven("b")]);
      await log.create(second);
      await log.append(second.runId, 1, [finished]);
      before = [await log.read(first.runId), await log.read(second.runId)];
    }
    await using log = await open(file);
    expect([await log.read(first.runId), await log.read(second.runId)]).toEqual(before);
    expect(await log.unfinished()).toEqual([first.runId]);
    expect(await log.create({ ...first, runId: second.runId })).toEqual({ type: "taken", by: first.runId });
    expect(await log.append(first.runId, 2, [driven("c")])).toEqual({ type: "conflict", version: 3 });
    expect(await log.append(first.runId, 3, [driven("c")])).toEqual({ type: "appended", version: 4 });
  });

  test("drops a last line that a crash cut off, whole appends only, and goes on behind it", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "events.jsonl");
    const first = created();
    {
      await using log = await open(file);
      await log.create(first);
      await log.append(first.runId, 1, [driven("a"), driven("b")]);
    }
    const text = await readFile(file, "utf8");
    await writeFile(file, text.slice(0, -10));
    {
      await using log = await open(file);
      expect(await log.read(first.runId)).toHaveLength(1);
      expect(await log.append(first.runId, 1, [driven("again")])).toEqual({ type: "appended", version: 2 });
    }
    await using log = await open(file);
    expect((await log.read(first.runId)).map(({ event }) => event)).toEqual([first, driven("again")]);
  });

  test.each([
    ["is not JSON", "{nonsense", /events\.jsonl:2 is not a line of an event log/],
    ["is another shape", '{"run":"run-000000000000"}', /events\.jsonl:2 is not a line of an event log/],
    [
      "holds no event",
      '{"run":"RUN","from":2,"at":1,"events":[{"type":"run.flown"}]}',
      /event 2 of run-\w+ does not match/,
    ],
    [
      "comes too early",
      '{"run":"RUN","from":3,"at":1,"events":[{"type":"run.driven","driver":"x"}]}',
      /before 3 of run-\w+ are missing/,
    ],
  ])("says which line cannot be read when one in the middle %s", async (_, line, message) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "events.jsonl");
    const first = created();
    {
      await using log = await open(file);
      await log.create(first);
    }
    await appendFile(file, `${line.replace("RUN", first.runId)}\n`);
    await expect(open(file)).rejects.toMatchObject({ code: "invalid-event", message: expect.stringMatching(message) });
  });

  test("never gives a run an earlier time than before, whatever the clock does", async () => {
    await using folder = await temporaryFolder();
    const first = created();
    await using log = await open(join(folder.path, "events.jsonl"));
    await log.create(first);
    clock.forward(-5_000);
    await log.append(first.runId, 1, [driven("a")]);
    const [one, two] = await log.read(first.runId);
    expect(two?.at).toBe(one?.at);
  });
});
