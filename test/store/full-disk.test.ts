// A disk that is full, a real one, under the embedded database and under the event log in a file: said by one name, nothing acknowledged
// is lost, and it goes on when there is room again.
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { openFileLog } from "#src/store/memory-log.ts";
import { openStore } from "#src/store/open-store.ts";
import { openPglite } from "#src/store/pglite.ts";
import { created, HandClock } from "#test/support/engine-world.ts";
import { needs } from "#test/support/needs.ts";
import { mebibytes, SmallDisk } from "#test/support/small-disk.ts";
import { soon } from "#test/support/until.ts";

const small = await needs("tmpfs");
const parse = (json: unknown) => RunEvent.parse(json);
const driven = (): RunEvent => ({ type: "run.driven", driver: randomBytes(500).toString("hex") });
const said = (where: string) => ({ code: "disk-full", retryable: true, message: expect.stringContaining(where) });

describe.skipIf(!small)("a full disk under the embedded database", () => {
  const open = (disk: SmallDisk) => openStore({ folder: join(disk.folder, "database"), parse, log: silentLog });

  test("it takes no writes any more and says why, goes on reading, and writes again when there is room", async () => {
    await using disk = new SmallDisk(260);
    const first = created();
    {
      await using store = await open(disk);
      await store.log.create(first);
      await disk.leave(mebibytes(60));
      const append = () => store.log.append(first.runId, 1, [driven()]);
      await expect.poll(() => append().catch((error: unknown) => error), soon).toMatchObject(said(disk.folder));
      expect(await store.log.read(first.runId)).toHaveLength(1);
      expect(await store.healthy()).toBe(false);
      await expect(store.bell.ring("run", first.runId)).rejects.toThrow(/read-only/);
      await disk.empty();
      await expect.poll(() => append().catch((error: unknown) => error), soon).toMatchObject({ type: "appended" });
      expect(await store.healthy()).toBe(true);
      await store.bell.ring("run", first.runId);
    }
    await using again = await open(disk);
    expect(await again.log.read(first.runId)).toHaveLength(2);
  }, 60_000);

  test("it is not opened without room, leaves nothing begun, and is opened when there is room", async () => {
    await using disk = new SmallDisk(260);
    await disk.leave(0);
    await expect(open(disk)).rejects.toMatchObject(said(disk.folder));
    await disk.leave(mebibytes(100));
    await expect(open(disk)).rejects.toMatchObject(said("less than 128 MiB"));
    expect(await readdir(join(disk.folder, "database"))).toEqual([]);
    await disk.empty();
    await (await open(disk))[Symbol.asyncDispose]();
    await disk.leave(mebibytes(60));
    await expect(open(disk)).rejects.toMatchObject(said("less than 64 MiB"));
    await disk.empty();
    await (await open(disk))[Symbol.asyncDispose]();
  }, 60_000);

  test("that filled too fast to be seen stops it: it refuses instead of hanging, and has every acknowledged row when it is opened again", async () => {
    await using disk = new SmallDisk(120);
    const folder = join(disk.folder, "database");
    let rows = 0;
    {
      await using database = await openPglite(folder, { room: 0 });
      await database.query("CREATE TABLE public.facts (id integer PRIMARY KEY, fact text)");
      await disk.leave(mebibytes(20));
      const insert = async () => {
        await database.query("INSERT INTO public.facts VALUES ($1, $2)", [rows + 1, randomBytes(10).toString("hex")]);
        rows += 1;
        // Writes nothing but the log of changes, whose want of room is what PostgreSQL does not survive.
        await database.query("SELECT pg_logical_emit_message(false, 'fill', $1)", ["x".repeat(50_000)]);
      };
      const filling = async (): Promise<never> => {
        for (;;) await insert();
      };
      const transaction = () =>
        database.transaction((session) => session.query("INSERT INTO public.facts VALUES (0, '')"));
      await expect(filling()).rejects.toMatchObject({
        code: "disk-full",
        message: expect.stringContaining("start Baton again"),
      });
      // All of them at once: none may reach the database.
      const after = [
        insert(),
        transaction(),
        database.query("SELECT 1"),
        database.listen("x", { heard() {}, missed() {} }),
      ];
      for (const result of await Promise.allSettled(after))
        expect(result).toMatchObject({ status: "rejected", reason: { code: "disk-full" } });
    }
    await disk.empty();
    await using database = await openPglite(folder, { room: 0 });
    expect(rows).toBeGreaterThan(100);
    expect(await database.query("SELECT count(*)::integer AS rows, max(id) AS last FROM public.facts")).toEqual([
      { rows, last: rows },
    ]);
  }, 60_000);
});

describe.skipIf(!small)("a full disk under the event log in a file", () => {
  test("the append is refused whole, and is taken when there is room", async () => {
    await using disk = new SmallDisk(1);
    const file = join(disk.folder, "events.jsonl");
    const clock = new HandClock();
    const first = created();
    let version = 1;
    {
      await using log = await openFileLog({ clock, file, parse });
      await log.create(first);
      await disk.leave(20_000);
      const append = async () => {
        const answer = await log.append(first.runId, version, [driven(), driven(), driven()]);
        version = answer.version;
      };
      const filling = async (): Promise<never> => {
        for (;;) await append();
      };
      await expect(filling()).rejects.toMatchObject(said(file));
      await expect(append()).rejects.toMatchObject(said(file));
      expect(await log.read(first.runId)).toHaveLength(version);
      await disk.empty();
      await append();
    }
    await using again = await openFileLog({ clock, file, parse });
    expect(await again.read(first.runId)).toHaveLength(version);
    expect(version).toBeGreaterThan(4);
  });
});
