// What works runs, whoever asked for them: sandbox, workspaces, agents, gates and triage, put together once. A server, a worker, a job of
// GitHub Actions and the command line give it a log and edges of their own.
import { findCli } from "./agents/claude-code/program.ts";
import { createClaudeCodeRunner } from "./agents/claude-code/runner.ts";
import { createAgentRunner } from "./agents/runner.ts";
import { createCircuits, type Circuits } from "./agents/circuits.ts";
import { createModel, type Model } from "./agents/model.ts";
import { createServers, type Servers } from "./agents/servers/servers.ts";
import { systemClock } from "./core/clock.ts";
import { execute } from "./core/exec.ts";
import { makeHome } from "./core/home.ts";
import type { Sha } from "./core/ids.ts";
import type { Log } from "./core/log.ts";
import { createRedact, type Redact } from "./core/redact.ts";
import type { Engine } from "./engine/engine.ts";
import { type RepoRef } from "./engine/events.ts";
import { fold } from "./engine/fold.ts";
import type { EventLog, WorkflowSource } from "./engine/ports.ts";
import { commitsOf } from "./engine/commits.ts";
import { type Env } from "./env.ts";
import { createGates } from "./gates/create-gates.ts";
import { openSandbox } from "./hands/open-sandbox.ts";
import { closedSandbox, type Sandbox } from "./hands/sandbox.ts";
import { createTriager } from "./triage/triager.ts";
import { agentNamesIn, createLibrary, withOverrides, type Library } from "./workflows/load.ts";
import { createWorkspaces, type OpenedWorkspaces } from "./workspace/create-workspaces.ts";
import { textAt } from "./workspace/text-at.ts";
import type { RepoSource, Workspaces, WorkspacesOptions } from "./workspace/workspaces.ts";

/** What works runs, whoever asked for them. */
export interface Parts extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly workspaces: OpenedWorkspaces;
  readonly workflows: WorkflowSource;
  readonly redact: Redact;
  /** Which agents may ask which models now. */
  readonly circuits: Circuits;
  /** The engine over these parts, with a log, a publisher and a projection of the caller's. */
  engine(edges: Pick<Engine, "log" | "publisher" | "projection" | "history" | "subjects">): Engine;
}

export interface PartsOptions {
  readonly env: Env;
  readonly journal: Log;
  /** The token git fetches a repository with, if it needs one. */
  readonly credential: (repo: RepoSource) => Promise<string | undefined>;
  /** False where no run is worked: then nothing needs a sandbox, and nothing gets one. Default true. */
  readonly works?: boolean;
  /** Where finished work is kept for workers on other machines. */
  readonly shelves?: WorkspacesOptions["shelves"];
  /** Instead of the model that `env` names. */
  readonly model?: Model;
  /** Instead of the MCP servers that `env` lists. */
  readonly servers?: Servers;
  /** Commits that must not be forgotten, however long nobody has asked for them. */
  readonly needed?: WorkspacesOptions["needed"];
}

/**
 * Opens the sandbox and everything that works in it. Throws `sandbox-missing` with the install line where bubblewrap is absent, and
 * `invalid-environment` where the runner that was asked for has no program or no sandbox.
 */
export async function openParts(options: PartsOptions): Promise<Parts> {
  const { env, journal, credential, needed, shelves, works = true } = options;
  await makeHome(env.home);
  await using undo = new AsyncDisposableStack();
  const sandbox = works ? undo.use(await openSandbox({ mode: env.sandbox, log: journal })) : closedSandbox;
  // Without a sandbox agents could reach the pool, and paths that an install wrote down would lead to other workspaces.
  const warmPool = works ? { ...env.warmPool, ...(sandbox.kind === "none" ? { maxBytes: 0 } : {}) } : undefined;
  const workspaces = undo.use(
    await createWorkspaces({
      home: env.home,
      warmPool,
      mirrorBytes: env.mirrorBytes,
      onHost: execute,
      inSandbox: sandbox.run,
      credential,
      needed,
      shelves,
      log: journal,
    }),
  );
  const model =
    options.model ?? createModel({ apiKey: env.model?.apiKey ?? "", baseURL: env.model?.baseURL ?? "", log: journal });
  const circuits = createCircuits();
  const without = env.sandbox === "none" ? { local: "it runs in the sandbox only, and BATON_SANDBOX is none" } : {};
  const servers = options.servers ?? createServers({ allowed: env.servers ?? [], sandbox, without, log: journal });
  const own = await createLibrary();
  const libraryAt = (at: { repo: RepoRef; base: Parameters<Workspaces["file"]>[1] }, signal: AbortSignal): Library =>
    withOverrides(own, textAt(workspaces, at.repo, at.base, signal), servers.mayName(at.repo));
  const agents = {
    load: (name: string, at: Parameters<WorkflowSource["load"]>[1], signal: AbortSignal) =>
      libraryAt(at, signal).agents.load(name),
    names: async (at: Parameters<WorkflowSource["load"]>[1], signal: AbortSignal) => [
      ...new Set([...own.agents.names(), ...agentNamesIn(await workspaces.paths(at.repo, at.base, signal))]),
    ],
  };
  const workflows: WorkflowSource = {
    load: (name, at, signal) => libraryAt(at, signal).workflows.load(name),
    names: () => own.workflows.names(),
  };
  const working = { model, workspaces, sandbox, agents, circuits, servers, log: journal };
  const runner =
    env.runner === "claude-code" && works
      ? createClaudeCodeRunner({ ...working, cli: findCli(env.claudeCodePath) })
      : createAgentRunner(working);
  const opened = undo.move();
  return {
    sandbox,
    workspaces,
    workflows,
    redact: createRedact(env.secrets),
    circuits,
    engine: (edges) => ({
      ...edges,
      triager: createTriager({ model, agents, circuits, log: journal }),
      agents: runner,
      gates: createGates({ workspaces, run: sandbox.run, log: journal, schema: env.configSchema }),
      merges: workspaces,
      files: workspaces,
      workflows,
      clock: systemClock,
      journal,
    }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Commits that unfinished runs may still need. */
export async function commitsInUse(log: EventLog): Promise<ReadonlySet<Sha>> {
  const needed = new Set<Sha>();
  for (const run of await log.unfinished())
    for (const commit of commitsOf(fold(await log.read(run)))) needed.add(commit);
  return needed;
}
