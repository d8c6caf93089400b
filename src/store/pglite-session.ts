// The one session of a PGlite: one call at a time, and none when it would do harm.
//
// A PGlite that cannot write its log of changes panics, and whoever calls it after that hangs with the whole process, for ever. So
// nothing is queued inside it, nothing is called any more after a panic (closing included), and before its disk is full it is
// told to take no writes: it then goes on reading, and writes again when there is room.
import { statfs } from "node:fs/promises";
import type { PGlite } from "@electric-sql/pglite";
import { BatonError, messageOf } from "../core/errors.ts";
import { rowsOf } from "./rows.ts";

/** A free space that was looked at is believed this long. */
const LOOK_MS = 200;

export interface Room {
  /** Where the database lies. */
  readonly folder: string;
  /** Below this many free bytes it takes no writes. */
  readonly bytes: number;
}

/** The session while one caller has it alone. */
export interface Held {
  run<Row>(text: string, params?: readonly unknown[]): Promise<{ rows: Row[] }>;
  /** Lets the next caller in. */
  release(): void;
}

export class PgliteSession {
  readonly #db: Pick<PGlite, "query" | "exec" | "listen" | "onNotification" | "close">;
  readonly #room: Room | undefined;
  #turn: Promise<void> = Promise.resolve();
  #broken: BatonError | undefined;
  #readOnly = false;
  #lookedAt = -Infinity;

  constructor(db: PGlite, room?: Room) {
    this.#db = db;
    this.#room = room;
  }

  /** The session for one caller alone, in turn. */
  async hold(): Promise<Held> {
    const before = this.#turn;
    const over = Promise.withResolvers<void>();
    this.#turn = over.promise;
    await before;
    try {
      await this.#look();
    } catch (error) {
      over.resolve();
      throw error;
    }
    return { run: (text, params) => this.#call(text, params), release: () => over.resolve() };
  }

  /** One statement, or several without `params`, by itself. */
  async run<Row>(text: string, params?: readonly unknown[]): Promise<{ rows: Row[] }> {
    const held = await this.hold();
    try {
      return await held.run<Row>(text, params);
    } finally {
      held.release();
    }
  }

  /** Runs `work` between BEGIN and COMMIT, or ROLLBACK when it throws. */
  async transaction<Result>(work: (held: Held) => Promise<Result>): Promise<Result> {
    const held = await this.hold();
    try {
      await held.run("BEGIN");
      try {
        const result = await work(held);
        await held.run("COMMIT");
        return result;
      } catch (error) {
        if (this.#broken === undefined) await held.run("ROLLBACK");
        throw error;
      }
    } finally {
      held.release();
    }
  }

  async listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>> {
    const stop = await this.#alone(() => this.#db.listen(channel, heard));
    return () => this.#unlessBroken(stop);
  }

  onNotification(heard: (channel: string, payload: string) => void): () => void {
    return this.#db.onNotification(heard);
  }

  close(): Promise<void> {
    return this.#unlessBroken(() => this.#db.close());
  }

  async #unlessBroken(work: () => Promise<void>): Promise<void> {
    await this.#alone(work).catch((error: unknown) => {
      if (error !== this.#broken) throw error;
    });
  }

  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const held = await this.hold();
    try {
      if (this.#broken) throw this.#broken;
      return await work();
    } finally {
      held.release();
    }
  }

  async #call<Row>(text: string, params?: readonly unknown[]): Promise<{ rows: Row[] }> {
    if (this.#broken) throw this.#broken;
    try {
      // Without values a text may hold several statements, which only `exec` takes.
      if (params !== undefined) return { rows: (await this.#db.query<Row>(text, [...params])).rows };
      return { rows: rowsOf<Row>(await this.#db.exec(text)) };
    } catch (error) {
      if (isFatal(error)) this.#broken = broken(error);
      throw this.#broken ?? error;
    }
  }

  /** Takes writes or refuses them, as there is room. */
  async #look(): Promise<void> {
    if (this.#room === undefined || this.#broken || performance.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = performance.now();
    const found = await statfs(this.#room.folder).catch(() => undefined);
    const readOnly = found !== undefined && found.bavail * found.bsize < this.#room.bytes;
    if (readOnly === this.#readOnly) return;
    await this.#call(`SET default_transaction_read_only = ${readOnly ? "on" : "off"}`);
    this.#readOnly = readOnly;
  }
}

/** True when the session cannot be called again: PostgreSQL gave up, or the program it is compiled to did. */
function isFatal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "RuntimeError" || error.name === "ExitStatus") return true;
  return "severity" in error && (error.severity === "PANIC" || error.severity === "FATAL");
}

function broken(error: unknown): BatonError {
  const full = error instanceof Error && "code" in error && error.code === "53100";
  return new BatonError(
    full ? "disk-full" : "database-failed",
    `the embedded database has stopped (${messageOf(error)}): ${full ? "free some space and " : ""}start Baton again; nothing that was written is lost`,
    { cause: error },
  );
}
