// PostgreSQL as the database: one pool for everything and one connection that only listens.
import { setTimeout as delay } from "node:timers/promises";
import { Client, Pool, type ClientConfig } from "pg";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database, Listener, Session } from "./database.ts";
import { databaseError } from "./database-error.ts";
import { rowsOf } from "./rows.ts";

const CONNECTIONS = 10;
const CONNECT_MS = 5_000;
const QUERY_MS = 30_000;
/** Pauses before the listening connection is opened again; the last one repeats. */
const RECONNECT_MS = [50, 200, 1_000, 5_000];

interface Queryable {
  query(text: string, params?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** Connects to `url`. Throws `database-failed` when it cannot; the password is in no message. */
export async function openPostgres(url: string, log: Log): Promise<Database> {
  const { name, config } = readAddress(url);
  const pool = new Pool({ ...config, max: CONNECTIONS, query_timeout: QUERY_MS });
  pool.on("error", (error) => log.warn("an idle database connection broke", { error: messageOf(error) }));
  // A connection that breaks in somebody's hands also fails that one's query; unheard, its event would end the process.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const ears = new Ears(config, name, log);

  async function query<Row extends object>(by: Queryable, text: string, params?: readonly unknown[]): Promise<Row[]> {
    try {
      const answer: unknown = await by.query(text, params === undefined ? undefined : [...params]);
      return rowsOf<Row>(answer);
    } catch (error) {
      throw databaseError(error, name);
    }
  }

  try {
    await query(pool, "SELECT 1");
  } catch (error) {
    await pool.end();
    throw error;
  }

  return {
    name,
    shared: true,
    pool,
    query: (text, params) => query(pool, text, params),
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw databaseError(error, name);
      });
      const session: Session = { query: (text, params) => query(client, text, params) };
      try {
        await session.query("BEGIN");
        const result = await work(session);
        await session.query("COMMIT");
        client.release();
        return result;
      } catch (error) {
        // A connection that cannot even roll back is thrown away; the server rolls back by itself then.
        await client.query("ROLLBACK").then(
          () => client.release(),
          () => client.release(true),
        );
        throw error;
      }
    },
    listen: (channel, listener) => ears.listen(channel, listener),
    async [Symbol.asyncDispose]() {
      await ears.close();
      await Promise.race([pool.end(), delay(CONNECT_MS, undefined, { ref: false })]);
    },
  };
}

function readAddress(url: string): { name: string; config: ClientConfig } {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined || !/^postgres(ql)?:$/.test(address.protocol))
    // The address itself is not repeated: it may hold a password.
    throw new BatonError(
      "database-failed",
      "the database address is not one: write it as postgres://user:password@host:5432/name",
    );
  const user = address.username === "" ? "" : `${address.username}@`;
  const given = address.searchParams.get("options");
  address.searchParams.delete("options");
  return {
    name: `postgres://${user}${address.host}${address.pathname}`,
    config: {
      connectionString: address.href,
      // BullMQ's statements name its tables without a schema; Baton's own always say `baton.`.
      options: `${given === null ? "" : `${given} `}-c search_path=bullmq`,
      application_name: "baton",
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    },
  };
}

/** The listening connection: opened when somebody first listens, opened again when it breaks, until closed. */
class Ears {
  readonly #config: ClientConfig;
  readonly #name: string;
  readonly #log: Log;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #closing = new AbortController();
  #client: Promise<Client> | undefined;

  constructor(config: ClientConfig, name: string, log: Log) {
    this.#config = config;
    this.#name = name;
    this.#log = log;
  }

  async listen(channel: string, listener: Listener): Promise<AsyncDisposable> {
    const known = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, known.add(listener));
    try {
      this.#client ??= this.#connect();
      const client = await this.#client;
      await client.query(`LISTEN "${channel}"`);
    } catch (error) {
      this.#client = undefined;
      known.delete(listener);
      throw databaseError(error, this.#name);
    }
    return {
      [Symbol.asyncDispose]: async () => {
        known.delete(listener);
      },
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const client = await this.#client?.catch(() => undefined);
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<Client> {
    const client = new Client(this.#config);
    let up = false;
    const breaks = (error?: Error) => {
      if (!up) return;
      up = false;
      void client.end().catch(() => undefined);
      if (this.#closing.signal.aborted) return;
      this.#log.warn("the database connection that listens broke", { error: messageOf(error ?? "it was closed") });
      this.#client = this.#reconnect();
      this.#client.catch(() => undefined);
    };
    client.on("error", breaks);
    client.on("end", breaks);
    client.on("notification", ({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.heard(payload ?? "");
    });
    try {
      await client.connect();
      for (const channel of this.#listeners.keys()) await client.query(`LISTEN "${channel}"`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    up = true;
    return client;
  }

  async #reconnect(): Promise<Client> {
    const { signal } = this.#closing;
    for (let tries = 0; ; tries++) {
      await delay(RECONNECT_MS[tries] ?? RECONNECT_MS.at(-1), undefined, { signal, ref: false });
      try {
        const client = await this.#connect();
        this.#log.info("listening to the database again");
        for (const listeners of this.#listeners.values()) for (const listener of listeners) listener.missed();
        return client;
      } catch (error) {
        this.#log.warn("the database cannot be listened to yet", { error: messageOf(error) });
      }
    }
  }
}
