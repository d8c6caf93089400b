// An agent that conducts others, played with the real runner, git and sandbox and a scripted model.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openParts, type Parts } from "#src/parts.ts";
import { driveAgain, type DrivenAgain } from "#src/cli/replay-drive.ts";
import { silentLog } from "#src/core/log.ts";
import { Parking } from "#src/core/parking.ts";
import { drive } from "#src/engine/drive.ts";
import type { EventOf, RecordedEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import type { EventLog } from "#src/engine/ports.ts";
import { readEnv, type Env } from "#src/env.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import type { AgentScript, ScriptedCall } from "#src/playground/scripted-model.ts";
import { openScriptedModel } from "#src/playground/scripted-model.ts";
import { noHistory } from "#src/store/history.ts";
import { Workflow } from "#src/workflows/schema.ts";
import { CountingPublisher, created, memoryLog, quietProjection } from "#test/support/engine-world.ts";
import { commitFiles } from "#test/workspace/world.ts";

const workflow = (agent: string) =>
  Workflow.parse({
    name: "do",
    description: "x",
    budget: { run: 10, time: "10m", turns: 200 },
    stages: { conduct: { agent, makes: "Conclusion", turns: 40, time: "5m" } },
  });
export const never = new AbortController().signal;

export const use = (name: string, input: Record<string, unknown> = {}) => ({ name, input });
export const turn = (...tools: { name: string; input: Record<string, unknown> }[]) => ({ tools });
export const bash = (command: string) => use("bash", { command });
export const change = (summary: string) => use("finish", { summary, files: [], followUps: [] });
export const report = (summary: string) =>
  use("finish", { summary, sections: [{ title: "Found", body: "src/a.js:1" }] });
export const conclude = turn(
  use("finish", { summary: "It is done.", sections: [], files: ["claimed.js"], followUps: [] }),
);
export const waitFor = (...names: string[]) => turn(use("check_agent_status", { names, wait_seconds: 60 }));
export const create = (name: string, more: Record<string, unknown> = {}) =>
  use("create_agent", { name, agent: "builder", hands_in: "change", ...more });
export const command = (name: string, text: string) => use("command_agent", { name, command: text });

interface Play {
  /** The agent of the stage; default: the orchestrator. */
  readonly agent?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly script: Readonly<Record<string, AgentScript>>;
  readonly event?: Partial<EventOf<"run.created">>;
  /** What the run is recorded in. */
  readonly log?: EventLog;
  /** The worker is stopped when such a request is made, and another drives on. */
  readonly stopAt?: (call: ScriptedCall) => boolean;
  /** What is done with the log while the repository is still there; `again` drives it, or another one, again. */
  readonly afterwards?: (
    events: RecordedEvent[],
    again: (events: RecordedEvent[]) => Promise<DrivenAgain>,
  ) => Promise<void>;
  /** What happens before a request is answered. */
  readonly before?: (call: ScriptedCall, parts: { home: string; parts: Parts }) => Promise<void>;
}

export async function play({ script, agent = "orchestrator", files = {}, event = {}, before, stopAt, ...play }: Play) {
  const folder = await mkdtemp(join(tmpdir(), "baton-conducting-"));
  try {
    const stop = new AbortController();
    const origin = join(folder, "origin");
    const home = join(folder, "home");
    execFileSync("git", ["init", "--quiet", "--initial-branch=main", origin]);
    const base = await commitFiles(origin, { "notes.txt": "", "src/a.js": "export const a = 1;\n", ...files });
    await using server = await openScriptedModel({
      script: (call) => {
        const own = script[call.agent];
        if (own === undefined) return {};
        return {
          [call.agent]: async (asked) => {
            await before?.(asked, { home, parts });
            if (stopAt?.(asked)) stop.abort(new Parking("stopping"));
            const next = typeof own === "function" ? own(asked) : own[asked.attempt - 1]?.[asked.turn - 1];
            if (next === undefined) throw new Error(`${asked.agent} has no turn ${asked.turn}`);
            return typeof next === "function" ? await next(asked) : await next;
          },
        };
      },
    });
    const env: Env = {
      ...readEnv([], {}),
      home,
      model: { apiKey: "test-key-of-nobody", baseURL: server.url },
      sandbox: "required",
    };
    await using parts = await openParts({
      env,
      journal: silentLog,
      credential: () => Promise.resolve(undefined),
    });
    const log = play.log ?? memoryLog({ now: () => Date.now() });
    const first = created({ workflow: "do", ...event });
    const repo = { ...first.repo, id: 0, cloneUrl: origin };
    await log.create({ ...first, repo, base: { branch: "main", commit: base } });
    const engine = {
      ...parts.engine({
        log,
        publisher: new CountingPublisher(),
        projection: quietProjection,
        history: noHistory,
        subjects: nothingToLose,
      }),
      workflows: { load: () => Promise.resolve(workflow(agent)), names: () => ["do"] },
    };
    const driven = await drive(first.runId, engine, stop.signal);
    if (driven === "parked") await drive(first.runId, engine, never);
    const events = await log.read(first.runId);
    const state = fold(events);
    await play.afterwards?.(events, (log) => driveAgain(log, { env, repo: origin, stillMs: 2_000 }));
    const conducted = state.stages.get("conduct")?.current;
    const head = conducted?.commit ?? base;
    const bytes = await parts.workspaces.file(repo, head, "notes.txt", never);
    const answers = server.calls
      .filter((call) => call.agent === agent)
      .flatMap(({ toolResults }) => toolResults.map(({ name, ok, output }) => ({ name, ok, output })));
    return {
      state,
      events,
      server,
      driven,
      conducted,
      answers,
      answer: (name: string, which = 0) => answers.filter((one) => one.name === name)[which],
      notes: bytes && new TextDecoder().decode(bytes),
      changed: head === base ? [] : await parts.workspaces.changes(repo, base, head, never),
      calls: (name: string) => server.calls.filter((call) => call.agent === name),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const said = (call: ScriptedCall | undefined) => JSON.stringify(call?.request.messages ?? []);
