// A package registry on loopback that notes what it was asked for, so that a test can see what left a sandbox.
import { createServer } from "node:http";

export interface Registry extends AsyncDisposable {
  /** `host:port`, for the sandbox's list. */
  readonly place: string;
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
}

export async function openRegistry(): Promise<Registry> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end("a package\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const place = `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  return {
    place,
    url: `http://${place}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Shell words that ask the registry for a path, if they can. */
export function ask(registry: Registry, path: string): string {
  return `(curl -s -m 5 ${registry.url}${path} || true)`;
}
