// The starter: who is large starts commands by it, and it lives as long as whoever it starts them for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute } from "#src/core/exec.ts";
import { openStarter } from "#src/core/starter.ts";
import { until } from "#test/support/until.ts";

let folder: string;
const never = new AbortController().signal;
const env = { PATH: "/usr/bin:/bin" };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-starter-"));
});
afterAll(async () => rm(folder, { recursive: true }));

const sh = (script: string) => {
  const argv = ["/bin/sh", "-c", script] as const;
  return { argv, cwd: folder, env, timeoutMs: 60_000 };
};
const parentOf = async () => Number((await execute(sh("echo $PPID"), never)).stdout);

async function alive(pid: string | undefined): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
  return !/State:\t[XZ]/.test(status);
}

describe("who starts a command", () => {
  test("a large process starts them itself until its starter is there, and again when that was killed", async () => {
    // What makes it large; it has to be touched, and to be there to the end.
    const memory = Buffer.alloc(160 * 1024 ** 2, 1);
    const starter = await until(async () => {
      const parent = await parentOf();
      return parent === process.pid ? undefined : parent;
    });
    expect(await parentOf()).toBe(starter);
    const cut = await execute(sh("kill -KILL $PPID"), never);
    expect(cut).toMatchObject({ exitCode: null, signal: "SIGKILL", startFailure: undefined });
    expect(cut.stderr).toBe("the process that had started it was killed");
    expect(await parentOf()).not.toBe(starter);
    await until(async () => ![process.pid, starter].includes(await parentOf()));
    expect(memory).toHaveLength(160 * 1024 ** 2);
  });

  test("what it starts it with is seen by nobody else: it has no environment", async () => {
    process.env["BATON_TEST_SECRET"] = "a-secret-of-this-process";
    try {
      await using starter = await openStarter();
      const { stdout } = await starter.run(sh("cat /proc/$PPID/environ"), sh("cat /proc/$PPID/environ"), never);
      expect(stdout.split("\0").filter((line) => !line.startsWith("NODE_CHANNEL_"))).toEqual([""]);
    } finally {
      delete process.env["BATON_TEST_SECRET"];
    }
  });
});

describe("its life", () => {
  const start = (...argv: string[]) =>
    spawn(process.execPath, [join(import.meta.dirname, "starter-child.ts"), ...argv], { stdio: "inherit" });

  test("keeps no process alive", async () => {
    expect((await once(start(), "exit"))[0]).toBe(0);
  });

  test("ends with whoever it starts commands for, however that ends, and so do they", async () => {
    const ids = join(folder, "ids");
    const child = start("/bin/sh", "-c", `echo $PPID $$ > ${ids}.new; mv ${ids}.new ${ids}; sleep 300`);
    const [starter, command] = await until(async () => {
      const text = await readFile(ids, "utf8").catch(() => "");
      return text === "" ? undefined : text.trim().split(" ");
    });
    child.kill("SIGKILL");
    await once(child, "exit");
    await until(async () => !(await alive(command)) && !(await alive(starter)));
    expect([await alive(command), await alive(starter)]).toEqual([false, false]);
  });

  test("is not ended by a signal to all of a service's processes", async () => {
    await using starter = await openStarter();
    const run = (script: string) => starter.run(sh(script), sh(script), never);
    expect(await run("kill -TERM $PPID; kill -INT $PPID; echo on")).toMatchObject({ stdout: "on\n", exitCode: 0 });
    expect(await run("echo and on")).toMatchObject({ stdout: "and on\n", exitCode: 0 });
  });
});
