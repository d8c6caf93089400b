// Which cards may be old: ends that nobody has shown, and runs that nobody works.
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import type { RunId } from "#src/core/ids.ts";
import { RunEvent } from "#src/engine/events.ts";
import { openClaims, usualLimits } from "#src/store/claims.ts";
import { openEventLog } from "#src/store/event-log.ts";
import { createOutbox } from "#src/store/outbox.ts";
import { createUnshown } from "#src/store/unshown.ts";
import { created } from "#test/support/engine-world.ts";
import { databases } from "./databases.ts";

const HOUR_MS = 3_600_000;
const by = { login: "maria", id: 7 };

describe.each(databases.filter(({ here }) => here))("in $name", ({ open }) => {
  async function world() {
    await using undo = new AsyncDisposableStack();
    const { database } = undo.use(await open());
    const log = undo.use(await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog }));
    const outbox = createOutbox(database);
    const opened = undo.move();
    let issue = 0;
    return {
      database,
      log,
      unshown: createUnshown(database),
      async start(): Promise<RunId> {
        const first = created({ subject: { ...created().subject, number: ++issue } });
        await log.create(first);
        return first.runId;
      },
      async append(run: RunId, event: RunEvent): Promise<void> {
        expect(await log.append(run, (await log.read(run)).length, [event])).toMatchObject({ type: "appended" });
      },
      async end(run: RunId): Promise<void> {
        await this.append(run, { type: "run.finished", outcome: "failed", code: "x", message: "…" });
      },
      async record(run: RunId, kind: string, at: string): Promise<string> {
        const key = `${kind}:${run}:${at}`;
        await outbox.record({ key, run, kind, payload: {} });
        return key;
      },
      done: (key: string) => outbox.done(key, {}),
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  }

  test("an end is looked for until it is shown, and so is the next one after a retry", async () => {
    await using at = await world();
    const [run, other] = [await at.start(), await at.start()];
    expect(await at.unshown.ended(HOUR_MS, 0)).toEqual([]);
    await at.end(run);
    await at.end(other);
    expect(await at.unshown.ended(HOUR_MS, 0)).toEqual([run, other]);
    // Whoever drove it has its time, and what ended long ago is left alone.
    expect(await at.unshown.ended(HOUR_MS, HOUR_MS)).toEqual([]);
    expect(await at.unshown.ended(-1, -HOUR_MS)).toEqual([]);

    await at.done(await at.record(run, "card", ""));
    const shown = await at.record(run, "shown", "1");
    expect(await at.unshown.ended(HOUR_MS, 0)).toEqual([run, other]);
    await at.done(shown);
    expect(await at.unshown.ended(HOUR_MS, 0)).toEqual([other]);

    await at.append(run, { type: "retry.requested", by, quote: "/agent retry" });
    expect(await at.unshown.ended(HOUR_MS, 0)).toEqual([other]);
    await at.end(run);
    expect(await at.unshown.ended(HOUR_MS, 0)).toEqual([other, run]);
  });

  test("a run is unheld while no living worker has it, whatever it waits for", async () => {
    await using at = await world();
    const [taken, waiting, ended] = [await at.start(), await at.start(), await at.start()];
    await at.append(waiting, { type: "pause.requested", by, quote: "/agent pause" });
    await at.end(ended);
    expect(await at.unshown.unheld()).toEqual([taken, waiting]);
    await using claims = await openClaims({ ...at.database, shared: true }, usualLimits, { leaseMs: HOUR_MS });
    expect(await claims.next()).toBe(taken);
    expect(await at.unshown.unheld()).toEqual([waiting]);
    await at.database.query("UPDATE baton.workers SET alive_until = 'epoch'");
    expect(await at.unshown.unheld()).toEqual([taken, waiting]);
  });
});
