// Baton's door in the sandbox: a Unix socket that answers `POST /v1/messages` as the Messages API does, and nothing else. It leads nowhere:
// no request is passed on, so there is no host to choose, no redirect to follow and no key to carry. What is asked here waits until
// Baton has asked the model in its own words, and is answered with what the program is to do. `HEAD /` and token counting may be refused,
// says the documentation (llm-gateway-protocol): the program then does without.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Asked, readAsked } from "./asked.ts";
import { PING, type Reply, streamed, whole } from "./reply.ts";
import { Shape } from "./shape.ts";

/** A request that waits for its answer; it gets one, and what is said to it later is lost. */
export interface Waiting {
  readonly asked: Asked;
  /** False once it was answered, or whoever asked has left. */
  readonly open: () => boolean;
  answer(reply: Reply): void;
  refuse(status: 400 | 403 | 409, why: string): void;
}

export interface Door extends AsyncDisposable {
  /** Host path of the socket. */
  readonly socket: string;
}

/** Bytes of one request: a whole conversation with every file it read. */
const MAX_BODY = 32 * 1024 * 1024;
/** Bytes of all requests that are coming in, and how many may be: the program asks one thing at a time, and another beside it. */
const MAX_HELD = 48 * 1024 * 1024;
const MAX_COMING = 4;
/** Milliseconds in which a request has come in whole. */
const COMING_MS = 10_000;
const PING_MS = 5_000;
/** At once, whoever opens them. */
const MAX_CONNECTIONS = 64;

const errorTypes = {
  400: "invalid_request_error",
  403: "permission_error",
  404: "not_found_error",
  409: "invalid_request_error",
} as const;

/**
 * Listens until disposed; `come` is told of every well-formed request. Being disposed of breaks off what waits, and so are requests
 * that do not come in whole within `comingMs` milliseconds.
 */
export async function openDoor(come: (waiting: Waiting) => void, comingMs = COMING_MS): Promise<Door> {
  const folder = await mkdtemp(join(tmpdir(), "baton-door-"));
  const socket = join(folder, "model.sock");
  const sockets = new Set<Socket>();
  const coming: Coming = { bodies: 0, bytes: 0 };

  const limits = {
    requestTimeout: comingMs,
    headersTimeout: comingMs,
    connectionsCheckingInterval: comingMs / 10,
  };
  const server = createServer(limits, (request, response) => {
    response.on("error", () => response.destroy());
    if (request.method !== "POST" || URL.parse(request.url ?? "", "http://door")?.pathname !== "/v1/messages")
      return refuse(response, 404, "Only POST /v1/messages is answered here");
    bodyOf(request, coming)
      .then((body) => {
        if (body === undefined) return void response.destroy();
        const asked = readAsked(body);
        if (asked === undefined) return refuse(response, 400, "The body is not a request to the Messages API");
        come(waitingOf(asked, response));
      })
      .catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", (connection) => {
    sockets.add(connection);
    connection.once("close", () => sockets.delete(connection));
  });
  server.on("clientError", (_error, connection) => connection.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  return {
    socket,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of sockets) connection.destroy();
      await closed;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function waitingOf(asked: Asked, response: ServerResponse): Waiting {
  const open = () => !response.writableEnded && !response.destroyed;
  let pings: NodeJS.Timeout | undefined;
  const end = (body: string) => {
    clearInterval(pings);
    if (open()) response.end(body);
  };
  response.once("close", () => clearInterval(pings));
  // Begun only when somebody waits for it: a refusal has a status of its own.
  const begin = () => {
    if (response.headersSent || !open()) return;
    response.writeHead(200, { "content-type": asked.stream ? "text/event-stream" : "application/json" });
    if (!asked.stream) return;
    response.write(PING);
    pings = setInterval(() => response.write(PING), PING_MS);
  };
  setImmediate(begin);
  return {
    asked,
    open,
    answer: (reply) => {
      begin();
      end(asked.stream ? streamed(reply) : whole(reply));
    },
    refuse: (status, why) => {
      if (response.headersSent) response.destroy();
      else refuse(response, status, why);
    },
  };
}

function refuse(response: ServerResponse, status: keyof typeof errorTypes, message: string): void {
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify({ type: "error", error: { type: errorTypes[status], message } }));
}

/** What of requests is held that have not come in whole. */
interface Coming {
  bodies: number;
  bytes: number;
}

/** Undefined when it is too long, holds too much or comes beside too many others; the connection is gone then. */
async function bodyOf(request: IncomingMessage, coming: Coming): Promise<string | undefined> {
  if (coming.bodies >= MAX_COMING) return undefined;
  const chunks: Uint8Array[] = [];
  const shape = new Shape();
  let length = 0;
  coming.bodies += 1;
  try {
    for await (const chunk of request) {
      if (!(chunk instanceof Uint8Array)) continue;
      length += chunk.byteLength;
      coming.bytes += chunk.byteLength;
      if (length > MAX_BODY || coming.bytes > MAX_HELD || !shape.take(chunk)) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    coming.bodies -= 1;
    coming.bytes -= length;
  }
}
