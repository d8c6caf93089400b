// The Model Context Protocol with a program in the sandbox: one message a line, on its stdin and stdout. What it writes is the attacker's:
// a line that is no message is counted, not read, and too many of them end it.
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { createOutput } from "../../core/output.ts";
import { describeEnd, type GroupProcess } from "../../core/process.ts";
import { MAX_LINE, readLines } from "../../hands/protocol.ts";

/** Lines that are no messages (a greeting, a log) which are passed over. */
const MAX_NOISE = 1_000;

export class ProgramTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage) => void) | undefined;
  readonly #program: GroupProcess;
  readonly #read: (line: string) => JSONRPCMessage;
  readonly #complaints = createOutput(8 * 1024);
  #noise = 0;
  #end: string | undefined;

  /** `read` throws for what is no message. */
  constructor(program: GroupProcess, read: (line: string) => JSONRPCMessage) {
    this.#program = program;
    this.#read = read;
  }

  /** How the program ended, for who runs Baton; undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  start(): Promise<void> {
    this.#program.stderr.on("data", (chunk: Uint8Array) => this.#complaints.add(chunk));
    readLines(
      this.#program.stdout,
      (line) => this.#heard(line),
      () => this.#over(`it wrote a line of more than ${MAX_LINE} bytes`),
    );
    void this.#program.ended.then((end) => {
      this.#end ??= describeEnd(end, this.#complaints.text());
      this.onclose?.();
    });
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    this.#program.stdin?.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  /** Ends the program, and waits until nothing of it runs any more. */
  async close(): Promise<void> {
    this.#program.stdin?.end();
    this.#program.end();
    await this.#program.ended;
  }

  #heard(line: string): void {
    let message: JSONRPCMessage;
    try {
      message = this.#read(line);
    } catch {
      this.#noise += 1;
      if (this.#noise > MAX_NOISE) this.#over(`it wrote more than ${MAX_NOISE} lines that are no messages`);
      return;
    }
    this.onmessage?.(message);
  }

  #over(why: string): void {
    this.#end ??= why;
    this.#program.end(0);
  }
}
