import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, request as httpRequest, type Server } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { openRegistries, registryEnvironment, wellKnownRegistries } from "#src/hands/registries.ts";
import { needs } from "#test/support/needs.ts";
import { processesWith } from "./processes.ts";
import { soon } from "#test/support/until.ts";

const never = new AbortController().signal;
let server: Server;
let port: number;
let seen: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(
      `${request.method} ${request.url} ${request.headers.host} ${Object.keys(request.headers)
        .filter((name) => name.startsWith("proxy"))
        .join()}`.trim(),
    );
    response.setHeader("x-registry", "yes");
    response.end("package");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen = [];
});

async function ask(socketPath: string, method: string, path: string, headers: Record<string, string> = {}) {
  return await new Promise<{ status: number; body: string; header: string | undefined }>((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body, header: response.headers["x-registry"]?.toString() }),
      );
    });
    request.on("error", reject);
    request.end();
  });
}

/** What comes back for raw bytes sent to the proxy, until it closes or answers with a whole head and, when asked, a body. */
async function raw(socketPath: string, text: string, until: RegExp): Promise<string> {
  return await new Promise((resolve, reject) => {
    let got = "";
    const socket = connect(socketPath, () => socket.write(text));
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      got += chunk;
      if (until.test(got)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
  });
}

describe("the proxy to the registries", () => {
  test("forwards GET and HEAD to a host that was named, without what was meant for the proxy", async () => {
    await using registries = await openRegistries([`127.0.0.1:${port}`]);
    const url = `http://127.0.0.1:${port}/left-pad?v=1`;
    expect(
      await ask(registries.socket, "GET", url, { "Proxy-Authorization": "secret", host: "elsewhere.example" }),
    ).toEqual({
      status: 200,
      body: "package",
      header: "yes",
    });
    expect(await ask(registries.socket, "HEAD", url)).toMatchObject({ status: 200, body: "" });
    expect(seen).toEqual([`GET /left-pad?v=1 127.0.0.1:${port}`, `HEAD /left-pad?v=1 127.0.0.1:${port}`]);
    expect(registries.report()).toBe("");
  });

  test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("refuses %s and reports it", async (method) => {
    await using registries = await openRegistries([`127.0.0.1:${port}`]);
    expect(await ask(registries.socket, method, `http://127.0.0.1:${port}/x`)).toMatchObject({ status: 405 });
    expect(seen).toEqual([]);
    expect(registries.report()).toContain(`127.0.0.1:${port}: ${method} is not allowed`);
  });

  test("refuses every host and port that is not on the list, and says which", async () => {
    await using registries = await openRegistries(["other.example", `127.0.0.1:${port + 1}`]);
    for (const place of [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      "evil.example:80",
      "registry.npmjs.org.evil.example:80",
      "169.254.169.254:80",
      "registry.npmjs.org:22",
    ])
      expect(await ask(registries.socket, "GET", `http://${place}/`)).toMatchObject({ status: 403 });
    expect(seen).toEqual([]);
    expect(registries.report().trim().split("\n")).toHaveLength(6);
    expect(registries.report()).toContain(
      "[sandbox] network access blocked: evil.example:80: it is not one of the registries",
    );
  });

  test("tunnels to a host that was named and refuses the others", async () => {
    await using registries = await openRegistries([`127.0.0.1:${port}`]);
    const opened = await raw(
      registries.socket,
      `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\nGET /through HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      /package/,
    );
    expect(opened).toMatch(/^HTTP\/1\.1 200 [\s\S]*package/);
    expect(seen).toEqual(["GET /through a"]);
    for (const place of ["evil.example:443", "127.0.0.1:1", "127.0.0.1", ":443", "[::1]:443", "a b:443"])
      expect(await raw(registries.socket, `CONNECT ${place} HTTP/1.1\r\nHost: x\r\n\r\n`, /\r\n\r\n/)).not.toContain(
        " 200 ",
      );
    expect(registries.report()).toContain("evil.example:443");
  });

  test("a well-known name that leads to this machine or a private network is refused", async () => {
    for (const address of [
      "127.0.0.1",
      "10.1.2.3",
      "192.168.0.1",
      "172.20.0.1",
      "169.254.169.254",
      "100.64.0.1",
      "0.0.0.0",
      "::1",
      "::ffff:127.0.0.1",
      "fd00::1",
      "fe80::1",
      "64:ff9b::7f00:1",
    ]) {
      await using registries = await openRegistries([], () =>
        Promise.resolve([{ address: "93.184.216.34" }, { address }]),
      );
      expect(await ask(registries.socket, "GET", "http://registry.npmjs.org/x")).toMatchObject({
        status: 403,
      });
      expect(await raw(registries.socket, "CONNECT pypi.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", /\r\n\r\n/)).toContain(
        "403",
      );
      expect(registries.report()).toContain("its name leads to a private address");
    }
  });

  test("a name that was named may lead inward; one that leads nowhere is said to", async () => {
    await using registries = await openRegistries([`npm.internal:${port}`], (host) =>
      Promise.resolve(host === "npm.internal" ? [{ address: "127.0.0.1" }] : []),
    );
    expect(await ask(registries.socket, "GET", `http://NPM.internal.:${port}/x`)).toMatchObject({ status: 200 });
    expect(await ask(registries.socket, "GET", "http://pypi.org/x")).toMatchObject({ status: 403 });
    expect(registries.report()).toContain("pypi.org:80: its name does not resolve");
  });

  test("garbage gets an error or a closed door, and the proxy goes on", async () => {
    await using registries = await openRegistries([`127.0.0.1:${port}`]);
    expect(await ask(registries.socket, "GET", "/relative")).toMatchObject({ status: 400 });
    expect(await ask(registries.socket, "GET", `ftp://127.0.0.1:${port}/`)).toMatchObject({ status: 400 });
    await raw(registries.socket, "\x16\x03\x01 nonsense\r\n\r\n", /$^/);
    expect(await ask(registries.socket, "GET", `http://127.0.0.1:${port}/`)).toMatchObject({ status: 200 });
  });

  test("what it reports is bounded and holds nothing but plain characters", async () => {
    await using registries = await openRegistries([]);
    for (let index = 0; index < 80; index += 1) await ask(registries.socket, "GET", `http://host-${index}.example/`);
    const lines = registries.report().trim().split("\n");
    expect(lines.length).toBe(50);
    expect(registries.report()).toMatch(/^[\n\x20-\x7e]*$/);
  });

  test("closing ends open tunnels and leaves no socket behind", async () => {
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith("baton-registries-"));
    const registries = await openRegistries([`127.0.0.1:${port}`]);
    const held = connect(registries.socket);
    held.on("error", () => {});
    const closed = new Promise((resolve) => held.once("close", resolve));
    const opened = new Promise((resolve) => held.once("data", resolve));
    held.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await opened;
    await registries[Symbol.asyncDispose]();
    await closed;
    const after = (await readdir(tmpdir())).filter((name) => name.startsWith("baton-registries-"));
    expect(after.filter((name) => !before.includes(name) && registries.socket.includes(name))).toEqual([]);
    await expect(ask(registries.socket, "GET", "http://pypi.org/")).rejects.toThrow(/ENOENT|ECONNREFUSED/);
  });

  test("the list holds exact names only", () => {
    expect(wellKnownRegistries.length).toBeGreaterThan(10);
    for (const host of wellKnownRegistries) expect(host).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
    expect(registryEnvironment([])["NO_PROXY"]).toBe("localhost,127.0.0.1,::1");
    expect(registryEnvironment(["127.0.0.1:4873"])["NO_PROXY"]).toBe("localhost,::1");
  });
});

describe.skipIf(!(await needs("bubblewrap")))("an install in the sandbox", () => {
  let work: string;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), "baton-install-"));
  });
  afterAll(async () => {
    await rm(work, { recursive: true });
  });

  test("reaches the registry that was named by curl and by Node, nothing else, and says what was blocked", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog, registries: [`127.0.0.1:${port}`] });
    const script = `
      curl -sS http://127.0.0.1:${port}/curl; echo
      node -e 'fetch("http://127.0.0.1:${port}/node").then((r) => r.text()).then(console.log)'
      curl -s -o /dev/null -w '%{http_code}\\n' http://blocked.example/
      curl -s -o /dev/null -w '%{http_connect}\\n' https://blocked.example/
      curl -s --noproxy '*' -m 2 http://127.0.0.1:${port}/direct || echo no direct way`;
    const argv = ["/bin/sh", "-c", script] as const;
    const result = await sandbox.run({ argv, cwd: work, timeoutMs: 20_000, network: "registries" }, never);
    expect(result.argv).toEqual(argv);
    expect(result.stdout).toBe("package\npackage\n403\n403\nno direct way\n");
    expect(seen.map((line) => line.split(" ")[1])).toEqual(["/curl", "/node"]);
    expect(result.stderr).toContain("[sandbox] network access blocked: blocked.example:80:");
    expect(result.output).toContain("[sandbox] network access blocked: blocked.example:443:");
    expect(result.exitCode).toBe(0);
  });

  test("without that right, nothing is reached, and an abort leaves nothing behind", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog, registries: [`127.0.0.1:${port}`] });
    const curl = ["curl", "-s", "-m", "2", "-x", "http://127.0.0.1:3128", `http://127.0.0.1:${port}/`] as const;
    expect((await sandbox.run({ argv: curl, cwd: work, timeoutMs: 5_000 }, never)).exitCode).not.toBe(0);
    expect(seen).toEqual([]);
    const result = await sandbox.run(
      { argv: ["sleep", "60"], cwd: work, timeoutMs: 300, network: "registries" },
      never,
    );
    expect(result).toMatchObject({ timedOut: true });
    await vi.waitFor(async () => expect(await processesWith("UNIX-CONNECT:/run/baton")).toEqual([]), soon);
  });

  test("the exit code and the missing program come through the bridge", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const run = (...argv: [string, ...string[]]) =>
      sandbox.run({ argv, cwd: work, timeoutMs: 10_000, network: "registries" }, never);
    expect(await run("sh", "-c", "exit 9")).toMatchObject({ exitCode: 9 });
    expect((await run("no-such-program")).startFailure).toBe("ENOENT: no-such-program: not found");
  });
});
