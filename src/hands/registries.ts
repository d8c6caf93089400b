// The only way out of the sandbox, and only for an install: a proxy on a Unix socket that leads to package registries by an exact list.
// Plain HTTP is limited to GET and HEAD. HTTPS comes as CONNECT, and what runs inside its encryption cannot be seen, so it is limited by
// host and port only: an install that wants to can still send data to a registry. That is why a clone holds no secret.
// sandbox-runtime has such a proxy too, but it is one per process and comes with its own way of starting commands; this one
// belongs to one command, so that what was blocked can be told in that command's output.
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { lookup as dnsLookup } from "node:dns/promises";
import { BlockList, connect, isIP, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";

/** npm, Yarn, Node's headers; PyPI; crates; Go; Maven and Gradle; RubyGems. Exact names, by HTTPS or HTTP on their usual ports. */
export const wellKnownRegistries: readonly string[] = `
  registry.npmjs.org registry.yarnpkg.com repo.yarnpkg.com nodejs.org
  pypi.org files.pythonhosted.org
  index.crates.io static.crates.io crates.io
  proxy.golang.org sum.golang.org
  repo.maven.apache.org repo1.maven.org plugins.gradle.org plugins-artifacts.gradle.org services.gradle.org
  rubygems.org index.rubygems.org
`
  .trim()
  .split(/\s+/);

export interface Registries extends AsyncDisposable {
  /** Host path of the Unix socket the proxy listens on. */
  readonly socket: string;
  /** What was refused so far, one line each, for the command's output; empty when nothing was. */
  readonly report: () => string;
}

type Lookup = (host: string) => Promise<{ address: string }[]>;

const CONNECT_MS = 30_000;
const IDLE_MS = 300_000;
/** Refused places named in the output. */
const MAX_REPORTED = 50;
const PORT = 3128;
/** Inside the sandbox, where the socket that leads out is found. */
export const bridgeAddress = `http://127.0.0.1:${PORT}`;

/** Addresses that a public name has no business to resolve to. */
const inward = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const)
  inward.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 96],
  ["::ffff:0:0", 96],
  ["64:ff9b::", 16],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  inward.addSubnet(network, prefix, "ipv6");

