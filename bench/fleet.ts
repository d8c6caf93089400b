// What many agents at once bring, and what they cost: `node bench/fleet.ts`.
//
// Speed: a fan-out of N independent tasks against one, with a model that takes a fixed time for each reply, through real workspaces,
// sandboxes and git; 1.00 would be the ideal, N tasks in the time of one. Economy: the tokens of a whole feature run against those of a
// single agent that scouts, plans, builds and tests the same in one conversation, from the same scripted replies.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openParts } from "../src/parts.ts";
import { systemClock } from "../src/core/clock.ts";
import { silentLog } from "../src/core/log.ts";
import { drive } from "../src/engine/drive.ts";
import { RunEvent, type EventOf } from "../src/engine/events.ts";
import { fold } from "../src/engine/fold.ts";
import type { State } from "../src/engine/state.ts";
import { readEnv } from "../src/env.ts";
import { nothingToLose } from "../src/github/subjects.ts";
import { openPlayground } from "../src/playground/playground.ts";
import { sampleFiles } from "../src/playground/sample-script.ts";
import {
  openScriptedModel,
  type Script,
  type ScriptedCall,
  type ScriptedTurn,
} from "../src/playground/scripted-model.ts";
import { noHistory } from "../src/store/history.ts";
import { createMemoryLog } from "../src/store/memory-log.ts";
import { Workflow } from "../src/workflows/schema.ts";
import { createLibrary } from "../src/workflows/load.ts";
import { sha } from "../src/core/ids.ts";
import { CountingPublisher, created, quietProjection } from "../test/support/engine-world.ts";
import { feature, receiptAgents } from "../test/support/receipts.ts";

const LATENCY_MS = 1_000;
const TURNS = 6;
const ROUNDS = 3;
const FILES = 200;
const by = { login: "maria", id: 7 };

const documents = Object.fromEntries(
  Array.from({ length: FILES }, (_, number) => [
    `docs/part-${number}.txt`,
    Array.from(
      { length: 60 },
      (__, line) => `part ${number}, line ${line}: what somebody has to know about this part`,
    ).join("\n"),
  ]),
);

await using undo = new AsyncDisposableStack();
const home = await mkdtemp(join(tmpdir(), "baton-fleet-"));
undo.defer(() => rm(home, { recursive: true, force: true }));
const playground = undo.use(await openPlayground({ apps: [], users: [{ login: "maria" }] }));
await playground.addRepository({
  owner: "octo",
  name: "tab",
  from: { ...(await sampleFiles()), ...documents },
  labels: [],
  collaborators: {},
});
let script: (call: ScriptedCall) => Script = () => ({});
const model = undo.use(await openScriptedModel({ script: (call) => script(call) }));
const env = { ...readEnv([], {}), home, model: { apiKey: "any-key-will-do", baseURL: model.url } };
const parts = undo.use(await openParts({ env, journal: silentLog, credential: () => Promise.resolve(undefined) }));
const repo = { ...created().repo, cloneUrl: `${playground.url}/octo/tab.git` };
const base = await parts.workspaces.resolve(repo, "main", new AbortController().signal);

/** One run of this workflow to its end, plans approved as they come. */
async function run(workflow: Workflow, parallel: number): Promise<{ state: State; milliseconds: number }> {
  const log = createMemoryLog({ clock: systemClock, parse: (json) => RunEvent.parse(json) });
  const config = { ...created().config, limits: { ...created().config.limits, parallel } };
  const input = { ...created().input, title: feature.title, body: feature.body };
  const first: EventOf<"run.created"> = created({
    repo,
    base: { branch: "main", commit: sha(base) },
    workflow: workflow.name,
    config,
    input,
    dryRun: true,
  });
  await log.create(first);
  const engine = {
    ...parts.engine({
      log,
      publisher: new CountingPublisher(),
      projection: quietProjection,
      history: noHistory,
      subjects: nothingToLose,
    }),
    workflows: { load: () => Promise.resolve(workflow), names: () => [workflow.name] },
  };
  const began = performance.now();
  const never = new AbortController().signal;
  for (;;) {
    await drive(first.runId, engine, never);
    const state = fold(await log.read(first.runId));
    if (!state.waiting) return { state, milliseconds: performance.now() - began };
    const word = { by, quote: "/agent approve", stage: "approve", words: "", verdict: "approved" as const };
    await log.append(first.runId, state.version, [{ type: "plan.judged", ...word }]);
  }
}

