// An empty database of Baton's that is made once for all tests, and copied: making one takes PGlite several seconds of processor, a copy
// a tenth of that. It lies in the system's folder for temporary files, by the name of what made it, for the next run of the tests too.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, openAsBlob } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PGlite } from "@electric-sql/pglite";
import { silentLog } from "#src/core/log.ts";
import { openDatabase } from "#src/store/database.ts";

const root = join(import.meta.dirname, "../..");

/** Gives `folder` a copy of the database, unless there is something at that place already. */
export async function prepareDatabase(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const prepared = await preparedDatabase();
  await mkdir(folder, { recursive: true });
  await promisify(execFile)("cp", ["-r", "--reflink=auto", join(prepared, "data"), join(prepared, "ready"), folder]);
}

/** The same for a database in memory. */
export async function preparedDump(): Promise<Blob> {
  return openAsBlob(join(await preparedDatabase(), "dump.tar"));
}

let prepared: Promise<string> | undefined;

function preparedDatabase(): Promise<string> {
  return (prepared ??= find());
}

async function find(): Promise<string> {
  const kept = join(tmpdir(), `baton-tests-database-${await nameOfMakers()}`);
  if (existsSync(kept)) return kept;
  const folder = await mkdtemp(join(tmpdir(), "baton-tests-making-"));
  const database = await openDatabase({ folder, log: silentLog });
  await database[Symbol.asyncDispose]();
  const pglite = await PGlite.create({ dataDir: join(folder, "data") });
  try {
    const dump = await pglite.dumpDataDir("none");
    await writeFile(join(folder, "dump.tar"), Buffer.from(await dump.arrayBuffer()));
  } finally {
    await pglite.close();
  }
  // Another process may have made it meanwhile: then that one is used.
  await rename(folder, kept).catch(() => rm(folder, { recursive: true, force: true }));
  return kept;
}

/** What decides how an empty database looks: PGlite, the tables, and what opens them. */
async function nameOfMakers(): Promise<string> {
  const store = join(root, "src/store");
  const migrations = (await readdir(join(store, "migrations"))).map((name) => join(store, "migrations", name));
  const files = [join(root, "package-lock.json"), ...["pglite.ts", "migrate.ts"].map((name) => join(store, name))];
  const hash = createHash("sha256");
  for (const file of [...files, ...migrations.toSorted()]) hash.update(await readFile(file)).update("\0");
  return hash.digest("hex").slice(0, 16);
}
