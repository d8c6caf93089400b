// Local MCP servers in the real sandbox: what they can do, and what becomes of those that hang, die, or talk nonsense.
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import type { Sandbox } from "#src/hands/sandbox.ts";
import { needs } from "#test/support/needs.ts";
import { agentWith, at, local, openServers, whole } from "./world.ts";
import { createServers } from "#src/agents/servers/servers.ts";
import { never } from "#test/workspace/world.ts";

describe.skipIf(!(await needs("bubblewrap")))("a local server", () => {
  let sandbox: Sandbox & AsyncDisposable;
  let started = 0;
  let running = 0;
  const counting: Pick<Sandbox, "startProgram"> = {
    startProgram(program) {
      started += 1;
      running += 1;
      const group = sandbox.startProgram(program);
      void group.ended.then(() => (running -= 1));
      return group;
    },
  };
  beforeAll(async () => {
    sandbox = await openSandbox({ mode: "required", log: silentLog });
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  test("works on the agent's files, and on those only", async () => {
    await using opened = await openServers([local()], { sandbox });
    await writeFile(join(opened.folder, "a.txt"), "from outside");
    expect(await opened.call("add", { a: 1, b: 2 })).toEqual({ ok: true, output: "3" });
    expect(await opened.call("read", { path: "a.txt" })).toEqual({ ok: true, output: "from outside" });
    await opened.call("write", { path: "b.txt", words: "from inside" });
    expect(await readFile(join(opened.folder, "b.txt"), "utf8")).toBe("from inside");
    const outside = await opened.call("write", { path: join(import.meta.dirname, "escaped"), words: "x" });
    expect(outside.ok).toBe(false);
    expect((await opened.call("read", { path: "/etc/shadow" })).ok).toBe(false);
  });

  test("has no secret and no network", async () => {
    await using sockets = new AsyncDisposableStack();
    let reached = 0;
    const server = createServer((_, response) => {
      reached += 1;
      response.end("reached");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    sockets.defer(async () => void (await new Promise((resolve) => server.close(resolve))));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    process.env["BATON_TEST_SECRET"] = "not-for-servers";
    await using opened = await openServers([local()], { sandbox });
    delete process.env["BATON_TEST_SECRET"];
    const { output } = await opened.call("surroundings");
    expect(output).toContain('"folder":"/workspace"');
    expect(output).not.toContain("not-for-servers");
    const fetched = await opened.call("fetch", { url: `http://127.0.0.1:${port}/` });
    expect(fetched.ok).toBe(false);
    expect(reached).toBe(0);
  });

  test("declares its tools in one order, under names that the model's API takes", async () => {
    await using opened = await openServers([local()], { sandbox });
    expect(opened.names).toEqual(opened.names.toSorted());
    expect(opened.names).toContain("mcp__fixture__dotted_name");
    expect(await opened.call("dotted_name")).toEqual({ ok: true, output: "dotted" });
  });

  test("gives only the tools that the list, and the agent's file, allow", async () => {
    await using listed = await openServers([local("good", { tools: ["add", "write"] })], { sandbox });
    expect(listed.names).toEqual(["mcp__fixture__add", "mcp__fixture__write"]);
    expect(await listed.call("read", { path: "/etc/passwd" })).toEqual({
      ok: false,
      output: 'There is no tool called "mcp__fixture__read".',
    });
    const grant = { ...whole, only: ["mcp__fixture__add", "mcp__fixture__read"], without: ["mcp__fixture__read"] };
    await using granted = await openServers([local()], { sandbox, grants: [grant] });
    expect(granted.names).toEqual(["mcp__fixture__add"]);
  });

  test("that says what went wrong is believed; pictures and sound are only named; a large answer is shortened", async () => {
    await using opened = await openServers([local()], { sandbox });
    expect(await opened.call("fail")).toEqual({ ok: false, output: "the index is broken" });
    expect((await opened.call("mixed")).output).toBe("a picture:\n[image]\n[audio]\nwhat a.txt says");
    const { output } = await opened.call("huge", { characters: 200_000 });
    expect(output.length).toBeLessThanOrEqual(60_000);
    expect(output).toMatch(/^begin.*characters left out.*end$/s);
  });

  test("cannot hold Baton up with a schema of its own", async () => {
    await using opened = await openServers([local()], { sandbox });
    const before = performance.now();
    expect((await opened.call("structured")).output).toContain("aaa!");
    expect(performance.now() - before).toBeLessThan(1_500);
  });

  test("that hangs is answered for after a while, ended, and started again", async () => {
    started = 0;
    await using opened = await openServers([local()], { sandbox: counting });
    expect(await opened.call("hang")).toEqual({ ok: false, output: "no answer within 2000 ms" });
    expect(running).toBe(0);
    expect(await opened.call("add", { a: 1, b: 1 })).toEqual({ ok: true, output: "2" });
    expect(started).toBe(2);
  });

  test("that dies is started three times in all, and then no more", async () => {
    started = 0;
    await using opened = await openServers([local()], { sandbox: counting });
    for (let death = 0; death < 3; death += 1) {
      const died = await opened.call("die");
      expect(died.ok).toBe(false);
      expect(died.output).toContain("it ended with exit code 3");
    }
    expect(await opened.call("add", { a: 1, b: 1 })).toEqual({
      ok: false,
      output: "The MCP server fixture cannot be reached. Go on without it.",
    });
    expect(started).toBe(3);
  });

  test("is ended when a call is aborted, so that it changes nothing behind the record", async () => {
    await using opened = await openServers([local()], { sandbox: counting });
    const stop = new AbortController();
    const hanging = opened.call("hang", {}, stop.signal);
    stop.abort();
    await expect(hanging).rejects.toThrow("aborted");
    expect(running).toBe(0);
    expect(await opened.call("add", { a: 1, b: 1 })).toEqual({ ok: true, output: "2" });
  });

  test.each([
    ["mute", "it did not answer within 10000 ms"],
    ["garbage", "it wrote more than 1000 lines that are no messages"],
    ["endless", "it wrote a line of more than"],
    ["ends", "it ended with exit code 7: there is no licence"],
  ])("that is %s is missing: who runs Baton reads why, the agent only that it is so", async (mode, why) => {
    const quick = { start: mode === "mute" ? 1_500 : 10_000, call: 2_000 };
    await using opened = await openServers([local(mode)], { sandbox, times: quick });
    expect(opened.names).toEqual([]);
    expect(opened.missing).toEqual(["fixture: it could not be started, or did not answer"]);
    expect(opened.said.join("\n")).toContain(why.replace("10000", "1500"));
  });

  test("may greet before it speaks the protocol", async () => {
    await using opened = await openServers([local("greets")], { sandbox });
    expect(opened.names).toContain("mcp__fixture__add");
  });

  test("that offers too much is left out whole, unless the list says which tools are needed", async () => {
    await using many = await openServers([local("many")], { sandbox });
    expect(many.names).toEqual([]);
    expect(many.missing).toEqual(["fixture: it offers 60 tools, and at most 50 are taken"]);
    await using wordy = await openServers([local("wordy")], { sandbox });
    expect(wordy.names).toEqual([]);
    expect(wordy.missing[0]).toContain("and at most 60000 are taken");
    await using few = await openServers([local("many", { tools: ["tool7", "tool3"] })], { sandbox });
    expect(few.names).toEqual(["mcp__fixture__tool3", "mcp__fixture__tool7"]);
  });

  test("whose tools the model's API would refuse loses those, and keeps the others", async () => {
    await using opened = await openServers([local("odd")], { sandbox });
    expect(opened.names).toEqual(["mcp__fixture__add"]);
    for (const why of ["more than 64 characters", "at most 10000", "anyOf at the top", "name of a property"])
      expect(opened.said.join("\n")).toContain(why);
  });
});

test("what is not on the list, or not for this repository, is refused though its file was never checked", () => {
  const door = (repositories: string[]) =>
    createServers({
      allowed: [local("good", { repositories })],
      sandbox: { startProgram: () => expect.unreachable("nothing may be started") },
      log: silentLog,
    });
  expect(() => door(["acme/*"]).open(agentWith({ ...whole, server: "fixtures" }), at)).toThrow(
    'a/fixer.md: mcpServers names "fixtures", which is not on the allow-list — did you mean "fixture"?',
  );
  expect(() => door(["other/*"]).open(agentWith(whole), at)).toThrow("which is not allowed for acme/sums");
  expect(door(["other/*"]).open(agentWith(), at)).toBeUndefined();
});

test("a server without a work tree is missing, not a broken run", async () => {
  const door = createServers({
    allowed: [local()],
    sandbox: { startProgram: () => expect.unreachable() },
    log: silentLog,
  });
  await using servers = door.open(agentWith(whole), at);
  expect(await servers?.declare(never)).toEqual({
    tools: [],
    missing: ["fixture: it could not be started, or did not answer"],
  });
});
