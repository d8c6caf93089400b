// PGlite dressed as a pool: one session behind all clients, so a transaction must have it alone.
import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PglitePool } from "#src/store/pglite-pool.ts";
import { PgliteSession } from "#src/store/pglite-session.ts";
import { soon } from "#test/support/until.ts";

let db: PGlite;
let pool: PglitePool;
beforeAll(async () => {
  db = await PGlite.create();
  pool = new PglitePool(new PgliteSession(db));
  await pool.query("CREATE TABLE facts (fact text PRIMARY KEY); CREATE TABLE more (fact text)");
});
afterAll(async () => {
  await db.close();
});

const facts = async () => (await pool.query<{ fact: string }>("SELECT fact FROM facts ORDER BY fact")).rows;

test("keeps what a client committed and nothing that it rolled back", async () => {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query("INSERT INTO facts VALUES ($1)", ["committed"]);
  await client.query("COMMIT");
  await client.query(" begin ");
  await client.query("INSERT INTO facts VALUES ($1)", ["rolled back"]);
  await expect(client.query("INSERT INTO facts VALUES ($1)", ["committed"])).rejects.toThrow(/duplicate key/);
  await client.query("ROLLBACK");
  await client.query("BEGIN");
  await client.query("INSERT INTO facts VALUES ('left open')");
  client.release();
  expect(await facts()).toEqual([{ fact: "committed" }]);
});

test("lets nobody else in between BEGIN and COMMIT", async () => {
  const client = await pool.connect();
  await client.query("BEGIN");
  const order: string[] = [];
  const other = pool.query("INSERT INTO more VALUES ('other')").then(() => order.push("other"));
  await client.query("INSERT INTO more VALUES ('mine')");
  order.push("mine");
  await client.query("COMMIT");
  order.push("committed");
  await other;
  expect(order[0]).toBe("mine");
  expect((await pool.query("SELECT fact FROM more")).rows).toEqual([{ fact: "mine" }, { fact: "other" }]);
  client.release();
});

test("tells every client that has not been released what was notified", async () => {
  const heard: string[] = [];
  const one = await pool.connect();
  const gone = await pool.connect();
  one.on("notification", ({ channel, payload }) => heard.push(`one ${channel} ${payload}`));
  gone.on("notification", () => heard.push("gone"));
  await one.query("-- a comment first, as BullMQ writes it\nLISTEN things;");
  gone.release();
  await pool.query("SELECT pg_notify('things', 'news')");
  await expect.poll(() => heard, soon).toEqual(["one things news"]);
  one.release();
});
