// Which dashboards are due, what they offer, and the figures they are made of, in a real database.
import { describe, expect, test } from "vitest";
import { microDollars, newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { noSpend, RunEvent } from "#src/engine/events.ts";
import { createDashboardBook } from "#src/store/dashboards.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { created, turn } from "#test/support/engine-world.ts";
import { databases } from "./databases.ts";

const { repo } = created();
const by = { login: "maria", id: 7 };
const end = (outcome: "failed" | "succeeded" | "triaged"): RunEvent => ({
  type: "run.finished",
  outcome,
  code: "x",
  message: "…",
});
const spent: RunEvent = {
  type: "agent.turn",
  stage: "fix",
  attempt: 1,
  ...turn(1),
  spend: { ...noSpend, turns: 1, microDollars: microDollars(250_000) },
};
const merged: RunEvent = { type: "pull_request.closed", by, merged: true };

describe.each(databases.filter(({ here }) => here))("in $name", ({ open }) => {
  async function world() {
    await using undo = new AsyncDisposableStack();
    const { database } = undo.use(await open());
    const log = undo.use(await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog }));
    const book = createDashboardBook(database);
    const start = async (number: number, events: readonly RunEvent[], of = repo) => {
      const first = created({ runId: newRunId(), repo: of, subject: { ...created().subject, number } });
      await log.create(first);
      await log.append(first.runId, 1, events);
      return first.runId;
    };
    const due = async () => (await book.due()).map(({ repoId, isOn }) => [repoId, isOn]);
    /** It shows how things are. */
    const show = async () => {
      for (const { repoId, news } of await book.due()) await book.shown(repoId, news);
    };
    const opened = undo.move();
    return { database, log, book, start, due, show, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  }

  test("one is due until it shows how its runs stand, and again when they stand otherwise", async () => {
    await using at = await world();
    expect(await at.due()).toEqual([]);
    await at.book.learn(repo.id, repo, true);
    await at.book.learn(2, { ...repo, id: 2 }, false);
    expect(await at.due()).toEqual([[repo.id, true]]);
    expect((await at.book.due())[0]?.repo).toEqual(repo);
    await at.show();
    expect(await at.due()).toEqual([]);
    const run = await at.start(12, []);
    expect(await at.due()).toEqual([[repo.id, true]]);
    await at.show();
    await at.log.append(run, 1, [spent]);
    expect(await at.due()).toEqual([]);
    for (const event of [
      { type: "stage.started", stage: "fix", attempt: 1, reasons: [] },
      end("failed"),
    ] as RunEvent[]) {
      const { length } = await at.log.read(run);
      await at.log.append(run, length, [event]);
      expect(await at.due()).toEqual([[repo.id, true]]);
      await at.show();
    }
    await at.start(12, [], { ...repo, id: 3 });
    expect(await at.due()).toEqual([]);
    await at.book.spoil(repo.id);
    expect(await at.due()).toEqual([[repo.id, true]]);
  });

  test("what was read between two changes is not taken for the later one", async () => {
    await using at = await world();
    await at.book.learn(repo.id, repo, true);
    const [before] = await at.book.due();
    await at.start(12, []);
    await at.book.shown(repo.id, before?.news ?? "");
    expect(await at.due()).toEqual([[repo.id, true]]);
  });

  test("time alone makes it due: after an hour, and after five minutes while something is under way", async () => {
    await using at = await world();
    await at.book.learn(repo.id, repo, true);
    await at.show();
    const older = (minutes: number) =>
      at.database.query("UPDATE baton.dashboards SET shown_at = clock_timestamp() - $1 * interval '1 minute'", [
        minutes,
      ]);
    await older(59);
    expect(await at.due()).toEqual([]);
    await older(61);
    expect(await at.due()).toHaveLength(1);
    await at.start(12, []);
    await at.show();
    await older(4);
    expect(await at.due()).toEqual([]);
    await older(6);
    expect(await at.due()).toHaveLength(1);
  });

  test("one that is no longer asked for stays due until it was taken away", async () => {
    await using at = await world();
    await at.book.learn(repo.id, repo, true);
    await at.show();
    await at.book.offer(repo.id, ["start:3"]);
    expect(await at.book.offered(repo.id)).toEqual(["start:3"]);
    await at.book.learn(repo.id, repo, false);
    expect(await at.due()).toEqual([[repo.id, false]]);
    expect(await at.book.offered(repo.id)).toEqual([]);
    await at.book.gone(repo.id);
    expect(await at.due()).toEqual([]);
    await at.book.learn(repo.id, repo, true);
    expect(await at.due()).toEqual([[repo.id, true]]);
    // Asked for again meanwhile, it is not taken away.
    await at.book.gone(repo.id);
    expect(await at.due()).toEqual([[repo.id, true]]);
  });

  test("figures are of that repository alone, and of the days that count", async () => {
    await using at = await world();
    const first = await at.start(12, [spent, spent]);
    await at.start(13, [spent, end("succeeded"), merged]);
    await at.start(14, [end("succeeded"), { ...merged, merged: false } as RunEvent]);
    await at.start(12, [spent, end("succeeded"), merged], { ...repo, id: 3 });
    await at.database.query(
      "INSERT INTO baton.spent VALUES ($1, current_date - 8, 1000000), ($1, current_date - 40, 9000000)",
      [repo.id],
    );
    expect(await at.book.figures(repo.id)).toMatchObject({
      open: [{ run: first, subject: 12, held: false, spent: 500_000 }],
      week: 750_000,
      month: 1_750_000,
      merged: 1,
    });
    expect(await at.book.figures(99)).toMatchObject({ open: [], week: 0, month: 0, merged: 0 });
  });

  test("of each issue the latest run counts, where that has ended", async () => {
    await using at = await world();
    await at.start(12, [end("failed")]);
    const latest = await at.start(12, [spent, end("triaged")]);
    await at.start(13, [end("failed")]);
    await at.start(13, []);
    expect(await at.book.ended(repo, [12, 13, 14])).toMatchObject([
      { run: latest, subject: 12, outcome: "triaged", spent: 250_000 },
    ]);
    expect(await at.book.ended(repo, [])).toEqual([]);
  });
});
