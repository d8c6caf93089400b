// The webhook door over real HTTP and a real database, and the App's clients against a strict GitHub.
import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { silentLog } from "#src/core/log.ts";
import { MAX_PAYLOAD_BYTES, openWebhooks, WEBHOOK_PATH, type WebhooksOptions } from "#src/intake/probot-app.ts";
import { openDatabase, type Database } from "#src/store/database.ts";
import { createDeliveries, type Deliveries } from "#src/store/deliveries.ts";
import { strictGitHub } from "#test/support/github-nock.ts";
import { commentPayload } from "#test/support/intake-world.ts";
import { preparedDump } from "#test/support/prepared-database.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const secret = "the secret of the hook";
const sign = (body: string | Buffer, key = secret) => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;

const options = (change: Partial<WebhooksOptions> = {}): WebhooksOptions => ({
  appId: 4711,
  privateKey,
  secrets: [secret],
  apiUrl: "https://api.github.com",
  deliveries: { keep: () => Promise.resolve("kept") },
  stored: () => Promise.resolve(),
  log: silentLog,
  ...change,
});

interface Door extends AsyncDisposable {
  readonly port: number;
  post(
    body: string | Buffer,
    headers?: Record<string, string | undefined>,
    path?: string,
  ): Promise<{ status: number; text: string }>;
}

