// The whole store as processes use it: opened, killed, opened again, shared, refused.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { runId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { migrate } from "#src/store/migrate.ts";
import { openPostgres } from "#src/store/postgres.ts";
import { openStore, type Store } from "#src/store/open-store.ts";
import { needs } from "#test/support/needs.ts";
import { prepareDatabase } from "#test/support/prepared-database.ts";
import { emptyRedis, onServer, postgresHere, temporaryFolder, temporaryUrl } from "./databases.ts";
import { soon } from "#test/support/until.ts";

const redisHere = await needs("redis");
/** A numbered database of its own, emptied afterwards. */
const redisUrl = "redis://127.0.0.1:6379/7";
const parse = (json: unknown) => RunEvent.parse(json);
const open = (folder: string, databaseUrl?: string): Promise<Store> =>
  openStore({ folder, databaseUrl, parse, log: silentLog });

function start(program: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, program), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {},
  });
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator](), ended: once(child, "exit") };
}

describe("an embedded store", () => {
  async function usedFolder() {
    const folder = await temporaryFolder();
    await rm(folder.path, { recursive: true });
    await prepareDatabase(folder.path);
    return folder;
  }

  test("loses no acknowledged event when its process is killed while appending, three times over", async () => {
    await using folder = await usedFolder();
    let run = "";
    let acknowledged = 0;
    for (const appends of [30, 75, 51]) {
      const { child, lines, ended } = start("appending-child.ts", folder.path, run);
      await lines.next();
      run = (await lines.next()).value ?? "";
      const first = Number((await lines.next()).value);
      // It goes on behind what it found, so a lost event would show as a number given twice.
      expect(first).toBeGreaterThan(acknowledged);
      for (let i = 1; i < appends; i++) acknowledged = Number((await lines.next()).value);
      child.kill("SIGKILL");
      await ended;
    }
    await using store = await open(folder.path);
    const events = await store.log.read(runId(run));
    expect(acknowledged).toBeGreaterThanOrEqual(1 + 30 + 75 + 51);
    expect(events.length).toBeGreaterThanOrEqual(acknowledged);
    expect(await store.log.unfinished()).toEqual([run]);
  });

  test("begins again when its process was killed while it wrote the very first files", async () => {
    await using folder = await usedFolder();
    // What that leaves: files that look like a database, and no word that they are complete.
    await rm(join(folder.path, "ready"));
    await rm(join(folder.path, "data", "global"), { recursive: true });
    await using store = await open(folder.path);
    expect(await store.healthy()).toBe(true);
  });

  test("is refused while another process has the folder, naming it, and let in when that one is gone", async () => {
    await using folder = await usedFolder();
    const { child, lines, ended } = start("appending-child.ts", folder.path);
    await lines.next();
    await lines.next();
    await expect(open(folder.path)).rejects.toMatchObject({
      code: "database-failed",
      message: expect.stringContaining(`${folder.path} is in use by process ${child.pid}`),
    });
    child.kill("SIGKILL");
    await ended;
    await using store = await open(folder.path);
    await expect(open(folder.path)).rejects.toMatchObject({
      message: expect.stringContaining(`is in use by process ${process.pid}`),
    });
    expect(await store.healthy()).toBe(true);
  });

  test("is not kept out by a lock whose process id belongs to another program now", async () => {
    await using folder = await usedFolder();
    await writeFile(join(folder.path, "lock"), `${process.ppid} 1`);
    await using store = await open(folder.path);
    expect(await store.healthy()).toBe(true);
    expect(await readFile(join(folder.path, "lock"), "utf8")).toMatch(`${process.pid} `);
  });

  test("keeps what it was given from one opening to the next, and says so when the folder is damaged", async () => {
    await using folder = await usedFolder();
    {
      await using store = await open(folder.path);
      await store.deliveries.keep({ id: "d", name: "issues", payload: "{}" });
      await store.bell.ring("run", "r");
    }
    {
      await using store = await open(folder.path);
      expect(await store.deliveries.pending()).toEqual(["d"]);
      const looked = Promise.withResolvers<string>();
      await store.bell.answer(async (_, id) => looked.resolve(id), { parallel: 1 });
      expect(await looked.promise).toBe("r");
    }
    await rm(join(folder.path, "data", "global"), { recursive: true });
    await expect(open(folder.path)).rejects.toMatchObject({
      code: "database-failed",
      message: expect.stringMatching(`^the database in ${folder.path} cannot be opened: .*move it away`),
    });
  });

  test("hears a delivery while every slot for runs is taken", async () => {
    await using folder = await usedFolder();
    await using store = await open(folder.path);
    const [release, begun, heard] = [1, 2, 3].map(() => Promise.withResolvers<void>());
    let running = 0;
    await store.bell.answer(
      async (topic) => {
        if (topic === "delivery") return heard?.resolve();
        running += 1;
        if (running === 2) begun?.resolve();
        await release?.promise;
      },
      { parallel: 2 },
    );
    for (const id of ["a", "b", "c"]) await store.bell.ring("run", id);
    await begun?.promise;
    await store.bell.ring("delivery", "stop");
    await heard?.promise;
    expect(running).toBe(2);
    release?.resolve();
  });

  test("lets its process end by itself once it is closed", async () => {
    await using folder = await usedFolder();
    const { child, lines, ended } = start("once-child.ts", folder.path);
    expect((await lines.next()).value).toBe(`delivery of-${child.pid} true`);
    expect((await lines.next()).value).toBe("closed");
    expect(await ended).toEqual([0, null]);
  });
});

