// What a long event log costs: 1,000,000 events of 5,000 runs. How long it takes to claim a due run, to list runs, to open one and to
// read what a driver needs to go on with it. Usage: node bench/log.ts [postgres://user@host/postgres|pglite] [runs]; on the server a database
// of its own is made and dropped; without an address PGlite in a temporary folder. Figures are of this machine, to be compared only.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, mkdtempDisposable, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { newRunId, runId, sha, type RunId } from "../src/core/ids.ts";
import { silentLog } from "../src/core/log.ts";
import { fold } from "../src/engine/fold.ts";
import { noSpend, RunEvent, Spend } from "../src/engine/events.ts";
import { createArchive } from "../src/store/archive.ts";
import { openClaims } from "../src/store/claims.ts";
import { openDatabase } from "../src/store/database.ts";
import { openEventLog } from "../src/store/event-log.ts";
import { readFigures } from "../src/store/figures.ts";
import { createHistory } from "../src/store/history.ts";
import { defaultRepoConfig } from "../src/workflows/repo-config.ts";
import { Workflow } from "../src/workflows/schema.ts";

const [address, wanted = "5000"] = process.argv.slice(2);
const RUNS = Number(wanted);
const EVENTS = 200;
const REPOSITORIES = 500;
const INSTALLATIONS = 50;
const parse = (json: unknown) => RunEvent.parse(json);

function say(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(2);
  console.log(`${what.padEnd(58)}p50 ${at(0.5)} ms, p95 ${at(0.95)} ms (${times.length})`);
}

async function timed<T>(times: number[], work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work();
  times.push(performance.now() - begun);
  return result;
}

/** The events of a run in the middle of its first stage: an agent has taken 195 turns. */
function eventsOf(run: RunId, repo: number, subject: number): RunEvent[] {
  const by = { login: "maria", id: 7 };
  const workflow = Workflow.parse({
    name: "bug",
    description: "A defect",
    budget: { run: 5, time: "45m", turns: 1_000 },
    stages: {
      fix: { agent: "fixer", makes: "Change", turns: 200 },
      publish: { needs: ["fix"], pull_request: "draft" },
    },
  });
  const budget = {
    microDollars: Spend.parse({ ...noSpend, microDollars: 5_000_000 }).microDollars,
    turns: 1_000,
    milliseconds: 2_700_000,
  };
  const place = {
    id: repo,
    owner: "octo",
    name: `r${repo}`,
    private: false,
    defaultBranch: "main",
    cloneUrl: "http://127.0.0.1/r.git",
  };
  const turns = Array.from({ length: EVENTS - 5 }, (_, index): RunEvent => {
    const tool = { name: "bash", input: noise(60), ok: true, output: noise(120), seconds: 0.4 };
    const spend = Spend.parse({
      turns: 1,
      inputTokens: 9_000,
      outputTokens: 400,
      cacheReadTokens: 8_000,
      cacheWriteTokens: 500,
      microDollars: 4_000,
    });
    return {
      type: "agent.turn",
      stage: "fix",
      attempt: 1,
      turn: index + 1,
      model: "claude",
      spend,
      seconds: 3.2,
      text: noise(80),
      tools: [tool],
      exchange: {
        reply: [
          { type: "text", text: noise(80) },
          { type: "tool_use", id: noise(10), name: "bash", input: { command: noise(60) } },
        ],
        stopReason: "tool_use",
        answer: [{ type: "tool_result", tool_use_id: noise(10), content: noise(250) }],
      },
    };
  });
  return [
    {
      type: "run.created",
      runId: run,
      repo: { ...place, installationId: 1 + (repo % INSTALLATIONS) },
      subject: { kind: "issue", number: subject, url: "http://127.0.0.1/1", author: by },
      request: { door: "comment", by, quote: "/agent fix" },
      input: { title: "A title", body: noise(200), comments: [], dropped: [], instruction: "", hash: "a".repeat(64) },
      base: { branch: "main", commit: sha("0".repeat(40)) },
      wanted: "work",
      ceilings: {},
      config: defaultRepoConfig,
      labels: [],
      dryRun: false,
    },
    { type: "run.driven", driver: "driver-1" },
    {
      type: "run.routed",
      source: "asked-for",
      decision: { kind: "start", workflow, budget },
      why: "asked",
      spend: noSpend,
    },
    { type: "stage.started", stage: "fix", attempt: 1, reasons: [] },
    {
      type: "session.started",
      stage: "fix",
      attempt: 1,
      session: 1,
      model: "claude",
      why: "first",
      opening: noise(2_000),
    },
    ...turns,
  ];
}

function noise(bytes: number): string {
  return randomBytes(bytes).toString("base64");
}

