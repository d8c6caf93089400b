// A server that answers requests from a list, one after the other, and remembers when each came.
import { createServer } from "node:http";
import { createClient, type Octokit } from "#src/github/client.ts";
import { silentLog } from "#src/core/log.ts";

/** An answer; "reset": the connection breaks; "hang": nothing ever comes. */
export type Answer =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly data?: unknown }
  | "reset"
  | "hang"
  | "cut";

export interface Asked {
  /** By the clock of the test. */
  readonly at: number;
  readonly route: string;
  readonly authorization: string | undefined;
}

export interface AnsweringServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
  client(token?: string): Promise<Octokit>;
}

/** Answers with `script` in turn; after its end, or for a function that gives nothing, 200 with "yes". */
export async function openAnsweringServer(
  now: () => number,
  script: readonly Answer[] | ((asked: Asked) => Answer | undefined),
): Promise<AnsweringServer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const one = { at: now(), route: `${request.method} ${request.url}`, authorization: request.headers.authorization };
    asked.push(one);
    request.resume();
    request.on("end", () => {
      const answer = (typeof script === "function" ? script(one) : script[asked.length - 1]) ?? {
        status: 200,
        data: "yes",
      };
      if (answer === "hang") return;
      if (answer === "reset") return void request.socket.destroy();
      const date = new Date(now()).toUTCString();
      if (answer === "cut") {
        response.writeHead(201, { "content-type": "application/json", "content-length": "500", date });
        return void response.write('{"id":', () => request.socket.destroy());
      }
      response.writeHead(answer.status, { "content-type": "application/json", date, ...answer.headers });
      response.end(answer.status === 204 ? undefined : JSON.stringify(answer.data ?? { message: "no" }));
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  return {
    url,
    asked,
    client: (token = "t") => createClient({ token, apiUrl: url, log: silentLog }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
