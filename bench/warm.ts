// What the warm pool saves: `node bench/warm.ts [rounds]`. The sample repository with an install that makes some thousand files on this machine; a
// registry that has to be asked would only make the first run slower. The same bug is worked twice on the same base, with a pool and
// without one; the model answers at once, so what an agent's first tool waits for is its workspace. Then leases alone.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openParts, type Parts } from "../src/parts.ts";
import { systemClock } from "../src/core/clock.ts";
import { sha } from "../src/core/ids.ts";
import { silentLog } from "../src/core/log.ts";
import { drive } from "../src/engine/drive.ts";
import { RunEvent } from "../src/engine/events.ts";
import { fold } from "../src/engine/fold.ts";
import { readEnv } from "../src/env.ts";
import { nothingToLose } from "../src/github/subjects.ts";
import { openPlayground } from "../src/playground/playground.ts";
import { sampleFiles, sampleIssues, sampleScript } from "../src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedCall } from "../src/playground/scripted-model.ts";
import { noHistory } from "../src/store/history.ts";
import { createMemoryLog } from "../src/store/memory-log.ts";
import { CountingPublisher, created, quietProjection } from "../test/support/engine-world.ts";
import { until } from "../test/support/until.ts";

const ROUNDS = Number(process.argv[2] ?? 3);
const LEASES = 5;
const FILES = 2_000;
const INSTALL = "node install.js";
const never = new AbortController().signal;
const install = `import { mkdirSync, writeFileSync } from "node:fs";
for (let number = 0; number < ${FILES}; number += 1) {
  const folder = \`node_modules/package-\${number % 300}/lib/part-\${number % 7}\`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(\`\${folder}/module-\${number}.js\`, \`export const number = \${number};\\n\`.repeat(100));
}
`;

await using undo = new AsyncDisposableStack();
const playground = undo.use(await openPlayground({ apps: [], users: [{ login: "maria" }] }));
const files = { ...(await sampleFiles()), "install.js": install, ".gitignore": "node_modules\n" };
await playground.addRepository({ owner: "octo", name: "tab", from: files, labels: [], collaborators: {} });
const repo = { ...created().repo, cloneUrl: `${playground.url}/octo/tab.git` };
/** When the model was asked, and for which agent. */
let asked: number[] = [];
const answers = sampleScript();
const script = (call: ScriptedCall) => {
  asked.push(performance.now());
  return answers(call);
};
const model = undo.use(await openScriptedModel({ script }));

interface Times {
  readonly request: number;
  readonly tool: number;
  readonly installs: number;
  readonly whole: number;
}

async function work(parts: Parts): Promise<Times> {
  const log = createMemoryLog({ clock: systemClock, parse: (json) => RunEvent.parse(json) });
  const usual = created();
  asked = [];
  const began = performance.now();
  const base = sha(await parts.workspaces.resolve(repo, "main", never));
  const first = created({
    repo,
    base: { branch: "main", commit: base },
    workflow: "bug",
    config: { ...usual.config, commands: { install: INSTALL } },
    input: { ...usual.input, title: sampleIssues.first.title, body: sampleIssues.first.body },
    dryRun: true,
  });
  await log.create(first);
  const edges = { publisher: new CountingPublisher(), projection: quietProjection, history: noHistory };
  await drive(first.runId, parts.engine({ log, ...edges, subjects: nothingToLose }), never);
  const whole = performance.now() - began;
  const events = await log.read(first.runId);
  const { finished } = fold(events);
  if (finished?.outcome !== "succeeded") throw new Error(`the run ended as ${JSON.stringify(finished)}`);
  const evidence = events.flatMap(({ event }) => (event.type === "gate.checked" ? event.result.evidence : []));
  const seconds = evidence.reduce((sum, one) => sum + (one.label === "install" ? one.seconds : 0), 0);
  const [request = Number.NaN, tool = Number.NaN] = asked;
  return { request: request - began, tool: tool - began, installs: seconds * 1_000, whole };
}

async function withParts<T>(pool: string, use: (parts: Parts, home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), "baton-warm-"));
  try {
    const env = {
      ...readEnv([], { WARM_POOL_MB: pool }),
      home,
      model: { apiKey: "any-key-will-do", baseURL: model.url },
    };
    await using parts = await openParts({ env, journal: silentLog, credential: () => Promise.resolve(undefined) });
    return await use(parts, home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

const median = (figures: readonly number[]) =>
  figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
const row = (...cells: readonly string[]) =>
  console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(50) : cell.padStart(11))).join(""));
const ms = (figure: number) => `${Math.round(figure)} ms`;

const kinds = ["request", "tool", "installs", "whole"] as const;
const names = {
  request: "start → first request to the model",
  tool: "start → first tool answered",
  installs: "installs in the gates",
  whole: "the whole run",
} as const;
const arms = [
  { what: "without a pool", pool: "0", runs: [] as [Times, Times][] },
  { what: "with the pool", pool: "4000", runs: [] as [Times, Times][] },
];
// In turns, so that whatever else the machine does is shared fairly.
for (let round = 0; round < ROUNDS; round += 1)
  for (const { pool, runs } of arms)
    runs.push(await withParts(pool, async (parts) => [await work(parts), await work(parts)]));
for (const { what, runs } of arms) {
  row(`${what}, median of ${ROUNDS}`, "first run", "second run", "ratio");
  for (const kind of kinds) {
    const [first, second] = [median(runs.map(([one]) => one[kind])), median(runs.map(([, two]) => two[kind]))];
    row(`  ${names[kind]}`, ms(first), ms(second), first === 0 ? "" : (second / first).toFixed(2));
  }
}

await withParts("4000", async ({ workspaces }, home) => {
  const base = await workspaces.resolve(repo, "main", never);
  const open = () => workspaces.open(repo, base, never, { setup: { install: INSTALL, base } });
  const times = { spare: [] as number[], copy: [] as number[], release: [] as number[] };
  const timed = async (kind: keyof typeof times, step: () => Promise<unknown>) => {
    const began = performance.now();
    await step();
    times[kind].push(performance.now() - began);
  };
  const made = performance.now();
  await (await open())[Symbol.asyncDispose]();
  const installed = performance.now() - made;
  for (let count = 0; count < LEASES; count += 1) {
    await until(async () => (await workspaces.warmPool.figures()).clones === 2);
    await until(async () => (await readdir(join(home, "trash"))).length === 0);
    let spare: Awaited<ReturnType<typeof open>> | undefined;
    await timed("spare", async () => (spare = await open()));
    await timed("copy", async () => await (await open())[Symbol.asyncDispose]());
    await timed("release", async () => await spare?.[Symbol.asyncDispose]());
  }
  row(`a workspace with ${FILES} installed files, median of ${LEASES}`);
  row("  by an install, and taken into the pool", ms(installed));
  row("  a copy of the stock, and given back", ms(median(times.copy)));
  row("  a spare", `${median(times.spare).toFixed(1)} ms`);
  row("  given back", `${median(times.release).toFixed(1)} ms`);
});
