// What it costs that a delivery is kept before it is answered: Baton's door beside bare Probot, the same deliveries at the same pace,
// in turns. Usage: node bench/webhooks.ts [deliveries a second]; with PostgreSQL on its standard port where there is one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { temporaryUrl } from "../test/store/databases.ts";
import { needs } from "../test/support/needs.ts";
import { quantile, sendStorm } from "../test/support/webhook-storm.ts";

const perSecond = Number(process.argv[2] ?? 100);
const SECONDS = 10;
const ROUNDS = 3;
const secret = "a-secret-for-the-bench";
const child = join(import.meta.dirname, "webhooks-child.ts");
const onlyGood = { duplicate: 0, unsigned: 0, malformed: 0, large: 0 };

/** Milliseconds to the answers, of one server. */
async function measure(kind: "bare" | "embedded" | "PostgreSQL", round: number): Promise<readonly number[]> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "baton-bench-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const url = kind === "PostgreSQL" ? undo.use(await temporaryUrl()).url : "";
  const server = spawn(process.execPath, [child, kind, secret, folder, url], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {},
  });
  undo.defer(async () => {
    const gone = once(server, "close");
    server.kill("SIGKILL");
    await gone;
  });
  const [said]: unknown[] = await once(server.stdout, "data");
  const options = { url: `${String(said).trim()}/api/github/webhooks`, secret, mix: onlyGood };
  await sendStorm({ ...options, count: 200, seconds: 2, seed: 1_000 + round });
  return (await sendStorm({ ...options, count: perSecond * SECONDS, seconds: SECONDS, seed: round })).times;
}

const kinds = ["bare", "embedded", ...((await needs("postgres")) ? (["PostgreSQL"] as const) : [])] as const;
const times = new Map<string, number[]>();
for (let round = 1; round <= ROUNDS; round += 1)
  for (const kind of kinds) times.set(kind, [...(times.get(kind) ?? []), ...(await measure(kind, round))]);

const at = (kind: string, part: number) =>
  quantile(
    (times.get(kind) ?? []).toSorted((a, b) => a - b),
    part,
  );
console.log(`${perSecond} deliveries a second, ${ROUNDS} × ${SECONDS} s each`);
for (const kind of kinds)
  console.log(
    `${kind}: p50 ${at(kind, 0.5).toFixed(2)} ms, p99 ${at(kind, 0.99).toFixed(2)} ms` +
      (kind === "bare"
        ? ""
        : `, against bare Probot ${(at(kind, 0.5) / at("bare", 0.5)).toFixed(1)} × at p50, ${(at(kind, 0.99) / at("bare", 0.99)).toFixed(1)} × at p99`),
  );
