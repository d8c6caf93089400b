// PGlite as the database: PostgreSQL inside this process, kept in a folder, nothing to install.
// It has one session and no lock of its own, so one process uses a folder at a time.
import { access, mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Database } from "./database.ts";
import { databaseError, sqlState } from "./database-error.ts";
import { lockFolder } from "./folder-lock.ts";
import { PglitePool } from "./pglite-pool.ts";
import { type Held, PgliteSession } from "./pglite-session.ts";

/** A run is read in kilobytes: PostgreSQL's usual 128 MB of cache would be a third of this process. */
const memory = ["shared_buffers=16MB", "wal_buffers=1MB"];

/** Bytes that must be free on the disk for the database to take writes: it grows by up to 16 MiB at once. */
const ROOM = 64 * 1024 ** 2;
/** What the files of a new one take. */
const NEW = 64 * 1024 ** 2;

export interface PgliteOptions {
  /** Bytes that must be free on the disk; default 64 MiB. */
  readonly room?: number | undefined;
  /** What a database in memory begins as: what `dumpDataDir` gave of another. */
  readonly copyOf?: Blob | undefined;
}

/**
 * Opens the database in `folder`, or one in memory. Throws `database-failed` when another process has the folder, `disk-full` when
 * less than `room` bytes (64 MiB; twice that for a new one) are free. With less than that later it takes no writes, and says so.
 */
export async function openPglite(
  folder: string | undefined,
  { room = ROOM, copyOf }: PgliteOptions = {},
): Promise<Database> {
  const name = folder ?? "memory";
  await using undo = new AsyncDisposableStack();
  let session: PgliteSession;
  try {
    if (folder !== undefined) {
      await mkdir(folder, { recursive: true });
      undo.use(await lockFolder(folder));
    }
    session =
      folder === undefined
        ? new PgliteSession(await PGlite.create({ ...(copyOf && { loadDataDir: copyOf }), postgresqlconf: memory }))
        : new PgliteSession(await openFolder(folder, room), { folder, bytes: room });
    undo.defer(() => session.close());
    await session.run("SET search_path TO bullmq");
  } catch (error) {
    const known = databaseError(error, name);
    if (known.code !== "database-failed" || known === error) throw known;
    throw new BatonError(
      "database-failed",
      `the database in ${name} cannot be opened: ${messageOf(error)}. If the folder is damaged, move it away: a new one is made`,
      { cause: error },
    );
  }

  async function query<Row extends object>(
    by: Pick<Held, "run">,
    text: string,
    params?: readonly unknown[],
  ): Promise<Row[]> {
    try {
      return (await by.run<Row>(text, params)).rows;
    } catch (error) {
      // Nobody but the session says so here, and only for this reason.
      throw folder !== undefined && sqlState(error) === "25006"
        ? noRoom(folder, room, error)
        : databaseError(error, name);
    }
  }

  const open = undo.move();
  return {
    name,
    shared: false,
    pool: new PglitePool(session),
    query: (text, params) => query(session, text, params),
    transaction: (work) => session.transaction((held) => work({ query: (text, params) => query(held, text, params) })),
    async listen(channel, listener) {
      const stop = await session.listen(channel, (payload) => listener.heard(payload));
      return { [Symbol.asyncDispose]: () => stop() };
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** The first start makes the files (about 2 s); one that was killed meanwhile is begun again. */
async function openFolder(folder: string, room: number): Promise<PGlite> {
  const ready = join(folder, "ready");
  const dataDir = join(folder, "data");
  const made = await access(ready).then(
    () => true,
    () => false,
  );
  if (!made) await rm(dataDir, { recursive: true, force: true });
  const { bavail, bsize } = await statfs(folder);
  const needed = made || room === 0 ? room : room + NEW;
  if (bavail * bsize < needed) throw noRoom(folder, needed);
  const db = await PGlite.create({ dataDir, postgresqlconf: memory });
  if (!made) await writeFile(ready, "The database beside this file is complete.\n");
  return db;
}

function noRoom(folder: string, bytes: number, cause?: unknown): BatonError {
  return new BatonError(
    "disk-full",
    `less than ${Math.round(bytes / 1024 ** 2)} MiB are free on the disk of the database in ${folder}: it takes no writes. Free some and try again`,
    { cause, retryable: true },
  );
}
