// The door by itself, over a real socket: what it answers, what it refuses, and that nobody is left waiting when it closes.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { openDoor, type Waiting } from "#src/agents/claude-code/door.ts";
import { until } from "#test/support/until.ts";

const body = JSON.stringify({
  model: "m",
  max_tokens: 1,
  stream: true,
  messages: [{ role: "user", content: "Hello" }],
});
const reply = {
  id: "msg_1",
  model: "m",
  text: "Look.",
  calls: [{ id: "toolu_1", name: "Bash", input: { command: "ls" } }],
};

/** The status and the whole body; undefined when the connection broke. */
function ask(socket: string, sent: string, path = "/v1/messages?beta=true", method = "POST") {
  return new Promise<{ status: number; text: string } | undefined>((done) => {
    const asking = request({ socketPath: socket, path, method }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => done({ status: response.statusCode ?? 0, text }));
      response.on("error", () => done(undefined));
    });
    asking.on("error", () => done(undefined));
    asking.end(sent);
  });
}

describe("the door", () => {
  test("holds a request open until there is an answer", async () => {
    const came: Waiting[] = [];
    await using door = await openDoor((waiting) => came.push(waiting));
    const asked = ask(door.socket, body);
    const waiting = await until(() => came[0]);
    expect(waiting.open()).toBe(true);
    waiting.answer(reply);
    const { status, text } = (await asked) ?? {};
    expect(status).toBe(200);
    expect(text).toMatch(
      /^event: message_start\n[^]*"partial_json":"\{\\"command\\":\\"ls\\"\}"[^]*event: message_stop\n/m,
    );
    expect(waiting.open()).toBe(false);
    waiting.answer(reply);
  });

  test("says that it is still there to who waits long", async () => {
    await using door = await openDoor(() => undefined);
    const connection = connect(door.socket);
    connection.write(`POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    let told = "";
    connection.on("data", (chunk: Uint8Array) => (told += Buffer.from(chunk).toString()));
    await until(() => told.includes('event: ping\ndata: {"type":"ping"}'), { milliseconds: 3_000 });
    expect(told).toContain("200 OK");
    connection.destroy();
  });

  test("notices who has left", async () => {
    const came: Waiting[] = [];
    await using door = await openDoor((waiting) => came.push(waiting));
    const asking = request({ socketPath: door.socket, path: "/v1/messages", method: "POST" });
    asking.on("error", () => undefined);
    asking.end(body);
    const waiting = await until(() => came[0]);
    asking.destroy();
    await until(() => !waiting.open());
    expect(() => waiting.answer(reply)).not.toThrow();
  });

  test.each([
    ["GET", "/v1/messages", 404],
    ["POST", "/v1/messages/count_tokens", 404],
    ["POST", "/v1/messages/batches", 404],
    ["POST", "//v1/messages", 404],
    ["POST", "http://evil.example/v1/complete", 404],
    ["DELETE", "/v1/files/1", 404],
  ])("refuses %s %s", async (method, path, status) => {
    await using door = await openDoor(() => expect.unreachable());
    expect(await ask(door.socket, body, path, method)).toMatchObject({
      status,
      text: expect.stringContaining('"type":"error"'),
    });
  });

  test("refuses what is no request", async () => {
    await using door = await openDoor(() => expect.unreachable());
    expect(await ask(door.socket, "{")).toMatchObject({ status: 400 });
    const connection = connect(door.socket);
    connection.write("nonsense\r\n\r\n");
    await once(connection, "close");
  });

  test("reads no more than a conversation may have", async () => {
    await using door = await openDoor(() => expect.unreachable());
    expect(await ask(door.socket, `"${"x".repeat(33 * 1024 * 1024)}"`)).toBeUndefined();
  });

  /** A request of which the beginning was sent, and what became of its connection. */
  async function begun(socket: string, bytes: number) {
    const connection = connect(socket);
    const closed = new Promise<"closed">((done) => connection.on("close", () => done("closed")));
    connection.on("error", () => undefined);
    const head = `POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes + 1}\r\n\r\n"`;
    const sent = new Promise<"sent">((done) => connection.write(`${head}${"x".repeat(bytes - 1)}`, () => done("sent")));
    return { connection, closed, first: await Promise.race([sent, closed]) };
  }

  test("holds no more of half-sent requests than a conversation and a half, whoever sends them", async () => {
    await using door = await openDoor(() => expect.unreachable());
    const one = await begun(door.socket, 30 * 1024 * 1024);
    expect(one.first).toBe("sent");
    const two = await begun(door.socket, 30 * 1024 * 1024);
    expect(await two.closed).toBe("closed");
    expect(one.connection.destroyed).toBe(false);
    one.connection.destroy();
  });

  test("reads few requests at a time, and others when those have left", async () => {
    await using door = await openDoor(() => undefined);
    const four = await Promise.all([1, 2, 3, 4].map(() => begun(door.socket, 10)));
    await until(async () => (await ask(door.socket, "{")) === undefined);
    expect(four.map(({ connection }) => connection.destroyed)).toEqual([false, false, false, false]);
    for (const { connection } of four) connection.destroy();
    await until(async () => (await ask(door.socket, "{"))?.status === 400);
  });

  test("breaks off what does not come in whole in time", async () => {
    await using door = await openDoor(() => expect.unreachable(), 200);
    const { closed } = await begun(door.socket, 10);
    expect(await closed).toBe("closed");
  });

  const deep = `{"name":"a","input_schema":{"type":"object","properties":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}}`;
  test.each([
    ["messages beyond number", `{"messages":[${'{"role":"","content":[]},'.repeat(300_000)}0]}`],
    ["nothing but numbers", `{"messages":[],"a":[${"1,".repeat(300_000)}1]}`],
    ["brackets within brackets", `{"messages":[],"tools":[${deep}]}`],
  ])("makes nothing of %s", async (_, sent) => {
    await using door = await openDoor(() => expect.unreachable());
    expect(await ask(door.socket, sent)).toBeUndefined();
    expect(await ask(door.socket, "{")).toMatchObject({ status: 400 });
  });

  test("takes a long conversation full of code", async () => {
    const came: Waiting[] = [];
    await using door = await openDoor((waiting) => came.push(waiting));
    const code = 'if (a[0] === "\\"{") { f({ b: [1, 2, 3] }); }\n'.repeat(20_000);
    const messages = Array.from({ length: 400 }, (_, at) => ({
      role: at % 2 === 0 ? "user" : "assistant",
      content: [{ type: "text", text: at % 40 === 0 ? code : "short" }],
    }));
    const asked = ask(door.socket, JSON.stringify({ stream: true, messages }));
    (await until(() => came[0])).answer(reply);
    expect(await asked).toMatchObject({ status: 200 });
  });

  test("lets in so many at once, and no more", async () => {
    await using door = await openDoor(() => undefined);
    const inside: Socket[] = [];
    for (let count = 0; count < 64; count += 1) {
      const connection = connect(door.socket);
      connection.on("error", () => undefined);
      await once(connection, "connect");
      inside.push(connection);
    }
    expect(await ask(door.socket, "{")).toBeUndefined();
    for (const connection of inside) connection.destroy();
    await until(async () => (await ask(door.socket, "{"))?.status === 400);
  });

  test("leaves nobody waiting and nothing behind when it closes", async () => {
    const came: Waiting[] = [];
    const door = await openDoor((waiting) => came.push(waiting));
    const asked = ask(door.socket, body);
    await until(() => came[0]);
    await door[Symbol.asyncDispose]();
    expect(await asked).toBeUndefined();
    expect(existsSync(door.socket)).toBe(false);
  });
});
