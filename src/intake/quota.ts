// How many runs may begin on one issue within an hour, by whatever door, and in whatever process: told from the log of runs. One run at a
// time is at work on an issue, so no more than that one can begin past it while somebody counts.
import type { EventLog } from "../engine/ports.ts";
import type { Reply } from "../engine/reply.ts";
import type { Asked } from "./asked.ts";

const HOUR_MS = 3_600_000;

/** The refusal when `most` runs have begun on the issue within the hour; undefined when there is room for one more. */
export async function tooManyRuns(
  log: Pick<EventLog, "begunOn">,
  { intent: { repo, subject }, quote }: Pick<Asked, "intent" | "quote">,
  most: number,
): Promise<Extract<Reply, { kind: "too-many" }> | undefined> {
  const begun = await log.begunOn(repo, subject, HOUR_MS);
  const oldest = begun[most - 1];
  return oldest === undefined ? undefined : { kind: "too-many", what: "runs", quote, most, again: oldest + HOUR_MS };
}
