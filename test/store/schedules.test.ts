// Starts by the clock as they are written down: due by the database's clock, moved by one process only.
import { describe, expect, test } from "vitest";
import { createSchedules } from "#src/store/schedules.ts";
import { databases } from "./databases.ts";

const repoId = 7_000_000_000;
const start = { repo: { name: "it's" }, entry: ["0 6 * * 1"] };
const DAY_MS = 86_400_000;

describe.each(databases.filter(({ here }) => here))("in $name", ({ open }) => {
  async function world() {
    const opened = await open();
    const schedules = createSchedules(opened.database);
    const due = async () => (await schedules.due()).map(({ id, dueAt }) => [id, dueAt]);
    return { schedules, due, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  }
  const past = Math.floor(Date.now() / 1_000) * 1_000 - DAY_MS;
  const one = { id: "one", start, dueAt: past };

  test("what is due is given as it was written, longest first, and nothing that comes later", async () => {
    await using at = await world();
    await at.schedules.set(repoId, [one, { id: "later", start, dueAt: Date.now() + DAY_MS }]);
    await at.schedules.set(2, [{ ...one, dueAt: past - 1_000 }]);
    const due = await at.schedules.due();
    expect(due).toMatchObject([
      { repoId: 2, id: "one", dueAt: past - 1_000 },
      { repoId, id: "one", start, dueAt: past },
    ]);
    expect(Math.abs((due[0]?.now ?? 0) - Date.now())).toBeLessThan(600_000);
  });

  test("a known entry keeps its time when the config is read again; others come and go", async () => {
    await using at = await world();
    await at.schedules.set(repoId, [one, { id: "two", start, dueAt: past }]);
    await at.schedules.set(repoId, [
      { id: "one", start: "changed", dueAt: past + 5_000 },
      { id: "three", start, dueAt: past + 9_000 },
    ]);
    expect(await at.due()).toEqual([
      ["one", past],
      ["three", past + 9_000],
    ]);
    expect((await at.schedules.due())[0]?.start).toBe("changed");
    await at.schedules.set(repoId, []);
    expect(await at.due()).toEqual([]);
  });

  test("is moved from the time it was due, by the first who does", async () => {
    await using at = await world();
    await at.schedules.set(repoId, [one]);
    await at.schedules.move({ repoId, ...one }, past + 3_600_000);
    await at.schedules.move({ repoId, ...one }, past + 7_200_000);
    expect(await at.due()).toEqual([["one", past + 3_600_000]]);
    await at.schedules.move({ repoId, id: "one", dueAt: past + 3_600_000 }, undefined);
    expect(await at.due()).toEqual([]);
  });
});
