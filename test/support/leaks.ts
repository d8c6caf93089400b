// After every test: nothing may be left running. A leaked child process fails the test that started it. The starter may stay, because it
// serves the whole process; what it has started may not.
import { readFile, readdir } from "node:fs/promises";
import { afterEach, expect } from "vitest";

const STARTER = "core/starter-main.ts";

/** Command lines of a process's children, and of those of its starter, by process id; empty where /proc is absent. */
async function children(of = process.pid): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const threads = await readdir(`/proc/${of}/task`).catch(() => []);
  for (const thread of threads) {
    const list = await readFile(`/proc/${of}/task/${thread}/children`, "utf8").catch(() => "");
    for (const id of list.split(" ").filter(Boolean)) {
      const line = await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "");
      if (line.includes(STARTER)) for (const [inner, its] of await children(Number(id))) found.set(inner, its);
      else if (line !== "") found.set(Number(id), line.replaceAll("\0", " ").trim());
    }
  }
  return found;
}

const before = await children();

afterEach(async () => {
  await expect
    .poll(async () => [...(await children())].filter(([id]) => !before.has(id)).map(([id, line]) => `${id} ${line}`), {
      timeout: 5_000,
      message: "child processes left behind by this test",
    })
    .toEqual([]);
});
