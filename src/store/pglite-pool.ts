// PGlite dressed as the pg.Pool that BullMQ's PostgreSQL backend expects. There is one session behind all its
// clients: each statement runs by itself, and from BEGIN to COMMIT or ROLLBACK one client has the session alone.
import { EventEmitter } from "node:events";
import type { PgPool, PgPoolClient, PgQueryResult } from "bullmq";
import type { Held, PgliteSession } from "./pglite-session.ts";

export class PglitePool extends EventEmitter implements PgPool {
  readonly #session: PgliteSession;

  constructor(session: PgliteSession) {
    super();
    this.#session = session;
  }

  query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    return this.#session.run<Row>(text, params);
  }

  async connect(): Promise<PgPoolClient> {
    return new PgliteClient(this.#session);
  }

  /** The database is closed by whoever opened it. */
  async end(): Promise<void> {}
}

class PgliteClient extends EventEmitter implements PgPoolClient {
  readonly #session: PgliteSession;
  readonly #deaf: () => void;
  /** From BEGIN on. */
  #held: Held | undefined;

  constructor(session: PgliteSession) {
    super();
    this.#session = session;
    this.#deaf = session.onNotification((channel, payload) => this.emit("notification", { channel, payload }));
  }

  /** A BEGIN that fails holds the session until the client is released, as one that succeeds does. */
  async query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    const word = text.trim().toUpperCase();
    if (word === "BEGIN") {
      this.#held = await this.#session.hold();
      return await this.#held.run(text);
    }
    if (word === "COMMIT" || word === "ROLLBACK") return await this.#end(word);
    return await (this.#held ?? this.#session).run<Row>(text, params);
  }

  release(): void {
    this.#deaf();
    // A rollback that fails has nobody to be told to, and nothing to undo.
    this.#end("ROLLBACK").catch(() => {});
  }

  async #end<Row>(how: "COMMIT" | "ROLLBACK"): Promise<PgQueryResult<Row>> {
    const held = this.#held;
    this.#held = undefined;
    try {
      return (await held?.run<Row>(how)) ?? { rows: [] };
    } finally {
      held?.release();
    }
  }
}
