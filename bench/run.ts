// What a run costs besides the model and the tests: `npm run bench`. Baton runs as a server of its own process; the local GitHub and
// the scripted model answer at once. Prints one table; figures are of this machine, to be compared side by side only.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createKeys } from "../src/cli/demo-keys.ts";
import { openPlayground } from "../src/playground/playground.ts";
import { sampleFiles, sampleIssues, sampleScript } from "../src/playground/sample-script.ts";
import { openScriptedModel } from "../src/playground/scripted-model.ts";

const RUNS = 3;
const secret = "a-webhook-secret-for-the-bench";
const home = await mkdtemp(join(tmpdir(), "baton-bench-"));
const keys = createKeys();
const permissions = { issues: "write", pull_requests: "write", contents: "write", metadata: "read" } as const;
const playground = await openPlayground({
  apps: [{ id: 1, slug: "baton", publicKey: keys.publicKey, installationId: 1, permissions }],
  users: [{ login: "maria" }],
});
const model = await openScriptedModel({ script: sampleScript() });

/** Waits for a condition; throws after a minute. */
async function until<T>(look: () => T | undefined): Promise<T> {
  for (const end = performance.now() + 60_000; performance.now() < end; await delay(5)) {
    const found = look();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error("waited a minute in vain");
}

async function start() {
  const began = performance.now();
  const child = spawn(process.execPath, [join(import.meta.dirname, "../src/main.ts"), "serve"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: `${join(process.execPath, "..")}:/usr/local/bin:/usr/bin:/bin`,
      PORT: "0",
      APP_ID: "1",
      PRIVATE_KEY: keys.privateKey,
      WEBHOOK_SECRET: secret,
      GITHUB_API_URL: playground.apiUrl,
      GITHUB_SERVER_URL: playground.url,
      ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
      ANTHROPIC_BASE_URL: model.url,
      BATON_HOME: home,
      LOG_LEVEL: "warn",
    },
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const address = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0]);
  const ms = performance.now() - began;
  playground.deliverTo(`${address}/api/github/webhooks`, secret);
  const memory = async () => {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8");
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
  };
  const stop = async () => {
    child.kill("SIGTERM");
    await once(child, "close");
  };
  return { ms, memory, stop };
}

const row = (what: string, figure: string) => console.log(`${what.padEnd(62)}${figure}`);
const first = await start();
await first.stop();
const baton = await start();
row("start, first time (database made)", `${Math.round(first.ms)} ms`);
row("start, later", `${Math.round(baton.ms)} ms`);
row("resident, idle", `${await baton.memory()} MB`);

for (let number = 1; number <= RUNS; number += 1) {
  const repo = `octo/bench-${number}`;
  await playground.addRepository({
    owner: "octo",
    name: `bench-${number}`,
    from: await sampleFiles(),
    labels: ["bug"],
  });
  const requests = playground.journal.length;
  const began = performance.now();
  await playground.openIssue({ repo, title: sampleIssues.first.title, body: sampleIssues.first.body, as: "maria" });
  const at = { repo, number: 1 };
  await until(() => playground.comments(at).length > 0 || undefined);
  const card = performance.now() - began;
  await until(() => playground.pulls(repo).length > 0 || undefined);
  const pull = performance.now() - began;
  await until(() => playground.comments(at).length > 1 || undefined);
  const mine = playground.journal
    .slice(requests)
    .filter(({ door, path }) => door === "rest" && path.startsWith(`/repos/${repo}`));
  const body = playground.pulls(repo)[0]?.body ?? "";
  const gates = [...body.matchAll(/^\| ✅ .*\| ([\d.]+) \|$/gm)].reduce((sum, [, seconds]) => sum + Number(seconds), 0);
  const turns = Number(/(\d+) model turns/.exec(body)?.[1]);
  row(`run ${number}: issue opened → first card`, `${Math.round(card)} ms`);
  row(`run ${number}: issue opened → pull request (${turns} turns)`, `${(pull / 1_000).toFixed(1)} s`);
  row(`run ${number}: of which gates ran commands`, `${gates.toFixed(1)} s`);
  row(`run ${number}: everything else, a turn`, `${Math.round((pull - gates * 1_000) / turns)} ms`);
  row(
    `run ${number}: requests to GitHub`,
    `${mine.length} (${mine.filter(({ method }) => method === "POST").length} POST, ${mine.filter(({ method }) => method === "PATCH").length} PATCH)`,
  );
}
row("resident, after the runs", `${await baton.memory()} MB`);
await baton.stop();
await model[Symbol.asyncDispose]();
await playground[Symbol.asyncDispose]();
await rm(home, { recursive: true, force: true });