async function openDoor(change: Partial<WebhooksOptions>): Promise<Door> {
  const webhooks = await openWebhooks(options(change));
  const server = createServer((request, response) => {
    webhooks.handle(request, response).then(
      (answered) => answered || response.writeHead(418).end(),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    async post(body, change = {}, path = WEBHOOK_PATH) {
      const headers = new Headers({ "content-type": "application/json", "x-github-event": "issue_comment" });
      headers.set("x-github-delivery", randomUUID());
      headers.set("x-hub-signature-256", sign(body));
      for (const [name, value] of Object.entries(change))
        if (value === undefined) headers.delete(name);
        else headers.set(name, value);
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: "POST",
        body: new Uint8Array(Buffer.from(body)),
        headers,
      });
      return { status: response.status, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const Examples = z.array(z.object({ name: z.string(), examples: z.array(z.record(z.string(), z.unknown())) }));

test("the door takes one of every kind of event that GitHub gives examples of", async () => {
  const kinds = Examples.parse(createRequire(import.meta.url)("@octokit/webhooks-examples"));
  const kept: string[] = [];
  const keep: Deliveries["keep"] = ({ name }) => Promise.resolve(kept.push(name) > 0 ? "kept" : "known");
  await using door = await openDoor({ deliveries: { keep } });
  for (const { name, examples } of kinds) {
    const { status } = await door.post(JSON.stringify(examples[0]), { "x-github-event": name });
    expect([name, status]).toEqual([name, 202]);
  }
  expect(kept).toEqual(kinds.map(({ name }) => name));
  expect(kept.length).toBeGreaterThan(50);
});

describe("the door", () => {
  let database: Database;
  let deliveries: Deliveries;
  let door: Door;
  const told: string[] = [];
  const good = JSON.stringify(commentPayload("/agent fix"));
  const rows = async () =>
    Number((await database.query<{ count: string }>("SELECT count(*) FROM baton.deliveries"))[0]?.count);

  beforeAll(async () => {
    database = await openDatabase({ memory: { copyOf: await preparedDump() }, log: silentLog });
    deliveries = createDeliveries(database);
    door = await openDoor({
      secrets: [secret, "the new secret"],
      deliveries,
      stored: (id) => {
        told.push(id);
        return Promise.resolve();
      },
      maxBytes: 100_000,
    });
  });
  afterAll(async () => {
    await door[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    told.length = 0;
  });

  test("keeps a delivery before it answers, and tells of it", async () => {
    const id = randomUUID();
    expect(await door.post(good, { "x-github-delivery": id })).toEqual({ status: 202, text: "kept\n" });
    expect(await deliveries.read(id)).toMatchObject({ name: "issue_comment", payload: good, handledAt: undefined });
    await expect.poll(() => told).toEqual([id]);
  });

  test("keeps the same delivery once, the first body staying", async () => {
    const id = randomUUID();
    const answers = await Promise.all([1, 2, 3, 4].map(() => door.post(good, { "x-github-delivery": id })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 202]);
    expect((await door.post("{}", { "x-github-delivery": id })).status).toBe(200);
    expect((await deliveries.read(id))?.payload).toBe(good);
  });

  test("takes either secret while one replaces the other", async () => {
    expect((await door.post(good, { "x-hub-signature-256": sign(good, "the new secret") })).status).toBe(202);
  });

  test("takes text beyond ASCII as its bytes", async () => {
    const body = JSON.stringify({ text: "naïve 日本語 👩‍🚀 \\u0000" });
    expect((await door.post(body)).status).toBe(202);
  });

  const bytes = (text: string) => Buffer.from(text, "latin1");
  test.each([
    ["no signature", 401, good, { "x-hub-signature-256": undefined }],
    ["an empty signature", 401, good, { "x-hub-signature-256": "" }],
    ["another secret's signature", 401, good, { "x-hub-signature-256": sign(good, "guess") }],
    ["an empty secret's signature", 401, good, { "x-hub-signature-256": sign(good, "") }],
    ["the signature of another body", 401, good, { "x-hub-signature-256": sign("{}") }],
    ["a short signature", 401, good, { "x-hub-signature-256": sign(good).slice(0, -1) }],
    ["a signature without its algorithm", 401, good, { "x-hub-signature-256": sign(good).slice(7) }],
    ["a SHA-1 signature", 401, good, { "x-hub-signature-256": undefined, "x-hub-signature": "sha1=abc" }],
    ["a signature that is no text", 401, good, { "x-hub-signature-256": "\u00ff".repeat(64) }],
    ["an empty body", 401, "", {}],
    ["no delivery id", 400, good, { "x-github-delivery": undefined }],
    ["a delivery id that is none", 400, good, { "x-github-delivery": "a b'; DROP TABLE x" }],
    ["a delivery id without end", 400, good, { "x-github-delivery": "a".repeat(500) }],
    ["no event", 400, good, { "x-github-event": undefined }],
    ["an event that is none", 400, good, { "x-github-event": "../issues" }],
    ["another type", 400, good, { "content-type": "application/x-www-form-urlencoded" }],
    ["half a JSON", 400, '{"action":', {}],
    ["JSON that is no object", 400, "[1]", {}],
    ["null", 400, "null", {}],
    ["a NUL byte", 400, "{\u0000}", {}],
    ["bytes that are not UTF-8", 400, bytes('{"a":"\xff"}'), {}],
    ["a byte order mark", 400, Buffer.from("\ufeff{}"), {}],
    ["too much", 413, `{"a":"${"x".repeat(100_001)}"}`, {}],
  ])("refuses %s with %i and keeps nothing", async (_, status, body, headers) => {
    const before = await rows();
    const answer = await door.post(body, headers);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(/\w/);
    expect(await rows()).toBe(before);
    expect(told).toEqual([]);
  });

  test("refuses too much when the length is not told, too", async () => {
    const before = await rows();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let part = 0; part < 3; part += 1) controller.enqueue(Buffer.alloc(50_000, "x"));
        controller.close();
      },
    });
    const headers = {
      "content-type": "application/json",
      "x-github-event": "x",
      "x-github-delivery": "y",
      "x-hub-signature-256": "z",
    };
    const response = await fetch(`http://127.0.0.1:${door.port}${WEBHOOK_PATH}`, {
      method: "POST",
      body,
      headers,
      duplex: "half",
    });
    expect(response.status).toBe(413);
    expect(await rows()).toBe(before);
  });

  test("survives a sender that leaves in the middle", async () => {
    const before = await rows();
    const socket = connect(door.port, "127.0.0.1");
    await new Promise<void>((ready) => socket.once("connect", ready));
    const head = `POST ${WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-GitHub-Event: x\r\nX-GitHub-Delivery: y\r\nX-Hub-Signature-256: z\r\nContent-Length: 500\r\n\r\n{"a":`;
    await new Promise((written) => socket.write(head, written));
    socket.destroy();
    expect((await door.post(good)).status).toBe(202);
    expect(await rows()).toBe(before + 1);
  });

  test("leaves other paths alone and takes nothing but POST", async () => {
    expect((await door.post(good, {}, "/api/github/webhooksx")).status).toBe(418);
    expect((await fetch(`http://127.0.0.1:${door.port}${WEBHOOK_PATH}`)).status).toBe(405);
    expect((await door.post(good, {}, `${WEBHOOK_PATH}/?x=1`)).status).toBe(202);
  });

  test("500 forged deliveries: all refused, none with 500, no row", async () => {
    const before = await rows();
    const statuses = new Set<number>();
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          const forged = [sign(good, randomUUID()), sign(`${good} `), "sha256=", "x".repeat(index)][index % 4] ?? "";
          return door.post(good, { "x-hub-signature-256": forged });
        }),
      );
      for (const { status } of answers) statuses.add(status);
    }
    expect([...statuses]).toEqual([401]);
    expect(await rows()).toBe(before);
  });
});

