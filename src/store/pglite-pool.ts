// PGlite dressed as the pg.Pool that BullMQ's PostgreSQL backend expects. There is one session behind all its
// clients: each statement runs by itself, and from BEGIN to COMMIT or ROLLBACK one client has the session alone.
import { EventEmitter } from "node:events";
import type { PGlite, Transaction } from "@electric-sql/pglite";
import type { PgPool, PgPoolClient, PgQueryResult } from "bullmq";
import { rowsOf } from "./rows.ts";

type Runner = Pick<PGlite | Transaction, "query" | "exec">;

/** Without values a text may hold several statements, which only `exec` takes. */
export async function run<Row>(by: Runner, text: string, params?: readonly unknown[]): Promise<{ rows: Row[] }> {
  if (params !== undefined) return await by.query<Row>(text, [...params]);
  return { rows: rowsOf<Row>(await by.exec(text)) };
}

export class PglitePool extends EventEmitter implements PgPool {
  readonly #db: PGlite;

  constructor(db: PGlite) {
    super();
    this.#db = db;
  }

  query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    return run<Row>(this.#db, text, params);
  }

  async connect(): Promise<PgPoolClient> {
    return new PgliteClient(this.#db);
  }

  /** The database is closed by whoever opened it. */
  async end(): Promise<void> {}
}

class PgliteClient extends EventEmitter implements PgPoolClient {
  readonly #db: PGlite;
  readonly #deaf: () => void;
  #transaction: { session: Transaction; end: (how: "COMMIT" | "ROLLBACK") => Promise<void> } | undefined;

  constructor(db: PGlite) {
    super();
    this.#db = db;
    this.#deaf = db.onNotification((channel, payload) => this.emit("notification", { channel, payload }));
  }

  async query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    const word = text.trim().toUpperCase();
    if (word === "BEGIN") {
      await this.#begin();
      return { rows: [] };
    }
    if (word === "COMMIT" || word === "ROLLBACK") {
      const ending = this.#transaction;
      this.#transaction = undefined;
      await ending?.end(word);
      return { rows: [] };
    }
    return await run<Row>(this.#transaction?.session ?? this.#db, text, params);
  }

  release(): void {
    this.#deaf();
    void this.#transaction?.end("ROLLBACK");
    this.#transaction = undefined;
  }

  async #begin(): Promise<void> {
    const asked = Promise.withResolvers<"COMMIT" | "ROLLBACK">();
    const begun = Promise.withResolvers<Transaction>();
    const ended = this.#db.transaction(async (session) => {
      begun.resolve(session);
      if ((await asked.promise) === "ROLLBACK") await session.rollback();
    });
    ended.catch(begun.reject);
    const session = await begun.promise;
    this.#transaction = {
      session,
      end: async (how) => {
        asked.resolve(how);
        await ended;
      },
    };
  }
}
