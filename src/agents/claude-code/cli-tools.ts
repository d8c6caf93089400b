// The program `claude` as the tools of one conversation: a process in the sandbox that asks at the door what to do next, does it with its
// own tools, and asks again with the results.
//
//   the program                        Baton
//   reads system prompt and prompt
//   asks the model ──────────────────▶ holds the request open; asks the model itself, within its limits, by its own ledger
//   runs the calls of the reply ◀───── the reply, when it calls tools of the program
//   tells their results on stdout ───▶ the answers of the calls
//   asks again, with the results ────▶ holds that request open …
//
// A reply that hands in, or calls nothing, does not reach the program: that is between Baton and the model. So it never ends by
// itself, and when it does it is broken. One process a conversation; it is ended with it, and everything it started with it.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BatonError } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import { createOutput } from "../../core/output.ts";
import { describeEnd, type GroupProcess } from "../../core/process.ts";
import { MAX_LINE, readLines } from "../../hands/protocol.ts";
import type { Sandbox } from "../../hands/sandbox.ts";
import type { ToolAnswer, ToolCall } from "../session.ts";
import { openDoor, type Waiting } from "./door.ts";
import { type Cli, cliCommand, cliEnvironment, FILES } from "./program.ts";
import { readStreamLine, type StreamLine, type ToolOutcome } from "./stream.ts";

export interface CliConversation {
  readonly model: string;
  readonly system: string;
  readonly opening: string;
}

export interface CliToolsOptions {
  readonly sandbox: Pick<Sandbox, "startProgram">;
  readonly cli: Cli;
  /** The work tree. */
  readonly folder: string;
  /** The tools it may have, by its own names. */
  readonly tools: readonly string[];
  readonly conversation: CliConversation;
  readonly log: Log;
  /** Milliseconds until it must have asked for the first time. Default a minute. */
  readonly startMs?: number;
}

const START_MS = 60_000;

interface Call {
  readonly answer: PromiseWithResolvers<ToolAnswer>;
  readonly handedAt: number;
  answered: boolean;
}

/** Starts the program and waits until it asks. Throws `sandbox-failed` when it does not, or when `signal` aborts first. */
export async function openCliTools(options: CliToolsOptions, signal: AbortSignal): Promise<CliTools> {
  await using undo = new AsyncDisposableStack();
  const files = await mkdtemp(join(tmpdir(), "baton-claude-"));
  undo.defer(() => rm(files, { recursive: true, force: true }));
  const { conversation, cli, folder, tools } = options;
  await writeFile(join(files, "system.md"), conversation.system);
  await writeFile(join(files, "prompt.md"), conversation.opening);
  let cliTools: CliTools | undefined;
  const door = undo.use(await openDoor((waiting) => cliTools?.come(waiting)));
  const program = options.sandbox.startProgram({
    folder,
    argv: cliCommand(cli, { model: conversation.model, tools }),
    env: cliEnvironment(conversation.model),
    show: { ...cli.show, [FILES]: files },
    socket: door.socket,
  });
  undo.defer(async () => {
    program.end();
    await program.ended;
  });
  cliTools = new CliTools(options, program);
  await cliTools.ready(signal, options.startMs ?? START_MS);
  cliTools.owns(undo.move());
  return cliTools;
}

export class CliTools implements AsyncDisposable {
  readonly #options: CliToolsOptions;
  readonly #program: GroupProcess;
  readonly #complaints = createOutput(8 * 1024);
  readonly #first = Promise.withResolvers<readonly Tool[]>();
  readonly #calls = new Map<string, Call>();
  #declarations: readonly Tool[] = [];
  /** What the program waits with. */
  #waiting: Waiting | undefined;
  /** What it is to do when it asks next. */
  #reply: { readonly calls: readonly ToolCall[]; readonly text: string } | undefined;
  #replies = 0;
  #noise = 0;
  #failure: BatonError | undefined;
  #owned: AsyncDisposableStack | undefined;

