// Databases for the store's tests: an empty one each, gone afterwards.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { type Database, openDatabase } from "#src/store/database.ts";
import { silentLog } from "#src/core/log.ts";
import { needs } from "#test/support/needs.ts";
import { preparedDump } from "#test/support/prepared-database.ts";

/** The server's own database, where others are created; trusted on the machines that run these tests. */
export const serverUrl = "postgres://postgres@127.0.0.1:5432/postgres";

export async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** An empty database on the server, dropped at the end whoever is still connected. */
export async function temporaryUrl(): Promise<{ url: string; name: string } & AsyncDisposable> {
  const name = `baton_test_${randomUUID().replaceAll("-", "").slice(0, 12)}`;
  await onServer(`CREATE DATABASE ${name}`);
  return {
    url: serverUrl.replace(/postgres$/, name),
    name,
    [Symbol.asyncDispose]: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "baton-store-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Removes what tests left in Redis: the keys that begin with `prefix`, or all of a numbered database. */
export async function emptyRedis(url: string, prefix = ""): Promise<void> {
  const redis = new Redis(url);
  try {
    const keys = await redis.keys(`${prefix}*`);
    if (keys.length > 0) await redis.del(keys);
  } finally {
    redis.disconnect();
  }
}

export const postgresHere = await needs("postgres");

export interface Opener {
  readonly name: "PGlite" | "PostgreSQL";
  readonly here: boolean;
  readonly open: () => Promise<{ database: Database } & AsyncDisposable>;
}

export const databases: readonly Opener[] = [
  {
    name: "PGlite",
    here: true,
    async open() {
      const database = await openDatabase({ memory: { copyOf: await preparedDump() }, log: silentLog });
      return { database, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
    },
  },
  {
    name: "PostgreSQL",
    here: postgresHere,
    async open() {
      await using undo = new AsyncDisposableStack();
      const { url } = undo.use(await temporaryUrl());
      const database = undo.use(await openDatabase({ url, log: silentLog }));
      const opened = undo.move();
      return { database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
  },
];
