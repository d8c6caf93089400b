// Tasks worked by the runner `claude-code` in the real sandbox: the stand-in as the program, a scripted model behind Baton's own client.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createModel } from "#src/agents/model.ts";
import { createClaudeCodeRunner } from "#src/agents/claude-code/runner.ts";
import { findCli } from "#src/agents/claude-code/program.ts";
import { silentLog } from "#src/core/log.ts";
import type { AgentResult, AgentTask, Turn } from "#src/engine/ports.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { openScriptedModel, type AgentScript, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { AgentStory } from "#test/support/agent-story.ts";
import { FakePlace } from "../place.ts";
import { newTask } from "../task.ts";

export const library = await createLibrary();
/** The stand-in for the program. */
export const standIn = join(import.meta.dirname, "../../support/claude-cli-child.ts");
/** No word of the environment or of a file may hold it. */
export const KEY = "test-key-of-nobody-4711";

export const bash = (command: string) => ({ tools: [{ name: "Bash", input: { command } }] });
const change = { summary: "Mended.", files: [], followUps: [] };
export const finished = { tools: [{ name: "finish", input: change }] };
export const misfit = { tools: [{ name: "finish", input: { ...change, summary: "" } }] };

/** A task whose program misbehaves in this way. */
export function misbehaving(mode: string, changes: Partial<AgentTask> = {}): AgentTask {
  const task = newTask(changes);
  return { ...task, input: { ...task.input, body: `${task.input.body}\n\nstand-in: ${mode}` } };
}

export interface Worked {
  readonly result: AgentResult;
  readonly story: AgentStory;
  readonly turns: readonly Turn[];
  readonly place: FakePlace;
  readonly server: ScriptedModel;
  /** What a file of the work tree holds at the end. */
  readonly file: (path: string) => string | undefined;
  readonly milliseconds: number;
}

export interface Working {
  readonly script: AgentScript;
  readonly task?: AgentTask;
  /** Of the work tree, before the program starts. */
  readonly files?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onTurn?: (turn: Turn) => void;
  /** Called with the folder of the work tree once work has begun. */
  readonly meanwhile?: (folder: string) => Promise<void>;
  readonly graceMs?: number;
}

export async function work({
  script,
  task = newTask(),
  files = {},
  signal,
  onTurn,
  meanwhile,
  graceMs,
}: Working): Promise<Worked> {
  const folder = await mkdtemp(join(tmpdir(), "baton-cli-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    await using server = await openScriptedModel({ script: { [task.agent]: script } });
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const place = new FakePlace({ folder });
    const story = new AgentStory();
    if (onTurn) story.onTurn = onTurn;
    const runner = createClaudeCodeRunner({
      model: createModel({ apiKey: KEY, baseURL: server.url, log: silentLog, patience: { firstPauseMs: 1 } }),
      workspaces: place.workspaces,
      sandbox,
      agents: library.agents,
      log: silentLog,
      cli: findCli(standIn),
      ...(graceMs === undefined ? {} : { graceMs }),
    });
    const startedAt = performance.now();
    const working = runner.run(task, story, signal ?? new AbortController().signal);
    await meanwhile?.(folder);
    const result = await working;
    const milliseconds = performance.now() - startedAt;
    const names = [
      "src/sum.js",
      "spied.json",
      "stolen.json",
      "posed.json",
      "given-up",
      "unknown-tool",
      "hooked",
      "late",
    ];
    const kept = new Map<string, string>();
    for (const name of names) {
      const text = await readFile(join(folder, name), "utf8").catch(() => undefined);
      if (text !== undefined) kept.set(name, text);
    }
    return { result, story, turns: story.turns, place, server, file: (path) => kept.get(path), milliseconds };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The failure's code, "wait" with its reason, or "finished". */
export function endOf({ result }: Pick<Worked, "result">): string {
  if (result.type === "wait") return `wait ${result.reason}`;
  return result.type === "failed" ? result.failure.code : result.type;
}
