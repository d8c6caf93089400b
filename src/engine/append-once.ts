// Appending to the log through a connection that may break: what was written although its answer was lost is not written again.
import type { RunId } from "../core/ids.ts";
import type { RunEvent } from "./events.ts";
import type { EventLog } from "./ports.ts";
import { isSameEvent } from "./remembered.ts";

/** Appends at this version; `patiently` tries again while the database is away, and throws when it stays so. */
export async function appendOnce(
  log: Pick<EventLog, "append" | "read">,
  run: RunId,
  expected: number,
  events: readonly RunEvent[],
  patiently: <T>(ask: () => Promise<T>) => Promise<T>,
): ReturnType<EventLog["append"]> {
  let tries = 0;
  const answer = await patiently(() => {
    tries += 1;
    return log.append(run, expected, events);
  });
  if (answer.type === "appended" || tries === 1) return answer;
  // An earlier try may have been written although its answer was lost: then it is in the log as it was sent.
  const written = await patiently(() => log.read(run, expected));
  const mine = events.every((event, index) => isSameEvent(event, written[index]?.event));
  return mine ? { type: "appended", version: expected + events.length } : answer;
}