/** Listens until disposed. `extra` are `host` or `host:port`, which may be on a private network because somebody named them. */
export async function openRegistries(
  extra: readonly string[],
  lookup: Lookup = (host) => dnsLookup(host, { all: true }),
): Promise<Registries> {
  const named = extra.map((entry) => place(entry));
  const folder = await mkdtemp(join(tmpdir(), "baton-registries-"));
  const socket = join(folder, "proxy.sock");
  const refused = new Map<string, string>();
  const open = new Set<Duplex>();

  const refuse = (where: string, why: string) => {
    if (refused.size < MAX_REPORTED) refused.set(printable(where), why);
    return why;
  };

  /** The address to connect to, or why not. */
  async function admit(host: string, port: number): Promise<{ address: string } | { refusal: string }> {
    const where = `${host}:${port}`;
    const explicit = named.some(
      (entry) => entry.host === host && (entry.port === port || (entry.port === undefined && usual(port))),
    );
    if (!explicit && !(wellKnownRegistries.includes(host) && usual(port)))
      return { refusal: refuse(where, "it is not one of the registries an install may reach") };
    const found = isIP(host) === 0 ? await lookup(host).catch(() => []) : [{ address: host }];
    const [first] = found;
    if (first === undefined) return { refusal: refuse(where, "its name does not resolve") };
    const leadsInward = found.some(({ address }) => inward.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"));
    if (leadsInward && !explicit) return { refusal: refuse(where, "its name leads to a private address") };
    return first;
  }

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? "");
    if (url?.protocol !== "http:") return answer(response, 400, "only whole http:// addresses are forwarded");
    const { host, port } = { host: bare(url.hostname), port: Number(url.port || 80) };
    if (request.method !== "GET" && request.method !== "HEAD")
      return answer(response, 405, refuse(`${host}:${port}`, `${request.method} is not allowed, only GET and HEAD`));
    const admitted = await admit(host, port);
    if ("refusal" in admitted) return answer(response, 403, admitted.refusal);
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !/^(proxy-.*|connection|keep-alive|upgrade|te)$/.test(name)),
    );
    const onward = httpRequest(
      {
        host: admitted.address,
        port,
        method: request.method,
        path: `${url.pathname}${url.search}`,
        headers: { ...headers, host: url.host },
        timeout: IDLE_MS,
      },
      (incoming) => {
        response.writeHead(incoming.statusCode ?? 502, incoming.headers);
        incoming.pipe(response);
        incoming.on("error", () => response.destroy());
      },
    );
    onward.on("socket", track);
    onward.on("timeout", () => onward.destroy());
    onward.on("error", () => (response.headersSent ? response.destroy() : answer(response, 502, "no connection")));
    response.on("close", () => onward.destroy());
    onward.end();
  }

  async function tunnel(authority: string, client: Duplex, head: Buffer): Promise<void> {
    const { host, port } = place(authority);
    const admitted = port === undefined ? { refusal: refuse(authority, "it names no port") } : await admit(host, port);
    if ("refusal" in admitted) {
      client.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nX-Baton: ${admitted.refusal}\r\n\r\n`);
      return;
    }
    const server = connect({ host: admitted.address, port: port ?? 443 });
    track(server);
    const end = () => {
      server.destroy();
      client.destroy();
    };
    const slow = setTimeout(end, CONNECT_MS);
    server.once("connect", () => {
      clearTimeout(slow);
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (head.length > 0) server.write(head);
      server.pipe(client).pipe(server);
    });
    server.setTimeout(IDLE_MS, end);
    for (const side of [server, client]) {
      side.on("error", end);
      side.on("close", () => {
        clearTimeout(slow);
        end();
      });
    }
  }

  function track(stream: Duplex): void {
    open.add(stream);
    stream.once("close", () => open.delete(stream));
  }

  const server = createServer((request, response) => {
    forward(request, response).catch(() => response.destroy());
  });
  server.on("connection", (client: Socket) => track(client));
  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on("error", () => client.destroy());
    tunnel(request.url ?? "", client, head).catch(() => client.destroy());
  });
  server.on("clientError", (_error, client) => client.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });

  return {
    socket,
    report: () => [...refused].map(([where, why]) => `[sandbox] network access blocked: ${where}: ${why}\n`).join(""),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const stream of open) stream.destroy();
      server.closeAllConnections();
      await closed;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
}

const usual = (port: number) => port === 443 || port === 80;
const bare = (host: string) =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
const printable = (text: string) => text.replace(/[^\x21-\x7e]/g, "?").slice(0, 255);

/** `host`, `host:port` or `[v6]:port` in its parts. */
function place(text: string): { host: string; port: number | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text);
  return { host: bare(match?.[1] ?? text), port: match?.[2] === undefined ? undefined : Number(match[2]) };
}

/** Starts `argv` with a socket that leads out in reach at `bridgeAddress`: inside, socat leads that port to it. */
export function withBridge(argv: readonly string[], socket: string): [string, ...string[]] {
  const script = `
/usr/bin/socat TCP-LISTEN:${PORT},bind=127.0.0.1,reuseaddr,fork,max-children=128 UNIX-CONNECT:"$1" </dev/null >/dev/null 2>&1 &
shift
for attempt in {1..500}; do { : > /dev/tcp/127.0.0.1/${PORT}; } 2>/dev/null && break; sleep 0.01; done
exec "$@"`;
  return ["/bin/bash", "--norc", "-c", script, "bridge", socket, ...argv];
}

/** What tells package managers of the proxy. */
export function registryEnvironment(extra: readonly string[]): Record<string, string> {
  const proxy = bridgeAddress;
  const java = ["http", "https"]
    .map((scheme) => `-D${scheme}.proxyHost=127.0.0.1 -D${scheme}.proxyPort=${PORT}`)
    .join(" ");
  const named = new Set(extra.map((entry) => place(entry).host));
  const direct = ["localhost", "127.0.0.1", "::1"].filter((host) => !named.has(host)).join(",");
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    NO_PROXY: direct,
    no_proxy: direct,
    NODE_USE_ENV_PROXY: "1",
    npm_config_proxy: proxy,
    npm_config_https_proxy: proxy,
    npm_config_noproxy: direct,
    YARN_HTTP_PROXY: proxy,
    YARN_HTTPS_PROXY: proxy,
    MAVEN_OPTS: java,
    GRADLE_OPTS: java,
  };
}
