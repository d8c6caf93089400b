// Remote MCP servers on loopback: asked from Baton, at their own address only, and bounded.
import { describe, expect, test } from "vitest";
import { openMcpHttp } from "#test/support/mcp-http.ts";
import { openServers, remote, whole } from "./world.ts";

describe("a remote server", () => {
  test("is asked with its header, for the tools that are listed", async () => {
    await using http = await openMcpHttp();
    const header = { name: "Authorization", value: "Bearer of-nobody" };
    await using opened = await openServers([remote(http.url, { header })]);
    expect(opened.names).toEqual(["add", "fail", "hang", "huge", "structured"].map((name) => `mcp__fixture__${name}`));
    expect(await opened.call("add", { a: 20, b: 22 })).toEqual({ ok: true, output: "42" });
    expect(await opened.call("fail")).toEqual({ ok: false, output: "the index is broken" });
    expect(http.headers.every((headers) => headers.get("authorization") === header.value)).toBe(true);
    expect(await opened.call("surroundings")).toEqual({
      ok: false,
      output: 'There is no tool called "mcp__fixture__surroundings".',
    });
    expect(http.calls).toEqual(["add", "fail"]);
  });

  test("that hangs is answered for after a while", async () => {
    await using http = await openMcpHttp();
    await using opened = await openServers([remote(http.url)]);
    expect(await opened.call("hang")).toEqual({ ok: false, output: "no answer within 2000 ms" });
    expect(await opened.call("add", { a: 1, b: 1 })).toEqual({ ok: true, output: "2" });
  });

  test("is not read beyond a bound, nor made sense of by its own schema", async () => {
    await using http = await openMcpHttp();
    await using opened = await openServers([remote(http.url)]);
    const { ok, output } = await opened.call("huge", { characters: 9 * 1024 * 1024 });
    expect(ok).toBe(false);
    expect(output.length).toBeLessThanOrEqual(2_000);
    expect((await opened.call("structured")).output).toContain("aaa!");
  });

  test("sends nobody elsewhere", async () => {
    await using inner = await openMcpHttp();
    await using outer = await openMcpHttp({ answer: () => Promise.resolve(Response.redirect(inner.url, 307)) });
    await using opened = await openServers([remote(outer.url, { header: { name: "X-Key", value: "of-nobody" } })]);
    expect(opened.names).toEqual([]);
    expect(opened.missing).toEqual(["fixture: it could not be started, or did not answer"]);
    expect(inner.headers).toEqual([]);
  });

  test.each([
    ["refuses", () => Promise.resolve(new Response("who are you?", { status: 401 }))],
    ["answers garbage", () => Promise.resolve(new Response("<html>", { headers: { "content-type": "text/html" } }))],
    ["hangs", () => new Promise<never>(() => {})],
  ])("that %s is missing", async (_, answer) => {
    await using http = await openMcpHttp({ answer });
    await using opened = await openServers([remote(http.url)], { times: { start: 1_000, call: 1_000 } });
    expect(opened.names).toEqual([]);
    expect(opened.missing).toEqual(["fixture: it could not be started, or did not answer"]);
  });

  test("that is away is missing, and the others are there", async () => {
    await using http = await openMcpHttp();
    const away = remote("http://127.0.0.1:9/mcp", { name: "away" });
    const grants = [{ ...whole, server: "away" }, whole];
    await using opened = await openServers([away, remote(http.url)], { grants });
    expect(opened.names).toContain("mcp__fixture__add");
    expect(opened.missing).toEqual(["away: it could not be started, or did not answer"]);
  });
});
