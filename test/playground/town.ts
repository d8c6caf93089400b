// A small playground for the tests of this room: one App, a few people with different roles, one public and one private
// repository, a receiver for webhooks, and clients that act as each of them.
import { createSign, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { Octokit } from "@octokit/rest";
import { openPlayground, type Playground, type PlaygroundOptions } from "#src/playground/playground.ts";

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
export const privateKey = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
export const secret = "It's a Secret to Everybody";

/** An App's JWT; `change` bends its claims. */
export function jwt(change: Record<string, unknown> = {}, key = privateKey, alg = "RS256"): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iat: now - 30, exp: now + 500, iss: "77", ...change };
  const head = `${encode({ alg, typ: "JWT" })}.${encode(claims)}`;
  return `${head}.${createSign("RSA-SHA256").update(head).sign(key, "base64url")}`;
}

export interface Heard {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Receives webhooks; answers what `status` says at that moment, and "hang": never. */
export async function openReceiver() {
  const heard: Heard[] = [];
  const state: { status: number | "hang" } = { status: 200 };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      heard.push({ headers: request.headers, body: Buffer.concat(parts).toString("utf8") });
      if (state.status !== "hang") response.writeHead(state.status).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/api/github/webhooks`,
    heard,
    state,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export interface Town extends AsyncDisposable {
  readonly playground: Playground;
  readonly receiver: Awaited<ReturnType<typeof openReceiver>>;
  /** A client without retries or throttling; undefined: anonymous. */
  as(token: string | undefined): Octokit;
  /** A fresh installation token, narrowed as asked. */
  token(narrow?: {
    permissions?: Record<string, string>;
    repositories?: string[];
    repository_ids?: number[];
  }): Promise<string>;
}

export const files = {
  "README.md": "# Tab\n\nSplits bills.\n",
  "src/split.js": "export const split = (total, people) => Math.floor(total / people);\n",
  ".github/workflows/ci.yml": "on: push\n",
};

export async function openTown(options: Partial<PlaygroundOptions> = {}): Promise<Town> {
  const receiver = await openReceiver();
  const permissions = { issues: "write", pull_requests: "write", contents: "write", checks: "write" } as const;
  const playground = await openPlayground({
    apps: [
      {
        id: 77,
        slug: "conductor",
        publicKey,
        installationId: 555,
        permissions,
        webhook: { url: receiver.url, secret },
      },
    ],
    users: [
      { login: "maria", id: 7, tokens: ["ghp_maria"] },
      { login: "teo", tokens: ["ghp_teo"] },
      { login: "ott", tokens: ["ghp_ott"] },
    ],
    ...options,
  });
  const collaborators = { maria: "maintain", teo: "triage" } as const;
  await playground.addRepository({ owner: "octo", name: "tab", from: files, collaborators });
  await playground.addRepository({ owner: "octo", name: "vault", from: files, private: true, collaborators });
  const as = (token: string | undefined) =>
    new Octokit({
      baseUrl: playground.apiUrl,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      ...(token === undefined ? {} : { auth: token }),
    });
  return {
    playground,
    receiver,
    as,
    async token(narrow = {}) {
      const made = await as(jwt()).rest.apps.createInstallationAccessToken({ installation_id: 555, ...narrow });
      return made.data.token;
    },
    async [Symbol.asyncDispose]() {
      await playground[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

/** The status an Octokit call ends with, whatever it is. */
export async function statusOf(call: Promise<{ readonly status: number }>): Promise<number> {
  try {
    return (await call).status;
  } catch (error) {
    if (error instanceof Error && "status" in error && typeof error.status === "number") return error.status;
    throw error;
  }
}
