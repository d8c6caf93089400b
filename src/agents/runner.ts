// Works one task: a private workspace, the hands in it, a session with the model, and the commit that comes of it.
//
// The first model request does not wait for the workspace: cloning, installing and starting the hands go on beside it, and the
// first tool call waits for what is left. Whatever happens, hands and workspace are gone when `run` returns, in this order,
// and work is collected only after the hands have ended, so that nothing can still write.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { CommandResult } from "../core/command.ts";
import { succeeded } from "../core/command.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Failure, RepoRef } from "../engine/events.ts";
import type { AgentEvents, AgentResult, AgentRunner, AgentTask } from "../engine/ports.ts";
import type { Hands, Sandbox } from "../hands/sandbox.ts";
import { toolDeclarations } from "../hands/tool-declarations.ts";
import { Artifact, artifactSchemas, carriesCommit, Change } from "../workflows/artifacts.ts";
import type { AgentDefinition, ToolName } from "../workflows/schema.ts";
import { findCommands } from "../workspace/commands.ts";
import type { Workspace, Workspaces } from "../workspace/workspaces.ts";
import { gatherMaterial, writeBrief } from "./brief.ts";
import { clip } from "./clip.ts";
import { newBoundary } from "./data-block.ts";
import type { Model } from "./model.ts";
import { modelIds } from "./models.ts";
import { runSession } from "./session.ts";
import { systemPrompt } from "./system-prompt.ts";

/** Finds an agent's definition; a repository's own go before Baton's. */
export interface AgentSource {
  load(
    name: string,
    at: { readonly repo: RepoRef; readonly base: Sha },
    signal: AbortSignal,
  ): Promise<AgentDefinition | undefined>;
}

export interface AgentRunnerOptions {
  readonly model: Model;
  readonly workspaces: Workspaces;
  readonly sandbox: Sandbox;
  readonly agents: AgentSource;
  readonly log: Log;
}

/** The default runner: the Messages API in this process, tools in the sandbox. Throws `not-found` for an unknown agent, and what broken git or a full disk throws. */
export function createAgentRunner(options: AgentRunnerOptions): AgentRunner {
  return {
    run: (task, events, signal) => runTask(options, task, events, signal),
    resume: () => Promise.resolve({ type: "gone", why: "no workspace is kept" }),
    forget: () => Promise.resolve(),
  };
}

async function runTask(
  { model, workspaces, sandbox, agents, log }: AgentRunnerOptions,
  task: AgentTask,
  events: AgentEvents,
  signal: AbortSignal,
): Promise<AgentResult> {
  if (signal.aborted) return failed("cancelled", "The session was cancelled.");
  const startedAt = performance.now();
  model.warm().catch(() => undefined);
  const [agent, { commands }] = await Promise.all([
    agents.load(task.agent, task, signal),
    findCommands(workspaces, task.repo, task.base, task.config.commands, signal),
  ]);
  if (!agent)
    throw new BatonError(
      "not-found",
      `there is no agent called "${task.agent}"; the workflow's stage "${task.stage}" names it`,
    );

  const needsPlace = agent.tools.length > 0 || carriesCommit(task.makes);
  await using place = needsPlace ? new Place(task, workspaces, sandbox, commands.install, signal) : undefined;
  const material = await gatherMaterial(task, workspaces, commands, signal);
  const result = await runSession<Artifact["value"]>(
    {
      model,
      modelIds: modelIds(agent.model, task.config.models),
      system: systemPrompt(agent),
      brief: writeBrief(task, material, newBoundary()),
      schema: artifactSchemas[task.makes],
      tools: {
        declarations: place ? declarationsOf(agent.tools) : [],
        call: (call, during) =>
          place ? place.call(call, during) : Promise.resolve({ ok: false, output: "There are no tools." }),
      },
      limits: { ...task.limits, milliseconds: task.limits.milliseconds - (performance.now() - startedAt) },
      log,
      onTurn: (turn) => events.turn(turn),
    },
    signal,
  );
  if (result.type === "failed") {
    place?.rethrowUnlessSandbox();
    return { type: "failed", failure: result.failure };
  }
  const artifact = Artifact.parse({ name: task.makes, value: result.value });
  if (!place || !worthCollecting(artifact)) return { type: "finished", artifact, commit: task.start, changes: [] };
  const collected = await place.collect(`${task.stage}: ${headline(artifact)}`);
  if (collected.type === "failed") return collected;
  return {
    type: "finished",
    artifact: withRealFiles(artifact, collected),
    commit: collected.commit,
    changes: collected.changes,
  };
}

/** Where a task's tools work. Gets ready in the background from the moment it is made. */
class Place implements AsyncDisposable {
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  readonly #ready: Promise<{ workspace: Workspace; hands: Hands }>;
  readonly #made = new AsyncDisposableStack();
  #endHands: () => Promise<void> = () => Promise.resolve();
  #note: string | undefined;
  #problem: unknown;