describe.runIf(postgresHere)("a store on PostgreSQL", () => {
  test.each([
    [
      "a wrong port",
      "postgres://u:secret-word@127.0.0.1:1/x",
      /postgres:\/\/u@127.0.0.1:1\/x cannot be reached: .*ECONNREFUSED/,
    ],
    [
      "no such database",
      "postgres://postgres:secret-word@127.0.0.1:5432/nowhere_at_all",
      /refused: .*create it with createdb/,
    ],
    [
      "no such user",
      "postgres://nobody_here:secret-word@127.0.0.1:5432/postgres",
      /refused: .*(user|password) in the address/,
    ],
    ["no address", "mysql://u:secret-word@127.0.0.1/x", /write it as postgres:\/\//],
    ["nonsense", "secret-word", /write it as postgres:\/\//],
  ])("says what is wrong with %s, without the password", async (_, url, message) => {
    const error: unknown = await open("/nowhere", url).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "database-failed", message: expect.stringMatching(message) });
    expect(String(error instanceof Error && error.stack)).not.toContain("secret-word");
  });

  test("tells everybody of what another process appended, also after its connections were cut", async () => {
    await using address = await temporaryUrl();
    await using one = await open("/nowhere", address.url);
    await using two = await open("/nowhere", address.url);
    const { created } = await import("#test/support/engine-world.ts");
    const event = created();
    const heard: string[] = [];
    using _following = two.log.follow((run) => heard.push(run));
    const looked: string[] = [];
    await two.bell.answer(async (_topic, id) => void looked.push(id), { parallel: 1 });
    await one.log.create(event);
    await expect.poll(() => heard, soon).toContain(event.runId);

    await onServer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${address.name}'`);
    await expect.poll(() => one.healthy(), soon).toBe(true);
    heard.length = 0;
    await one.log.append(event.runId, 1, [{ type: "run.driven", driver: "a" }]);
    await expect.poll(() => heard, soon).toContain(event.runId);
    await one.bell.ring("run", "after");
    await expect.poll(() => looked, soon).toContain("after");
  });

  test("is opened by eight at once on an empty database, and refuses one made by a newer Baton", async () => {
    await using address = await temporaryUrl();
    const stores = await Promise.all(Array.from({ length: 8 }, () => open("/nowhere", address.url)));
    const [first] = stores;
    expect(await first?.deliveries.keep({ id: "d", name: "issues", payload: "{}" })).toBe("kept");
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));

    const { openDatabase } = await import("#src/store/database.ts");
    {
      await using database = await openDatabase({ url: address.url, log: silentLog });
      await database.query("INSERT INTO baton.migrations (number, name) VALUES (98, 'later'), (99, 'much later')");
    }
    await expect(open("/nowhere", address.url)).rejects.toMatchObject({
      code: "database-failed",
      message: expect.stringMatching(
        /made by a newer Baton \(its tables are at 99, this Baton knows \d+\): update Baton/,
      ),
    });
  });

  test("starts over when another one made the schema while it waited for its turn", async () => {
    await using address = await temporaryUrl();
    const other = new Client({ connectionString: address.url });
    await other.connect();
    await using _other = { [Symbol.asyncDispose]: () => other.end() };
    await other.query("BEGIN");
    await other.query(`SELECT pg_advisory_xact_lock(${0x4241544e})`);
    await using database = await openPostgres(address.url, silentLog);
    // Its connection knows the ways now, and that there is no such schema: it need not look again.
    await database.query("CREATE SCHEMA well_known; DROP SCHEMA well_known; SELECT to_regclass('baton.migrations')");
    const migrating = migrate(database);
    migrating.catch(() => undefined);
    const waiting = () => other.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
    await expect.poll(async () => (await waiting()).rowCount, soon).toBe(1);
    await other.query("CREATE SCHEMA baton; CREATE SCHEMA bullmq");
    await other.query("COMMIT");
    await migrating;
    expect(await database.query("SELECT number FROM baton.migrations")).toEqual(
      (await readdir("src/store/migrations")).map((_, index) => ({ number: index + 1 })),
    );
  });

  test("is not healthy when it takes no writes or is gone, and says so in bounded time", async () => {
    await using address = await temporaryUrl();
    await using store = await open("/nowhere", address.url);
    expect(await store.healthy()).toBe(true);
    await onServer(`ALTER DATABASE ${address.name} SET default_transaction_read_only = on`);
    await onServer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${address.name}'`);
    // Connected again, so reading works: it is writing that does not.
    await expect.poll(() => store.deliveries.pending().catch(() => "not yet"), soon).toEqual([]);
    expect(await store.healthy()).toBe(false);
    await onServer(`DROP DATABASE ${address.name} WITH (FORCE)`);
    expect(await store.healthy()).toBe(false);
    await expect(store.deliveries.pending()).rejects.toMatchObject({ code: "database-failed" });
  });

  test("lets its process end by itself once it is closed", async () => {
    await using address = await temporaryUrl();
    const { child, lines, ended } = start("once-child.ts", "/nowhere", address.url);
    expect((await lines.next()).value).toBe(`delivery of-${child.pid} true`);
    expect(await ended).toEqual([0, null]);
  });

  test.runIf(redisHere)("lets its process end by itself with Redis, too", async () => {
    await using address = await temporaryUrl();
    await using _redis = { [Symbol.asyncDispose]: () => emptyRedis(redisUrl) };
    const { child, lines, ended } = start("once-child.ts", "/nowhere", address.url, redisUrl);
    expect((await lines.next()).value).toBe(`delivery of-${child.pid} true`);
    expect(await ended).toEqual([0, null]);
  });
});
