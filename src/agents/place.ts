// Where a task's tools work: a private workspace and what runs the tools in it. Gets ready in the background from the moment it is made.
//
// A place has a key, by which a later process may go on in its workspace. At the end the workspace is deleted, or kept for that; in
// either case the hands have ended before, so that nothing can still write.
import type { CommandResult } from "../core/command.ts";
import { succeeded } from "../core/command.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RunId, Sha } from "../core/ids.ts";
import type { AgentResult, AgentTask } from "../engine/ports.ts";
import type { Workspace, Workspaces } from "../workspace/workspaces.ts";
import { clip } from "./clip.ts";
import { untilAborted } from "../core/until-aborted.ts";

export interface PlaceOptions<Hands extends AsyncDisposable> {
  readonly task: AgentTask;
  readonly workspaces: Workspaces;
  /** Starts what runs the tools, in the workspace's folder; it is ended before the work is collected. */
  readonly start: (folder: string, signal: AbortSignal) => Promise<Hands>;
  /** What else works in the workspace's folder from then on, and ends with the hands. */
  readonly beside?: ((folder: string) => AsyncDisposable) | undefined;
  readonly install: string | undefined;
  /** A workspace that an earlier process left. */
  readonly adopted: Workspace | undefined;
}

/** The key of an attempt's workspace. */
export function placeKey({ runId, stage, begun }: { runId: RunId; stage: string; begun: number }): string {
  return `${runId}/${stage}/${begun}`;
}

interface Made<Hands> {
  readonly workspace: Workspace;
  readonly hands: Hands;
}

export class Place<Hands extends AsyncDisposable> {
  readonly #options: PlaceOptions<Hands>;
  readonly #log: Log;
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  #ready: Promise<Made<Hands>>;
  #workspace: Workspace | undefined;
  #endHands: () => Promise<void> = () => Promise.resolve();
  #note: string | undefined;
  #problem: unknown;
  /** A turn may have changed the files. */
  #touched: boolean;

  constructor(options: PlaceOptions<Hands>, log: Log, signal: AbortSignal) {
    this.#options = options;
    this.#log = log;
    this.#signal = AbortSignal.any([signal, this.#over.signal]);
    this.#touched = options.adopted !== undefined;
    this.#ready = this.#begin(options.adopted);
  }

  #begin(adopted: Workspace | undefined): Promise<Made<Hands>> {
    this.#problem = undefined;
    const ready = this.#prepare(adopted);
    ready.catch((error: unknown) => {
      this.#problem = error;
    });
    return ready;
  }

  async #prepare(adopted: Workspace | undefined): Promise<Made<Hands>> {
    const workspace = adopted ?? (await this.#open());
    this.#workspace = workspace;
    const hands = await this.#options.start(workspace.folder, this.#signal);
    await using undo = new AsyncDisposableStack();
    undo.use(hands);
    const { beside } = this.#options;
    if (beside) undo.use(beside(workspace.folder));
    const begun = undo.move();
    let ended: Promise<void> | undefined;
    this.#endHands = () => (ended ??= begun.disposeAsync());
    return { workspace, hands };
  }

  async #open(): Promise<Workspace> {
    const { task, workspaces, install } = this.#options;
    const setup = install === undefined ? undefined : { install, base: task.base };
    const workspace = await workspaces.open(task.repo, task.start, this.#signal, { setup, keep: placeKey(task) });
    const { installed } = workspace;
    if (install !== undefined && installed && !succeeded(installed)) this.#note = installNote(install, installed);
    return workspace;
  }

  /** What runs the tools, once it is ready. Throws when the place could not be made. */
  async hands(signal: AbortSignal): Promise<Hands> {
    return (await untilAborted(this.#ready, signal)).hands;
  }

  /** A tool's answer, below what the agent must know of the place; that is said once. */
  noted<Answer extends { readonly output: string }>(answer: Answer): Answer {
    const note = this.#note;
    this.#note = undefined;
    return note === undefined ? answer : { ...answer, output: `${note}\n\n${answer.output}` };
  }

  /** Writes down that a turn may change the files. A place that could not be made has none, and its calls will say so. */
  async begin(turn: number, signal: AbortSignal): Promise<void> {
    const made = await untilAborted(this.#ready, signal).catch(() => undefined);
    if (!made) return;
    this.#touched = true;
    await made.workspace.begin(turn);
  }

  /** Writes down that a turn is in the log. */
  async recorded(turn: number): Promise<void> {
    await this.#workspace?.recorded(turn);
  }

  /** A fresh workspace and new hands, after the old ones broke. Throws what the old ones broke by, when it was not the sandbox. */
  async renew(): Promise<void> {
    this.rethrowUnlessSandbox();
    await this.#giveBack(undefined);
    this.#touched = false;
    this.#ready = this.#begin(undefined);
  }

  /** The tools broke because git, the disk or the like did: that is for the driver to know, not a failing of the agent. */
  rethrowUnlessSandbox(): void {
    if (this.#problem === undefined || this.#signal.aborted || isSandbox(this.#problem)) return;
    throw this.#problem instanceof Error ? this.#problem : new Error(messageOf(this.#problem));
  }

  /** `onto`: the commit that what is there becomes a commit on top of. */
  async collect(
    message: string,
    onto: Sha,
  ): Promise<
    Exclude<Awaited<ReturnType<Workspace["collect"]>>, { type: "refused" }> | Extract<AgentResult, { type: "failed" }>
  > {
    const failed = (code: "import-refused" | "cancelled" | "tools-broken", why: string) =>
      ({ type: "failed", failure: { code, message: clip(why, 2_000) } }) as const;
    try {
      const { workspace } = await this.#ready;
      await this.#endHands();
      const collected = await workspace.collect(message, this.#signal, onto);
      if (collected.type === "collected") return collected;
      const reasons = collected.reasons.map((reason) => `- ${reason}`).join("\n");
      return failed("import-refused", `The changed files were not accepted:\n${reasons}`);
    } catch (error) {
      if (this.#signal.aborted) return failed("cancelled", "The session was cancelled.");
      if (isSandbox(error)) return failed("tools-broken", `The tools broke down: ${messageOf(error)}`);
      throw error;
    }
  }

  /**
   * Ends the hands. The workspace is deleted, or put aside until some minutes after `until` (milliseconds since 1970), where
   * another one would not be as good.
   */
  async end(until: number | undefined): Promise<void> {
    this.#over.abort();
    await this.#giveBack(this.#touched ? until : undefined);
  }

  async #giveBack(until: number | undefined): Promise<void> {
    await this.#ready.catch(() => undefined);
    await this.#endHands();
    const workspace = this.#workspace;
    this.#workspace = undefined;
    if (!workspace) return;
    if (until === undefined) return await workspace[Symbol.asyncDispose]();
    try {
      await workspace.park(until);
    } catch (error) {
      this.#log.warn("a workspace could not be put aside", { error: messageOf(error) });
      await workspace[Symbol.asyncDispose]();
    }
  }
}

function isSandbox(error: unknown): boolean {
  return error instanceof BatonError && (error.code === "sandbox-failed" || error.code === "sandbox-missing");
}

function installNote(command: string, { exitCode, startFailure, output }: CommandResult): string {
  const how = startFailure ?? `exit code ${exitCode ?? "none"}`;
  return `[Note from Baton: the install command \`${command}\` failed (${how}). Tests may not run. Its last words:\n${clip(output.slice(-1_500), 1_500)}]`;
}