  constructor(
    task: AgentTask,
    workspaces: Workspaces,
    sandbox: Sandbox,
    install: string | undefined,
    signal: AbortSignal,
  ) {
    this.#signal = AbortSignal.any([signal, this.#over.signal]);
    this.#ready = this.#prepare(task, workspaces, sandbox, install);
    this.#ready.catch((error: unknown) => {
      this.#problem = error;
    });
  }

  async #prepare(task: AgentTask, workspaces: Workspaces, sandbox: Sandbox, install: string | undefined) {
    const setup = install === undefined ? undefined : { install, base: task.base };
    const workspace = await workspaces.open(task.repo, task.start, this.#signal, { setup });
    this.#made.use(workspace);
    const { installed } = workspace;
    if (install !== undefined && installed && !succeeded(installed)) this.#note = installNote(install, installed);
    const hands = await sandbox.startHands(workspace.folder, this.#signal);
    let ended: Promise<void> | undefined;
    this.#endHands = () => (ended ??= Promise.resolve(hands[Symbol.asyncDispose]()));
    this.#made.defer(() => this.#endHands());
    return { workspace, hands };
  }

  /** Throws when the place could not be made or its process is gone. */
  async call(call: { readonly name: string; readonly input: unknown }, signal: AbortSignal) {
    const { hands } = await untilAborted(this.#ready, signal);
    const answer = await hands.call(call, signal);
    const note = this.#note;
    this.#note = undefined;
    return note === undefined ? answer : { ok: answer.ok, output: `${note}\n\n${answer.output}` };
  }

  /** The session's tools broke because git, the disk or the like did: that is for the driver to know, not a failing of the agent. */
  rethrowUnlessSandbox(): void {
    if (this.#problem === undefined || this.#signal.aborted || isSandbox(this.#problem)) return;
    throw this.#problem instanceof Error ? this.#problem : new Error(messageOf(this.#problem));
  }

  async collect(
    message: string,
  ): Promise<
    Exclude<Awaited<ReturnType<Workspace["collect"]>>, { type: "refused" }> | Extract<AgentResult, { type: "failed" }>
  > {
    try {
      const { workspace } = await this.#ready;
      await this.#endHands();
      const collected = await workspace.collect(message, this.#signal);
      if (collected.type === "collected") return collected;
      return failed(
        "import-refused",
        `The changed files were not accepted:\n${collected.reasons.map((reason) => `- ${reason}`).join("\n")}`,
      );
    } catch (error) {
      if (this.#signal.aborted) return failed("cancelled", "The session was cancelled.");
      if (isSandbox(error)) return failed("tools-broken", `The tools broke down: ${messageOf(error)}`);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#ready.catch(() => undefined);
    await this.#made.disposeAsync();
  }
}

function isSandbox(error: unknown): boolean {
  return error instanceof BatonError && (error.code === "sandbox-failed" || error.code === "sandbox-missing");
}

function installNote(command: string, { exitCode, startFailure, output }: CommandResult): string {
  const how = startFailure ?? `exit code ${exitCode ?? "none"}`;
  return `[Note from Baton: the install command \`${command}\` failed (${how}). Tests may not run. Its last words:\n${clip(output.slice(-1_500), 1_500)}]`;
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(new Error("aborted"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function declarationsOf(tools: readonly ToolName[]): Tool[] {
  return toolDeclarations.flatMap(({ name, description, input_schema: { type, properties, required } }) =>
    tools.some((tool) => tool === name)
      ? [{ name, description, input_schema: { type, properties, ...(required ? { required: [...required] } : {}) } }]
      : [],
  );
}

/** A reproduction that did not succeed leaves nothing worth keeping, whatever lies in its workspace. */
function worthCollecting(artifact: Artifact): boolean {
  if (artifact.name === "Reproduction") return artifact.value.reproduced;
  return carriesCommit(artifact.name);
}

function headline(artifact: Artifact): string {
  const text =
    artifact.name === "Change"
      ? artifact.value.summary
      : artifact.name === "Reproduction"
        ? "a test that shows the bug"
        : artifact.name;
  const [line = ""] = clip(text, 1_000).split("\n");
  return line.length <= 72 ? line : `${line.slice(0, 71).trimEnd()}…`.toWellFormed();
}

/** What a change says it touched is a claim; what was collected is a fact. */
function withRealFiles(artifact: Artifact, { changes }: { changes: readonly { readonly path: string }[] }): Artifact {
  if (artifact.name !== "Change") return artifact;
  // What is deleted may have any name; the events take only these.
  const fits = (path: string) => Change.shape.files.element.safeParse(path).data === path;
  const files = changes.map(({ path }) => path).filter(fits);
  return { name: "Change", value: { ...artifact.value, files: files.slice(0, 100) } };
}

function failed(code: Failure["code"], message: string): Extract<AgentResult, { type: "failed" }> {
  return { type: "failed", failure: { code, message: clip(message, 2_000) } };
}
