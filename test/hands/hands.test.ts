import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { execute } from "#src/core/exec.ts";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { MAX_ANSWER, MAX_LINE, parseResponse, readLines, shorten, TOOL_TIME } from "#src/hands/protocol.ts";
import type { Hands } from "#src/hands/sandbox.ts";
import { startToolProcess } from "#src/hands/start.ts";
import { createToolbox, timeOf } from "#src/hands/toolbox.ts";
import { needs } from "#test/support/needs.ts";
import { processesWith, uniqueSleep } from "./processes.ts";
import { soon } from "#test/support/until.ts";

const bubblewrap = await needs("bubblewrap");
const never = new AbortController().signal;
let work: string;

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), "baton-hands-"));
});
afterEach(async () => {
  await rm(work, { recursive: true });
});

describe.each([
  ["required", bubblewrap],
  ["none", true],
] as const)("the hands, sandbox %s", (mode, possible) => {
  describe.skipIf(!possible)("when it can be opened", () => {
    let sandbox: Awaited<ReturnType<typeof openSandbox>>;
    beforeAll(async () => {
      sandbox = await openSandbox({ mode, log: silentLog });
    });
    afterAll(async () => {
      await sandbox[Symbol.asyncDispose]();
    });
    const bash = (hands: Hands, command: string, more: object = {}, signal = never) =>
      hands.call({ name: "bash", input: { command, ...more } }, signal);

    test("every tool works on the work tree", async () => {
      await using hands = await sandbox.startHands(work, never);
      const call = (name: string, input: object) => hands.call({ name, input }, never);
      expect(await call("write", { file_path: "src/a.txt", content: "one\ntwo\n" })).toMatchObject({ ok: true });
      expect(await call("read", { file_path: "src/a.txt", view_range: [2, 2] })).toEqual({ ok: true, output: "two" });
      expect(await call("edit", { file_path: "src/a.txt", old_string: "two", new_string: "three" })).toMatchObject({
        ok: true,
      });
      expect(await call("bash", { command: "cat src/a.txt" })).toEqual({ ok: true, output: "one\nthree" });
      expect(await call("glob", { pattern: "**/*.txt" })).toMatchObject({
        ok: true,
        output: expect.stringMatching(/src\/a\.txt$/),
      });
      expect(await call("grep", { pattern: "^thr" })).toMatchObject({
        ok: true,
        output: expect.stringContaining("a.txt:2:three"),
      });
      expect(await readFile(join(work, "src/a.txt"), "utf8")).toBe("one\nthree\n");
    });

    test("the shell keeps its state from call to call", async () => {
      await using hands = await sandbox.startHands(work, never);
      await bash(hands, "mkdir sub && cd sub && KEPT=yes");
      expect(await bash(hands, 'basename "$PWD"; echo $KEPT')).toEqual({ ok: true, output: "sub\nyes" });
    });

    test("what goes wrong in a tool is an answer, not an error", async () => {
      await using hands = await sandbox.startHands(work, never);
      expect(await bash(hands, "echo bad; exit_with() { return 3; }; exit_with")).toMatchObject({
        ok: false,
        output: "bad",
      });
      expect(await hands.call({ name: "read", input: { file_path: "absent" } }, never)).toMatchObject({ ok: false });
      expect(await hands.call({ name: "read", input: { file_path: "/etc/passwd" } }, never)).toMatchObject({
        ok: false,
      });
      expect(await hands.call({ name: "fly", input: {} }, never)).toMatchObject({
        ok: false,
        output: expect.stringContaining('no tool "fly"'),
      });
      for (const input of [null, undefined, "text", 5, [], {}])
        expect(await hands.call({ name: "read", input }, never)).toMatchObject({ ok: false });
      const circular: Record<string, unknown> = {};
      circular["self"] = circular;
      expect(await hands.call({ name: "read", input: circular }, never)).toMatchObject({ ok: false });
      expect(
        await hands.call({ name: "write", input: { file_path: "x", content: "x".repeat(MAX_LINE) } }, never),
      ).toMatchObject({
        ok: false,
        output: expect.stringContaining("at most"),
      });
      expect(await bash(hands, "echo still here")).toEqual({ ok: true, output: "still here" });
    });

    test("calls under way at once each get their own answer", async () => {
      await using hands = await sandbox.startHands(work, never);
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => writeFile(join(work, `f${index}`), `content ${index}`)),
      );
      const answers = await Promise.all([
        ...Array.from({ length: 20 }, (_, index) =>
          hands.call({ name: "read", input: { file_path: `f${index}` } }, never),
        ),
        ...Array.from({ length: 5 }, (_, index) => bash(hands, `echo shell ${index}`)),
      ]);
      expect(answers.map(({ output }) => output)).toEqual([
        ...Array.from({ length: 20 }, (_, index) => `content ${index}`),
        ...Array.from({ length: 5 }, (_, index) => `shell ${index}`),
      ]);
    });

    test("a long answer is cut to head and tail", async () => {
      await using hands = await sandbox.startHands(work, never);
      await writeFile(join(work, "long"), Array.from({ length: 30_000 }, (_, index) => `${index}\n`).join(""));
      const { output } = await hands.call({ name: "read", input: { file_path: "long" } }, never);
      expect(output.length).toBeLessThanOrEqual(MAX_ANSWER);
      expect(output.length).toBeGreaterThan(MAX_ANSWER - 100);
      expect(output.startsWith("0\n1\n2\n")).toBe(true);
      expect(output).toMatch(/characters left out …\][\s\S]*29998\n29999\n$/);
    });

    test("a command over its time ends alone; the next one gets a new shell", async () => {
      await using hands = await sandbox.startHands(work, never);
      const mark = uniqueSleep();
      expect(await bash(hands, `sleep ${mark}`, { timeout_ms: 200 })).toEqual({
        ok: false,
        output: "bash: bash command timed out after 200ms",
      });
      await vi.waitFor(async () => expect(await processesWith(`sleep\0${mark}`)).toEqual([]), soon);
      expect(await bash(hands, "echo alive")).toEqual({ ok: true, output: "alive" });
    });

    test("an abort ends the process, what it runs, and every call under way", async () => {
      await using hands = await sandbox.startHands(work, never);
      const mark = uniqueSleep();
      const abort = new AbortController();
      const slow = bash(hands, `sleep ${mark}`, {}, abort.signal);
      const other = bash(hands, "echo waits for the shell");
      const settled = Promise.allSettled([slow, other]);
      await vi.waitFor(async () => expect((await processesWith(`sleep\0${mark}`)).length).toBe(1), soon);
      abort.abort();
      for (const result of await settled)
        expect(result).toMatchObject({ status: "rejected", reason: { code: "sandbox-failed" } });
      await vi.waitFor(async () => expect(await processesWith(`sleep\0${mark}`)).toEqual([]), soon);
      await expect(bash(hands, "echo again")).rejects.toMatchObject({ code: "sandbox-failed" });
    });

    test("a signal that has aborted already is obeyed", async () => {
      await expect(sandbox.startHands(work, AbortSignal.abort())).rejects.toMatchObject({ code: "sandbox-failed" });
      await using hands = await sandbox.startHands(work, never);
      await expect(bash(hands, "true", {}, AbortSignal.abort())).rejects.toMatchObject({ code: "sandbox-failed" });
    });

    test("a process that dies says so to every call, with what it complained about", async () => {
      await using hands = await sandbox.startHands(work, never);
      await expect(bash(hands, "kill -9 $PPID; sleep 20")).rejects.toMatchObject({
        name: "BatonError",
        code: "sandbox-failed",
        retryable: true,
        message: expect.stringContaining("the tool process is gone"),
      });
      await expect(bash(hands, "true")).rejects.toMatchObject({ code: "sandbox-failed" });
    });

    test("closing ends what the shell had running; twice is once", async () => {
      const hands = await sandbox.startHands(work, never);
      const mark = uniqueSleep();
      await bash(hands, `sleep ${mark} > /dev/null 2>&1 &`);
      await vi.waitFor(async () => expect((await processesWith(`sleep\0${mark}`)).length).toBe(1), soon);
      await hands[Symbol.asyncDispose]();
      await hands[Symbol.asyncDispose]();
      await vi.waitFor(async () => expect(await processesWith(`sleep\0${mark}`)).toEqual([]), soon);
      await expect(bash(hands, "true")).rejects.toMatchObject({
        code: "sandbox-failed",
        message: expect.stringContaining("ended"),
      });
    });

    test("closing the sandbox ends the hands that are left", async () => {
      const own = await openSandbox({ mode, log: silentLog });
      const hands = await own.startHands(work, never);
      await own[Symbol.asyncDispose]();
      await expect(bash(hands, "true")).rejects.toMatchObject({ code: "sandbox-failed" });
    });

    test("a folder that is not there cannot be worked in", async () => {
      await expect(sandbox.startHands(join(work, "absent"), never)).rejects.toMatchObject({ code: "sandbox-failed" });
    });
  });
});

