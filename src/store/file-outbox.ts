// An outbox kept in a file, for writes of one process without a database: what it has written, or may have written, the next one knows.
// Its writes belong to no run, so they have no lanes: each stands alone.
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import { openLineFile } from "./line-file.ts";
import { createMemoryOutbox, type Outbox } from "./outbox.ts";

const Line = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("recorded"), key: z.string(), kind: z.string(), payload: z.json() }),
  z.strictObject({ type: z.literal("done"), key: z.string(), result: z.json() }),
]);
type Line = z.infer<typeof Line>;

/**
 * An outbox in `file` (an absolute path), which one process may have open at a time. Throws `invalid-event` naming the line that
 * cannot be read, `disk-full` and `database-failed`; `record` throws for a write of a run.
 */
export async function openFileOutbox(file: string, clock: Clock): Promise<Outbox & AsyncDisposable> {
  const kept = await openLineFile(file, { what: "the outbox", sync: true });
  const outbox = createMemoryOutbox(clock);
  const write = (line: Line) => kept.write(JSON.stringify(line));
  try {
    for (const [index, text] of kept.lines.entries()) {
      const line = readLine(text, index + 1, file);
      if (line.type === "done") await outbox.done(line.key, line.result);
      else await outbox.record({ ...line, run: undefined });
    }
  } catch (error) {
    await kept[Symbol.asyncDispose]();
    throw error;
  }
  return {
    async record(entry) {
      if (entry.run !== undefined) throw new Error(`"${entry.key}" is a run's write, and this outbox knows no runs`);
      await write({ type: "recorded", key: entry.key, kind: entry.kind, payload: json(entry.payload) });
      return await outbox.record(entry);
    },
    async done(key, result) {
      const known = await outbox.read(key);
      if (known !== undefined && known.doneAt === undefined) await write({ type: "done", key, result: json(result) });
      await outbox.done(key, result);
    },
    read: (key) => outbox.read(key),
    // Places last as long as the process: nobody is answered here.
    reserve: (comment, among) => outbox.reserve(comment, among),
    // The next process may try a refused write again, as this one may.
    refused: (key) => outbox.refused(key),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

function readLine(text: string, number: number, file: string): Line {
  try {
    return Line.parse(JSON.parse(text));
  } catch (error) {
    throw new BatonError("invalid-event", `${file}:${number} is not a line of an outbox: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function json(value: unknown): z.core.util.JSONType {
  return z.json().parse(JSON.parse(JSON.stringify(value ?? null)));
}