/** A database of this bench's own; disposing removes it. */
async function place(): Promise<{ url?: string; folder?: string } & AsyncDisposable> {
  if (address === undefined || address === "pglite") {
    const folder = await mkdtemp(join(tmpdir(), "baton-bench-"));
    return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  }
  const name = `baton_bench_${randomUUID().slice(0, 8)}`;
  const onServer = async (statement: string) => {
    const client = new Client({ connectionString: address });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(address);
  url.pathname = `/${name}`;
  return { url: url.href, [Symbol.asyncDispose]: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

await using where = await place();
await using database = await openDatabase({ ...where, log: silentLog });
await using log = await openEventLog(database, { parse, log: silentLog });

const begun = performance.now();
const model = newRunId();
for (const event of eventsOf(model, 1, 1).slice(0, 1)) if (event.type === "run.created") await log.create(event);
await log.append(model, 1, eventsOf(model, 1, 1).slice(1));
// The other runs are copies of the first, in the order real ones are written: a little of each at a time.
await database.query(
  `INSERT INTO baton.runs (run_id, repo_id, owner, name, subject, subject_key, installation_id, created_at, due_at, workflow)
   SELECT 'run-' || lpad(to_hex(i), 12, '0'), 1 + i % ${REPOSITORIES}, 'octo', 'r' || (1 + i % ${REPOSITORIES}), 1000 + i,
     (1 + i % ${REPOSITORIES}) || '#' || (1000 + i), 1 + (i % ${REPOSITORIES}) % ${INSTALLATIONS}, now(), now() - i * interval '1 second', 'bug'
   FROM generate_series(1, ${RUNS - 1}) AS i`,
);
for (let version = 1; version <= EVENTS; version += 1)
  await database.query(
    `INSERT INTO baton.events (run_id, version, at, type, event)
     SELECT r.run_id, e.version, e.at, e.type, replace(e.event::text, '${model}', r.run_id)::json
     FROM baton.runs r, baton.events e WHERE e.run_id = '${model}' AND e.version = ${version} AND r.run_id <> '${model}'`,
  );
await database.query("ANALYZE");
const [counted] = await database.query<{ events: number; size: string }>(
  `SELECT count(*)::integer AS events, pg_size_pretty(pg_database_size(current_database())) AS size FROM baton.events`,
);
console.log(
  `${counted?.events} events of ${RUNS} runs, ${counted?.size}, made in ${((performance.now() - begun) / 1_000).toFixed(0)} s`,
);

const limits = { perRepository: 4, perInstallation: 16 };
await using claims = await openClaims(database, limits);
const times: number[] = [];
const held: RunId[] = [];
for (let i = 0; i < 300; i += 1) {
  const run = await timed(times, () => claims.next());
  if (run !== undefined) held.push(run);
}
say(`claim, ${RUNS} due, up to ${held.length} under way`, times);
const beats: number[] = [];
for (let i = 0; i < 50; i += 1) await timed(beats, () => claims.beat());
say("beat", beats);
const releases: number[] = [];
for (const run of held) await timed(releases, () => claims.release(run));
say("release", releases);

await database.query(
  "UPDATE baton.runs SET finished_at = now(), outcome = 'failed', due_at = NULL WHERE subject % 10 <> 0",
);
await database.query("ANALYZE");
const lists: number[] = [];
for (let i = 0; i < 50; i += 1) await timed(lists, () => log.list({ limit: 20 }));
say("list the latest 20", lists);
const repoLists: number[] = [];
for (let i = 0; i < 50; i += 1)
  await timed(repoLists, () => log.list({ limit: 20, repo: `octo/r${1 + (i % REPOSITORIES)}` }));
say("list the latest 20 of one repository", repoLists);
const open: number[] = [];
for (let i = 0; i < 50; i += 1) await timed(open, () => log.list({ limit: 1_000, unfinished: true }));
say("list what is unfinished", open);
const some = await log.list({ limit: RUNS });
const reads: number[] = [];
for (let i = 0; i < 50; i += 1) {
  const line = some[Math.floor((some.length * i) / 50)];
  if (line) await timed(reads, async () => fold(await log.read(runId(line.run))));
}
say(`open one: read and fold ${EVENTS} events`, reads);
const tails: number[] = [];
for (let i = 0; i < 50; i += 1) {
  const line = some[Math.floor((some.length * i) / 50)];
  if (line) await timed(tails, () => log.read(runId(line.run), EVENTS - 1));
}
say("read what is new of one", tails);
const histories: number[] = [];
const history = createHistory(database);
for (let i = 0; i < 20; i += 1) {
  const repo = 1 + (i % REPOSITORIES);
  const at = { id: repo, owner: "octo", name: `r${repo}`, private: false, defaultBranch: "main", cloneUrl: "" };
  await timed(histories, () => history.stageTimes(at, "bug", "fix"));
}
say("how long a stage took before", histories);
const figures: number[] = [];
for (let i = 0; i < 20; i += 1) await timed(figures, () => readFigures(database));
say("figures for a monitor", figures);
await database.query("UPDATE baton.runs SET finished_at = now() - interval '100 days' WHERE subject % 10 = 1");
const { signal } = new AbortController();
await using folder = await mkdtempDisposable(join(tmpdir(), "baton-bench-archive-"));
const tidied = performance.now();
const { runs: archived } = await createArchive(database, folder.path).tidy(90 * 86_400_000, signal);
console.log(`${"archive".padEnd(58)}${((performance.now() - tidied) / archived).toFixed(1)} ms a run (${archived})`);
console.log(`${"resident".padEnd(58)}${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
