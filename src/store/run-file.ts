// A run in a file: JSON lines, one for each append (`memory-log.ts`), compressed when its name ends in .gz.
// So the runs of `baton run` are kept while they go on, and all runs once they are archived.
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { BatonError, messageOf } from "../core/errors.ts";
import type { RecordedEvent } from "../engine/events.ts";
import { readLine } from "./memory-log.ts";
import { toRecorded, type ParseEvent } from "./recorded.ts";

/** No file is read that unpacks to more. */
const MAX_BYTES = 1024 * 1024 * 1024;

/**
 * The events of the one run in `file`, oldest first. A last line that was cut off by a crash is left out. Throws `not-found` when the
 * file cannot be read, and `invalid-event` naming the line that is none, the event that does not parse, or a second run.
 */
export async function readRunFile(file: string, parse: ParseEvent): Promise<RecordedEvent[]> {
  const text = await unpacked(file);
  const events: RecordedEvent[] = [];
  let run: string | undefined;
  const lines = text.split("\n").slice(0, -1);
  for (const [index, each] of lines.entries()) {
    const line = readLine(each, index + 1, file);
    run ??= line.run;
    if (line.run !== run)
      throw new BatonError("invalid-event", `${file}:${index + 1} is of ${line.run}, but the file is of ${run}`);
    for (const [offset, event] of line.events.entries())
      events.push(toRecorded(parse, line.run, events.length + 1, { version: line.from + offset, at: line.at, event }));
  }
  if (events.length === 0) throw new BatonError("invalid-event", `${file} holds no run`);
  return events;
}

async function unpacked(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    return file.endsWith(".gz")
      ? (await promisify(gunzip)(bytes, { maxOutputLength: MAX_BYTES })).toString("utf8")
      : bytes.toString("utf8");
  } catch (error) {
    throw new BatonError("not-found", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** One line of such a file; `event` is JSON as it is stored. `at` in milliseconds since 1970. */
export function runLine(run: string, version: number, at: number, event: string): string {
  return `{"run":${JSON.stringify(run)},"from":${version},"at":${at},"events":[${event}]}\n`;
}
