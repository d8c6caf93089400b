// The MCP server of the tests over HTTP on loopback.
import { serve } from "@hono/node-server";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { createMcpFixture } from "./mcp-fixture.ts";

export interface McpHttp extends AsyncDisposable {
  readonly url: string;
  /** The tools that were called. */
  readonly calls: readonly string[];
  /** The headers of every request. */
  readonly headers: readonly Headers[];
}

/** Opens it. `answer`: instead of the server, for requests it gives a response to. */
export async function openMcpHttp(
  options: { mode?: string; answer?: (request: Request) => Promise<Response | undefined> } = {},
): Promise<McpHttp> {
  const calls: string[] = [];
  const headers: Headers[] = [];
  const handler = createMcpHandler(() => createMcpFixture(options.mode ?? "good", (name) => void calls.push(name)));
  const listening = Promise.withResolvers<number>();
  const server = serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        headers.push(request.headers);
        return (await options.answer?.(request)) ?? (await handler.fetch(request));
      },
    },
    ({ port }) => listening.resolve(port),
  );
  const port = await listening.promise;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    calls,
    headers,
    async [Symbol.asyncDispose]() {
      await handler.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
