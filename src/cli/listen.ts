// Baton's HTTP door: webhooks, and whether it is alive and ready.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { BatonError, messageOf } from "../core/errors.ts";

export interface Doors {
  /** Answers a delivery; false when the request is for another path. */
  readonly webhooks: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  readonly ready: () => Promise<boolean>;
}

export interface Listening extends AsyncDisposable {
  /** `http://host:port`, with the port that was given. */
  readonly address: string;
}

/** How long an answer under way may take when the server closes, in milliseconds. */
const LINGER_MS = 1_000;
const WELCOME = "Baton is running. It turns issues into verified pull requests: comment `/agent help` on an issue.\n";

/** Listens on `host`:`port` (0: any free port). Throws `invalid-environment` when the port is taken. */
export async function listen(doors: Doors, { host, port }: { host: string; port: number }): Promise<Listening> {
  const server = createServer((request, response) => {
    route(doors, request, response).catch(() => {
      if (!response.headersSent) answer(response, 500, "something went wrong\n");
    });
  });
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new BatonError(
      "invalid-environment",
      `HOST:PORT ${host}:${port} cannot be listened on: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const bound = server.address();
  const given = typeof bound === "object" && bound !== null ? bound.port : port;
  return {
    address: `http://${host.includes(":") ? `[${host}]` : host}:${given}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      // A client that never finishes its request must not hold up the parking of runs.
      const impatient = setTimeout(() => server.closeAllConnections(), LINGER_MS);
      await closed;
      clearTimeout(impatient);
    },
  };
}

async function route({ webhooks, ready }: Doors, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if (await webhooks(request, response)) return;
  if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "only GET here\n");
  if (path === "/healthz") return answer(response, 200, "alive\n");
  if (path === "/readyz")
    return (await ready()) ? answer(response, 200, "ready\n") : answer(response, 503, "not ready\n");
  if (path === "/") return answer(response, 200, WELCOME);
  answer(response, 404, "there is nothing here\n");
}

function answer(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" })
    .end(text);
}
