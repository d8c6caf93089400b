import { createHash } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Command, succeeded } from "#src/core/command.ts";
import { executeHere } from "#src/core/exec-here.ts";
import { commandLine } from "#src/core/exec.ts";
import { openStarter, type Starter } from "#src/core/starter.ts";
import { soon } from "#test/support/until.ts";

let folder: string;
let starter: Starter;
const never = new AbortController().signal;
const PATH = "/usr/local/bin:/usr/bin:/bin";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-exec-"));
  starter = await openStarter();
});
afterAll(async () => {
  await starter[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function alive(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid.trim()}/status`, "utf8").catch(() => "State:\tX");
  return !/State:\t[XZ]/.test(status);
}

describe.each(["this process", "the starter"] as const)("%s starts it:", (starts) => {
  const execute = (command: Command, signal: AbortSignal) => {
    const launch = { argv: command.argv, cwd: command.cwd, env: command.env ?? {} };
    return starts === "the starter" ? starter.run(command, launch, signal) : executeHere(command, launch, signal);
  };
  function sh(script: string, more: Partial<Command> = {}, signal: AbortSignal = never) {
    return execute({ argv: ["/bin/sh", "-c", script], cwd: folder, env: { PATH }, timeoutMs: 20_000, ...more }, signal);
  }

  describe("a command that ends by itself", () => {
    test("gives its streams apart and together, its exit code and the hash of all output", async () => {
      const result = await sh("echo one; echo two >&2; exit 3");
      expect(result).toMatchObject({
        argv: ["/bin/sh", "-c", "echo one; echo two >&2; exit 3"],
        exitCode: 3,
        signal: null,
        stdout: "one\n",
        stderr: "two\n",
        timedOut: false,
        aborted: false,
        truncated: false,
        startFailure: undefined,
      });
      expect(result.output.split("\n").sort()).toEqual(["", "one", "two"]);
      expect(result.outputHash).toBe(createHash("sha256").update(result.output).digest("hex"));
      expect(result.durationMs).toBeGreaterThanOrEqual(0);
      expect(succeeded(result)).toBe(false);
      expect(succeeded(await sh("true"))).toBe(true);
    });

    test("names the signal that ended it", async () => {
      expect(await sh("kill -SEGV $$")).toMatchObject({ exitCode: null, signal: "SIGSEGV", timedOut: false });
    });

    test("sees exactly the environment it was given, and none of ours", async () => {
      const env = ["/usr/bin/env"] as const;
      const options = { cwd: folder, timeoutMs: 5_000 };
      expect((await execute({ ...options, argv: env }, never)).stdout).toBe("");
      expect((await execute({ ...options, argv: env, env: { A: "1" } }, never)).stdout).toBe("A=1\n");
    });

    test("starts in the folder named", async () => {
      expect((await sh("pwd -P")).stdout.trim()).toBe(folder);
    });

    test("reads stdin, text or bytes, and an end of file when there is none", async () => {
      expect((await sh("cat", { stdin: "grüße" })).stdout).toBe("grüße");
      expect((await sh("wc -c", { stdin: new Uint8Array(300_000) })).stdout.trim()).toBe("300000");
      expect((await sh("cat; echo end")).stdout).toBe("end\n");
    });

    test("survives a program that closes its input unread", async () => {
      expect(await sh("exec 0<&-; echo done", { stdin: new Uint8Array(5_000_000) })).toMatchObject({
        stdout: "done\n",
        exitCode: 0,
      });
    });
  });

  describe("a command that cannot start", () => {
    test("says ENOENT for a missing program", async () => {
      const result = await execute({ argv: ["/no/such/program"], cwd: folder, timeoutMs: 1_000 }, never);
      expect(result).toMatchObject({ exitCode: null, signal: null, stdout: "" });
      expect(result.startFailure).toMatch(/^ENOENT: .*\/no\/such\/program/);
      expect(succeeded(result)).toBe(false);
    });

    test("says EACCES for a file that is not executable", async () => {
      await writeFile(join(folder, "plain"), "#!/bin/sh\n");
      await chmod(join(folder, "plain"), 0o644);
      const result = await execute({ argv: [join(folder, "plain")], cwd: folder, timeoutMs: 1_000 }, never);
      expect(result.startFailure).toMatch(/^EACCES: /);
    });

    test("blames a missing folder, not the program", async () => {
      const result = await sh("true", { cwd: join(folder, "absent") });
      expect(result.startFailure).toBe(`ENOENT: the folder ${join(folder, "absent")} does not exist`);
    });

    test("refuses arguments the system cannot pass", async () => {
      expect((await sh("echo \0")).startFailure).toMatch(/^ERR_INVALID_ARG_VALUE: /);
      expect((await sh(`: ${"x".repeat(4_000_000)}`)).startFailure).toMatch(/^E2BIG: /);
    });

    test("does not start at all when the signal has already aborted", async () => {
      const result = await sh("touch started", {}, AbortSignal.abort());
      expect(result).toMatchObject({ aborted: true, exitCode: null });
      await expect(readFile(join(folder, "started"))).rejects.toThrow("ENOENT");
    });
  });

  describe("ending the whole group", () => {
    test("a timeout ends the program and what it started", async () => {
      const result = await sh("sleep 300 & echo $!; wait", { timeoutMs: 200 });
      expect(result).toMatchObject({ timedOut: true, aborted: false, exitCode: null, signal: "SIGTERM" });
      await vi.waitFor(async () => expect(await alive(result.stdout)).toBe(false), soon);
    });

    test("a program that ignores SIGTERM is killed", async () => {
      const result = await sh(`trap "" TERM; echo ready; while :; do sleep 0.05; done`, { timeoutMs: 200 });
      expect(result).toMatchObject({ timedOut: true, signal: "SIGKILL", stdout: "ready\n" });
      expect(result.durationMs).toBeGreaterThanOrEqual(1_000);
      expect(result.durationMs).toBeLessThan(4_000);
    });

    test("aborting does the same at once and says so", async () => {
      const abort = new AbortController();
      const marker = join(folder, "pid");
      const running = sh("sleep 300 & echo $! > pid; wait", {}, abort.signal);
      await vi.waitFor(async () => expect((await readFile(marker, "utf8")).trim()).not.toBe(""), soon);
      abort.abort();
      const result = await running;
      expect(result).toMatchObject({ aborted: true, timedOut: false, exitCode: null });
      expect(result.durationMs).toBeLessThan(10_000);
      expect(succeeded(result)).toBe(false);
      const pid = await readFile(marker, "utf8");
      await vi.waitFor(async () => expect(await alive(pid)).toBe(false), soon);
    });

    test("what a program leaves in the background ends with it", async () => {
      const result = await sh("sleep 300 & echo $!");
      expect(result).toMatchObject({ exitCode: 0, timedOut: false });
      expect(result.durationMs).toBeLessThan(3_000);
      await vi.waitFor(async () => expect(await alive(result.stdout)).toBe(false), soon);
    });

    test("a daemon that left the group and holds the pipe is not waited for", async () => {
      const result = await sh("setsid sh -c 'echo $$; exec sleep 300' & sleep 0.2; echo end");
      try {
        expect(result.stdout).toContain("end");
        expect(result.exitCode).toBe(0);
        expect(result.durationMs).toBeLessThan(3_000);
      } finally {
        process.kill(Number(result.stdout.split("\n")[0]), "SIGKILL");
      }
    });

    test("a time beyond what timers hold is not zero", async () => {
      expect(await sh("echo ok", { timeoutMs: 2 ** 40 })).toMatchObject({ stdout: "ok\n", timedOut: false });
    });
  });

  describe("output beyond the limit", () => {
    test("keeps head and tail of each stream, with what is missing between them, and hashes all of it", async () => {
      const lines = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join("");
      const result = await sh("seq 1 100000", { maxOutputBytes: 1_000 });
      expect(result.truncated).toBe(true);
      expect(result.stdout.startsWith("1\n2\n3\n")).toBe(true);
      expect(result.stdout.endsWith("99999\n100000\n")).toBe(true);
      expect(result.stdout).toContain(`[… ${lines.length - 1_000} bytes left out …]`);
      expect(result.output).toBe(result.stdout);
      expect(result.stderr).toBe("");
      expect(result.outputHash).toBe(createHash("sha256").update(lines).digest("hex"));
    });

    test("exactly at the limit nothing is cut, one byte more is", async () => {
      expect(await sh("printf 1234567890", { maxOutputBytes: 10 })).toMatchObject({
        stdout: "1234567890",
        truncated: false,
      });
      expect(await sh("printf 12345678901", { maxOutputBytes: 10 })).toMatchObject({
        stdout: "12345\n[… 1 bytes left out …]\n78901",
        truncated: true,
      });
      expect((await sh("printf 123", { maxOutputBytes: 0 })).stdout).toBe("\n[… 3 bytes left out …]\n");
    });

    test("cuts no character in half", async () => {
      for (const maxOutputBytes of [5, 6, 7, 8, 9, 10, 11]) {
        const { stdout } = await sh("printf '😀é€😀é€😀é€'", { maxOutputBytes });
        expect(stdout).not.toContain("\uFFFD");
        expect(stdout).toContain("left out");
      }
    });

    test("a program that never stops writing uses neither time nor memory without end", async () => {
      const before = process.memoryUsage().rss;
      const result = await sh("yes", { timeoutMs: 1_000, maxOutputBytes: 10_000 });
      expect(result).toMatchObject({ timedOut: true, truncated: true });
      expect(result.output.length).toBeLessThan(11_000);
      expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
    });
  });
});

test("a command line for people quotes what a shell would need quoted", () => {
  expect(commandLine({ argv: ["git", "log", "--format=%H", "a b"] })).toBe('git log --format=%H "a b"');
});