const fanOut = (count: number) =>
  Workflow.parse({
    name: "fan",
    description: "N tasks at once",
    budget: { run: 100, time: "1h", turns: 1_000 },
    stages: {
      look: { agent: "scout", for_each: Array.from({ length: count }, (_, index) => `part-${index}`), makes: "Report" },
    },
  });

/** Each turn a tool call that takes no time, the last one the report. */
const looking = ({ turn }: ScriptedCall): Script => ({
  scout: () =>
    turn < TURNS
      ? { delayMs: LATENCY_MS, tools: [{ name: "bash", input: { command: "true" } }] }
      : { delayMs: LATENCY_MS, tools: [{ name: "finish", input: { summary: "seen", sections: [] } }] },
});

async function speed(): Promise<void> {
  script = looking;
  await run(fanOut(1), 8);
  console.log(`a model that takes ${LATENCY_MS} ms a reply, ${TURNS} replies a task, median of ${ROUNDS}`);
  const times = new Map<number, number[]>();
  for (let round = 0; round < ROUNDS; round += 1)
    for (const count of [1, 2, 4, 8])
      times.set(count, [...(times.get(count) ?? []), (await run(fanOut(count), 8)).milliseconds]);
  const median = (count: number) => times.get(count)?.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  for (const count of [1, 2, 4, 8])
    console.log(
      `${count} at once: ${(median(count) / 1_000).toFixed(2)} s, ${(median(count) / median(1)).toFixed(2)} × one (ideal 1.00), ${((count * median(1)) / median(count)).toFixed(1)} × faster than one after the other`,
    );
}

/** Everything in one conversation: what scouts, planner, builders, tester and reviewer call, one after the other. */
const alone = Workflow.parse({
  name: "alone",
  description: "One agent does it all",
  budget: { run: 100, time: "1h", turns: 1_000 },
  stages: { all: { agent: "builder", makes: "Change", turns: 200, time: "1h" } },
});

/** Files that agents look into before they do anything, of about 1,000 tokens each. */
const looked = (number: number) => ({ name: "bash", input: { command: `cat docs/part-${number}.txt` } });

/** The same work by many agents and by one, when each of the many first reads `reads` files that the others do not. */
async function economy(reads: number): Promise<void> {
  const workflow = await (await createLibrary()).workflows.load("feature");
  if (!workflow) throw new Error("there is no feature workflow");
  const before = new Map<string, number>();
  const said: ScriptedTurn[] = [];
  const keep = (reply: ScriptedTurn) => {
    said.push(reply);
    return reply;
  };
  script = (call) => {
    const agent = new Map(Object.entries(receiptAgents)).get(call.agent);
    if (agent === undefined) throw new Error(`nothing is scripted for ${call.agent}`);
    const first = before.get(call.conversation) ?? before.size * reads;
    before.set(call.conversation, first);
    const own = call.agent === "triager" ? 0 : reads;
    return {
      [call.agent]: async () =>
        keep(
          call.turn <= own
            ? { tools: [looked((first + call.turn - 1) % FILES)] }
            : agent({ ...call, turn: call.turn - own }),
        ),
    };
  };
  const fleet = await run(workflow, 4);
  const calls = said.flatMap(({ tools = [] }) => tools);
  const work = calls.filter(({ name }) => name !== "finish");
  const thought = calls.filter(({ name }) => name === "finish").map(({ input }) => JSON.stringify(input));
  script = ({ turn }) => ({
    builder: () => {
      const call = work[turn - 1];
      // What was handed in between agents is thought aloud here.
      if (call) return { text: thought[turn - 1] ?? "", tools: [call] };
      return { tools: [{ name: "finish", input: { summary: "all of it", files: [], followUps: [] } }] };
    },
  });
  const one = await run(alone, 1);
  const tokens = ({ spend }: State) => spend.inputTokens + spend.cacheReadTokens + spend.cacheWriteTokens;
  const line = (name: string, { state }: { state: State }) =>
    console.log(
      `${reads} files read by each, ${name}: ${state.spend.turns} turns, ${tokens(state)} input tokens (${state.spend.cacheReadTokens} cached), ${state.spend.outputTokens} output, $${(state.spend.microDollars / 1e6).toFixed(3)} (${state.finished?.outcome})`,
    );
  line("many agents", fleet);
  line("one agent", one);
  const money = fleet.state.spend.microDollars / one.state.spend.microDollars;
  console.log(`  input tokens ${(tokens(fleet.state) / tokens(one.state)).toFixed(2)} ×, money ${money.toFixed(2)} ×`);
}

if (process.argv[2] !== "economy") await speed();
for (const reads of [0, 5, 10]) await economy(reads);
