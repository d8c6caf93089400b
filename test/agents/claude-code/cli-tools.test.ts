// The program as tools: that it is given up when it does not ask, and that it has ended before anything else is done with its files.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openCliTools } from "#src/agents/claude-code/cli-tools.ts";
import { findCli } from "#src/agents/claude-code/program.ts";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import type { Sandbox } from "#src/hands/sandbox.ts";
import { needs } from "#test/support/needs.ts";
import { never } from "#test/workspace/world.ts";
import { standIn } from "./world.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-program-"));
});
afterEach(() => rm(folder, { recursive: true }));

const open = (sandbox: Pick<Sandbox, "startProgram">, opening: string, signal = never) => {
  const conversation = { model: "claude-sonnet-5-5", system: "# Agent: fixer", opening };
  const cli = findCli(standIn);
  return openCliTools({ sandbox, cli, folder, tools: ["Bash"], conversation, log: silentLog, startMs: 2_000 }, signal);
};

describe.skipIf(!(await needs("bubblewrap")))("the program", () => {
  test("that does not ask is given up after a while, and nothing of it is left", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const places: string[] = [];
    const startProgram: Sandbox["startProgram"] = (program) => {
      places.push(program.socket ?? "no socket", program.show?.["/run/baton/conversation"] ?? "");
      expect(places.every((place) => existsSync(place))).toBe(true);
      return sandbox.startProgram(program);
    };
    const opening = open({ startProgram }, "stand-in: mute");
    await expect(opening).rejects.toThrow("claude is gone: it asked nothing within 2000 ms");
    expect(places.filter((place) => existsSync(place))).toEqual([]);
    expect(places).toHaveLength(2);
  });

  test("whose start is aborted is not waited for", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    await expect(open(sandbox, "", AbortSignal.abort())).rejects.toThrow("its start was aborted");
  });

  test("has ended when a call is said to be aborted", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const log: string[] = [];
    const startProgram: Sandbox["startProgram"] = (program) => {
      const group = sandbox.startProgram(program);
      void group.ended.then(() => log.push("ended"));
      return group;
    };
    await using tools = await open({ startProgram }, "");
    expect(tools.declarations.map(({ name }) => name)).toEqual(["Bash"]);
    const call = { id: "toolu_1", name: "Bash", input: { command: "sleep 1000" } };
    tools.take([call], "");
    const controller = new AbortController();
    const answer = tools.call(call, controller.signal).catch((error: unknown) => log.push(String(error)));
    controller.abort();
    await answer;
    expect(log).toEqual(["ended", expect.stringContaining("a tool call was aborted")]);
    await expect(tools.call({ ...call, id: "toolu_2" }, never)).rejects.toThrow("was not taken");
  });
});
