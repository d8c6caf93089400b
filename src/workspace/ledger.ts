// What is written down beside a work tree, never inside it, so that a later process can go on in it: what the clone is, once, and
// which turns have touched it. Each write is a rename: it is there or not. It outlives the process, not a power cut; a folder of an
// earlier start of the machine is therefore never gone on with.
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CommandResult } from "../core/command.ts";
import { isSha } from "../core/ids.ts";
import { faultPoint } from "../core/fault-points.ts";
import { createOneByOne } from "../core/one-by-one.ts";
import { boot } from "./owner.ts";
import { naming } from "./space.ts";

const CLONE = "clone.json";
const TURNS = "turns";
/** Characters kept of each output of an install. */
const OUTPUT = 64 * 1024;

const text = z.string();
export const InstallResult = z.object({
  argv: z.array(text),
  exitCode: z.number().nullable(),
  signal: text.nullable(),
  stdout: text,
  stderr: text,
  output: text,
  outputHash: text,
  durationMs: z.number(),
  timedOut: z.boolean(),
  aborted: z.boolean(),
  truncated: z.boolean(),
  startFailure: text.optional().transform((value) => value),
});

const KeptClone = z.object({
  key: text,
  boot: text,
  /** Milliseconds since 1970. */
  openedAt: z.number(),
  mirror: text,
  commit: text.refine(isSha),
  exclude: text,
  installed: InstallResult.optional(),
});
export type KeptClone = z.infer<typeof KeptClone>;

/** Writes down what a clone is; from now on it can be claimed. */
export async function keepClone(folder: string, clone: Omit<KeptClone, "boot">): Promise<void> {
  await replace(folder, CLONE, JSON.stringify({ ...clone, boot: boot() }));
}

/** What `keepClone` wrote since this machine was started; undefined when there is nothing (any more) to go on with. */
export async function readClone(folder: string): Promise<KeptClone | undefined> {
  try {
    const { data } = KeptClone.safeParse(JSON.parse(await readFile(join(folder, CLONE), "utf8")));
    return data?.boot === boot() ? data : undefined;
  } catch {
    return undefined;
  }
}

/** An install's result, short enough to be written down. */
export function shortened(result: CommandResult): z.infer<typeof InstallResult> {
  const tail = (output: string) => output.slice(-OUTPUT);
  return {
    ...result,
    argv: [...result.argv],
    stdout: tail(result.stdout),
    stderr: tail(result.stderr),
    output: tail(result.output),
    truncated: result.truncated || result.output.length > OUTPUT,
    startFailure: result.startFailure,
  };
}

export interface Turns {
  /** The tools of this turn are about to change the tree. */
  begin(turn: number): Promise<void>;
  /** The event of this turn is in the log. */
  recorded(turn: number): Promise<void>;
}

/** The turns of a clone in `folder`. Throws `disk-full`. */
export function createTurns(folder: string, before: { begun: number; recorded: number }): Turns {
  let state = before;
  const inOrder = createOneByOne();
  const write = (change: Partial<typeof before>) =>
    inOrder(async () => {
      await faultPoint("workspace.before-ledger");
      const next = { ...state, ...change };
      const line = `begun ${next.begun} recorded ${next.recorded}\n`;
      await naming("writing down a turn", folder, () => replace(folder, TURNS, line));
      state = next;
      await faultPoint("workspace.after-ledger");
    });
  return { begin: (begun) => write({ begun }), recorded: (recorded) => write({ recorded }) };
}

/** What `createTurns` wrote last. Zeros when it wrote nothing; undefined when what is there cannot be read. */
export async function readTurns(folder: string): Promise<{ begun: number; recorded: number } | undefined> {
  try {
    const [, begun, recorded] =
      /^begun (\d+) recorded (\d+)\n$/.exec(await readFile(join(folder, TURNS), "utf8")) ?? [];
    return begun === undefined ? undefined : { begun: Number(begun), recorded: Number(recorded) };
  } catch (error) {
    const none = error instanceof Error && "code" in error && error.code === "ENOENT";
    return none ? { begun: 0, recorded: 0 } : undefined;
  }
}

async function replace(folder: string, name: string, content: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