test("without a sandbox too, the hands and their shell end when Baton is killed", async () => {
  const mark = uniqueSleep();
  await writeFile(
    join(work, "dies.mts"),
    `import { openSandbox } from ${JSON.stringify(join(import.meta.dirname, "../../src/hands/open-sandbox.ts"))};
     const sandbox = await openSandbox({ mode: "none", log: { debug() {}, info() {}, warn() {}, error() {} } });
     const hands = await sandbox.startHands(${JSON.stringify(work)}, new AbortController().signal);
     await hands.call({ name: "bash", input: { command: "sleep ${mark}" } }, new AbortController().signal);`,
  );
  const argv = ["/bin/sh", "-c", 'echo $$ > pid; exec "$@"', "sh", process.execPath, join(work, "dies.mts")] as const;
  const parent = execute({ argv, cwd: work, env: { TMPDIR: work }, timeoutMs: 30_000 }, never);
  await vi.waitFor(async () => expect((await processesWith(`sleep\0${mark}`)).length).toBe(1), { timeout: 10_000 });
  process.kill(Number(await readFile(join(work, "pid"), "utf8")), "SIGKILL");
  await parent;
  await vi.waitFor(async () => expect(await processesWith(`sleep\0${mark}`)).toEqual([]), { timeout: 5_000 });
});

