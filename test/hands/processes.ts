// Finds processes by a word of their command line, to see that none is left.
import { readFile, readdir } from "node:fs/promises";

/** Ids of the processes whose command line holds `word`, zombies not counted. */
export async function processesWith(word: string): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`);
  const found: string[] = [];
  for (const id of ids) {
    const line = await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "");
    if (line.includes(word)) found.push(id);
  }
  return found;
}

let count = 0;
/** Seconds for `sleep` that nobody else sleeps: a mark on the process. */
export function uniqueSleep(): string {
  count += 1;
  return `3${process.pid}.${Date.now() % 1_000_000}${count}`;
}
