// The shelf in a database: work comes back byte for byte, once, and goes when no run can need it.
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { createArchive } from "#src/store/archive.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { createShelves } from "#src/store/shelf.ts";
import { commit, created } from "#test/support/engine-world.ts";
import { databases, temporaryFolder } from "./databases.ts";

describe.each(databases.filter(({ here }) => here))("the shelf in $name", ({ open }) => {
  test("gives back what was put there first, and nothing else", async () => {
    await using opened = await open();
    const shelf = createShelves(opened.database)({ id: 1 });
    const bundle = randomBytes(100_000);
    await shelf.put({ commit: commit(1), start: commit(2), bundle });
    await shelf.put({ commit: commit(1), start: commit(3), bundle: randomBytes(10) });
    const work = await shelf.get(commit(1));
    expect(work?.start).toBe(commit(2));
    expect(Buffer.from(work?.bundle ?? []).equals(bundle)).toBe(true);
    expect(await shelf.get(sha("9".repeat(40)))).toBeUndefined();
  });

  test("has a place for each repository, and none for a folder", async () => {
    await using opened = await open();
    const shelves = createShelves(opened.database);
    const bundle = (id: number) => new TextEncoder().encode(`of ${id}`);
    await shelves({ id: 1 }).put({ commit: commit(1), start: commit(2), bundle: bundle(1) });
    expect(await shelves({ id: 2 }).get(commit(1))).toBeUndefined();
    await shelves({ id: 2 }).put({ commit: commit(1), start: commit(2), bundle: bundle(2) });
    for (const id of [1, 2])
      expect(new TextDecoder().decode((await shelves({ id }).get(commit(1)))?.bundle)).toBe(`of ${id}`);
    await shelves({ id: 0 }).put({ commit: commit(3), start: commit(2), bundle: bundle(0) });
    for (const id of [0, 1]) expect(await shelves({ id }).get(commit(3))).toBeUndefined();
  });

  test("loses old work only when no unfinished run can have made it", async () => {
    await using opened = await open();
    const { database } = opened;
    await using log = await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog });
    await using folder = await temporaryFolder();
    const shelf = createShelves(database)({ id: 1 });
    const first = created();
    await log.create(first);
    for (const one of [1, 2]) await shelf.put({ commit: commit(one), start: commit(3), bundle: randomBytes(10) });
    await database.query("UPDATE baton.shelf SET kept_at = kept_at - interval '100 days' WHERE commit = $1", [
      commit(1),
    ]);
    await database.query("UPDATE baton.runs SET created_at = created_at - interval '101 days'", []);
    const tidy = () => createArchive(database, folder.path).tidy(90 * 86_400_000, new AbortController().signal);
    await tidy();
    expect(await shelf.get(commit(1))).toBeDefined();
    await log.append(first.runId, 1, [{ type: "run.finished", outcome: "failed", code: "x", message: "…" }]);
    await tidy();
    expect(await shelf.get(commit(1))).toBeUndefined();
    expect(await shelf.get(commit(2))).toBeDefined();
  });
});