  constructor(options: CliToolsOptions, program: GroupProcess) {
    this.#options = options;
    this.#program = program;
    this.#first.promise.catch(() => undefined);
    program.stderr.on("data", (chunk: Uint8Array) => this.#complaints.add(chunk));
    readLines(
      program.stdout,
      (line) => this.#heard(readStreamLine(line)),
      () => this.#fail(`it wrote a line of more than ${MAX_LINE} bytes`),
    );
    void program.ended.then((end) => this.#fail(describeEnd(end, this.#complaints.text())));
  }

  /** What was opened for it, and ends with it. */
  owns(owned: AsyncDisposableStack): void {
    this.#owned = owned;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail("it was ended");
    await this.#owned?.disposeAsync();
  }

  /** The tools it declared, of those that it may have. */
  get declarations(): readonly Tool[] {
    return this.#declarations;
  }

  /** Waits for the first request. */
  async ready(signal: AbortSignal, milliseconds: number): Promise<void> {
    const abort = () => this.#fail("its start was aborted");
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    const slow = setTimeout(() => this.#fail(`it asked nothing within ${milliseconds} ms`), milliseconds);
    try {
      this.#declarations = await this.#first.promise;
    } finally {
      clearTimeout(slow);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Hands the calls of a reply to the program, now or when it asks. */
  take(calls: readonly ToolCall[], text: string): void {
    for (const { id } of calls) {
      const answer = Promise.withResolvers<ToolAnswer>();
      answer.promise.catch(() => undefined);
      if (this.#failure) answer.reject(this.#failure);
      this.#calls.set(id, { answer, handedAt: performance.now(), answered: false });
    }
    this.#reply = { calls, text };
    this.#hand();
  }

  /** The answer of a call that was taken. Throws `sandbox-failed` when the program is gone; aborting ends it first, and all it runs. */
  async call({ id }: ToolCall, signal: AbortSignal): Promise<ToolAnswer> {
    const call = this.#calls.get(id);
    if (!call) throw new Error(`the call ${id} was not taken`);
    const abort = () => this.#fail("a tool call was aborted");
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    try {
      const answer = await call.answer.promise;
      this.#calls.delete(id);
      return answer;
    } catch (error) {
      // What a tool still changes would be changed behind the record.
      await this.#program.ended;
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Somebody in the sandbox asks the model. Whoever declares none of the tools, or does not bring the results that are due, is not the conversation. */
  come(waiting: Waiting): void {
    const { tools, results } = waiting.asked;
    const allowed = tools.filter(({ name }) => this.#options.tools.includes(name));
    if (allowed.length === 0) return waiting.refuse(403, "Baton answers the conversation of its agent only");
    this.#answer(results);
    if (!this.#reply && this.#unanswered.length > 0)
      return waiting.refuse(400, `No result for the calls ${this.#unanswered.join(", ")}`);
    this.#waiting?.refuse(409, "Another request came");
    this.#waiting = waiting;
    this.#first.resolve(allowed);
    this.#hand();
  }

  get #unanswered(): string[] {
    return [...this.#calls].flatMap(([id, { answered }]) => (answered ? [] : [id]));
  }

  #hand(): void {
    if (!this.#reply || !this.#waiting?.open()) return;
    const { calls, text } = this.#reply;
    this.#replies += 1;
    this.#waiting.answer({ id: `msg_baton_${this.#replies}`, model: this.#options.conversation.model, text, calls });
    [this.#reply, this.#waiting] = [undefined, undefined];
  }

  #heard(line: StreamLine): void {
    switch (line.type) {
      // Settings, servers and plugins of the checkout. (Which tools the model hears of is decided at the door.)
      case "loaded":
        if (line.foreign.length > 0)
          this.#fail(`it loaded what it was not given: ${line.foreign.slice(0, 10).join(", ")}`);
        return;
      case "results":
        return this.#answer(line.results);
      case "result":
        return this.#fail(`it ended its work with "${line.subtype}"${line.text === "" ? "" : `: ${line.text}`}`);
      case "noise":
        this.#noise += 1;
        if (this.#noise === 1) this.#options.log.warn("claude wrote a line that is not of its protocol");
        return;
      case "other":
        return;
      default:
        return line satisfies never;
    }
  }

  #answer(results: readonly ToolOutcome[]): void {
    // What is not yet handed over cannot have run.
    if (this.#reply) return;
    for (const { id, ok, output } of results) {
      const call = this.#calls.get(id);
      if (!call || call.answered) continue;
      call.answered = true;
      call.answer.resolve({ ok, output, seconds: (performance.now() - call.handedAt) / 1_000 });
    }
  }

  #fail(why: string): void {
    if (this.#failure) return;
    this.#failure = new BatonError("sandbox-failed", `claude is gone: ${why}`, { retryable: true });
    this.#first.reject(this.#failure);
    for (const { answer } of this.#calls.values()) answer.reject(this.#failure);
    this.#program.end();
  }
}
