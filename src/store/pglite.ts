// PGlite as the database: PostgreSQL inside this process, kept in a folder, nothing to install.
// It has one session and no lock of its own, so one process uses a folder at a time.
import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PGlite, type Transaction } from "@electric-sql/pglite";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Database } from "./database.ts";
import { databaseError } from "./database-error.ts";
import { lockFolder } from "./folder-lock.ts";
import { PglitePool, run } from "./pglite-pool.ts";

/** A run is read in kilobytes: PostgreSQL's usual 128 MB of cache would be a third of this process. */
const memory = ["shared_buffers=16MB", "wal_buffers=1MB"];

/** Opens the database in `folder`, or one in memory. Throws `database-failed` when another process has the folder. */
export async function openPglite(folder: string | undefined): Promise<Database> {
  const name = folder ?? "memory";
  await using undo = new AsyncDisposableStack();
  let db: PGlite;
  try {
    if (folder !== undefined) {
      await mkdir(folder, { recursive: true });
      undo.use(await lockFolder(folder));
    }
    db = folder === undefined ? await PGlite.create({ postgresqlconf: memory }) : await openFolder(folder);
    undo.defer(() => db.close());
    await db.exec("SET search_path TO bullmq");
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
    by: PGlite | Transaction,
    text: string,
    params?: readonly unknown[],
  ): Promise<Row[]> {
    try {
      return (await run<Row>(by, text, params)).rows;
    } catch (error) {
      throw databaseError(error, name);
    }
  }

  const open = undo.move();
  return {
    name,
    shared: false,
    pool: new PglitePool(db),
    query: (text, params) => query(db, text, params),
    transaction: (work) => db.transaction((inner) => work({ query: (text, params) => query(inner, text, params) })),
    async listen(channel, listener) {
      const stop = await db.listen(channel, (payload) => listener.heard(payload));
      return { [Symbol.asyncDispose]: () => stop() };
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** The first start makes the files (about 2 s); one that was killed meanwhile is begun again. */
async function openFolder(folder: string): Promise<PGlite> {
  const ready = join(folder, "ready");
  const dataDir = join(folder, "data");
  const made = await access(ready).then(
    () => true,
    () => false,
  );
  if (!made) await rm(dataDir, { recursive: true, force: true });
  const db = await PGlite.create({ dataDir, postgresqlconf: memory });
  if (!made) await writeFile(ready, "The database beside this file is complete.\n");
  return db;
}