describe("the door when something behind it is down", () => {
  const body = JSON.stringify({ action: "created" });

  test("without a database it says so, and the sender may send again", async () => {
    await using door = await openDoor({ deliveries: { keep: () => Promise.reject(new Error("connection refused")) } });
    const answer = await door.post(body);
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain("connection refused");
  });

  test("with a bell that fails the delivery is kept all the same", async () => {
    await using door = await openDoor({ stored: () => Promise.reject(new Error("no bell")) });
    expect((await door.post(body)).status).toBe(202);
  });

  test("it does not open without a secret", async () => {
    await expect(openWebhooks(options({ secrets: [] }))).rejects.toThrow("secret is missing");
    await expect(openWebhooks(options({ secrets: ["a", ""] }))).rejects.toThrow("secret is missing");
  });

  test("GitHub's cap is the limit", () => {
    expect(MAX_PAYLOAD_BYTES).toBe(26_214_400);
  });
});

describe.each(["https://api.github.com", "https://github.example.com/api/v3"])("clients for %s", (apiUrl) => {
  const github = strictGitHub(apiUrl);
  const token = {
    method: "POST",
    path: "/app/installations/5/access_tokens",
    status: 201,
    answer: {
      token: "ghs_x",
      expires_at: "2099-01-01T00:00:00Z",
      permissions: { issues: "write" },
      repository_selection: "all",
    },
  } as const;

  test("act in one repository of the installation, with one token", async () => {
    const webhooks = await openWebhooks(options({ apiUrl }));
    github.expect(token);
    for (const issue_number of [1, 2]) {
      github.expect({
        method: "DELETE",
        path: `/repos/o/r/issues/${issue_number}/labels/agent`,
        status: 200,
        answer: [],
      });
      const octokit = await webhooks.clientFor(5, { repositoryId: 1, permissions: { issues: "write" } });
      await octokit.request("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", {
        owner: "o",
        repo: "r",
        issue_number,
        name: "agent",
      });
    }
    expect(github.seen.map(({ authorization }) => authorization?.split(" ")[0])).toEqual(["bearer", "token", "token"]);
    expect(github.seen[1]?.authorization).toBe("token ghs_x");
    expect(github.seen[0]?.body).toEqual({ repository_ids: [1], permissions: { issues: "write" } });
  });

  test("an address that is not the API's is told as what it is", async () => {
    const webhooks = await openWebhooks(options({ apiUrl }));
    github.expect({ method: "GET", path: "/app", status: 200, answer: null });
    await expect(webhooks.whoAmI()).rejects.toMatchObject({
      code: "github-failed",
      message: expect.stringMatching(/^what answers at \S+ is not GitHub's API: .* ends in \/api\/v3$/),
    });
  });

  test("send a write once, whatever GitHub answers", async () => {
    const webhooks = await openWebhooks(options({ apiUrl }));
    github.expect(token);
    github.expect({ method: "POST", path: "/repos/o/r/issues/1/comments", status: 502 });
    const octokit = await webhooks.clientFor(5, { repositoryId: 1, permissions: { issues: "write" } });
    const comment = octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      owner: "o",
      repo: "r",
      issue_number: 1,
      body: "x",
    });
    await expect(comment).rejects.toMatchObject({ status: 502 });
    expect(github.seen).toHaveLength(2);
  });

  test("a client whose token was rejected gives way to one with another, and tokens are given back at the end", async () => {
    const webhooks = await openWebhooks(options({ apiUrl }));
    const request = { repositoryId: 1, permissions: { issues: "write" } } as const;
    github.expect(token);
    const old = await webhooks.clientFor(5, request);
    github.expect({ ...token, answer: { ...token.answer, token: "ghs_y" } });
    const fresh = await webhooks.clientFor(5, request, old);
    expect(fresh).not.toBe(old);
    github.expect({ method: "DELETE", path: "/installation/token", status: 204 });
    await webhooks[Symbol.asyncDispose]();
    expect(github.seen.at(-1)).toMatchObject({ authorization: "token ghs_y" });
  });

  test("a token is asked for one repository and few permissions", async () => {
    const webhooks = await openWebhooks(options({ apiUrl }));
    github.expect(token);
    expect(await webhooks.tokenFor(5, { repositoryId: 1, permissions: { contents: "read" } })).toEqual({
      token: "ghs_x",
      expiresAt: Date.parse("2099-01-01T00:00:00Z"),
    });
    expect(github.seen[0]?.body).toEqual({ repository_ids: [1], permissions: { contents: "read" } });
  });
});
