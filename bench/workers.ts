// What a second worker brings: scripted runs through the real engine on PostgreSQL, with one worker process and with two, in turns.
// Needs PostgreSQL on its standard port. Figures are ratios of this machine, side by side in one go.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { openStore } from "#src/store/open-store.ts";
import { temporaryUrl } from "#test/store/databases.ts";
import { created } from "#test/support/engine-world.ts";
import { until } from "#test/support/until.ts";

const RUNS = 300;
const ROUNDS = 3;
const PARALLEL = 4;
const child = join(import.meta.dirname, "../test/chaos/scripted-worker-child.ts");

/** Runs a second that so many workers end. */
async function throughput(workers: number): Promise<number> {
  await using address = await temporaryUrl();
  await using store = await openStore({
    databaseUrl: address.url,
    folder: "/nowhere",
    parse: (json) => RunEvent.parse(json),
    log: silentLog,
  });
  const started = Array.from({ length: workers }, () =>
    spawn(process.execPath, [child, address.url, String(PARALLEL)], { stdio: ["ignore", "pipe", "inherit"], env: {} }),
  );
  await Promise.all(started.map(({ stdout }) => once(stdout, "data")));
  for (let number = 1; number <= RUNS; number += 1) {
    const repo = { ...created().repo, id: 1 + (number % 20), name: `tab-${number % 20}` };
    await store.log.create(created({ repo, subject: { ...created().subject, number } }));
  }
  const began = performance.now();
  const before = (await store.log.unfinished()).length;
  await until(async () => (await store.log.unfinished()).length === 0, { milliseconds: 300_000, every: 100 });
  const seconds = (performance.now() - began) / 1_000;
  for (const worker of started) worker.kill("SIGTERM");
  await Promise.all(started.map((worker) => once(worker, "close")));
  return before / seconds;
}

const figures: [number, number][] = [];
for (let round = 1; round <= ROUNDS; round += 1) {
  const one = await throughput(1);
  const two = await throughput(2);
  figures.push([one, two]);
  console.log(
    `round ${round}: one worker ${one.toFixed(1)} runs/s, two ${two.toFixed(1)} runs/s, ${(two / one).toFixed(2)} ×`,
  );
}
const ratios = figures.map(([one, two]) => two / one).sort((a, b) => a - b);
console.log(
  `two workers against one: ${ratios[Math.floor(ratios.length / 2)]?.toFixed(2) ?? "?"} × (median of ${ROUNDS})`,
);
