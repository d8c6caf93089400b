// What the store needs of a database: queries, transactions and a way to hear that something was written.
// Two databases do it: PostgreSQL (`postgres.ts`) and PGlite in a folder of ours (`pglite.ts`). This file imports
// neither: both are loaded only when they are used, because loading them takes longer than a one-shot run may.
import { BatonError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { expectCurrent, migrate } from "./migrate.ts";

export interface Session {
  /** Rows of the one statement, or of the last of several (several only without `params`). Throws `database-failed` or `disk-full`. */
  query<Row extends object>(text: string, params?: readonly unknown[]): Promise<Row[]>;
}

export interface Listener {
  heard(payload: string): void;
  /** The connection was away for a while: anything may have been said meanwhile. */
  missed(): void;
}

export interface Database extends Session, AsyncDisposable {
  /** Where it is, for people: never holds a password. */
  readonly name: string;
  /** True when other processes may be at work in it at the same time. */
  readonly shared: boolean;
  /** All or nothing. `work` must not use the database itself, only its session: PGlite has only one. */
  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /** Hears what any process says on `channel`, from when the promise resolves on. */
  listen(channel: string, listener: Listener): Promise<AsyncDisposable>;
  /** The same database as BullMQ wants it (its `PgPool`), with `search_path` set to the schema `bullmq`. */
  readonly pool: unknown;
}

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/name`. */
  readonly url?: string | undefined;
  /** Folder for PGlite when there is no `url`; made when it is missing. */
  readonly folder?: string | undefined;
  /** PGlite in memory, for tests: nothing is kept. It begins empty, or as the database that PGlite's `dumpDataDir` gave. */
  readonly memory?: true | { readonly copyOf: Blob } | undefined;
  /** False for who only reads: tables of another version are refused, and never changed. Default true. */
  readonly update?: boolean | undefined;
  readonly log: Log;
}

/**
 * Opens the database and brings its tables up to date. With a `url` PostgreSQL, else PGlite in `folder`.
 * Throws `database-failed` (unreachable, refused, folder in use, made by a newer Baton) and `disk-full`.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const database = await open(options);
  try {
    if (options.update ?? true) await migrate(database);
    else await expectCurrent(database);
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

async function open({ url, folder, memory, log }: DatabaseOptions): Promise<Database> {
  if (url !== undefined) return (await import("./postgres.ts")).openPostgres(url, log);
  if (memory !== undefined) return (await import("./pglite.ts")).openPglite(undefined, memory === true ? {} : memory);
  if (folder !== undefined) return (await import("./pglite.ts")).openPglite(folder);
  throw new BatonError("database-failed", "no database was named: give a postgres:// address or a folder");
}
