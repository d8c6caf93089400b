// Baton's HTTP door: webhooks, whether it is alive and ready, figures for a monitor, and JSON schemas for editors.
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Metrics } from "../dashboard/metrics.ts";
import { jsonSchemaText, schemaAt } from "../workflows/json-schemas.ts";

export interface Doors {
  /** Answers a delivery; false when the request is for another path. */
  readonly webhooks: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  /** The same for jobs of GitHub Actions, where they work runs. */
  readonly jobs?: ((request: IncomingMessage, response: ServerResponse) => Promise<boolean>) | undefined;
  readonly ready: () => Promise<boolean>;
  readonly metrics: Pick<Metrics, "text" | "contentType">;
}

export interface Listening extends AsyncDisposable {
  /** `http://host:port`, with the port that was given. */
  readonly address: string;
}

/** How long an answer under way may take when the server closes, in milliseconds. */
const LINGER_MS = 1_000;
const WELCOME = "Baton is running. It turns issues into verified pull requests: comment `/agent help` on an issue.\n";

/**
 * Listens on `host`:`port` (0: any free port). `metricsToken` is what a monitor must show; without it only this machine may read figures.
 * Throws `invalid-environment` when the port is taken.
 */
export async function listen(
  doors: Doors,
  { host, port, metricsToken }: { host: string; port: number; metricsToken?: string | undefined },
): Promise<Listening> {
  const server = createServer((request, response) => {
    route(doors, metricsToken, request, response).catch(() => {
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

async function route(
  { webhooks, jobs, ready, metrics }: Doors,
  metricsToken: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if ((await webhooks(request, response)) || (await jobs?.(request, response))) return;
  if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "only GET here\n");
  if (path === "/healthz") return answer(response, 200, "alive\n");
  if (path === "/readyz")
    return (await ready()) ? answer(response, 200, "ready\n") : answer(response, 503, "not ready\n");
  if (path === "/metrics") {
    if (!mayRead(request, metricsToken)) return answer(response, 403, "METRICS_TOKEN says who may read this\n");
    return answer(response, 200, await metrics.text(), metrics.contentType);
  }
  const schema = schemaAt(path ?? "");
  if (schema) {
    // Editors in a browser ask from another origin; there is nothing secret in it.
    response.setHeader("access-control-allow-origin", "*");
    return answer(response, 200, jsonSchemaText(schema), "application/json; charset=utf-8");
  }
  if (path === "/") return answer(response, 200, WELCOME);
  answer(response, 404, "there is nothing here\n");
}

/** Figures tell what work costs: they are for who holds the token, or else for this machine, by no proxy that speaks for others. */
function mayRead({ headers, socket }: IncomingMessage, token: string | undefined): boolean {
  if (token !== undefined) return equal(headers.authorization ?? "", `Bearer ${token}`);
  const passedOn = headers["x-forwarded-for"] ?? headers["forwarded"] ?? headers["x-real-ip"];
  return passedOn === undefined && /^(?:::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? "");
}

function equal(given: string, expected: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

function answer(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" }).end(text);
}