describe("a tool process that misbehaves", () => {
  const start = (script: string) =>
    startToolProcess({ argv: ["/bin/sh", "-c", script], cwd: work, env: { PATH: "/usr/bin:/bin" } }, never);

  test("one that never becomes ready because it ends is reported with its complaint", async () => {
    await expect(start("echo broken >&2; exit 7")).rejects.toMatchObject({
      code: "sandbox-failed",
      message: "the tool process is gone: it ended with exit code 7: broken",
    });
    await expect(startToolProcess({ argv: ["/no/such/node"], cwd: work, env: {} }, never)).rejects.toMatchObject({
      message: expect.stringContaining("ENOENT"),
    });
  });

  test("forged and broken lines are passed over, an endless one is the end", async () => {
    const forged = [
      `{"id":99,"ok":true,"output":"forged"}`,
      "nonsense",
      "[]",
      "null",
      `{"id":"1","ok":true,"output":""}`,
      `{"id":1,"ok":true,"output":"real"}`,
    ];
    await using hands = await start(
      `echo '{"ready":true}'; read line; ${forged.map((line) => `echo '${line}'`).join("; ")}; sleep 60`,
    );
    expect(await hands.call({ name: "bash", input: {} }, never)).toEqual({ ok: true, output: "real" });
    await using endless = await start(`echo '{"ready":true}'; read line; exec head -c 100000000 /dev/zero`);
    await expect(endless.call({ name: "bash", input: {} }, never)).rejects.toMatchObject({
      code: "sandbox-failed",
      message: expect.stringContaining("line of more than"),
    });
  });

  test("an answer is never longer than what the model is given", () => {
    const line = JSON.stringify({ id: 1, ok: true, output: "x".repeat(MAX_ANSWER + 1) });
    expect(parseResponse(line)?.output.length).toBeLessThanOrEqual(MAX_ANSWER);
    expect(parseResponse("{")).toBeUndefined();
  });
});

describe("small parts", () => {
  test("text is shortened only when it must be, and stays well-formed", () => {
    expect(shorten("x".repeat(100), 100)).toBe("x".repeat(100));
    const cut = shorten("😀".repeat(100), 100);
    expect(cut.length).toBeLessThanOrEqual(100);
    expect(cut.isWellFormed()).toBe(true);
    expect(cut).toContain("characters left out");
  });

  test("lines arrive whole whatever the pieces were", async () => {
    const stream = new PassThrough();
    const lines: string[] = [];
    readLines(
      stream,
      (line) => lines.push(line),
      () => lines.push("TOO LONG"),
    );
    const text = Buffer.from("one\ntwo €\n\nthree\nunfinished");
    for (const byte of text) stream.write(Buffer.from([byte]));
    await vi.waitFor(() => expect(lines).toEqual(["one", "two €", "three"]), soon);
  });

  test("a tool's time is what it asked for, within bounds", () => {
    expect(timeOf(5_000, 100)).toBe(5_000);
    expect(timeOf(1e12, 100)).toBe(TOOL_TIME.most);
    for (const odd of [undefined, null, 0, -1, Number.NaN, "5", {}]) expect(timeOf(odd, 100)).toBe(100);
  });

  test("a tool that does not keep time is answered for", async () => {
    const mark = uniqueSleep();
    const toolbox = createToolbox(work, 300);
    expect(await toolbox.answer({ id: 1, name: "bash", input: { command: `sleep ${mark}` } })).toMatchObject({
      ok: false,
    });
    await writeFile(join(work, "fifo-maker"), "");
    expect((await execute({ argv: ["mkfifo", "pipe"], cwd: work, timeoutMs: 5_000 }, never)).exitCode).toBe(0);
    expect(await toolbox.answer({ id: 2, name: "read", input: { file_path: "pipe" } })).toMatchObject({ ok: false });
    await toolbox.close();
  });
});
