// What one process has written to GitHub, kept in a file for the next one; and the file of lines below it.
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import { openFileOutbox } from "#src/store/file-outbox.ts";
import { openLineFile, readLines } from "#src/store/line-file.ts";
import { HandClock } from "#test/support/engine-world.ts";
import { needs } from "#test/support/needs.ts";
import { SmallDisk } from "#test/support/small-disk.ts";
import { temporaryFolder } from "./databases.ts";

const small = await needs("tmpfs");
const entry = (key: string) => ({ key, run: undefined, kind: "label", payload: { text: "ä\n" } });

describe("an outbox in a file", () => {
  test("knows what an earlier process began, and what it did", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "below", "outbox.jsonl");
    {
      await using outbox = await openFileOutbox(file, new HandClock());
      await outbox.record(entry("done"));
      await outbox.done("done", { a: [1] });
      await outbox.done("done", { a: [2] });
      expect(await outbox.record(entry("begun"))).toMatchObject({ tries: 1, doneAt: undefined });
    }
    await appendFile(file, '{"type":"done","key":"begun"');
    await using outbox = await openFileOutbox(file, new HandClock());
    expect(await outbox.read("done")).toMatchObject({ payload: { text: "ä\n" }, result: { a: [1] }, tries: 1 });
    expect(await outbox.record(entry("begun"))).toMatchObject({ tries: 2, doneAt: undefined });
    expect(await outbox.read("unknown")).toBeUndefined();
    await expect(outbox.done("unknown", {})).rejects.toMatchObject({ code: "not-found" });
    expect((await readLines(file)).length).toBe(4);
  });

  test("takes no write of a run, which would need an order, and names a line that is none", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "outbox.jsonl");
    {
      await using outbox = await openFileOutbox(file, new HandClock());
      await expect(outbox.record({ ...entry("x"), run: newRunId() })).rejects.toThrow("knows no runs");
    }
    await writeFile(file, '{"type":"recorded","key":"a","kind":"b","payload":null}\nnonsense\n');
    await expect(openFileOutbox(file, new HandClock())).rejects.toMatchObject({
      code: "invalid-event",
      message: expect.stringContaining("outbox.jsonl:2 is not a line of an outbox"),
    });
  });
});

describe("a file of lines", () => {
  test("what was cut off is dropped when it is opened, and left alone when somebody only looks", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "lines");
    await writeFile(file, "one\ntwö\nthr");
    expect(await readLines(file)).toEqual(["one", "twö"]);
    expect(await readFile(file, "utf8")).toBe("one\ntwö\nthr");
    {
      await using lines = await openLineFile(file, { what: "lines", sync: true });
      expect(lines.lines).toEqual(["one", "twö"]);
      await lines.write("four");
    }
    expect(await readFile(file, "utf8")).toBe("one\ntwö\nfour\n");
  });

  test.skipIf(!small)("on a full disk a line is there whole or not at all, and it is called so", async () => {
    await using disk = new SmallDisk(1);
    await using lines = await openLineFile(join(disk.folder, "lines"), { what: "the notes", sync: true });
    await lines.write("kept");
    await disk.leave(0);
    await expect(lines.write("x".repeat(100_000))).rejects.toMatchObject({
      code: "disk-full",
      message: expect.stringContaining("cannot write the notes"),
    });
    await disk.empty();
    await lines.write("later");
    expect(await readLines(join(disk.folder, "lines"))).toEqual(["kept", "later"]);
  });

  test.skipIf(!small)(
    "a line that has no room takes none of the next one's, which was given at the same time",
    async () => {
      await using disk = new SmallDisk(1);
      await using lines = await openLineFile(join(disk.folder, "lines"), { what: "the notes" });
      await lines.write("kept");
      await disk.leave(40_000);
      const both = await Promise.allSettled([lines.write("x".repeat(100_000)), lines.write("y".repeat(8_000))]);
      expect(both.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
      expect((await readLines(join(disk.folder, "lines"))).map(({ length }) => length)).toEqual([4, 8_000]);
    },
  );
});
