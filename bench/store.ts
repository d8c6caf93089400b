// What the store costs: opening, one append against a bare insert of the same row, one ring until its handler runs, memory.
// Usage: node bench/store.ts [postgres://…]; without an address PGlite in a temporary folder.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { newRunId, type RunId } from "../src/core/ids.ts";
import { silentLog } from "../src/core/log.ts";
import { RunEvent, Spend } from "../src/engine/events.ts";
import { created } from "#test/support/engine-world.ts";
import { openDatabase } from "../src/store/database.ts";
import { openEventLog } from "../src/store/event-log.ts";
import { openBell } from "../src/store/queue.ts";

const url = process.argv[2];
const folder = await mkdtemp(join(tmpdir(), "baton-bench-"));
const parse = (json: unknown) => RunEvent.parse(json);
const APPENDS = 1_000;

function say(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(2);
  console.log(`${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** One model reply with two tool calls, as large as they usually are. */
function turn(number: number): RunEvent {
  const tool = { name: "bash", input: "i".repeat(300), ok: true, output: "o".repeat(1_500), seconds: 0.4 };
  return {
    type: "agent.turn",
    stage: "fix",
    attempt: 1,
    turn: number,
    model: "claude",
    spend: Spend.parse({
      turns: 1,
      inputTokens: 9_000,
      outputTokens: 400,
      cacheReadTokens: 8_000,
      cacheWriteTokens: 500,
      microDollars: 4_000,
    }),
    seconds: 3.2,
    text: "t".repeat(400),
    tools: [tool, tool],
  };
}

try {
  for (const start of url === undefined ? ["first start", "later start"] : ["start"]) {
    const begun = performance.now();
    await using database = await openDatabase({ url, folder, log: silentLog });
    const opened = performance.now();
    await using bell = await openBell({ database, log: silentLog, prefix: "bench" });
    console.log(
      `${start}: database ${(opened - begun).toFixed(0)} ms, bell ${(performance.now() - opened).toFixed(0)} ms`,
    );
    if (start === "first start") continue;

    await using log = await openEventLog(database, { parse, log: silentLog });
    const run: RunId = newRunId();
    await log.create(created({ runId: run }));
    await database.query("CREATE TABLE baton.bench (LIKE baton.events INCLUDING ALL)");
    const bare: number[] = [];
    const appends: number[] = [];
    for (let i = 1; i <= APPENDS; i++) {
      const event = turn(i);
      bare.push(
        await timed(() =>
          database.query(
            "INSERT INTO baton.bench (run_id, version, at, type, event) VALUES ($1, $2, now(), $3, $4::json)",
            [run, i, event.type, JSON.stringify(event)],
          ),
        ),
      );
      appends.push(await timed(() => log.append(run, i, [event])));
    }
    say("bare insert", bare);
    say("append", appends);
    const read: number[] = [];
    for (let i = 0; i < 20; i++) read.push(await timed(() => log.read(run, 1)));
    say(`read of ${APPENDS} events`, read);

    let heard = () => {};
    await bell.answer(async () => heard(), { parallel: 4 });
    const rings: number[] = [];
    for (let i = 0; i < 100; i++) {
      await delay(10);
      const looked = new Promise<void>((resolve) => (heard = resolve));
      rings.push(
        await timed(async () => {
          await bell.ring("run", `r${i}`);
          await looked;
        }),
      );
    }
    say("ring until its handler runs", rings);
    console.log(`resident: ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
    await database.query("DROP TABLE baton.bench");
    await database.query("DELETE FROM baton.events WHERE run_id = $1", [run]);
    await database.query("DELETE FROM baton.runs WHERE run_id = $1", [run]);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
