// How the work stands, as the database tells it.
import { describe, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { createArchive } from "#src/store/archive.ts";
import { openClaims } from "#src/store/claims.ts";
import { createDeliveries } from "#src/store/deliveries.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { readFigures } from "#src/store/figures.ts";
import { createOutbox } from "#src/store/outbox.ts";
import { created, turn } from "#test/support/engine-world.ts";
import { databases, temporaryFolder } from "./databases.ts";

describe.each(databases.filter(({ here }) => here))("figures from $name", ({ open }) => {
  test("count what is due, held, waiting, ended, pending and spent, archived runs included", async () => {
    await using opened = await open();
    const { database } = opened;
    await using log = await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog });
    expect(await readFigures(database)).toEqual({
      due: 0,
      oldestDueSeconds: 0,
      waiting: 0,
      held: 0,
      workers: 0,
      deliveries: 0,
      writes: 0,
      finished: {},
      microDollars: 0,
    });
    let subject = 0;
    const start = async (...events: RunEvent[]) => {
      const first = created({ runId: newRunId(), subject: { ...created().subject, number: ++subject } });
      await log.create(first);
      await log.append(first.runId, 1, events);
      return first.runId;
    };
    const spent: RunEvent = { type: "agent.turn", stage: "fix", attempt: 1, ...turn(1) };
    const end = (outcome: "failed" | "succeeded"): RunEvent => ({
      type: "run.finished",
      outcome,
      code: "x",
      message: "…",
    });
    const ended = await start(spent, end("failed"));
    await start(spent, end("succeeded"));
    await start({ type: "run.parked", reason: "broken", message: "…", until: Date.now() + 60_000 });
    await start({ type: "pause.requested", by: { login: "maria", id: 7 }, quote: "/agent pause" });
    const first = await start();
    await start();
    await database.query(
      "UPDATE baton.runs SET due_at = clock_timestamp() - interval '90 seconds' WHERE due_at < clock_timestamp()",
    );
    await using claims = await openClaims(database, { perRepository: 1, perInstallation: 9 });
    expect(await claims.next()).toBe(first);
    const deliveries = createDeliveries(database);
    for (const id of ["a", "b"]) await deliveries.keep({ id, name: "issues", payload: "{}" });
    await deliveries.handled("a", "…");
    const outbox = createOutbox(database);
    for (const key of ["open", "refused"]) await outbox.record({ key, run: undefined, kind: "x", payload: {} });
    await outbox.refused("refused");

    const now = await readFigures(database);
    expect(now).toMatchObject({ due: 1, waiting: 2, held: 1, workers: 1, deliveries: 1, writes: 1 });
    expect(now.oldestDueSeconds).toBeGreaterThanOrEqual(90);
    expect(now.oldestDueSeconds).toBeLessThan(120);
    expect(now).toMatchObject({ finished: { failed: 1, succeeded: 1 }, microDollars: 20_000 });

    await database.query("UPDATE baton.runs SET finished_at = finished_at - interval '1 year' WHERE run_id = $1", [
      ended,
    ]);
    await using folder = await temporaryFolder();
    await createArchive(database, folder.path).tidy(86_400_000, new AbortController().signal);
    expect(await log.read(ended)).toEqual([]);
    expect(await readFigures(database)).toMatchObject({ finished: { failed: 1, succeeded: 1 }, microDollars: 20_000 });
  });
});
