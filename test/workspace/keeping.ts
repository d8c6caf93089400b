// Processes that have workspaces open, told what to do line by line, and killed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { World } from "./world.ts";

export class Keeper implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** A process over the world's home and repository; with a pool of prepared clones when that is said. */
  static async start(world: Pick<World, "home" | "origin" | "head">, ...warm: ["warm"] | []): Promise<Keeper> {
    const script = join(import.meta.dirname, "keeping-child.ts");
    const child = spawn(process.execPath, [script, world.home, world.origin, world.head, ...warm], {
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const keeper = new Keeper(child, createInterface({ input: child.stdout }));
    await keeper.#answer();
    return keeper;
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true || typeof value !== "string") throw new Error("the process ended");
    return value;
  }

  /** Does one thing; what it answers. */
  async does(line: string): Promise<string> {
    this.#child.stdin?.write(`${line}\n`);
    return await this.#answer();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
