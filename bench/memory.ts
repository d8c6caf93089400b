// What a server needs in memory: idle, and for each run that is under way, Baton's own process and the sandboxes apart.
// Each run is held while its fixer's first reply is awaited, with its workspace open and its hands started.
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { heldScript, openGrounds } from "#test/support/grounds.ts";
import { until } from "#test/support/until.ts";

const RUNS = [1, 4];

/** Megabytes a process holds: its own pages, and its share of those it has in common with others. */
async function megabytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}

/** Every process below `pid`. */
async function below(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const list = await readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "");
    for (const child of list.split(" ").filter(Boolean).map(Number)) found.push(child, ...(await below(child)));
  }
  return found;
}

async function measure(runs: number): Promise<{ idle: number; busy: number; hands: number }> {
  const gate = Promise.withResolvers<void>();
  let held = 0;
  await using grounds = await openGrounds({
    env: { WORKER_RUNS: String(runs), REPOSITORY_RUNS: String(runs), LOG_LEVEL: "warn" },
    script: heldScript((call) => {
      if (call.agent !== "fixer" || call.turn !== 2) return undefined;
      held += 1;
      return gate.promise;
    }),
  });
  await using server = await grounds.start();
  await delay(3_000);
  const idle = await megabytes(server.pid);
  for (let number = 1; number <= runs; number += 1) await grounds.open(`bench-${number}`);
  await until(() => held === runs, { milliseconds: 120_000 });
  await delay(1_000);
  const busy = await megabytes(server.pid);
  const children = await below(server.pid);
  const hands = (await Promise.all(children.map(megabytes))).reduce((sum, one) => sum + one, 0);
  gate.resolve();
  return { idle, busy, hands };
}

for (const runs of RUNS) {
  const { idle, busy, hands } = await measure(runs);
  const each = (megabytes: number) => `${(megabytes / runs).toFixed(0)} MB a run`;
  console.log(
    `${runs} at once: idle ${idle.toFixed(0)} MB, at work ${busy.toFixed(0)} MB (+ ${each(busy - idle)}), sandboxes ${hands.toFixed(0)} MB (${each(hands)})`,
  );
}
