// Programs with tools of their own, in the sandbox: what they reach, what they see, and that they end.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { silentLog } from "#src/core/log.ts";
import type { GroupProcess } from "#src/core/process.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { closedSandbox } from "#src/hands/sandbox.ts";
import { needs } from "#test/support/needs.ts";
import { processesWith, uniqueSleep } from "./processes.ts";

let base: string;
const server = createServer((request, response) => response.end(`door ${request.url ?? ""}`));
const program = (script: string) => ({
  folder: join(base, "tree"),
  argv: ["/bin/bash", "-c", script] as const,
  env: { EXTRA: "given" },
  show: { "/opt/baton/given": join(base, "given") },
  socket: join(base, "door.sock"),
});

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "baton-programs-"));
  await mkdir(join(base, "tree"));
  await writeFile(join(base, "given"), "shown\n");
  await new Promise<void>((resolve) => server.listen(join(base, "door.sock"), resolve));
});
afterAll(async () => {
  server.close();
  await rm(base, { recursive: true });
});

async function outputOf({ stdout, ended }: GroupProcess): Promise<string> {
  let text = "";
  stdout.on("data", (chunk: Uint8Array) => (text += Buffer.from(chunk).toString()));
  await ended;
  return text;
}

describe.skipIf(!(await needs("bubblewrap")))("a program in the sandbox", () => {
  test("sees what it is shown, reaches its socket, and nothing else", async () => {
    await using sandbox = await openSandbox({ mode: "required", log: silentLog });
    const script = `
      cat /opt/baton/given; echo $EXTRA; echo x 2>/dev/null >> /opt/baton/given || echo read-only
      node -e 'fetch("http://127.0.0.1:3128/a").then((r) => r.text()).then(console.log)'
      (: > /dev/tcp/1.1.1.1/443) 2>/dev/null || echo alone; cat; ls ${base} 2>&1 | tail -n 1`;
    expect(await outputOf(sandbox.startProgram(program(script)))).toMatch(
      /^shown\ngiven\nread-only\ndoor \/a\nalone\nls: cannot access .*\n$/,
    );
  });

  test("ends with the sandbox, whatever it has started and however deaf it is", async () => {
    const mark = uniqueSleep();
    const sandbox = await openSandbox({ mode: "required", log: silentLog });
    const group = sandbox.startProgram(program(`trap '' TERM; setsid sleep ${mark} & sleep ${mark}`));
    await vi.waitFor(async () => expect(await processesWith(mark)).not.toEqual([]), { timeout: 10_000 });
    await sandbox[Symbol.asyncDispose]();
    await group.ended;
    await vi.waitFor(async () => expect(await processesWith(mark)).toEqual([]), { timeout: 5_000 });
  });
});

test("without a sandbox no program is started", async () => {
  await using none = await openSandbox({ mode: "none", log: silentLog });
  for (const sandbox of [none, closedSandbox])
    expect(() => sandbox.startProgram(program("true"))).toThrow(expect.objectContaining({ code: "sandbox-missing" }));
});
