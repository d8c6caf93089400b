// A file of lines that is only ever added to: a line counts once it ends, so what a crash cut off was never written.
// For what one process keeps without a database: the log of a one-shot run, a backlog, its outbox.
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { BatonError, messageOf } from "../core/errors.ts";
import { createOneByOne } from "../core/one-by-one.ts";

export interface LineFile extends AsyncDisposable {
  /** The lines that were there, without their ends. */
  readonly lines: readonly string[];
  /** Adds one line (without its end), behind those that were given before; written when it resolves. Throws `disk-full` and `database-failed`, and then it is not there. */
  write(line: string): Promise<void>;
}

/**
 * Opens `file` (an absolute path), which is made when it is missing; a last line that was cut off is dropped. One process at a
 * time. With `sync` a line outlives a power cut too, which costs milliseconds each. `what` completes "cannot write …".
 */
export async function openLineFile(
  file: string,
  { what, sync = false }: { readonly what: string; readonly sync?: boolean },
): Promise<LineFile> {
  await mkdir(dirname(file), { recursive: true });
  const { lines, bytes } = await whole(file);
  const handle = await open(file, "a");
  let length = bytes;
  const inTurn = createOneByOne();
  const cut = () => handle.truncate(length);
  try {
    await cut();
    if (sync) await syncFolder(dirname(file));
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    lines,
    // What one write cuts off when it fails must be its own.
    write: (line) =>
      inTurn(async () => {
        try {
          await handle.appendFile(`${line}\n`);
          if (sync) await handle.datasync();
          length += Buffer.byteLength(line) + 1;
        } catch (error) {
          await cut().catch(() => undefined);
          throw notWritten(what, file, error);
        }
      }),
    [Symbol.asyncDispose]: () => inTurn(() => handle.close()),
  };
}

/** The lines of a file that another process may be writing; none when there is no file. */
export async function readLines(file: string): Promise<readonly string[]> {
  return (await whole(file)).lines;
}

async function whole(file: string): Promise<{ lines: readonly string[]; bytes: number }> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  });
  const ended = text.slice(0, text.lastIndexOf("\n") + 1);
  return { lines: ended.split("\n").slice(0, -1), bytes: Buffer.byteLength(ended) };
}

/** A file's name is in its folder, which has to be written down too. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}

function notWritten(what: string, file: string, error: unknown): BatonError {
  const full = error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
  return new BatonError(
    full ? "disk-full" : "database-failed",
    `cannot write ${what} ${file}: ${messageOf(error)}${full ? ". Free some space and start again" : ""}`,
    { cause: error, retryable: true },
  );
}
